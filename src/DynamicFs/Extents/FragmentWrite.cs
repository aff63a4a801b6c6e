using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Puts one fragment on one disk: temporary name, write, sync, read back and compare, rename. Ends with the fragment in its place or, as far as the
/// disk still answers, with nothing there. The name is not durable yet.
/// </summary>
internal sealed unsafe class FragmentWrite(FragmentPipeline pipeline, EncodedExtent encoded, ExtentId extent, int index, MemberDisk member) : GroupWork
{
    public int Index { get; } = index;
    public MemberDisk Member { get; } = member;

    /// <summary>A file of this fragment is there already, and stays as it is when the new one cannot take its place.</summary>
    public bool Replaces { get; init; }

    /// <summary>Why it failed; null when the fragment is in its place.</summary>
    public DiskException? Failure { get; private set; }

    protected override void Run()
    {
        string temporary = FragmentName.Temporary(extent, Index), final = FragmentName.File(extent, Index);
        bool mayBeRenamed = false;
        try
        {
            Span<IoVector> pieces = stackalloc IoVector[EncodedExtent.MaxPieces];
            pieces = pieces[..encoded.Pieces(Index, pieces)];
            WriteFile(temporary, pieces);
            pipeline.Directories.EnsureGroup(Member, FragmentName.GroupOf(extent));
            mayBeRenamed = true;
            KillPoint.Reach("fragment-before-rename");
            TakePlace(temporary, final);
            KillPoint.Reach("fragment-after-rename");
        }
        catch (DiskException e) when (IsAbandoned)
        {
            // What was begun is garbage on a disk that hung; the buffers belong to others by now.
            Member.ReportFailure(e, isWrite: true);
        }
        catch (DiskException e)
        {
            Failure = e;
            FragmentPipeline.Unlink(Member, temporary);
            if (mayBeRenamed && !Replaces)
                FragmentPipeline.Unlink(Member, final);
        }
    }

    /// <summary>A directory in the place of a fragment, which no rename replaces, goes to the quarantine.</summary>
    private void TakePlace(string temporary, string final)
    {
        try
        {
            Member.Disk!.Rename(temporary, final);
        }
        catch (DiskException e) when (Replaces && e.Errno is Errno.EISDIR)
        {
            Member.Disk!.Rename(final, FragmentQuarantine.PathOf(extent, Index, DateTimeOffset.UnixEpoch));
            Member.Disk.Rename(temporary, final);
        }
    }

    protected override void Fail(DiskException reason) => Failure = reason;

    private void ThrowIfAbandoned(string path)
    {
        if (IsAbandoned)
            throw new DiskException(Member.Name, $"write {path}: it came too late", Errno.ECANCELED);
    }

    private void WriteFile(string path, ReadOnlySpan<IoVector> pieces)
    {
        using (IDiskFile file = pipeline.Create(Member, path))
        {
            file.Write(0, pieces);
            ThrowIfAbandoned(path);
            if (!pipeline.Options.NoFsync && !Canary.Is("fragment-not-synced"))
                file.Sync();
            if (!pipeline.Options.DirectReadBack || !TryCompareDirect(path, pieces))
            {
                Compare(file, path, pieces);
                Interlocked.Add(ref pipeline.Counters.ReadBackCached, encoded.Layout.FragmentBytes);
            }

            // The file's pages are not needed again (the kernel has the data in our mount's own cache), and writing into recycled ones is cheaper.
            file.Advise(0, encoded.Layout.FragmentBytes, DiskAdvice.DoNotNeed);
        }
    }

    /// <summary>False when the filesystem cannot read past the page cache.</summary>
    private bool TryCompareDirect(string path, ReadOnlySpan<IoVector> pieces)
    {
        IDiskFile file;
        try
        {
            file = pipeline.Files.Open(Member, path, DiskOpenMode.ReadDirect);
        }
        catch (DiskException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            return false;
        }

        using (file)
            Compare(file, path, pieces);
        Interlocked.Add(ref pipeline.Counters.ReadBackDirect, encoded.Layout.FragmentBytes);
        return true;
    }

    private void Compare(IDiskFile file, string path, ReadOnlySpan<IoVector> pieces)
    {
        if (Canary.Is("read-back-not-compared"))
            return;
        NativeBuffer buffer = pipeline.ReadBack.Rent();
        try
        {
            int piece = 0, at = 0;
            for (long offset = 0; offset < encoded.Layout.FragmentBytes;)
            {
                ThrowIfAbandoned(path);
                Span<byte> found = buffer.Span[..(int)Math.Min(buffer.LengthBytes, encoded.Layout.FragmentBytes - offset)];
                if (file.Read(offset, found) != found.Length || !IsSame(found, pieces, ref piece, ref at))
                    throw new DiskException(Member.Disk!.Name, $"read back {path}: other bytes than were written near {offset}", Errno.EIO);
                offset += found.Length;
            }
        }
        finally
        {
            pipeline.ReadBack.Return(buffer);
        }
    }

    private static bool IsSame(ReadOnlySpan<byte> found, ReadOnlySpan<IoVector> pieces, ref int piece, ref int at)
    {
        while (!found.IsEmpty)
        {
            ReadOnlySpan<byte> expected = pieces[piece].Span[at..];
            int length = Math.Min(expected.Length, found.Length);
            if (!found[..length].SequenceEqual(expected[..length]))
                return false;
            found = found[length..];
            at += length;
            if (at == pieces[piece].LengthBytes)
                (piece, at) = (piece + 1, 0);
        }

        return true;
    }
}

/// <summary>What all fragment writes share.</summary>
internal sealed class FragmentPipeline(ExtentStoreOptions options, FragmentFiles files, DirectoryBatch directories, ExtentCounters counters) : IDisposable
{
    private const int ReadBackBytes = 256 << 10;
    private const int ReadBackBuffers = 64;

    public ExtentStoreOptions Options { get; } = options;
    public FragmentFiles Files { get; } = files;
    public DirectoryBatch Directories { get; } = directories;
    public ExtentCounters Counters { get; } = counters;

    /// <summary>Small enough to stay in the processor's cache. Who holds one waits for nobody, so renting cannot lock up.</summary>
    public BufferPool ReadBack { get; } = new(ReadBackBytes, ReadBackBuffers);

    /// <summary>A new file; what an earlier attempt could not remove under that name goes first.</summary>
    public IDiskFile Create(MemberDisk member, string path)
    {
        try
        {
            return Files.Open(member, path, DiskOpenMode.CreateNew);
        }
        catch (DiskException e) when (e.Errno == Errno.EEXIST)
        {
            member.Disk!.Unlink(path);
            return Files.Open(member, path, DiskOpenMode.CreateNew);
        }
    }

    /// <summary>Unlinks what should not be there; a failure is told to the disk and otherwise ignored, a missing file is fine, and a directory stays.</summary>
    public static void Unlink(MemberDisk member, string path)
    {
        try
        {
            member.Disk!.Unlink(path);
        }
        catch (DiskException e)
        {
            // What somebody put into the place of a file says nothing about the disk.
            if (e.Errno is not (Errno.ENOENT or Errno.ENOTDIR or Errno.EISDIR))
                member.ReportFailure(e, isWrite: true);
        }
    }

    public void Dispose() => ReadBack.Dispose();
}
