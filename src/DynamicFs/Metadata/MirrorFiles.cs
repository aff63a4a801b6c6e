using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Makes and opens the files of a metadata disk.</summary>
internal static class MirrorFiles
{
    public const string PagesName = "meta";
    private const string NewPagesName = "meta.new";
    private const string NewJournalName = "journal.new";

    /// <summary>For a new pool: the names must be free. The names are durable on return. Throws <see cref="DiskException"/>.</summary>
    public static Mirror Create(MemberDisk member, MetadataOptions options)
    {
        IDisk disk = member.Disk!;
        IDiskFile pages = disk.Open(PagesName, DiskOpenMode.CreateNew);
        try
        {
            IDiskFile journal = disk.Open(Journal.FileName, DiskOpenMode.CreateNew);
            ReserveJournal(journal);
            if (!options.NoFsync)
            {
                journal.Sync();
                disk.SyncDirectory("");
            }

            return new Mirror(member, pages, journal, isCurrent: true);
        }
        catch
        {
            pages.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Opens what a disk has; null when it has no page file that can be used. <paramref name="isListed"/>: the newest root names it as a metadata disk, so trouble is
    /// worth a report, and without trouble it is current.
    /// </summary>
    public static Mirror? Open(MemberDisk member, bool isListed, MetadataOptions options, MetadataProblems problems)
    {
        DiskOpenMode mode = options.ReadOnly ? DiskOpenMode.Read : DiskOpenMode.ReadWrite;
        if (OpenFile(member, PagesName, mode, isListed, problems) is not { } pages)
            return null;
        IDiskFile? journal = OpenFile(member, Journal.FileName, mode, isListed, problems);
        bool isSound = isListed && journal is not null && HasSize(member, journal, problems);
        try
        {
            return new Mirror(member, pages, journal, isSound);
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: false);
            pages.Dispose();
            journal?.Dispose();
            return null;
        }
    }

    /// <summary>
    /// Makes a disk a metadata disk: fresh files, the pages put in by <paramref name="copyPages"/>, durable under their names on return. Throws <see cref="DiskException"/>.
    /// </summary>
    public static Mirror MakeAnew(MemberDisk member, MetadataOptions options, Action<IDiskFile> copyPages)
    {
        IDisk disk = member.Disk!;
        IDiskFile pages = FreshFile.Make(disk, PagesName, NewPagesName, options, copyPages);
        try
        {
            IDiskFile journal = FreshFile.Make(disk, Journal.FileName, NewJournalName, options, ReserveJournal);
            return new Mirror(member, pages, journal, isCurrent: true);
        }
        catch
        {
            pages.Dispose();
            throw;
        }
    }

    private static void ReserveJournal(IDiskFile journal) => journal.Allocate(0, JournalFormat.FileBytes);

    private static bool HasSize(MemberDisk member, IDiskFile journal, MetadataProblems problems)
    {
        try
        {
            if (journal.LengthBytes >= JournalFormat.FileBytes)
                return true;
            problems.Report($"disk {member.Name}: its journal has {journal.LengthBytes} bytes instead of {JournalFormat.FileBytes}");
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: false);
            problems.Report($"disk {member.Name}: {e.Message}");
        }

        return false;
    }

    private static IDiskFile? OpenFile(MemberDisk member, string name, DiskOpenMode mode, bool isListed, MetadataProblems problems)
    {
        try
        {
            return member.Disk!.Open(name, mode);
        }
        catch (DiskException e)
        {
            if (isListed)
            {
                member.ReportFailure(e, isWrite: false);
                problems.Report($"disk {member.Name}: its {name} file cannot be used: {e.Message}");
            }

            return null;
        }
    }
}
