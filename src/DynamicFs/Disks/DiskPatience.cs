namespace DynamicFs.Disks;

/// <summary>
/// How long the calling thread waits for calls to a <see cref="PatientDisk"/>. Usually until the watch gives the call up. Short where other disks have the same bytes:
/// then a disk that does not answer soon is read around. Limited at all: the call runs on a thread of its own even if the caller is a disk's thread.
/// </summary>
public readonly ref struct DiskPatience
{
    /// <summary>A read that takes longer than this is answered by other disks, where they can.</summary>
    public static readonly TimeSpan ReadAround = TimeSpan.FromSeconds(1);

    [ThreadStatic]
    private static (bool IsLimited, bool IsShort) t_now;

    private readonly (bool IsLimited, bool IsShort) _before;

    private DiskPatience(bool isLimited, bool isShort)
    {
        _before = t_now;
        t_now = (isLimited, isShort);
    }

    internal static bool IsShort => t_now.IsShort;
    internal static bool IsLimited => t_now.IsLimited;

    public static DiskPatience Limited(bool isShort) => new(isLimited: true, isShort);

    public void Dispose() => t_now = _before;
}
