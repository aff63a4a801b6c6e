using System.Globalization;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Files;

/// <summary>
/// Reads a whole namespace tree, key by key, and checks what must always hold between its records: the oracle of consistency for every test. Knows nothing of
/// the code that writes them but the codecs.
/// </summary>
internal sealed class NamespaceAudit
{
    private readonly Dictionary<InodeNumber, Inode> _inodes = [];
    private readonly Dictionary<InodeNumber, List<(string Name, InodeNumber Child, uint Type)>> _entries = [];
    private readonly Dictionary<InodeNumber, long> _entryBytes = [];
    private readonly Dictionary<InodeNumber, (int List, int Values)> _xattrs = [];
    private readonly Dictionary<InodeNumber, int> _targets = [];
    private readonly HashSet<InodeNumber> _orphans = [];

    public int InodeCount => _inodes.Count;
    public IReadOnlySet<InodeNumber> Orphans => _orphans;
    public int KeyCount { get; private set; }

    public static NamespaceAudit Of(Tree tree)
    {
        var audit = new NamespaceAudit();
        tree.Scan([0], ref audit, static (ref NamespaceAudit audit, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => audit.Take(key, value));
        audit.Check();
        return audit;
    }

    private bool Take(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        KeyCount++;
        InodeNumber inode = NamespaceFormat.InodeOf(key);
        switch (NamespaceFormat.KindOf(key))
        {
            case NamespaceKind.Inode:
                _inodes.Add(inode, InodeRecord.Read(inode, value));
                break;
            case NamespaceKind.Entry:
                TakeEntry(inode, key, value);
                break;
            case NamespaceKind.Xattr:
                NamespaceFormat.XattrNameOf(key, out int chunk);
                (int list, int values) = _xattrs.GetValueOrDefault(inode);
                int nameBytes = key.Length - NamespaceFormat.PrefixBytes - NamespaceFormat.XattrSuffixBytes + 1;
                _xattrs[inode] = chunk == 0 ? (list + nameBytes, values + value.Length - sizeof(int)) : (list, values + value.Length);
                break;
            case NamespaceKind.SymbolicLink:
                _targets[inode] = _targets.GetValueOrDefault(inode) + value.Length;
                break;
            case NamespaceKind.Orphan:
                _orphans.Add(new InodeNumber(NamespaceFormat.NumberOf(key)));
                break;
            default:
                break;
        }

        return true;
    }

    private void TakeEntry(InodeNumber directory, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        ReadOnlySpan<byte> name = EntryRecord.Read(directory, NamespaceFormat.NumberOf(key), value, out InodeNumber child, out uint type);
        if (!_entries.TryGetValue(directory, out var list))
            _entries[directory] = list = [];
        list.Add((Convert.ToHexString(name), child, type));
        _entryBytes[directory] = _entryBytes.GetValueOrDefault(directory) + name.Length + 16;
    }

    private void Check()
    {
        Dictionary<InodeNumber, int> names = [];
        Dictionary<InodeNumber, int> subdirectories = [];
        foreach ((InodeNumber directory, var list) in _entries)
        {
            Assert.True(_inodes.TryGetValue(directory, out Inode? parent) && parent.Attributes.IsDirectory, $"entries of {directory}, no directory");
            Assert.Equal(list.Count, list.Select(e => e.Name).Distinct().Count());
            foreach ((_, InodeNumber child, uint type) in list)
            {
                Assert.True(_inodes.TryGetValue(child, out Inode? inode), $"an entry of {directory} leads to {child}, which is not there");
                Assert.Equal(inode.Attributes.Mode & FileType.Mask, type);
                names[child] = names.GetValueOrDefault(child) + 1;
                if (!inode.Attributes.IsDirectory)
                    continue;
                subdirectories[directory] = subdirectories.GetValueOrDefault(directory) + 1;
                Assert.Equal(directory, inode.Parent);
                Assert.Equal(1, names[child]);
            }
        }

        foreach ((InodeNumber number, Inode inode) in _inodes)
            CheckInode(number, inode, names.GetValueOrDefault(number), subdirectories.GetValueOrDefault(number));
        Assert.Subset(_inodes.Keys.ToHashSet(), _orphans.ToHashSet());
        Assert.Subset(_inodes.Keys.ToHashSet(), _xattrs.Keys.ToHashSet());
        Assert.Subset(_inodes.Keys.ToHashSet(), _targets.Keys.ToHashSet());
    }

    private void CheckInode(InodeNumber number, Inode inode, int names, int subdirectories)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"inode {number}");
        Attributes attributes = inode.Attributes;
        bool isRoot = number == InodeNumber.Root;
        bool isOrphan = attributes.LinkCount == 0;
        Assert.True(isOrphan == _orphans.Contains(number), $"{what}: {attributes.LinkCount} links, on the orphan list: {!isOrphan}");
        int links = attributes.IsDirectory ? (names > 0 || isRoot ? 2 + subdirectories : 0) : names;
        Assert.True(attributes.LinkCount == links, $"{what}: {attributes.LinkCount} links, {links} counted");
        Assert.True(inode.EntryCount == (_entries.GetValueOrDefault(number)?.Count ?? 0), $"{what}: entry count {inode.EntryCount}");
        Assert.True((inode.XattrListBytes, inode.XattrValueBytes) == _xattrs.GetValueOrDefault(number), $"{what}: xattrs {inode.XattrListBytes}");
        if (attributes.IsDirectory)
            Assert.Equal(_entryBytes.GetValueOrDefault(number), attributes.SizeBytes);
        if (attributes.IsSymbolicLink)
            Assert.Equal(_targets.GetValueOrDefault(number), attributes.SizeBytes);
    }
}
