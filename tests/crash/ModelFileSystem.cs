using System.Security.Cryptography;
using System.Text;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>
/// The oracle: a filesystem so simple that it is obviously right. Nodes by inode number (the numbers that the real one gave), directories as sorted dictionaries,
/// file bytes as arrays. It says which errno an operation must have, and what the whole tree must look like after it.
/// </summary>
public sealed class ModelFileSystem
{
    private readonly Dictionary<InodeNumber, ModelNode> _nodes = new() { [InodeNumber.Root] = ModelNode.Directory(0x1ED) };

    public ModelNode Root => _nodes[InodeNumber.Root];

    public ModelNode this[InodeNumber inode] => _nodes[inode];

    public IEnumerable<InodeNumber> All => _nodes.Keys;

    public IEnumerable<InodeNumber> Files => _nodes.Where(n => n.Value.IsRegular).Select(n => n.Key);

    public IEnumerable<InodeNumber> Directories => _nodes.Where(n => n.Value.IsDirectory).Select(n => n.Key);

    public bool Exists(InodeNumber inode) => _nodes.ContainsKey(inode);

    public Errno Add(InodeNumber parent, string name, InodeNumber inode, ModelNode node)
    {
        ModelNode directory = _nodes[parent];
        if (!directory.Children.TryAdd(name, inode))
            return Errno.EEXIST;
        if (node.IsDirectory)
        {
            directory.LinkCount++;
            node.Parent = parent;
        }

        _nodes[inode] = node;
        return Errno.None;
    }

    /// <summary>An open file without a name.</summary>
    public void AddUnnamed(InodeNumber inode, ModelNode node)
    {
        (node.LinkCount, node.OpenCount) = (0, 1);
        _nodes[inode] = node;
    }

    public Errno Link(InodeNumber inode, InodeNumber parent, string name)
    {
        if (_nodes[inode].IsDirectory)
            return Errno.EPERM;
        if (!_nodes[parent].Children.TryAdd(name, inode))
            return Errno.EEXIST;
        _nodes[inode].LinkCount++;
        return Errno.None;
    }

    public Errno Unlink(InodeNumber parent, string name, bool isDirectory)
    {
        if (!_nodes[parent].Children.TryGetValue(name, out InodeNumber inode))
            return Errno.ENOENT;
        ModelNode node = _nodes[inode];
        if (node.IsDirectory != isDirectory)
            return isDirectory ? Errno.ENOTDIR : Errno.EISDIR;
        if (isDirectory && node.Children.Count > 0)
            return Errno.ENOTEMPTY;
        _nodes[parent].Children.Remove(name);
        Drop(parent, inode);
        return Errno.None;
    }

    public Errno Rename(InodeNumber parent, string name, InodeNumber newParent, string newName, RenameFlags flags)
    {
        if (!_nodes[parent].Children.TryGetValue(name, out InodeNumber source))
            return Errno.ENOENT;
        bool hasTarget = _nodes[newParent].Children.TryGetValue(newName, out InodeNumber target);
        if (flags == RenameFlags.Exchange)
            return hasTarget ? Exchange(parent, name, source, newParent, newName, target) : Errno.ENOENT;
        if (hasTarget && flags == RenameFlags.NoReplace)
            return Errno.EEXIST;
        if (_nodes[source].IsDirectory && IsInside(newParent, source))
            return Errno.EINVAL;
        if (!hasTarget)
        {
            Move(parent, name, source, newParent, newName);
            return Errno.None;
        }

        if (source == target)
            return Errno.None;
        if (_nodes[source].IsDirectory && !_nodes[target].IsDirectory)
            return Errno.ENOTDIR;
        if (!_nodes[source].IsDirectory && _nodes[target].IsDirectory)
            return Errno.EISDIR;
        if (_nodes[target].IsDirectory && _nodes[target].Children.Count > 0)
            return Errno.ENOTEMPTY;
        _nodes[newParent].Children.Remove(newName);
        Drop(newParent, target);
        Move(parent, name, source, newParent, newName);
        return Errno.None;
    }

    /// <summary>Forgets unlinked nodes that are no longer open.</summary>
    public void Close(InodeNumber inode)
    {
        ModelNode node = _nodes[inode];
        node.OpenCount--;
        if (node is { OpenCount: 0, LinkCount: 0 })
            _nodes.Remove(inode);
    }

    /// <summary>Canonical text of everything that is reachable by name.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        Describe(text, "", InodeNumber.Root);
        return text.ToString();
    }

    public string Digest() => Digest(Describe());

    public static string Digest(string description) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(description)).AsSpan(0, 12));

    /// <summary>A copy that later changes of this one do not touch.</summary>
    public ModelFileSystem Clone()
    {
        var copy = new ModelFileSystem();
        foreach ((InodeNumber number, ModelNode node) in _nodes)
            copy._nodes[number] = node.Clone();
        return copy;
    }

    /// <summary>A copy as it is after a crash: nothing is open, and what has no name is gone.</summary>
    public ModelFileSystem Reopened()
    {
        ModelFileSystem copy = Clone();
        foreach ((InodeNumber number, ModelNode node) in _nodes)
        {
            copy._nodes[number].OpenCount = 0;
            if (node.LinkCount == 0)
                copy._nodes.Remove(number);
        }

        return copy;
    }

    /// <summary>True when <paramref name="inode"/> is <paramref name="ancestor"/> or below it.</summary>
    public bool IsInside(InodeNumber inode, InodeNumber ancestor)
    {
        for (; inode != InodeNumber.Root; inode = _nodes[inode].Parent)
        {
            if (inode == ancestor)
                return true;
        }

        return ancestor == InodeNumber.Root;
    }

    private Errno Exchange(InodeNumber parent, string name, InodeNumber source, InodeNumber newParent, string newName, InodeNumber target)
    {
        if ((_nodes[source].IsDirectory && IsInside(newParent, source)) || (_nodes[target].IsDirectory && IsInside(parent, target)))
            return Errno.EINVAL;
        _nodes[parent].Children[name] = target;
        _nodes[newParent].Children[newName] = source;
        Reparent(source, parent, newParent);
        Reparent(target, newParent, parent);
        return Errno.None;
    }

    private void Move(InodeNumber parent, string name, InodeNumber source, InodeNumber newParent, string newName)
    {
        _nodes[parent].Children.Remove(name);
        _nodes[newParent].Children[newName] = source;
        Reparent(source, parent, newParent);
    }

    private void Reparent(InodeNumber inode, InodeNumber from, InodeNumber to)
    {
        if (!_nodes[inode].IsDirectory || from == to)
            return;
        _nodes[from].LinkCount--;
        _nodes[to].LinkCount++;
        _nodes[inode].Parent = to;
    }

    private void Drop(InodeNumber parent, InodeNumber inode)
    {
        ModelNode node = _nodes[inode];
        if (node.IsDirectory)
        {
            _nodes[parent].LinkCount--;
            node.LinkCount = 0;
        }
        else
        {
            node.LinkCount--;
        }

        if (node is { LinkCount: 0, OpenCount: 0 })
            _nodes.Remove(inode);
    }

    private void Describe(StringBuilder text, string path, InodeNumber inode)
    {
        ModelNode node = _nodes[inode];
        node.Describe(text, path.Length == 0 ? "/" : path);
        foreach ((string name, InodeNumber child) in node.Children)
            Describe(text, $"{path}/{name}", child);
    }
}

/// <summary>One node of the model.</summary>
public sealed class ModelNode
{
    private string? _hash;
    private byte[] _bytes = [];

    public uint Mode { get; set; }
    public uint UserId { get; set; }
    public uint GroupId { get; set; }
    public uint LinkCount { get; set; } = 1;
    public int OpenCount { get; set; }
    public InodeNumber Parent { get; set; } = InodeNumber.Root;
    public byte[] Target { get; set; } = [];
    public SortedDictionary<string, InodeNumber> Children { get; } = new(StringComparer.Ordinal);
    public SortedDictionary<string, byte[]> Xattrs { get; } = new(StringComparer.Ordinal);

    public bool IsDirectory => (Mode & FileType.Mask) == FileType.Directory;
    public bool IsRegular => (Mode & FileType.Mask) == FileType.Regular;
    public byte[] Bytes => _bytes;

    public static ModelNode Directory(uint permissions) => new() { Mode = FileType.Directory | permissions, LinkCount = 2 };

    public static ModelNode File(uint permissions) => new() { Mode = FileType.Regular | permissions };

    public static ModelNode Symlink(byte[] target) => new() { Mode = FileType.SymbolicLink | 0x1FF, Target = target };

    /// <summary>Shares the bytes: they are replaced, never changed in place.</summary>
    public ModelNode Clone()
    {
        var copy = new ModelNode
        {
            Mode = Mode,
            UserId = UserId,
            GroupId = GroupId,
            LinkCount = LinkCount,
            OpenCount = OpenCount,
            Parent = Parent,
            Target = Target,
            _bytes = _bytes,
            _hash = _hash,
        };
        foreach ((string name, InodeNumber child) in Children)
            copy.Children.Add(name, child);
        foreach ((string name, byte[] value) in Xattrs)
            copy.Xattrs.Add(name, value);
        return copy;
    }

    public void Write(long offset, byte[] source)
    {
        _bytes = Resized(Math.Max(_bytes.Length, (int)(offset + source.Length)));
        source.CopyTo(_bytes, offset);
        _hash = null;
    }

    public void SetSize(long size)
    {
        _bytes = Resized((int)size);
        _hash = null;
    }

    public void Zero(long offset, long length)
    {
        long end = Math.Min(offset + length, _bytes.Length);
        if (offset >= end)
            return;
        _bytes = Resized(_bytes.Length);
        Array.Clear(_bytes, (int)offset, (int)(end - offset));
        _hash = null;
    }

    private byte[] Resized(int size)
    {
        byte[] bytes = new byte[size];
        _bytes.AsSpan(0, Math.Min(size, _bytes.Length)).CopyTo(bytes);
        return bytes;
    }

    public void Describe(StringBuilder text, string path)
    {
        _hash ??= Convert.ToHexStringLower(SHA256.HashData(_bytes).AsSpan(0, 8));
        Describe(text, path, Mode, UserId, GroupId, LinkCount, IsRegular ? _bytes.Length : 0, IsRegular ? _hash : "", Target, Xattrs);
    }

    /// <summary>One line per node; the same for the model and for what was recovered.</summary>
    public static void Describe(
        StringBuilder text, string path, uint mode, uint userId, uint groupId, uint links, long size, string hash, byte[] target,
        SortedDictionary<string, byte[]> xattrs)
    {
        text.Append(path).Append(' ').Append(Convert.ToString(mode, 8)).Append(' ').Append(userId).Append(':').Append(groupId)
            .Append(" links=").Append(links).Append(" size=").Append(size).Append(' ').Append(hash);
        if (target.Length > 0)
            text.Append(" -> ").Append(Convert.ToHexStringLower(target));
        foreach ((string name, byte[] value) in xattrs)
            text.Append(' ').Append(name).Append('=').Append(Convert.ToHexStringLower(value));
        text.Append('\n');
    }
}
