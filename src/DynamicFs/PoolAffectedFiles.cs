using System.Text;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>
/// Finds the files that have bytes in given extents, with their paths. Walks the namespace twice, and keeps
/// only what it needs for the paths of these files.
/// </summary>
internal sealed class PoolAffectedFiles(Tree tree)
{
    private readonly HashSet<ulong> _files = [];
    private readonly Dictionary<ulong, (ulong Parent, string Name)> _names = [];

    /// <summary>The paths, sorted; a file without a name (unlinked, still open) shows as its inode number.</summary>
    public IReadOnlyList<string> Find(IReadOnlySet<ExtentId> extents)
    {
        if (extents.Count == 0)
            return [];
        NamespaceWalk.Run(tree, (key, value) =>
        {
            if (NamespaceFormat.KindOf(key) == NamespaceKind.FileMap && key.Length == FileMapFormat.KeyBytes && extents.Contains(FileMapFormat.Read(key, value).Extent))
                _files.Add(NamespaceFormat.InodeOf(key).Value);
        });
        NamespaceWalk.Run(tree, (key, value) =>
        {
            if (NamespaceFormat.KindOf(key) != NamespaceKind.Entry)
                return;
            ReadOnlySpan<byte> name = EntryRecord.Read(NamespaceFormat.InodeOf(key), NamespaceFormat.NumberOf(key), value, out InodeNumber inode, out uint type);
            if (type == FileType.Directory || _files.Contains(inode.Value))
                _names.TryAdd(inode.Value, (NamespaceFormat.InodeOf(key).Value, Encoding.UTF8.GetString(name)));
        });
        return [.. _files.Select(PathOf).Order(StringComparer.Ordinal)];
    }

    private string PathOf(ulong inode)
    {
        var path = new StringBuilder();
        // Bounded: a namespace that is damaged may go in a circle.
        for (int depth = 0; inode != InodeNumber.Root.Value && depth < 4096; depth++)
        {
            if (!_names.TryGetValue(inode, out (ulong Parent, string Name) entry))
                return $"(inode {inode}, no name){path}";
            path.Insert(0, "/" + entry.Name);
            inode = entry.Parent;
        }

        return path.ToString();
    }
}
