using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>Requests about attributes, links and space, and how attributes go out.</summary>
internal sealed unsafe partial class FuseHandler
{
    private const uint PermissionBits = 0xFFF;
    private const uint NanosecondsPerSecond = 1_000_000_000;

    /// <summary>The kernel reads a link's target into one page with a NUL.</summary>
    private const int MaxTargetBytes = 4095;

    /// <summary>What stat tells as the good size of a transfer: stdio of some languages buffers that much, which saves round trips.</summary>
    private const int BlockBytes = 64 << 10;

    private const int SpaceUnitBytes = 4096;

    /// <summary>Some commits after its last change a file's data is where it stays.</summary>
    private const long SettledSeconds = 30;

    private Errno GetAttributes(in FuseInHeader header, FuseBuffer buffer)
    {
        Errno errno = AttributesOf(Node(header), out Attributes attributes);
        return AppendAttributes(errno, buffer, attributes);
    }

    private Errno GetStatx(in FuseInHeader header, FuseBuffer buffer)
    {
        Errno errno = AttributesOf(Node(header), out Attributes attributes);
        if (errno != Errno.None)
            return errno;
        ref FuseStatxOut reply = ref buffer.Append<FuseStatxOut>();
        reply.AttrValid = ValidSeconds(attributes);
        Fill(ref reply.Stat, attributes);
        return Errno.None;
    }

    private Errno AttributesOf(InodeNumber inode, out Attributes attributes)
    {
        Errno errno = Stale(files.GetAttributes(inode, out attributes));
        return errno == Errno.ESTALE && _removed.TryGet(inode, out attributes) ? Errno.None : errno;
    }

    private Errno SetAttributes(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseSetattrIn* request))
            return Errno.EINVAL;
        if (request->Size > long.MaxValue && (request->Valid & FuseSetAttrValid.Size) != 0)
            return Errno.EFBIG;
        if (request->Atimensec >= NanosecondsPerSecond || request->Mtimensec >= NanosecondsPerSecond || request->Ctimensec >= NanosecondsPerSecond)
            return Errno.EINVAL;

        var change = new AttributeChange
        {
            Mask = Mask(request->Valid, header.Uid),
            Mode = request->Mode & PermissionBits,
            UserId = request->Uid,
            GroupId = request->Gid,
            SizeBytes = (long)request->Size,
            AccessTime = new FileTime(request->Atime, request->Atimensec),
            ModifyTime = new FileTime(request->Mtime, request->Mtimensec),
            ChangeTime = new FileTime(request->Ctime, request->Ctimensec),
        };
        Errno errno = change.Mask == AttributeMask.None
            ? files.GetAttributes(Node(header), out Attributes attributes)
            : files.SetAttributes(Caller(header), Node(header), change, out attributes);
        return AppendAttributes(Stale(errno), buffer, attributes);
    }

    private Errno ReadSymbolicLink(in FuseInHeader header, FuseBuffer buffer)
    {
        Errno errno = files.ReadSymbolicLink(Node(header), new Span<byte>(buffer.Payload, MaxTargetBytes), out int lengthBytes);
        if (errno == Errno.None)
            buffer.SetData(buffer.Payload, lengthBytes);
        return Stale(errno);
    }

    private Errno GetSpace(FuseBuffer buffer)
    {
        Errno errno = files.GetSpace(out FileSystemSpace space);
        if (errno != Errno.None)
            return errno;
        ref FuseKstatfs reply = ref buffer.Append<FuseKstatfs>();
        reply.Bsize = SpaceUnitBytes;
        reply.Frsize = SpaceUnitBytes;
        reply.Blocks = (ulong)(space.TotalBytes / SpaceUnitBytes);
        reply.Bfree = (ulong)(space.AvailableBytes / SpaceUnitBytes);
        reply.Bavail = reply.Bfree;
        reply.Files = (ulong)space.TotalInodes;
        reply.Ffree = (ulong)space.FreeInodes;
        reply.Namelen = FileSystem.MaxNameBytes;
        return Errno.None;
    }

    /// <summary>
    /// An empty request is the kernel's way to have privileges cleared before a write that it does through other requests (HANDLE_KILLPRIV_V2 leaves
    /// that to us); root keeps them.
    /// </summary>
    private static AttributeMask Mask(FuseSetAttrValid valid, uint userId)
    {
        var mask = AttributeMask.None;
        void Add(FuseSetAttrValid flag, AttributeMask meaning) => mask |= (valid & flag) != 0 ? meaning : 0;

        Add(FuseSetAttrValid.Mode, AttributeMask.Mode);
        Add(FuseSetAttrValid.Uid, AttributeMask.UserId);
        Add(FuseSetAttrValid.Gid, AttributeMask.GroupId);
        Add(FuseSetAttrValid.Size, AttributeMask.Size);
        Add(FuseSetAttrValid.Ctime, AttributeMask.ChangeTime);
        Add(FuseSetAttrValid.KillSuidgid, AttributeMask.KillPrivileges);
        if ((valid & FuseSetAttrValid.AtimeNow) != 0)
            mask |= AttributeMask.AccessTimeNow;
        else
            Add(FuseSetAttrValid.Atime, AttributeMask.AccessTime);
        if ((valid & FuseSetAttrValid.MtimeNow) != 0)
            mask |= AttributeMask.ModifyTimeNow;
        else
            Add(FuseSetAttrValid.Mtime, AttributeMask.ModifyTime);
        return mask == AttributeMask.None && userId != 0 ? AttributeMask.KillPrivileges : mask;
    }

    private Errno AppendEntry(Errno errno, FuseBuffer buffer, in Attributes attributes)
    {
        if (errno == Errno.None)
            Fill(ref buffer.Append<FuseEntryOut>(), attributes);
        return errno;
    }

    private Errno AppendAttributes(Errno errno, FuseBuffer buffer, in Attributes attributes)
    {
        if (errno != Errno.None)
            return errno;
        ref FuseAttrOut reply = ref buffer.Append<FuseAttrOut>();
        reply.AttrValid = ValidSeconds(attributes);
        Fill(ref reply.Attr, attributes);
        return Errno.None;
    }

    private void Fill(ref FuseEntryOut entry, in Attributes attributes)
    {
        entry.Nodeid = attributes.Inode.Value;
        entry.EntryValid = _validSeconds;
        entry.AttrValid = ValidSeconds(attributes);
        Fill(ref entry.Attr, attributes);
    }

    /// <summary>
    /// How long the kernel may keep these attributes. The allocated bytes of a file go on changing for a while after a write, when its data is packed
    /// and stored, and nothing tells the kernel: a file that changed a moment ago is asked for again at its own age.
    /// </summary>
    private ulong ValidSeconds(in Attributes attributes)
    {
        if (!attributes.IsRegular)
            return _validSeconds;
        long ageSeconds = clock.GetUtcNow().ToUnixTimeSeconds() - attributes.ChangeTime.Seconds;
        return ageSeconds >= SettledSeconds ? _validSeconds : Math.Min(_validSeconds, (ulong)Math.Max(1, ageSeconds));
    }

    private static void Fill(ref FuseAttr target, in Attributes attributes)
    {
        target.Ino = attributes.Inode.Value;
        target.Size = (ulong)attributes.SizeBytes;
        target.Blocks = Blocks(attributes);
        target.Atime = attributes.AccessTime.Seconds;
        target.Mtime = attributes.ModifyTime.Seconds;
        target.Ctime = attributes.ChangeTime.Seconds;
        target.Atimensec = attributes.AccessTime.Nanoseconds;
        target.Mtimensec = attributes.ModifyTime.Nanoseconds;
        target.Ctimensec = attributes.ChangeTime.Nanoseconds;
        target.Mode = attributes.Mode;
        target.Nlink = attributes.LinkCount;
        target.Uid = attributes.UserId;
        target.Gid = attributes.GroupId;
        target.Rdev = attributes.DeviceId;
        target.Blksize = BlockBytes;
    }

    private static void Fill(ref FuseStatx target, in Attributes attributes)
    {
        target.Mask = FuseAbi.StatxMask;
        target.Blksize = BlockBytes;
        target.Nlink = attributes.LinkCount;
        target.Uid = attributes.UserId;
        target.Gid = attributes.GroupId;
        target.Mode = (ushort)attributes.Mode;
        target.Ino = attributes.Inode.Value;
        target.Size = (ulong)attributes.SizeBytes;
        target.Blocks = Blocks(attributes);
        target.Atime = Time(attributes.AccessTime);
        target.Btime = Time(attributes.BirthTime);
        target.Ctime = Time(attributes.ChangeTime);
        target.Mtime = Time(attributes.ModifyTime);

        // The kernel's new_encode_dev: minor 0-7, major 8-19, the rest of the minor above.
        target.RdevMajor = (attributes.DeviceId >> 8) & 0xfff;
        target.RdevMinor = (attributes.DeviceId & 0xff) | ((attributes.DeviceId >> 12) & 0xfff00);
    }

    /// <summary>In 512 bytes, as stat has it whatever the block size.</summary>
    private static ulong Blocks(in Attributes attributes) => ((ulong)attributes.AllocatedBytes + 511) / 512;

    private static FuseSxTime Time(FileTime time) => new() { TvSec = time.Seconds, TvNsec = time.Nanoseconds };
}
