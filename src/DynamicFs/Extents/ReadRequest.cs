using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// One read of an extent under way: the range, the caller's memory, and per data fragment which blocks are needed and which of them are there and
/// good. Blocks that lie wholly in the range are read straight into the caller's memory; at most two, at its ends, go to a buffer of its own.
/// Reused; used by one read at a time, whose parts may run on several threads.
/// </summary>
internal sealed unsafe class ReadRequest : IDisposable
{
    /// <summary>Most pieces of one fragment's range: a row each, the edges, the last row.</summary>
    public const int MaxPieces = (ExtentStore.MaxExtentBytes / (2 * ExtentLayout.FullUnitBytes)) + 4;

    private readonly NativeBuffer _edges = new(2 * ExtentLayout.BlockBytes);
    private readonly FragmentPart?[] _parts = new FragmentPart?[RedundancyScheme.MaxWidth];
    private byte* _destination;
    private ExtentLayout _layout;

    public ExtentRecord Record { get; private set; } = null!;
    public ref readonly ExtentLayout Layout => ref _layout;
    public int Offset { get; private set; }
    public int End { get; private set; }
    public WorkGroup Group { get; } = new();

    /// <summary>The read goes on where an earlier one of the extent ended.</summary>
    public bool IsSequential { get; private set; }

    /// <summary>Disks that do not answer soon are left out; others have the bytes too.</summary>
    public bool IsShort { get; set; }

    /// <summary>Fragments that are of no use as a whole, one bit each. Written by the thread of the read only.</summary>
    public uint Useless { get; set; }

    public void Start(ExtentRecord record, int offset, byte* destination, int lengthBytes, bool isSequential)
    {
        (Record, Offset, End, Useless, IsSequential) = (record, offset, offset + lengthBytes, 0, isSequential);
        _destination = destination;
        _layout = new ExtentLayout(record.Scheme, record.LengthBytes);
    }

    public void Finish()
    {
        Record = null!;
        _destination = null;
    }

    /// <summary>The part of data fragment <paramref name="fragment"/>.</summary>
    public FragmentPart Part(int fragment) => _parts[fragment] ??= new FragmentPart(this, fragment);

    /// <summary>Where block <paramref name="block"/> of a data fragment is wanted.</summary>
    public byte* Address(int fragment, int block)
    {
        int start = _layout.ExtentOffset(fragment, block * ExtentLayout.BlockBytes);
        if (start < Offset)
            return _edges.Pointer;
        return start + _layout.BlockLength(block) > End ? _edges.Pointer + ExtentLayout.BlockBytes : _destination + (start - Offset);
    }

    /// <summary>The memory for a run of blocks of a data fragment, neighbours joined; returns the number of pieces.</summary>
    public int Pieces(int fragment, int firstBlock, int endBlock, Span<IoVector> pieces)
    {
        int count = 0;
        for (int block = firstBlock; block < endBlock; block++)
        {
            byte* address = Address(fragment, block);
            int length = _layout.BlockLength(block);
            if (count > 0 && pieces[count - 1].Pointer + pieces[count - 1].LengthBytes == address)
                pieces[count - 1] = new IoVector(pieces[count - 1].Pointer, pieces[count - 1].LengthBytes + length);
            else
                pieces[count++] = new IoVector(address, length);
        }

        return count;
    }

    /// <summary>Copies the wanted bytes of the blocks at the ends; everything is good by now.</summary>
    public void CopyEdges()
    {
        CopyEdge(Offset);
        (int fragment, int payloadOffset) = _layout.Locate(End - 1);
        int start = _layout.ExtentOffset(fragment, payloadOffset / ExtentLayout.BlockBytes * ExtentLayout.BlockBytes);
        if (start > Offset)
            CopyEdge(End - 1);
    }

    public void Dispose() => _edges.Dispose();

    private void CopyEdge(int offset)
    {
        (int fragment, int payloadOffset) = _layout.Locate(offset);
        int block = payloadOffset / ExtentLayout.BlockBytes;
        int start = _layout.ExtentOffset(fragment, block * ExtentLayout.BlockBytes), end = start + _layout.BlockLength(block);
        if (start >= Offset && end <= End)
            return;
        int from = Math.Max(start, Offset), to = Math.Min(end, End);
        var source = new ReadOnlySpan<byte>(Address(fragment, block) + (from - start), to - from);
        source.CopyTo(new Span<byte>(_destination + (from - Offset), to - from));
    }
}

/// <summary>What a read needs of one data fragment: a run of blocks, and which of them are good.</summary>
internal sealed class FragmentPart(ReadRequest request, int fragment) : GroupWork
{
    private FragmentReader _reader = null!;

    /// <summary>The good blocks; a field, because it is passed by reference.</summary>
    public BlockSet Good;

    public int FirstBlock { get; private set; }
    public int EndBlock { get; private set; }
    public FragmentDamageKind Damage { get; private set; }
    public bool IsComplete => Good.HasAll(FirstBlock, EndBlock);

    /// <summary>False when the read needs nothing of this fragment.</summary>
    public bool Prepare(FragmentReader reader)
    {
        _reader = reader;
        Good.Clear();
        Damage = FragmentDamageKind.None;
        (FirstBlock, EndBlock) = (0, 0);
        if (!request.Layout.TryBlocks(fragment, request.Offset, request.End, out int firstBlock, out int endBlock))
            return false;
        (FirstBlock, EndBlock) = (firstBlock, endBlock);
        return true;
    }

    /// <summary>Reads all of its blocks.</summary>
    public void Read()
    {
        Span<IoVector> pieces = stackalloc IoVector[ReadRequest.MaxPieces];
        int count = request.Pieces(fragment, FirstBlock, EndBlock, pieces);
        Damage = _reader.Read(request.Record, request.Layout, fragment, FirstBlock, pieces[..count], ref Good);
    }

    /// <summary>It reads into the caller's memory; every call that it waits for has a limit.</summary>
    protected override bool MayBeLeft => false;

    protected override void Run()
    {
        using (DiskPatience.Limited(request.IsShort))
            Read();
    }

    protected override void Fail(DiskException reason) => Damage = FragmentDamageKind.Unreadable;
}
