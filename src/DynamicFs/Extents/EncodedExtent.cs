using DynamicFs.Erasure;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// An extent ready to be written: the caller's buffer as the data of the fragments (not copied), and in pooled memory the parity, the headers and
/// block tables. The caller's buffer must stay as it is until Dispose.
/// </summary>
internal sealed unsafe class EncodedExtent : IDisposable
{
    /// <summary>Most pieces of one fragment: header, a row each, the last row.</summary>
    public const int MaxPieces = (ExtentStore.MaxExtentBytes / (2 * ExtentLayout.FullUnitBytes)) + 4;

    private readonly ExtentLayout _layout;
    private readonly ScratchPool _scratch;
    private readonly NativeBuffer _buffer;

    /// <summary>Never freed under a write that hangs on some disk, whoever else has let go of it.</summary>
    private readonly NativeBuffer _owner;
    private readonly byte* _data;
    private readonly byte* _lastRow;
    private readonly byte* _parity;
    private readonly Checksum[] _headerChecksums;

    public EncodedExtent(FragmentHeader header, NativeBuffer data, ScratchPool scratch)
    {
        (_layout, _scratch) = (header.Layout, scratch);
        _owner = data;
        _data = data.Pointer;
        _headerChecksums = new Checksum[_layout.Width];
        int headersBytes = _layout.Width * _layout.HeaderBytes;
        int parityBytes = _layout.Scheme.IsReplica ? 0 : _layout.Scheme.ParityCount * _layout.PayloadBytes;
        bool isTooLong = _layout.PaddedBytes > data.LengthBytes;
        _buffer = scratch.Rent(headersBytes + parityBytes + (isTooLong ? _layout.DataCount * _layout.LastUnitBytes : 0));
        _parity = _buffer.Pointer + headersBytes;
        _lastRow = isTooLong ? _parity + parityBytes : _data + _layout.FullBytes;

        Pad(data, isTooLong);
        if (_layout.Scheme.IsReplica)
            HashCopies();
        else
            EncodeRows();
        for (int i = 0; i < _layout.Width; i++)
            _headerChecksums[i] = FragmentFormat.Write(header with { Index = i }, new Span<byte>(Header(i), _layout.HeaderBytes));
    }

    public ref readonly ExtentLayout Layout => ref _layout;

    public Checksum HeaderChecksum(int index) => _headerChecksums[index];

    /// <summary>The bytes of a fragment file in order; returns the number of pieces.</summary>
    public int Pieces(int index, Span<IoVector> pieces)
    {
        int count = 0;
        pieces[count++] = new IoVector(Header(index), _layout.HeaderBytes);
        if (_layout.Scheme.IsReplica)
        {
            pieces[count++] = new IoVector(_data, _layout.PayloadBytes);
        }
        else if (index >= _layout.DataCount)
        {
            pieces[count++] = new IoVector(Parity(index), _layout.PayloadBytes);
        }
        else
        {
            for (int row = 0; row < _layout.FullRows; row++)
                pieces[count++] = new IoVector(Unit(index, row), ExtentLayout.FullUnitBytes);
            if (_layout.LastUnitBytes > 0)
                pieces[count++] = new IoVector(Unit(index, _layout.FullRows), _layout.LastUnitBytes);
        }

        return count;
    }

    public void Dispose()
    {
        _scratch.Return(_buffer);
        GC.KeepAlive(_owner);
    }

    private byte* Header(int index) => _buffer.Pointer + (index * _layout.HeaderBytes);

    private byte* Parity(int index) => _parity + ((index - _layout.DataCount) * _layout.PayloadBytes);

    private byte* Unit(int fragment, int row)
    {
        if (row == _layout.FullRows)
            return _lastRow + (fragment * _layout.LastUnitBytes);
        return _data + (((row * _layout.DataCount) + fragment) * ExtentLayout.FullUnitBytes);
    }

    /// <summary>Zeros behind the data. Where they do not fit into the caller's buffer (K does not divide it), the last row moves to ours.</summary>
    private void Pad(NativeBuffer data, bool isTooLong)
    {
        if (!isTooLong)
        {
            data.Span[_layout.LengthBytes.._layout.PaddedBytes].Clear();
            return;
        }

        var lastRow = new Span<byte>(_lastRow, _layout.DataCount * _layout.LastUnitBytes);
        Span<byte> rest = data.Span[_layout.FullBytes.._layout.LengthBytes];
        rest.CopyTo(lastRow);
        lastRow[rest.Length..].Clear();
    }

    private void HashCopies()
    {
        Hash(Header(0), 0, _data, _layout.PayloadBytes);
        var table = new ReadOnlySpan<byte>(Header(0) + FragmentFormat.TableAt, _layout.BlockCount * Checksum.Size);
        for (int i = 1; i < _layout.Width; i++)
            table.CopyTo(new Span<byte>(Header(i) + FragmentFormat.TableAt, table.Length));
    }

    /// <summary>Row by row, so that what was encoded is hashed while it is in the cache.</summary>
    private void EncodeRows()
    {
        ReedSolomon code = ReedSolomon.Get(_layout.DataCount, _layout.Scheme.ParityCount);
        Span<nint> units = stackalloc nint[RedundancyScheme.MaxWidth];
        int rows = _layout.FullRows + (_layout.LastUnitBytes > 0 ? 1 : 0);
        for (int row = 0; row < rows; row++)
        {
            int unitBytes = row < _layout.FullRows ? ExtentLayout.FullUnitBytes : _layout.LastUnitBytes;
            for (int i = 0; i < _layout.Width; i++)
                units[i] = (nint)(i < _layout.DataCount ? Unit(i, row) : Parity(i) + (row * ExtentLayout.FullUnitBytes));
            if (!Canary.Is("parity-not-encoded"))
                code.Encode(units[.._layout.DataCount], units[_layout.DataCount.._layout.Width], unitBytes);
            for (int i = 0; i < _layout.Width; i++)
                Hash(Header(i), row * (ExtentLayout.FullUnitBytes / ExtentLayout.BlockBytes), (byte*)units[i], unitBytes);
        }
    }

    private static void Hash(byte* header, int firstBlock, byte* source, int lengthBytes)
    {
        var entry = (Checksum*)(header + FragmentFormat.TableAt) + firstBlock;
        for (int at = 0; at < lengthBytes; at += ExtentLayout.BlockBytes)
            *entry++ = Blake3.Hash(source + at, Math.Min(ExtentLayout.BlockBytes, lengthBytes - at));
    }
}
