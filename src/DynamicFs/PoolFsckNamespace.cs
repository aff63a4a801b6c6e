using System.Runtime.InteropServices;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>
/// Checks the namespace of a root in one walk over its tree: every record is whole, every name leads to an inode of the kind it says, link counts,
/// parents and counts of names agree, every directory hangs below the root, every slice lies inside an extent, and orphans are exactly the inodes
/// without a name. Keeps about 80 bytes per inode and 40 per extent in memory.
/// </summary>
internal sealed class PoolFsckNamespace(Tree tree, IReadOnlyDictionary<ExtentId, int> sliceEnds, RootCounters counters, Action<string, string> problem)
{
    private readonly Dictionary<ulong, Facts> _inodes = [];
    private readonly Dictionary<ExtentId, long> _liveBytes = [];
    private long _lastSliceEnd;
    private ulong _lastSliceInode;

    public long InodeCount { get; private set; }
    public long EntryCount { get; private set; }
    public long SliceCount { get; private set; }
    public long OrphanCount { get; private set; }

    /// <summary>Bytes of each extent that a file has.</summary>
    public IReadOnlyDictionary<ExtentId, long> LiveBytes => _liveBytes;

    public void Run()
    {
        PoolFsckNamespace self = this;
        tree.Scan([0], ref self, static (ref PoolFsckNamespace check, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        {
            check.Visit(key, value);
            return true;
        });
        foreach ((ulong number, Facts facts) in _inodes)
            Conclude(number, facts);
        if (InodeCount != counters.InodeCount)
            problem("root record", $"counts {counters.InodeCount} inodes, there are {InodeCount}");
    }

    private void Visit(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.Length < NamespaceFormat.PrefixBytes)
        {
            problem($"key {Convert.ToHexStringLower(key)}", "too short for the namespace");
            return;
        }

        InodeNumber number = NamespaceFormat.InodeOf(key);
        try
        {
            Visit(key, value, number);
        }
        catch (CorruptionException e)
        {
            problem($"inode {number}", e.Message);
        }
    }

    private void Visit(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, InodeNumber number)
    {
        ref Facts facts = ref FactsOf(number.Value);
        switch (NamespaceFormat.KindOf(key))
        {
            case NamespaceKind.Inode:
                VisitInode(ref facts, InodeRecord.Read(number, value));
                break;
            case NamespaceKind.Entry:
                VisitEntry(number, key, value);
                break;
            case NamespaceKind.FileMap when key.Length == FileMapFormat.KeyBytes:
                VisitSlice(ref facts, number, FileMapFormat.Read(key, value));
                break;
            case NamespaceKind.SymbolicLink:
                facts.TargetBytes += value.Length;
                break;
            case NamespaceKind.Orphan when number == InodeNumber.None && key.Length == NamespaceFormat.OrphanKeyBytes:
                FactsOf(NamespaceFormat.NumberOf(key)).IsListedOrphan = true;
                OrphanCount++;
                break;
            case NamespaceKind.Xattr:
            case (NamespaceKind)SharedFormat.Kind when number == InodeNumber.None:
                break;
            default:
                problem($"key {Convert.ToHexStringLower(key)}", "of no known kind");
                break;
        }
    }

    private void VisitInode(ref Facts facts, Inode inode)
    {
        InodeCount++;
        facts.HasRecord = true;
        facts.Mode = inode.Attributes.Mode;
        facts.LinkCount = inode.Attributes.LinkCount;
        facts.SizeBytes = inode.Attributes.SizeBytes;
        facts.AllocatedBytes = inode.Attributes.AllocatedBytes;
        facts.Parent = inode.Parent.Value;
        facts.EntryCount = inode.EntryCount;
        if (inode.Number.Value >= counters.NextInode)
            problem($"inode {inode.Number}", $"its number was not given out yet (the next is {counters.NextInode})");
    }

    private void VisitEntry(InodeNumber directory, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        EntryCount++;
        EntryRecord.Read(directory, NamespaceFormat.NumberOf(key), value, out InodeNumber inode, out uint type);
        ref Facts parent = ref FactsOf(directory.Value);
        parent.Entries++;
        if (type == FileType.Directory)
            parent.Subdirectories++;
        ref Facts target = ref FactsOf(inode.Value);
        target.Links++;
        target.LinkType = type;
        target.LinkedFrom = directory.Value;
    }

    private void VisitSlice(ref Facts facts, InodeNumber number, in Slice slice)
    {
        SliceCount++;
        facts.SliceBytes += slice.LengthBytes;
        facts.LastByte = slice.FileEnd;
        if (_lastSliceInode == number.Value && slice.FileOffset < _lastSliceEnd)
            problem($"inode {number}", $"slices overlap at {slice.FileOffset}");
        (_lastSliceInode, _lastSliceEnd) = (number.Value, slice.FileEnd);
        if (!sliceEnds.TryGetValue(slice.Extent, out int end))
            problem($"inode {number}", $"bytes {slice.FileOffset} to {slice.FileEnd} are in extent {slice.Extent}, which does not exist");
        else if (slice.ExtentOffset + slice.LengthBytes > end)
            problem($"inode {number}", $"bytes {slice.FileOffset} to {slice.FileEnd} lie behind the end of extent {slice.Extent}");
        CollectionsMarshal.GetValueRefOrAddDefault(_liveBytes, slice.Extent, out _) += slice.LengthBytes;
    }

    private void Conclude(ulong number, in Facts facts)
    {
        string target = $"inode {number}";
        if (number == 0)
            return;
        if (!facts.HasRecord)
        {
            problem(target, facts.Links > 0 ? $"has a name in directory {facts.LinkedFrom} but no record" : "has data or attributes but no record");
            return;
        }

        uint type = facts.Mode & FileType.Mask;
        if (facts.Links > 0 && facts.LinkType != type)
            problem(target, $"its name says type {facts.LinkType:x}, its record {type:x}");
        if (type == FileType.Directory)
            ConcludeDirectory(number, facts);
        else if (facts.Links != facts.LinkCount)
            problem(target, $"{facts.Links} names lead to it, its link count is {facts.LinkCount}");
        if (facts.IsListedOrphan != (facts.LinkCount == 0))
            problem(target, facts.IsListedOrphan ? $"is on the orphan list with link count {facts.LinkCount}" : "has no name and is not on the orphan list");
        if (facts.SliceBytes != facts.AllocatedBytes)
            problem(target, $"{facts.SliceBytes} bytes are mapped, its record says {facts.AllocatedBytes}");
        if (facts.SliceBytes > 0 && (type != FileType.Regular || facts.LastByte > facts.SizeBytes))
            problem(target, $"data up to {facts.LastByte} in a file of type {type:x} and size {facts.SizeBytes}");
        if (type == FileType.SymbolicLink && facts.TargetBytes != facts.SizeBytes)
            problem(target, $"the link's target has {facts.TargetBytes} bytes, its size is {facts.SizeBytes}");
    }

    private void ConcludeDirectory(ulong number, in Facts facts)
    {
        string target = $"inode {number}";
        if (facts.Entries != facts.EntryCount)
            problem(target, $"the directory has {facts.Entries} names, its record says {facts.EntryCount}");
        if (facts.LinkCount == 0)
            return;
        if (facts.LinkCount != 2 + facts.Subdirectories)
            problem(target, $"the directory has {facts.Subdirectories} directories in it and a link count of {facts.LinkCount}");
        bool isRoot = number == InodeNumber.Root.Value;
        if (facts.Links != (isRoot ? 0 : 1))
            problem(target, $"{facts.Links} names lead to the directory");
        else if (!isRoot && facts.LinkedFrom != facts.Parent)
            problem(target, $"'..' leads to {facts.Parent}, its name is in {facts.LinkedFrom}");
        else if (!HangsBelowRoot(number))
            problem(target, "the directory does not hang below the root");
    }

    /// <summary>Follows '..' up; marks what was passed, so that the whole check stays linear.</summary>
    private bool HangsBelowRoot(ulong number)
    {
        var passed = new List<ulong>();
        ulong at = number;
        bool isGood = false;
        while (passed.Count <= _inodes.Count)
        {
            ref Facts facts = ref CollectionsMarshal.GetValueRefOrNullRef(_inodes, at);
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref facts) || !facts.HasRecord)
                break;
            if (at == InodeNumber.Root.Value || facts.IsBelowRoot)
            {
                isGood = true;
                break;
            }

            passed.Add(at);
            at = facts.Parent;
        }

        foreach (ulong inode in passed)
            CollectionsMarshal.GetValueRefOrNullRef(_inodes, inode).IsBelowRoot = isGood;
        return isGood;
    }

    private ref Facts FactsOf(ulong inode) => ref CollectionsMarshal.GetValueRefOrAddDefault(_inodes, inode, out _);

    private struct Facts
    {
        public bool HasRecord;
        public bool IsListedOrphan;
        public bool IsBelowRoot;
        public uint Mode;
        public uint LinkCount;
        public uint Links;
        public uint LinkType;
        public uint Subdirectories;
        public ulong Parent;
        public ulong LinkedFrom;
        public long EntryCount;
        public long Entries;
        public long SizeBytes;
        public long AllocatedBytes;
        public long SliceBytes;
        public long LastByte;
        public long TargetBytes;
    }
}
