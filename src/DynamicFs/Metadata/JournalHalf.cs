using System.Buffers;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The half of one disk's journal that belongs to a root, read window by window, so that a mount needs little memory. A piece that cannot be read counts as zeros, and
/// only that piece: the batch that was being written when the power went may be unreadable, and must not take the acknowledged ones with it.
/// </summary>
internal sealed class JournalHalf : IDisposable
{
    private const int WindowBytes = 64 << 10;

    /// <summary>In one window; a disk fails in whole blocks.</summary>
    private const int MaxTornPieces = 2;

    private readonly Mirror _mirror;
    private readonly Generation _base;
    private readonly long _start;
    private readonly MetadataProblems _problems;
    private byte[] _window = [];
    private int _windowStart;
    private int _windowBytes;
    private bool _isReported;

    public JournalHalf(Mirror mirror, Root root, MetadataProblems problems)
    {
        (_mirror, _base, _problems) = (mirror, root.Generation, problems);
        _start = JournalFormat.StartOf(root.Generation);
        LengthBytes = Length();
    }

    /// <summary>Bytes that the disk has of it.</summary>
    public int LengthBytes { get; }

    /// <summary>Everything that was asked for so far could be read.</summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>Reads the batch at <paramref name="offset"/> when it is the one expected there. The payload is valid until the next call.</summary>
    public bool TryRead(PoolId pool, int offset, ulong sequence, in Checksum previous, out ReadOnlySpan<byte> payload, out Checksum checksum)
    {
        ReadOnlySpan<byte> header = Bytes(offset, JournalFormat.HeaderBytes);
        int lengthBytes = JournalFormat.LengthOf(header);
        return JournalFormat.TryRead(pool, _base, sequence, previous, Bytes(offset, Math.Max(lengthBytes, header.Length)), out payload, out checksum);
    }

    /// <summary>True when an intact batch stands at <paramref name="offset"/> that comes after batch <paramref name="sequence"/>.</summary>
    public bool IsLaterBatch(PoolId pool, int offset, ulong sequence)
    {
        int lengthBytes = JournalFormat.LengthOf(Bytes(offset, JournalFormat.HeaderBytes));
        return lengthBytes > 0 && JournalFormat.IsLaterBatch(pool, _base, sequence, Bytes(offset, lengthBytes));
    }

    public void Dispose()
    {
        if (_window.Length > 0)
            ArrayPool<byte>.Shared.Return(_window);
        _window = [];
    }

    private int Length()
    {
        try
        {
            return (int)Math.Clamp((_mirror.Journal?.LengthBytes ?? 0) - _start, 0, JournalFormat.HalfBytes);
        }
        catch (DiskException e)
        {
            Report(e);
            return 0;
        }
    }

    /// <summary>Up to <paramref name="lengthBytes"/> bytes from <paramref name="offset"/>, fewer at the end.</summary>
    private ReadOnlySpan<byte> Bytes(int offset, int lengthBytes)
    {
        lengthBytes = Math.Clamp(LengthBytes - offset, 0, lengthBytes);
        if (lengthBytes == 0)
            return [];
        if (offset < _windowStart || offset + lengthBytes > _windowStart + _windowBytes)
            Load(offset, Math.Min(LengthBytes - offset, Math.Max(lengthBytes, WindowBytes)));
        return _window.AsSpan(offset - _windowStart, lengthBytes);
    }

    private void Load(int offset, int lengthBytes)
    {
        if (_window.Length < lengthBytes)
        {
            Dispose();
            _window = ArrayPool<byte>.Shared.Rent(lengthBytes);
        }

        (_windowStart, _windowBytes) = (offset, lengthBytes);
        Span<byte> window = _window.AsSpan(0, lengthBytes);
        try
        {
            window[_mirror.Journal!.Read(_start + offset, window)..].Clear();
        }
        catch (DiskException whole)
        {
            IsWhole = false;
            int unreadableCount = LoadPieces(offset, window);

            // What was being written when the power went may be unreadable until it is written again; that is no sign of a sick disk.
            if (unreadableCount is 0 or > MaxTornPieces)
                Report(whole);
            else
                _problems.Report($"disk {_mirror.Member.Name}: {unreadableCount} pieces of the journal cannot be read: {whole.Message}");
        }
    }

    private int LoadPieces(int offset, Span<byte> window)
    {
        int unreadableCount = 0;
        for (int at = 0; at < window.Length; at += JournalFormat.Alignment)
        {
            Span<byte> piece = window.Slice(at, Math.Min(JournalFormat.Alignment, window.Length - at));
            try
            {
                piece[_mirror.Journal!.Read(_start + offset + at, piece)..].Clear();
            }
            catch (DiskException)
            {
                piece.Clear();
                unreadableCount++;
            }
        }

        return unreadableCount;
    }

    /// <summary>Once: one bad piece is read again and again, and must not look like a disk that fails again and again.</summary>
    private void Report(DiskException e)
    {
        if (_isReported)
            return;
        _isReported = true;
        IsWhole = false;
        _mirror.Member.ReportFailure(e, isWrite: false);
        _problems.Report($"disk {_mirror.Member.Name}: the journal cannot be read: {e.Message}");
    }
}
