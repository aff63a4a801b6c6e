using System.Collections.Concurrent;
using System.Numerics;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Answers reads: from the data fragments, or from the first copy, and where these have bad or missing blocks from the others. Small reads run on
/// the calling thread (a thread switch costs more than a cached read); large ones are spread over the queues of the disks. A hedged or
/// abandoned read must go to memory of its own, since the caller's is gone when it returns: <see cref="FragmentPart"/> is the place.
/// Thread-safe.
/// </summary>
internal sealed unsafe class ExtentReader(MemberSet members, FragmentReader fragments, ScratchPool scratch, ExtentCounters counters) : IDisposable
{
    /// <summary>From this many bytes per fragment on, a read is spread over the queues.</summary>
    private const int ParallelBytes = 256 << 10;

    private readonly ConcurrentBag<ReadRequest> _requests = [];
    private readonly ReadPattern _pattern = new();
    private readonly ExtentRecovery _recovery = new(members, fragments, scratch, counters);

    public void Read(ExtentRecord record, int offset, Span<byte> destination)
    {
        Invariant.Check(offset >= 0 && destination.Length <= record.LengthBytes - offset, "a read lies within the extent");
        if (destination.IsEmpty)
            return;
        if (!_requests.TryTake(out ReadRequest? request))
            request = new ReadRequest();
        fixed (byte* pointer = destination)
        {
            try
            {
                bool isSequential = _pattern.Note(record.Id, offset, destination.Length);
                if (TryReadAround(request, record, offset, pointer, destination.Length, isSequential))
                    return;
                // Not enough others have the bytes: then every disk gets the time it needs.
                Run(request, record, offset, pointer, destination.Length, isSequential, isShort: false);
            }
            finally
            {
                request.Finish();
                _requests.Add(request);
            }
        }
    }

    /// <summary>False when it takes disks that do not answer soon.</summary>
    private bool TryReadAround(ReadRequest request, ExtentRecord record, int offset, byte* destination, int lengthBytes, bool isSequential)
    {
        try
        {
            Run(request, record, offset, destination, lengthBytes, isSequential, isShort: true);
            return true;
        }
        catch (PoolException e) when (e.Id == ErrorId.DataLost && record.Fragments.Any(place => members.Readable(place, out _)?.IsLagging == true))
        {
            return false;
        }
    }

    private void Run(ReadRequest request, ExtentRecord record, int offset, byte* destination, int lengthBytes, bool isSequential, bool isShort)
    {
        using DiskPatience patience = DiskPatience.Limited(isShort);
        request.IsShort = isShort;
        request.Start(record, offset, destination, lengthBytes, isSequential);
        if (record.Scheme.IsReplica)
            ReadCopies(request);
        else
            ReadStriped(request);
        request.CopyEdges();
    }

    /// <summary>Hint that the whole extent is read soon.</summary>
    public void Prefetch(ExtentRecord record)
    {
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        if (!record.Scheme.IsReplica)
        {
            for (int i = 0; i < layout.DataCount; i++)
                fragments.Expect(record, layout, i, 0, layout.BlockCount);
            return;
        }

        int copy = Array.FindIndex(record.Fragments, place => members.Readable(place, out _) is not null);
        if (copy >= 0)
            fragments.Expect(record, layout, copy, 0, layout.BlockCount);
    }

    public void Dispose()
    {
        while (_requests.TryTake(out ReadRequest? request))
            request.Dispose();
    }

    private void ReadStriped(ReadRequest request)
    {
        int dataCount = request.Layout.DataCount;
        uint needed = 0;
        int largest = 0;
        for (int i = 0; i < dataCount; i++)
        {
            FragmentPart part = request.Part(i);
            if (!part.Prepare(fragments))
                continue;
            needed |= 1u << i;
            largest = Math.Max(largest, part.EndBlock - part.FirstBlock);
        }

        Invariant.Check(needed != 0, "some fragment holds the bytes of a read");
        if ((needed & (needed - 1)) == 0)
            ReadOne(request, needed);
        else if (largest * ExtentLayout.BlockBytes >= ParallelBytes)
            ReadParallel(request, needed);
        else
            ReadInTurn(request, needed);

        bool isComplete = true;
        for (int i = 0; i < dataCount; i++)
        {
            FragmentPart part = request.Part(i);
            isComplete &= part.IsComplete;
            if (part.Damage is not (FragmentDamageKind.None or FragmentDamageKind.Blocks))
                request.Useless |= 1u << i;
        }

        if (!isComplete)
            _recovery.Recover(request);
    }

    private static void ReadOne(ReadRequest request, uint needed) => request.Part(BitOperations.TrailingZeroCount(needed)).Read();

    /// <summary>
    /// All disks are told first, so that they work at the same time although one thread waits for them in turn. Not in a sequential read: there the
    /// kernel's own read-ahead does better (measured: 2 to 3 times), and the hint would keep it from starting.
    /// </summary>
    private void ReadInTurn(ReadRequest request, uint needed)
    {
        for (uint rest = request.IsSequential ? 0 : needed; rest != 0; rest &= rest - 1)
        {
            int i = BitOperations.TrailingZeroCount(rest);
            fragments.Expect(request.Record, request.Layout, i, request.Part(i).FirstBlock, request.Part(i).EndBlock);
        }

        for (uint rest = needed; rest != 0; rest &= rest - 1)
            request.Part(BitOperations.TrailingZeroCount(rest)).Read();
    }

    /// <summary>The calling thread reads one fragment itself.</summary>
    private void ReadParallel(ReadRequest request, uint needed)
    {
        uint rest = needed & (needed - 1);
        for (; rest != 0; rest &= rest - 1)
        {
            int i = BitOperations.TrailingZeroCount(rest);
            MemberDisk? member = members.Readable(request.Record.Fragments[i], out _);
            if (member is null)
                request.Part(i).Read();
            else
                request.Group.Post(member, request.Part(i));
        }

        try
        {
            ReadOne(request, needed);
        }
        finally
        {
            request.Group.Wait();
        }
    }

    /// <summary>Blocks that one copy does not have good come from the next.</summary>
    private void ReadCopies(ReadRequest request)
    {
        ExtentRecord record = request.Record;
        FragmentPart part = request.Part(0);
        part.Prepare(fragments);
        Span<IoVector> pieces = stackalloc IoVector[ReadRequest.MaxPieces];
        for (int copy = 0; copy < record.Scheme.Width; copy++)
        {
            int run = part.Good.NextMissing(part.FirstBlock, part.EndBlock);
            while (run < part.EndBlock)
            {
                int end = run + 1;
                while (end < part.EndBlock && !part.Good.Has(end))
                    end++;
                int count = request.Pieces(0, run, end, pieces);
                FragmentDamageKind damage = fragments.Read(record, request.Layout, copy, run, pieces[..count], ref part.Good);
                if (damage is not (FragmentDamageKind.None or FragmentDamageKind.Blocks))
                {
                    request.Useless |= 1u << copy;
                    break;
                }

                if (copy > 0)
                    Interlocked.Add(ref counters.Decoded, end - run);
                run = part.Good.NextMissing(end, part.EndBlock);
            }

            if (part.IsComplete)
                return;
        }

        throw _recovery.Lost(request, part.Good.NextMissing(part.FirstBlock, part.EndBlock), goodCount: 0);
    }
}
