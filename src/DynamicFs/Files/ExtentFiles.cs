using System.Buffers.Binary;
using System.Text;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Says which files have bytes in given extents, by path. The file maps decide, so the answer is exact even where the extent itself cannot be read; the price is
/// a walk over the whole namespace tree, for all extents together. Thread-safe; looks at the tree in pieces, so that writers never wait long.
/// </summary>
internal sealed class ExtentFiles(Tree tree)
{
    private const int MaxDepth = 4096;

    /// <summary>Paths by extent, sorted, at most <paramref name="limit"/> for each. A file without a name is given as <c>(inode N, unlinked)</c>.</summary>
    public Dictionary<ExtentId, List<string>> Find(IReadOnlySet<ExtentId> extents, int limit)
    {
        var inodes = new Dictionary<ExtentId, HashSet<InodeNumber>>();
        if (extents.Count > 0)
        {
            NamespaceWalk.Run(tree, (key, value) =>
            {
                InodeNumber inode = NamespaceFormat.InodeOf(key);
                if (!FileMapFormat.IsKeyOf(key, inode) || !extents.Contains(FileMapFormat.Read(key, value).Extent))
                    return;
                ExtentId extent = FileMapFormat.Read(key, value).Extent;
                if (!inodes.TryGetValue(extent, out HashSet<InodeNumber>? owners))
                    inodes.Add(extent, owners = []);
                if (owners.Count < limit)
                    owners.Add(inode);
            });
        }

        Dictionary<InodeNumber, List<string>> paths = Paths([.. inodes.Values.SelectMany(owners => owners)]);
        var found = new Dictionary<ExtentId, List<string>>();
        foreach ((ExtentId extent, HashSet<InodeNumber> owners) in inodes)
        {
            IEnumerable<string> names = owners.SelectMany(inode => paths.TryGetValue(inode, out List<string>? known) ? known : [$"(inode {inode}, unlinked)"]);
            found[extent] = [.. names.Order(StringComparer.Ordinal).Take(limit)];
        }

        return found;
    }

    private Dictionary<InodeNumber, List<string>> Paths(HashSet<InodeNumber> inodes)
    {
        var entries = new List<(InodeNumber Directory, string Name, InodeNumber Inode)>();
        if (inodes.Count > 0)
        {
            NamespaceWalk.Run(tree, (key, value) =>
            {
                InodeNumber directory = NamespaceFormat.InodeOf(key);
                if (!IsEntry(key, directory))
                    return;
                string name = NameOf(directory, key, value, out InodeNumber inode);
                if (inodes.Contains(inode))
                    entries.Add((directory, name, inode));
            });
        }

        var directories = new Dictionary<InodeNumber, string> { [InodeNumber.Root] = "" };
        var paths = new Dictionary<InodeNumber, List<string>>();
        foreach ((InodeNumber directory, string name, InodeNumber inode) in entries)
        {
            if (!paths.TryGetValue(inode, out List<string>? known))
                paths.Add(inode, known = []);
            known.Add($"{DirectoryPath(directory, directories)}/{name}");
        }

        return paths;
    }

    private string DirectoryPath(InodeNumber directory, Dictionary<InodeNumber, string> known)
    {
        var names = new Stack<(InodeNumber Inode, string Name)>();
        InodeNumber at = directory;
        Span<byte> key = stackalloc byte[NamespaceFormat.InodeKeyBytes];
        Span<byte> value = stackalloc byte[Tree.MaxValueBytes];
        while (!known.ContainsKey(at) && names.Count < MaxDepth)
        {
            NamespaceFormat.WriteInodeKey(key, at);
            if (!tree.TryGet(key, value, out int length))
                break;
            InodeNumber parent = InodeRecord.Read(at, value[..length]).Parent;
            names.Push((at, NameIn(parent, at)));
            at = parent;
        }

        string path = known.GetValueOrDefault(at, "(lost)");
        foreach ((InodeNumber inode, string name) in names)
        {
            path = $"{path}/{name}";
            known[inode] = path;
        }

        return path;
    }

    private string NameIn(InodeNumber directory, InodeNumber child)
    {
        Span<byte> prefix = stackalloc byte[NamespaceFormat.PrefixBytes];
        NamespaceFormat.WritePrefix(prefix, directory, NamespaceKind.Entry);
        var search = new Search(directory, child);
        tree.Scan(prefix, ref search, static (ref Search s, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        {
            if (!IsEntry(key, s.Directory))
                return false;
            string name = NameOf(s.Directory, key, value, out InodeNumber inode);
            if (inode == s.Child)
                s.Name = name;
            return s.Name is null;
        });
        return search.Name ?? "(lost)";
    }

    private static bool IsEntry(ReadOnlySpan<byte> key, InodeNumber directory) =>
        key.Length == NamespaceFormat.EntryKeyBytes && NamespaceFormat.HasPrefix(key, directory, NamespaceKind.Entry);

    private static string NameOf(InodeNumber directory, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, out InodeNumber inode) =>
        Encoding.UTF8.GetString(EntryRecord.Read(directory, BinaryPrimitives.ReadUInt64BigEndian(key[NamespaceFormat.PrefixBytes..]), value, out inode, out _));

    private struct Search(InodeNumber directory, InodeNumber child)
    {
        public readonly InodeNumber Directory = directory;
        public readonly InodeNumber Child = child;
        public string? Name;
    }
}
