using System.Security.Cryptography;
using System.Text;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>Reads a whole real filesystem into the canonical text that <see cref="ModelFileSystem.Describe"/> gives for the model.</summary>
public static class FileSystemReader
{
    public static string Describe(FileSystem files)
    {
        var text = new StringBuilder();
        Describe(files, text, "", InodeNumber.Root, depth: 0);
        return text.ToString();
    }

    private static void Describe(FileSystem files, StringBuilder text, string path, InodeNumber inode, int depth)
    {
        Expect(files.GetAttributes(inode, out Attributes attributes), $"getattr {path}");
        string hash = attributes.IsRegular ? HashOf(files, inode, attributes.SizeBytes, path) : "";
        byte[] target = [];
        if (attributes.IsSymbolicLink)
        {
            byte[] buffer = new byte[4096];
            Expect(files.ReadSymbolicLink(inode, buffer, out int length), $"readlink {path}");
            target = buffer[..length];
        }

        ModelNode.Describe(
            text, path.Length == 0 ? "/" : path, attributes.Mode, attributes.UserId, attributes.GroupId, attributes.LinkCount,
            attributes.IsRegular ? attributes.SizeBytes : 0, hash, target, XattrsOf(files, inode, path));
        if (!attributes.IsDirectory)
            return;
        if (depth > 200)
            throw new InvalidOperationException($"{path}: the tree does not end");
        var sink = new Sink();
        for (ulong cookie = 0; ; cookie = sink.LastCookie)
        {
            int before = sink.Entries.Count;
            Expect(files.ReadDirectory(inode, cookie, sink), $"readdir {path}");
            if (sink.Entries.Count == before)
                break;
        }

        foreach ((string name, InodeNumber child) in sink.Entries.Where(e => e.Key is not ("." or "..")))
        {
            Expect(files.Lookup(inode, Encoding.UTF8.GetBytes(name), out Attributes found), $"lookup {path}/{name}");
            if (found.Inode != child)
                throw new InvalidOperationException($"{path}/{name}: readdir says inode {child}, lookup {found.Inode}");
            Describe(files, text, $"{path}/{name}", child, depth + 1);
        }
    }

    private static string HashOf(FileSystem files, InodeNumber inode, long size, string path)
    {
        byte[] bytes = new byte[size];
        for (int offset = 0; offset < size;)
        {
            Expect(files.Read(inode, offset, bytes.AsSpan(offset, (int)Math.Min(size - offset, 1 << 20)), out int count), $"read {path} at {offset}");
            if (count == 0)
                throw new InvalidOperationException($"{path}: read ends at {offset} of {size}");
            offset += count;
        }

        return Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8));
    }

    private static SortedDictionary<string, byte[]> XattrsOf(FileSystem files, InodeNumber inode, string path)
    {
        var xattrs = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        byte[] names = new byte[65536];
        Expect(files.ListXattr(inode, names, out int length), $"listxattr {path}");
        foreach (string name in Encoding.UTF8.GetString(names, 0, length).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            byte[] value = new byte[65536];
            Expect(files.GetXattr(inode, Encoding.UTF8.GetBytes(name), value, out int size), $"getxattr {path} {name}");
            xattrs[name] = value[..size];
        }

        return xattrs;
    }

    private static void Expect(Errno errno, string what)
    {
        if (errno != Errno.None)
            throw new InvalidOperationException($"{what}: {errno}");
    }

    private sealed class Sink : IDirectorySink
    {
        public SortedDictionary<string, InodeNumber> Entries { get; } = new(StringComparer.Ordinal);
        public ulong LastCookie { get; private set; }

        public bool Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie)
        {
            if (!Entries.TryAdd(Encoding.UTF8.GetString(name), inode))
                throw new InvalidOperationException($"readdir returns {Encoding.UTF8.GetString(name)} twice");
            LastCookie = cookie;
            return true;
        }
    }
}
