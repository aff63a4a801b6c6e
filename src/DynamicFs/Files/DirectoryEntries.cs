using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Where a name is, or would be. <see cref="Cookie"/> is the place of the entry, or the first free one for its hash (0: none is left).
/// </summary>
internal readonly record struct EntrySlot(bool Exists, ulong Cookie, InodeNumber Inode, uint Type);

/// <summary>
/// Names of directories in the namespace tree. An entry lies at its cookie: hash of the name, then an index among the names of equal hash. It keeps
/// its cookie as long as it exists, and others do not move when it comes or goes: that makes listings stable. Thread-safe; who changes holds the
/// namespace lock inside the transaction gate.
/// </summary>
internal sealed class DirectoryEntries(Tree tree, NameHash hash)
{
    private const int IndexBits = 8;
    private const ulong IndexMask = (1 << IndexBits) - 1;

    public EntrySlot Find(InodeNumber directory, ReadOnlySpan<byte> name)
    {
        ulong nameHash = hash(name);
        Invariant.Check(nameHash is > 0 and <= NamespaceFormat.MaxNameHash, "a hash of a name has 55 bits and is not 0");
        Span<byte> key = stackalloc byte[NamespaceFormat.EntryKeyBytes];
        NamespaceFormat.WriteEntryKey(key, directory, nameHash << IndexBits);
        scoped var search = new Search(directory, nameHash, name);
        tree.Scan(key, ref search, Search.Visit);
        if (search.Found is { Exists: true } found)
            return found;
        return new EntrySlot(false, search.FreeIndex > IndexMask ? 0 : (nameHash << IndexBits) | search.FreeIndex, InodeNumber.None, 0);
    }

    /// <summary>Writes an entry at the place that <see cref="Find"/> gave.</summary>
    public void Put(InodeNumber directory, ulong cookie, ReadOnlySpan<byte> name, InodeNumber inode, uint type)
    {
        Invariant.Check(TransactionGate.IsHeldByThisThread && cookie >= NamespaceFormat.FirstNameCookie, "an entry has a place and a transaction");
        Span<byte> key = stackalloc byte[NamespaceFormat.EntryKeyBytes];
        Span<byte> record = stackalloc byte[EntryRecord.MaxBytes];
        NamespaceFormat.WriteEntryKey(key, directory, cookie);
        tree.Put(key, record[..EntryRecord.Write(record, inode, type, name)]);
    }

    public void Delete(InodeNumber directory, ulong cookie)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.EntryKeyBytes];
        NamespaceFormat.WriteEntryKey(key, directory, cookie);
        Invariant.Check(TransactionGate.IsHeldByThisThread && tree.Delete(key), "an entry that was found is there to delete");
    }

    /// <summary>
    /// Gives the entries after <paramref name="cookie"/> to <paramref name="sink"/> until it is full. They are copied out in batches, so that the sink
    /// is called without any lock and may use the filesystem.
    /// </summary>
    [SkipLocalsInit]
    public void List(InodeNumber directory, ulong cookie, IDirectorySink sink)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.EntryKeyBytes];
        Span<byte> bytes = stackalloc byte[Batch.Bytes];
        while (cookie < long.MaxValue)
        {
            NamespaceFormat.WriteEntryKey(key, directory, cookie + 1);
            scoped var batch = new Batch(directory, bytes);
            tree.Scan(key, ref batch, Batch.Visit);
            for (int offset = 0; offset < batch.Used;)
            {
                ReadOnlySpan<byte> name = Batch.Read(bytes, ref offset, out cookie, out InodeNumber inode, out uint type);
                if (!sink.Add(name, inode, type, cookie))
                    return;
            }

            if (!batch.IsFull)
                return;
        }
    }

    private ref struct Search(InodeNumber directory, ulong nameHash, ReadOnlySpan<byte> name)
    {
        private readonly ReadOnlySpan<byte> _name = name;

        public EntrySlot Found;
        public ulong FreeIndex;

        public static bool Visit(ref Search search, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => search.Visit(key, value);

        private bool Visit(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            if (!NamespaceFormat.HasPrefix(key, directory, NamespaceKind.Entry))
                return false;
            ulong cookie = NamespaceFormat.NumberOf(key);
            if (cookie >> IndexBits != nameHash)
                return false;
            ReadOnlySpan<byte> name = EntryRecord.Read(directory, cookie, value, out InodeNumber inode, out uint type);
            if (name.SequenceEqual(_name))
            {
                Found = new EntrySlot(true, cookie, inode, type);
                return false;
            }

            if ((cookie & IndexMask) == FreeIndex)
                FreeIndex++;
            return true;
        }
    }

    /// <summary>Entries copied out of the tree: cookie, inode, type and length in a word, name.</summary>
    private ref struct Batch(InodeNumber directory, Span<byte> bytes)
    {
        public const int Bytes = 8 << 10;

        private const int InodeOffset = sizeof(ulong);
        private const int TypeOffset = InodeOffset + sizeof(ulong);
        private const int LengthOffset = TypeOffset + sizeof(uint);
        private const int NameOffset = LengthOffset + 1;

        private readonly Span<byte> _bytes = bytes;

        public int Used;
        public bool IsFull;

        public static bool Visit(ref Batch batch, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => batch.Visit(key, value);

        public static ReadOnlySpan<byte> Read(ReadOnlySpan<byte> bytes, ref int offset, out ulong cookie, out InodeNumber inode, out uint type)
        {
            ReadOnlySpan<byte> entry = bytes[offset..];
            cookie = BinaryPrimitives.ReadUInt64LittleEndian(entry);
            inode = new InodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(entry[InodeOffset..]));
            type = BinaryPrimitives.ReadUInt32LittleEndian(entry[TypeOffset..]);
            ReadOnlySpan<byte> name = entry.Slice(NameOffset, entry[LengthOffset]);
            offset += NameOffset + name.Length;
            return name;
        }

        private bool Visit(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            if (!NamespaceFormat.HasPrefix(key, directory, NamespaceKind.Entry))
                return false;
            ulong cookie = NamespaceFormat.NumberOf(key);
            ReadOnlySpan<byte> name = EntryRecord.Read(directory, cookie, value, out InodeNumber inode, out uint type);
            Span<byte> entry = _bytes[Used..];
            IsFull = entry.Length < NameOffset + name.Length;
            if (IsFull)
                return false;
            BinaryPrimitives.WriteUInt64LittleEndian(entry, cookie);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[InodeOffset..], inode.Value);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[TypeOffset..], type);
            entry[LengthOffset] = (byte)name.Length;
            name.CopyTo(entry[NameOffset..]);
            Used += NameOffset + name.Length;
            return true;
        }
    }
}
