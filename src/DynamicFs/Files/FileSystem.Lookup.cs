using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>Finding and listing: no lock but those of the inode looked at and of the tree.</summary>
public sealed partial class FileSystem
{
    /// <summary>An entry without its inode is looked up this often before it is called corrupt: it may just be on its way out.</summary>
    private const int MaxLookupAttempts = 16;

    /// <summary>Finds <paramref name="name"/>; "." and ".." work too (NFS export).</summary>
    public Errno Lookup(InodeNumber parent, ReadOnlySpan<byte> name, out Attributes attributes)
    {
        attributes = default;
        try
        {
            Errno errno = LookupName(parent, name, out attributes);
            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "lookup", parent);
        }
    }

    public Errno GetAttributes(InodeNumber inode, out Attributes attributes)
    {
        attributes = default;
        try
        {
            bool isThere = _inodes.Find(inode) is { } found && TryCopyAttributes(found, out attributes);
            TrimInodes();
            return isThere ? Errno.None : Errno.ENOENT;
        }
        catch (Exception e)
        {
            return Failed(e, "getattr", inode);
        }
    }

    /// <summary>Copies the target, cut to <paramref name="destination"/>.</summary>
    public Errno ReadSymbolicLink(InodeNumber inode, Span<byte> destination, out int lengthBytes)
    {
        lengthBytes = 0;
        try
        {
            if (_inodes.Find(inode) is not { } found)
                return Errno.ENOENT;
            if (!found.Attributes.IsSymbolicLink)
                return Errno.EINVAL;
            lock (found.Lock)
            {
                if (found.IsGone)
                    return Errno.ENOENT;
                lengthBytes = _links.Read(inode, found.Attributes.SizeBytes, destination);
                NoteAccess(found);
            }

            TrimInodes();
            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "readlink", inode);
        }
    }

    /// <summary>
    /// Lists entries after <paramref name="cookie"/> (0: from the start, '.' and '..' first). Stable under concurrent change: what is there all the time is
    /// listed once. The sink is called without locks.
    /// </summary>
    public Errno ReadDirectory(InodeNumber inode, ulong cookie, IDirectorySink sink)
    {
        try
        {
            Errno errno = FindDirectory(inode, out Inode directory);
            if (errno != Errno.None)
                return errno;
            InodeNumber parent;
            lock (directory.Lock)
            {
                if (directory.IsGone)
                    return Errno.ENOENT;
                parent = directory.Parent;
                NoteAccess(directory);
            }

            if (cookie < NamespaceFormat.DotCookie && !sink.Add("."u8, inode, FileType.Directory, NamespaceFormat.DotCookie))
                return Errno.None;
            if (cookie < NamespaceFormat.DotDotCookie && !sink.Add(".."u8, parent, FileType.Directory, NamespaceFormat.DotDotCookie))
                return Errno.None;
            _entries.List(inode, Math.Max(cookie, NamespaceFormat.DotDotCookie), sink);
            TrimInodes();
            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "readdir", inode);
        }
    }

    private Errno LookupName(InodeNumber parent, ReadOnlySpan<byte> name, out Attributes attributes)
    {
        attributes = default;
        if (FileName.Check(name) is var bad and not Errno.None)
            return bad;
        if (FindDirectory(parent, out Inode directory) is var missing and not Errno.None)
            return missing;
        if (FileName.IsDots(name))
            return LookupDots(directory, FileName.IsDotDot(name), out attributes);
        for (int attempt = 0; attempt < MaxLookupAttempts; attempt++)
        {
            EntrySlot slot = _entries.Find(parent, name);
            if (!slot.Exists)
                return Errno.ENOENT;
            if (_inodes.Find(slot.Inode) is { } inode && TryCopyAttributes(inode, out attributes))
                return Errno.None;
        }

        throw Dangling(parent, _entries.Find(parent, name).Inode);
    }

    private Errno LookupDots(Inode directory, bool isDotDot, out Attributes attributes)
    {
        if (!TryCopyAttributes(directory, out attributes))
            return Errno.ENOENT;
        if (!isDotDot)
            return Errno.None;
        InodeNumber parent;
        lock (directory.Lock)
            parent = directory.Parent;
        return _inodes.Find(parent) is { } found && TryCopyAttributes(found, out attributes) ? Errno.None : Errno.ENOENT;
    }

    private static bool TryCopyAttributes(Inode inode, out Attributes attributes)
    {
        lock (inode.Lock)
        {
            attributes = Described(inode);
            return !inode.IsGone;
        }
    }

    /// <summary>
    /// The attributes as every reply gives them: bytes that are not in an extent yet are allocated too (the kernel keeps what it was told). Inode lock held.
    /// </summary>
    private static Attributes Described(Inode inode)
    {
        Attributes attributes = inode.Attributes;
        attributes.AllocatedBytes += inode.Data?.Dirty.LengthBytes ?? 0;
        return attributes;
    }

    private Errno FindDirectory(InodeNumber number, out Inode directory)
    {
        Inode? found = _inodes.Find(number);
        directory = found!;
        if (found is null)
            return Errno.ENOENT;
        return found.Attributes.IsDirectory ? Errno.None : Errno.ENOTDIR;
    }

    /// <summary>A directory that names may be made in. The namespace lock is held, so it stays one.</summary>
    private Errno FindLiveDirectory(InodeNumber number, out Inode directory)
    {
        Errno errno = FindDirectory(number, out directory);
        return errno == Errno.None && directory.Attributes.LinkCount == 0 ? Errno.ENOENT : errno;
    }

    /// <summary>The inode of an entry, under the namespace lock: there is one, or the tree is corrupt (never ENOENT for a name that is there).</summary>
    private Inode FindNamed(InodeNumber directory, in EntrySlot slot)
    {
        if (_inodes.Find(slot.Inode) is { } inode && inode.Attributes.LinkCount > 0 && (inode.Attributes.Mode & FileType.Mask) == slot.Type)
            return inode;
        throw Dangling(directory, slot.Inode);
    }

    private static CorruptionException Dangling(InodeNumber directory, InodeNumber inode)
        => new("(pool)", $"entry of directory {directory}", $"inode {inode}", "none, or one of another type");
}
