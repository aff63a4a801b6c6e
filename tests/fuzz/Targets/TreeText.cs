using System.Text;
using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>A filesystem as text: names, attributes, and of the contents both ends (files may be exabytes of holes).</summary>
internal sealed class TreeText(FileSystem files) : IDirectorySink
{
    private const int EndBytes = 64 << 10;
    private const int MaxDepth = 500;

    private readonly StringBuilder _text = new();
    private readonly byte[] _buffer = new byte[EndBytes];
    private List<(string Name, InodeNumber Inode, ulong Cookie)> _entries = [];

    public static string Of(FileSystem files)
    {
        var tree = new TreeText(files);
        tree.Add("", InodeNumber.Root, 0);
        return tree._text.ToString();
    }

    bool IDirectorySink.Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie)
    {
        _entries.Add((Encoding.Latin1.GetString(name), inode, cookie));
        return true;
    }

    private void Add(string path, InodeNumber inode, int depth)
    {
        Errno errno = files.GetAttributes(inode, out Attributes a);
        if (errno != Errno.None || depth > MaxDepth)
            throw new FuzzException($"{path} has a name but answers {errno}, depth {depth}");
        _text.Append(path).Append($" {a.Mode:x} {a.UserId} {a.GroupId} {a.LinkCount} {(a.IsDirectory ? 0 : a.SizeBytes)}");
        if (a.IsRegular)
            _text.Append(' ').Append(Part(inode, 0)).Append(' ').Append(Part(inode, Math.Max(0, a.SizeBytes - EndBytes)));
        errno = files.ListXattr(inode, _buffer, out int length);
        _text.Append(' ').Append(errno).Append(length).AppendLine();
        if (!a.IsDirectory)
            return;
        foreach ((string name, InodeNumber child, _) in List(inode))
            Add($"{path}/{name}", child, depth + 1);
    }

    private List<(string Name, InodeNumber Inode, ulong Cookie)> List(InodeNumber directory)
    {
        _entries = [];
        for (int before = -1; before < _entries.Count;)
        {
            before = _entries.Count;
            Errno errno = files.ReadDirectory(directory, before == 0 ? 0 : _entries[^1].Cookie, this);
            if (errno != Errno.None)
                throw new FuzzException($"directory {directory} cannot be listed: {errno}");
        }

        return [.. _entries.Where(entry => entry.Name is not ("." or "..")).OrderBy(entry => entry.Name, StringComparer.Ordinal)];
    }

    private string Part(InodeNumber inode, long offset)
    {
        Errno errno = files.Read(inode, offset, _buffer, out int count);
        return errno == Errno.None ? Blake3.Hash(_buffer.AsSpan(0, count)).ToString()[..16] : throw new FuzzException($"inode {inode} cannot be read at {offset}: {errno}");
    }
}
