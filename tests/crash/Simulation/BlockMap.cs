namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// The content of a simulated file: sparse, immutable, sharing all blocks that did not change with the maps it was made from. Bytes behind
/// <see cref="LengthBytes"/> are zeros.
/// </summary>
internal sealed class BlockMap
{
    public static readonly BlockMap Empty = new(0, []);

    private readonly Leaf?[] _leaves;
    private ulong _hash;
    private bool _isHashed;

    private BlockMap(long lengthBytes, Leaf?[] leaves) => (LengthBytes, _leaves) = (lengthBytes, leaves);

    public long LengthBytes { get; }

    /// <summary>Reads as read(2) does: up to the end of the file.</summary>
    public int Read(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(LengthBytes - offset, 0, destination.Length);
        ReadRaw(offset, destination[..count]);
        return count;
    }

    /// <summary>Fills the destination; zeros behind the end.</summary>
    public void ReadRaw(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int inBlock = (int)(offset % Block.Size);
            int count = Math.Min(Block.Size - inBlock, destination.Length);
            if (BlockAt(offset) is { } block)
                block.Bytes.AsSpan(inBlock, count).CopyTo(destination);
            else
                destination[..count].Clear();
            destination = destination[count..];
            offset += count;
        }
    }

    public BlockMap Write(long offset, ReadOnlySpan<byte> source)
    {
        var builder = new Builder(this);
        builder.Write(offset, source);
        builder.LengthBytes = Math.Max(LengthBytes, offset + source.Length);
        return builder.Build();
    }

    public BlockMap WithLength(long lengthBytes)
    {
        var builder = new Builder(this);
        builder.Cut(lengthBytes);
        builder.LengthBytes = lengthBytes;
        return builder.Build();
    }

    public ulong Hash()
    {
        if (Volatile.Read(ref _isHashed))
            return _hash;
        ulong sum = Mixing.Mix((ulong)LengthBytes + 1);
        for (int i = 0; i < _leaves.Length; i++)
        {
            ulong hash = _leaves[i]?.Hash() ?? 0;
            if (hash != 0)
                sum += Mixing.Mix(hash + ((ulong)(i + 1) * Mixing.Prime));
        }

        _hash = sum;
        Volatile.Write(ref _isHashed, true);
        return sum;
    }

    private Block? BlockAt(long offset)
    {
        long leaf = offset / Leaf.Size;
        return leaf < _leaves.Length ? _leaves[leaf]?.Blocks[offset % Leaf.Size / Block.Size] : null;
    }

    /// <summary>Changes a copy of a map. Copies the parts that it touches, once. Bytes may be written behind the length; Build cuts them off.</summary>
    public sealed class Builder
    {
        private Leaf?[] _leaves;
        private bool _ownsTop;
        private long _writtenEnd;

        public Builder(BlockMap map) => (_leaves, LengthBytes) = (map._leaves, map.LengthBytes);

        public long LengthBytes { get; set; }

        public void Write(long offset, ReadOnlySpan<byte> source)
        {
            while (source.Length > 0)
            {
                int inBlock = (int)(offset % Block.Size);
                int count = Math.Min(Block.Size - inBlock, source.Length);
                Span<byte> block = OwnBlock(offset, keepsContent: count < Block.Size);
                source[..count].CopyTo(block[inBlock..]);
                source = source[count..];
                offset += count;
                _writtenEnd = Math.Max(_writtenEnd, offset);
            }
        }

        /// <summary>Copies bytes of another map; whole blocks are shared.</summary>
        public void Copy(BlockMap source, long sourceOffset, long offset, long lengthBytes)
        {
            while (lengthBytes > 0)
            {
                int inBlock = (int)(offset % Block.Size);
                int count = (int)Math.Min(Block.Size - inBlock, lengthBytes);
                if (count == Block.Size && sourceOffset % Block.Size == 0)
                    OwnLeaf(offset).Blocks[offset % Leaf.Size / Block.Size] = source.BlockAt(sourceOffset);
                else
                    source.ReadRaw(sourceOffset, OwnBlock(offset, keepsContent: true).Slice(inBlock, count));
                sourceOffset += count;
                offset += count;
                lengthBytes -= count;
                _writtenEnd = Math.Max(_writtenEnd, offset);
            }
        }

        /// <summary>Makes everything from <paramref name="offset"/> on zeros.</summary>
        public void Cut(long offset)
        {
            _writtenEnd = Math.Min(_writtenEnd, offset);
            int firstLeaf = (int)(offset / Leaf.Size);
            if (firstLeaf >= _leaves.Length)
                return;
            if (_leaves[firstLeaf] is not null)
                CutLeaf(offset);
            int keptCount = offset % Leaf.Size == 0 ? firstLeaf : firstLeaf + 1;
            if (keptCount < _leaves.Length)
                (_leaves, _ownsTop) = (_leaves[..keptCount], true);
        }

        public BlockMap Build()
        {
            if (_writtenEnd > LengthBytes)
                Cut(LengthBytes);
            var map = new BlockMap(LengthBytes, _leaves);
            // From here on the map's: what this builder did must not be changed by it any more.
            _leaves = [];
            return map;
        }

        private void CutLeaf(long offset)
        {
            Leaf leaf = OwnLeaf(offset);
            int firstBlock = (int)(offset % Leaf.Size / Block.Size);
            if (offset % Block.Size != 0)
            {
                if (leaf.Blocks[firstBlock] is not null)
                    OwnBlock(offset, keepsContent: true)[(int)(offset % Block.Size)..].Clear();
                firstBlock++;
            }

            leaf.Blocks.AsSpan(firstBlock).Clear();
        }

        private Span<byte> OwnBlock(long offset, bool keepsContent)
        {
            ref Block? block = ref OwnLeaf(offset).Blocks[offset % Leaf.Size / Block.Size];
            if (block?.Owner != this)
            {
                var copy = new Block(this);
                if (keepsContent)
                    block?.Bytes.CopyTo(copy.Bytes, 0);
                block = copy;
            }

            return block.Bytes;
        }

        private Leaf OwnLeaf(long offset)
        {
            int index = checked((int)(offset / Leaf.Size));
            if (!_ownsTop || index >= _leaves.Length)
            {
                var top = new Leaf?[Math.Max(_leaves.Length, index + 1)];
                _leaves.CopyTo(top, 0);
                (_leaves, _ownsTop) = (top, true);
            }

            ref Leaf? leaf = ref _leaves[index];
            if (leaf?.Owner != this)
            {
                var copy = new Leaf(this);
                leaf?.Blocks.CopyTo(copy.Blocks, 0);
                leaf = copy;
            }

            return leaf;
        }
    }
}
