using System.Diagnostics;
using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// What can still be written under the default policy: what the disks have, less what is in memory and will need it. Asked before every write; the
/// answer about the disks is kept for a moment, and all that was accepted meanwhile is taken off it, wherever it is by now. Thread-safe.
/// </summary>
internal sealed class SpaceAccount(ExtentStore store, RedundancyScheme scheme, SegmentPool segments, ExtentAssembler assembler, CommitCoordinator commit)
{
    private static readonly long _refreshTicks = Stopwatch.Frequency / 4;
    private static readonly long _reclaimTicks = Stopwatch.Frequency * 2;

    /// <summary>Keeps what is promised below what the disks can take: extents are padded, small ones are stored as copies.</summary>
    private const long MarginBytes = 32 << 20;

    private readonly Lock _refreshLock = new();
    private readonly Lock _reclaimLock = new();
    private long _askedAt;
    private long _availableBytes;
    private long _totalBytes;

    /// <summary>In memory when the disks were last asked, and accepted since.</summary>
    private long _pendingBytes;
    private long _acceptedBytes;
    private long _reclaimedAt;

    /// <summary>
    /// True when <paramref name="lengthBytes"/> more can be taken. When not, it first frees what was deleted (that takes commits) and looks again. Call it
    /// outside the transaction gate.
    /// </summary>
    public bool HasRoomFor(long lengthBytes)
    {
        Refresh(force: false);
        if (Accept(lengthBytes))
            return true;
        Refresh(force: true);
        if (Accept(lengthBytes))
            return true;
        Reclaim();
        return Accept(lengthBytes);
    }

    public FileSystemSpace Describe(long inodeCount)
    {
        Refresh(force: false);
        long available = Math.Max(0, Free() + commit.ParkedBytes);
        long total = Math.Max(Volatile.Read(ref _totalBytes), available);
        long freeInodes = available / SegmentPool.SmallestBlock;
        return new FileSystemSpace(total, available, inodeCount + freeInodes, freeInodes);
    }

    private bool Accept(long lengthBytes)
    {
        if (lengthBytes > Free())
            return false;
        Interlocked.Add(ref _acceptedBytes, lengthBytes);
        return true;
    }

    private long Free() => Volatile.Read(ref _availableBytes) - MarginBytes
        - (Volatile.Read(ref _pendingBytes) + Volatile.Read(ref _acceptedBytes)) * OverheadFactor() / 2;

    /// <summary>Half units: unwritten bytes may end as copies, which take more space than the policy's own scheme.</summary>
    private int OverheadFactor() => scheme.IsReplica ? 2 : Math.Max(2, (int)Math.Ceiling(2.0 * scheme.AsReplica.Width * scheme.DataCount / scheme.Width));

    private void Refresh(bool force)
    {
        long now = Stopwatch.GetTimestamp();
        if (!force && Volatile.Read(ref _askedAt) != 0 && now - Volatile.Read(ref _askedAt) < _refreshTicks)
            return;
        lock (_refreshLock)
        {
            // What memory holds is looked at first: bytes that reach the disks in between count twice, never not at all.
            Interlocked.Exchange(ref _acceptedBytes, 0);
            Volatile.Write(ref _pendingBytes, segments.UsedBytes + assembler.UnwrittenBytes);
            (long available, long total) = store.Capacity(scheme);
            Volatile.Write(ref _availableBytes, available);
            Volatile.Write(ref _totalBytes, total);
            Volatile.Write(ref _askedAt, now);
        }
    }

    /// <summary>Frees what was deleted, which takes commits; not more often than every two seconds.</summary>
    private void Reclaim()
    {
        lock (_reclaimLock)
        {
            long now = Stopwatch.GetTimestamp();
            if (_reclaimedAt == 0 || now - _reclaimedAt >= _reclaimTicks)
            {
                commit.Reclaim();
                _reclaimedAt = Stopwatch.GetTimestamp();
            }

            Refresh(force: true);
        }
    }
}
