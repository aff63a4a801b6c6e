using DynamicFs.Interop;

namespace DynamicFs.Cli;

/// <summary>The directory that a pool is mounted on, as the kernel and the mount table know it.</summary>
internal static class MountPoint
{
    /// <summary>Absolute, every link resolved. A path that does not exist stays as it is, made absolute.</summary>
    public static string FullPath(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Libc.RealPath(full) ?? full;
    }
}
