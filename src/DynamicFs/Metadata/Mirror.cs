using DynamicFs.Disks;

namespace DynamicFs.Metadata;

/// <summary>
/// The page file and the journal of one metadata disk. <see cref="IsCurrent"/>: it has every page of the newest root and takes part in commits and journal.
/// One that is not current any more is still read from when nothing better is left: checksums decide.
/// </summary>
internal sealed class Mirror(MemberDisk member, IDiskFile pages, IDiskFile? journal, bool isCurrent) : IDisposable
{
    private volatile bool _isCurrent = isCurrent && journal is not null;

    public MemberDisk Member { get; } = member;
    public IDiskFile Pages { get; } = pages;
    public IDiskFile? Journal { get; } = journal;
    public bool IsCurrent => _isCurrent;

    /// <summary>Pages that the file has room for without growing.</summary>
    public long CapacityPages { get; set; } = pages.LengthBytes / PageFormat.PageBytes;

    /// <summary>A step failed here: it is not written to again. Only a fresh file makes this disk a metadata disk again.</summary>
    public void GiveUp() => _isCurrent = false;

    public void Dispose()
    {
        Pages.Dispose();
        Journal?.Dispose();
    }
}
