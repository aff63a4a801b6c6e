using System.Collections.Concurrent;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The page files of all metadata disks as one. Reading verifies and tries disk after disk; a bad copy that another disk could answer for is remembered and
/// rewritten by <see cref="Mend"/>. Keeps true: no page is written outside a commit, and a disk that failed a write or a sync is given up.
/// Reading is thread-safe; writing and changing the set is for the commit thread.
/// </summary>
internal sealed unsafe class PageFiles(PoolId pool, MetadataOptions options, MetadataProblems problems) : IDisposable
{
    private readonly ulong _poolFragment = PageFormat.PoolFragment(pool);
    private readonly ConcurrentDictionary<(int DiskIndex, ulong Number), PagePointer> _badCopies = new();
    private readonly List<Mirror> _replaced = [];
    private Mirror[] _mirrors = [];

    public IReadOnlyList<Mirror> Mirrors => Volatile.Read(ref _mirrors);
    public IEnumerable<Mirror> Current => Mirrors.Where(mirror => mirror.IsCurrent);

    /// <summary>Copies found bad that wait for <see cref="Mend"/>.</summary>
    public int BadCopyCount => _badCopies.Count;

    /// <summary>Adds the files of a disk, in place of older ones of the same disk; a reader may still be in those, so they are closed at the end.</summary>
    public void Add(Mirror mirror)
    {
        _replaced.AddRange(_mirrors.Where(other => other.Member == mirror.Member));
        Mirror[] others = _mirrors.Where(other => other.Member != mirror.Member).ToArray();
        Volatile.Write(ref _mirrors, [.. others, mirror]);
    }

    /// <summary>Fills <paramref name="page"/> with a verified copy. Throws <see cref="PoolException"/> when no disk has one.</summary>
    public void Read(in PagePointer pointer, byte* page)
    {
        if (!TryRead(pointer, page, out Exception? failure))
            throw Unreadable(pointer, failure);
    }

    public bool TryRead(in PagePointer pointer, byte* page) => TryRead(pointer, page, out _);

    /// <summary>As <see cref="Read"/>, but a page that no disk has is only reported.</summary>
    public bool TryReadReported(in PagePointer pointer, byte* page)
    {
        bool isRead = TryRead(pointer, page, out Exception? failure);
        if (!isRead)
            Unreadable(pointer, failure);
        return isRead;
    }

    /// <summary>What is wrong with the copy on one disk, null when nothing is and <paramref name="page"/> has it. A failing call is an answer too.</summary>
    public Exception? ReadFrom(Mirror mirror, in PagePointer pointer, byte* page)
    {
        try
        {
            int read = mirror.Pages.Read((long)pointer.Number * PageFormat.PageBytes, new Span<byte>(page, PageFormat.PageBytes));
            if (read != PageFormat.PageBytes)
                return Corrupt(mirror, pointer, $"{PageFormat.PageBytes} bytes", $"{read} bytes");
        }
        catch (DiskException e)
        {
            mirror.Member.ReportFailure(e, isWrite: false);
            return e;
        }

        Checksum found = Interop.Blake3.Hash(page, PageFormat.PageBytes);
        if (found != pointer.Checksum && !Canary.Is("page-checksum-not-verified"))
            return Corrupt(mirror, pointer, pointer.Checksum.ToString(), found.ToString());
        return PageCheck.Problem(page, pointer, _poolFragment) is { } problem ? Corrupt(mirror, pointer, "a well-formed page", problem) : null;
    }

    /// <summary>
    /// Reads the copy of every current disk and reports each that is not right; bad ones are remembered for <see cref="Mend"/>. False when no disk has it.
    /// </summary>
    public bool ReadEvery(in PagePointer pointer, byte* page, Action<string> problem)
    {
        Mirror? good = null;
        List<(Mirror Mirror, Exception Failure)>? failed = null;
        foreach (Mirror mirror in Current.Where(mirror => mirror.Member.IsReadable))
        {
            if (ReadFrom(mirror, pointer, page) is { } failure)
            {
                (failed ??= []).Add((mirror, failure));
                problem(failure.Message);
            }
            else
            {
                good = mirror;
            }
        }

        if (good is null || failed is null)
            return good is not null;
        Remember(failed, pointer);
        return ReadFrom(good, pointer, page) is null;
    }

    /// <summary>
    /// Writes pages, ascending by number, to all current disks in parallel and syncs them. Disks that fail are given up; throws
    /// <see cref="PoolException"/> Io when none is left.
    /// </summary>
    public void Write(IReadOnlyList<PageFrame> pages, long capacityPages)
    {
        IoVector[] vectors = new IoVector[pages.Count];
        for (int i = 0; i < vectors.Length; i++)
            vectors[i] = new IoVector(pages[i].Data, PageFormat.PageBytes);
        List<(long Offset, Range Pages)> runs = PageRuns.Of(pages);
        Round("writing pages", mirror =>
        {
            Reserve(mirror, (long)pages[^1].Number + 1, capacityPages);
            foreach ((long offset, Range range) in runs)
                mirror.Pages.Write(offset, vectors.AsSpan(range));
            KillPoint.Reach("pages-before-sync");
            if (!options.NoFsync && !Canary.Is("pages-not-synced"))
                mirror.Pages.Sync();
        });
    }

    /// <summary>
    /// Rewrites the bad copies that were found, from a good copy each; the next sync of the file makes them durable. A page that was freed and used
    /// again meanwhile has no good copy and is left alone. Before the pages of a commit are written, never after.
    /// </summary>
    public void Mend()
    {
        if (_badCopies.IsEmpty)
            return;
        using var buffer = new NativeBuffer(PageFormat.PageBytes);
        foreach (((int diskIndex, ulong number), PagePointer pointer) in _badCopies.ToArray())
        {
            _badCopies.TryRemove((diskIndex, number), out _);
            Mirror? mirror = Current.FirstOrDefault(mirror => mirror.Member.Index == diskIndex);
            if (mirror is not null && ReadFrom(mirror, pointer, buffer.Pointer) is not null && TryReadFromOthers(mirror, pointer, buffer.Pointer))
                Rewrite(mirror, pointer, buffer);
        }
    }

    /// <summary>Runs a step on all current disks in parallel. Disks that fail are given up; throws when none is left.</summary>
    public void Round(string what, Action<Mirror> step)
    {
        bool isComplete = TryRound(step);
        if (!isComplete && !Current.Any())
            throw new PoolException(ErrorId.Io, $"{what} failed on every metadata disk ({Names(Mirrors)}); look at these disks, then mount again");
    }

    /// <summary>As <see cref="Round"/>; false when any disk failed.</summary>
    public bool TryRound(Action<Mirror> step)
    {
        Mirror[] current = Current.ToArray();
        MemberDisk[] members = Array.ConvertAll(current, mirror => mirror.Member);
        DiskException?[] failures = DiskRound.Run(members, isWrite: true, member => step(current.First(mirror => mirror.Member == member)));
        bool isComplete = current.Length > 0;
        for (int i = 0; i < current.Length; i++)
        {
            if (failures[i] is { } failure)
            {
                GiveUp(current[i], failure);
                isComplete = false;
            }
        }

        return isComplete;
    }

    public void GiveUp(Mirror mirror, DiskException failure)
    {
        mirror.GiveUp();
        problems.Report($"disk {mirror.Member.Name} is no metadata disk any more: {failure.Message}");
    }

    /// <summary>Gives up the files of a disk. A reader that is in them gets an error from the closed file and asks another disk.</summary>
    public void Detach(MemberDisk member)
    {
        foreach (Mirror mirror in _mirrors.Concat(_replaced).Where(mirror => mirror.Member.Id == member.Id).ToArray())
        {
            mirror.GiveUp();
            mirror.Dispose();
        }

        Volatile.Write(ref _mirrors, [.. _mirrors.Where(mirror => mirror.Member.Id != member.Id)]);
        _replaced.RemoveAll(mirror => mirror.Member.Id == member.Id);
    }

    public void Dispose()
    {
        foreach (Mirror mirror in _mirrors.Concat(_replaced))
            mirror.Dispose();
    }

    private bool TryRead(in PagePointer pointer, byte* page, out Exception? failure)
    {
        using (DiskPatience.Limited(isShort: true))
        {
            if (TryReadOnce(pointer, page, out failure))
                return true;
        }

        // A copy may lie on a disk that only takes long.
        if (!Mirrors.Any(mirror => mirror.Member.IsLagging))
            return false;
        using (DiskPatience.Limited(isShort: false))
            return TryReadOnce(pointer, page, out failure);
    }

    private bool TryReadOnce(in PagePointer pointer, byte* page, out Exception? failure)
    {
        failure = null;
        Mirror[] mirrors = Volatile.Read(ref _mirrors);
        List<(Mirror Mirror, Exception Failure)>? failed = null;
        for (int rank = 0; rank <= MaxRank; rank++)
        {
            for (int i = 0; i < mirrors.Length; i++)
            {
                // Neighbouring pages from the same disk, distant ones from different disks.
                Mirror mirror = mirrors[(int)(((pointer.Number / 64) + (ulong)i) % (ulong)mirrors.Length)];
                if (RankOf(mirror) != rank)
                    continue;
                if (ReadFrom(mirror, pointer, page) is not { } problem)
                {
                    Remember(failed, pointer);
                    return true;
                }

                (failed ??= []).Add((mirror, problem));
                failure = failure is CorruptionException ? failure : problem;
            }
        }

        return false;
    }

    private bool TryReadFromOthers(Mirror bad, in PagePointer pointer, byte* page)
    {
        foreach (Mirror mirror in Mirrors)
        {
            if (mirror != bad && RankOf(mirror) <= MaxRank && ReadFrom(mirror, pointer, page) is null)
                return true;
        }

        return false;
    }

    private const int MaxRank = 2;

    private static int RankOf(Mirror mirror)
    {
        if (!mirror.Member.IsReadable)
            return MaxRank + 1;
        if (!mirror.IsCurrent)
            return MaxRank;
        return mirror.Member.State == DiskState.Healthy ? 0 : 1;
    }

    /// <summary>Another disk answered, so the pointer is current and the failed copies are really bad.</summary>
    private void Remember(List<(Mirror Mirror, Exception Failure)>? failed, in PagePointer pointer)
    {
        if (failed is null)
            return;
        foreach ((Mirror mirror, Exception failure) in failed)
        {
            problems.Report($"{failure.Message}; another metadata disk had it");
            if (mirror.IsCurrent)
                _badCopies[(mirror.Member.Index, pointer.Number)] = pointer;
        }
    }

    private void Rewrite(Mirror mirror, in PagePointer pointer, NativeBuffer good)
    {
        try
        {
            mirror.Pages.Write((long)pointer.Number * PageFormat.PageBytes, good.Span);
            problems.Report($"disk {mirror.Member.Name}: {pointer} was rewritten from another metadata disk");
        }
        catch (DiskException e)
        {
            mirror.Member.ReportFailure(e, isWrite: true);
            GiveUp(mirror, e);
        }
    }

    /// <summary>Makes the file large enough, in big steps where there is space for them.</summary>
    private static void Reserve(Mirror mirror, long neededPages, long capacityPages)
    {
        if (neededPages <= mirror.CapacityPages)
            return;
        long pages = Math.Max(neededPages, capacityPages);
        try
        {
            mirror.Pages.Allocate(mirror.CapacityPages * PageFormat.PageBytes, (pages - mirror.CapacityPages) * PageFormat.PageBytes);
        }
        catch (DiskException e) when (e.Errno is Errno.ENOSPC or Errno.EDQUOT && pages > neededPages)
        {
            pages = neededPages;
            mirror.Pages.Allocate(mirror.CapacityPages * PageFormat.PageBytes, (pages - mirror.CapacityPages) * PageFormat.PageBytes);
        }

        mirror.CapacityPages = pages;
    }

    private static CorruptionException Corrupt(Mirror mirror, in PagePointer pointer, string expected, string found) =>
        new(mirror.Member.Name, $"metadata {pointer}", expected, found);

    private PoolException Unreadable(in PagePointer pointer, Exception? failure)
    {
        string text = failure is null
            ? $"metadata {pointer} cannot be read: none of its disks is present"
            : $"metadata {pointer} cannot be read on any of its disks ({Names(Mirrors)}): {failure.Message}";
        problems.Report(text);
        return new PoolException(failure is CorruptionException ? ErrorId.Corrupt : ErrorId.Io, text, failure);
    }

    private static string Names(IEnumerable<Mirror> mirrors) => string.Join(", ", mirrors.Select(mirror => mirror.Member.Name));
}

/// <summary>Cuts pages into runs that are written with one call each.</summary>
internal static class PageRuns
{
    /// <summary>4 MiB, and well below the kernel's limit of 1024 pieces per call.</summary>
    private const int MaxPagesPerRun = 256;

    public static List<(long Offset, Range Pages)> Of(IReadOnlyList<PageFrame> pages)
    {
        var runs = new List<(long, Range)>();
        int start = 0;
        for (int i = 1; i <= pages.Count; i++)
        {
            if (i < pages.Count && pages[i].Number == pages[i - 1].Number + 1 && i - start < MaxPagesPerRun)
                continue;
            runs.Add(((long)pages[start].Number * PageFormat.PageBytes, start..i));
            start = i;
        }

        return runs;
    }
}
