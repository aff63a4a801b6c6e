using System.Text;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace DynamicFs.UnitTests.Files;

/// <summary>A clock that stands still until told.</summary>
internal sealed class ManualTime : TimeProvider
{
    private DateTimeOffset _now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public FileTime Now => FileTime.From(_now);

    public override DateTimeOffset GetUtcNow() => _now;

    public void Advance(double seconds) => _now += TimeSpan.FromSeconds(seconds);
}

/// <summary>A filesystem on simulated storage with short names for the usual calls. Names are text here.</summary>
internal sealed partial class FilesFixture : IDisposable
{
    public static readonly Caller User = new(1000, 1000, 1);
    public static readonly InodeNumber Root = InodeNumber.Root;

    private readonly Func<FileSystemParts, FileSystemParts> _adjust;

    public FilesFixture(Func<FileSystemParts, FileSystemParts>? adjust = null)
    {
        _adjust = adjust ?? (parts => parts);
        CreateStores();
        Start(_adjust);
    }

    public ManualTime Time { get; } = new();

    public FileSystem Files { get; private set; } = null!;

    public static uint Octal(string digits) => Convert.ToUInt32(digits, 8);

    public Attributes Directory(InodeNumber parent, string name, string mode = "755", Caller? caller = null)
    {
        Ok(Files.MakeDirectory(caller ?? User, parent, Bytes(name), Octal(mode), out Attributes made));
        return made;
    }

    public Attributes File(InodeNumber parent, string name, string mode = "644", Caller? caller = null)
    {
        Ok(Files.MakeNode(caller ?? User, parent, Bytes(name), FileType.Regular | Octal(mode), 0, out Attributes made));
        return made;
    }

    public Attributes Symlink(InodeNumber parent, string name, string target)
    {
        Ok(Files.MakeSymbolicLink(User, parent, Bytes(name), Bytes(target), out Attributes made));
        return made;
    }

    public Attributes Open(InodeNumber parent, string name)
    {
        Ok(Files.Create(User, parent, Bytes(name), Octal("644"), out Attributes made));
        return made;
    }

    public Errno Lookup(InodeNumber parent, string name, out Attributes found) => Files.Lookup(parent, Bytes(name), out found);

    public Errno Lookup(InodeNumber parent, string name) => Lookup(parent, name, out _);

    public Errno Link(InodeNumber inode, InodeNumber parent, string name) => Files.Link(User, inode, parent, Bytes(name), out _);

    public Errno Unlink(InodeNumber parent, string name) => Files.Unlink(User, parent, Bytes(name));

    public Errno RemoveDirectory(InodeNumber parent, string name) => Files.RemoveDirectory(User, parent, Bytes(name));

    public Errno Rename(InodeNumber parent, string name, InodeNumber newParent, string newName, RenameFlags flags = RenameFlags.None)
        => Files.Rename(User, parent, Bytes(name), newParent, Bytes(newName), flags);

    public Attributes Stat(InodeNumber inode)
    {
        Ok(Files.GetAttributes(inode, out Attributes attributes));
        return attributes;
    }

    public Errno Change(InodeNumber inode, AttributeChange change) => Files.SetAttributes(User, inode, change, out _);

    public Errno Chmod(InodeNumber inode, string mode) => Change(inode, new AttributeChange { Mask = AttributeMask.Mode, Mode = Octal(mode) });

    public string Permissions(InodeNumber inode) => Convert.ToString(Stat(inode).Mode & 0xFFF, 8);

    public Errno SetXattr(InodeNumber inode, string name, ReadOnlySpan<byte> value, XattrMode mode = XattrMode.None, bool killSetgid = false)
        => Files.SetXattr(User, inode, Bytes(name), value, mode, killSetgid);

    public Errno RemoveXattr(InodeNumber inode, string name) => Files.RemoveXattr(User, inode, Bytes(name));

    public byte[]? GetXattr(InodeNumber inode, string name)
    {
        byte[] buffer = new byte[XattrStore.MaxValueBytes];
        Errno errno = Files.GetXattr(inode, Bytes(name), buffer, out int length);
        if (errno == Errno.ENODATA)
            return null;
        Ok(errno);
        return buffer[..length];
    }

    public string[] ListXattr(InodeNumber inode)
    {
        byte[] buffer = new byte[XattrStore.MaxListBytes];
        Ok(Files.ListXattr(inode, buffer, out int length));
        return Encoding.UTF8.GetString(buffer, 0, length).Split('\0', StringSplitOptions.RemoveEmptyEntries);
    }

    public Listing List(InodeNumber inode, ulong cookie = 0, int limit = int.MaxValue)
    {
        var listing = new Listing(limit);
        Ok(Files.ReadDirectory(inode, cookie, listing));
        return listing;
    }

    /// <summary>Names of a directory, without '.' and '..', sorted.</summary>
    public string[] Names(InodeNumber inode) => [.. List(inode).Entries.Select(e => e.Name).Where(n => n is not ("." or "..")).Order(StringComparer.Ordinal)];

    /// <summary>Writes what is dirty and looks at every key of the namespace tree.</summary>
    public NamespaceAudit Audit()
    {
        using (Files.Gate.EnterExclusive())
            Files.Inodes.WriteDirty();
        return NamespaceAudit.Of(Tree);
    }

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static void Ok(Errno errno) => Assert.Equal(Errno.None, errno);
}

internal sealed record ListedEntry(string Name, InodeNumber Inode, uint Type, ulong Cookie);

/// <summary>Collects a listing, up to a number of entries as if its buffer were full then.</summary>
internal sealed class Listing(int limit = int.MaxValue) : IDirectorySink
{
    public List<ListedEntry> Entries { get; } = [];

    public bool Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie)
    {
        if (Entries.Count >= limit)
            return false;
        Entries.Add(new ListedEntry(Encoding.UTF8.GetString(name), inode, type, cookie));
        return true;
    }
}
