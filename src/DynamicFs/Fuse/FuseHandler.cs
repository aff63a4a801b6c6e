using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Fuse;

/// <summary>
/// Bytes of a request in, bytes of a reply out: decodes, calls the filesystem, encodes. Knows no descriptor and no thread, keeps no state between
/// requests except what INIT agreed on, and may be used by many threads at once. Invariant: a request that the kernel waits for gets exactly one
/// reply whatever happens inside, and one that it does not wait for gets none. Partial files by concern.
/// </summary>
/// <param name="files">The filesystem served.</param>
/// <param name="options">How it is mounted.</param>
/// <param name="log">For failures.</param>
/// <param name="clock">Tells how long ago something changed.</param>
/// <param name="attributesChanged">Makes the kernel forget the attributes of an inode: called for changes that it does not know of, before the reply.</param>
internal sealed unsafe partial class FuseHandler(
    FileSystem files, FuseMountOptions options, ILogger log, TimeProvider clock, Action<InodeNumber> attributesChanged)
{
    private readonly ulong _validSeconds = (ulong)options.CacheTimeout.TotalSeconds;
    private readonly RemovedDirectories _removed = new(clock);
    private readonly UnlinkedFiles _unlinked = new(files);
    private volatile FuseNegotiation? _negotiation;

    /// <summary>What INIT agreed on; null before. Set from outside only when a connection is taken over.</summary>
    public FuseNegotiation? Negotiation
    {
        get => _negotiation;
        set => _negotiation = value;
    }

    /// <summary>Answers the request of <paramref name="requestBytes"/> in <paramref name="buffer"/> in the same buffer. Never throws.</summary>
    public void Handle(FuseBuffer buffer, int requestBytes)
    {
        buffer.Clear();
        if (requestBytes < sizeof(FuseInHeader))
        {
            FuseLog.Truncated(log, requestBytes);
            return;
        }

        FuseInHeader header = *(FuseInHeader*)buffer.Request;
        Errno errno;
        try
        {
            int argumentBytes = requestBytes - sizeof(FuseInHeader) - (8 * header.TotalExtlen);
            errno = header.Len != requestBytes || argumentBytes < 0
                ? Errno.EINVAL
                : Dispatch(header, new FuseArguments(buffer.Request + sizeof(FuseInHeader), argumentBytes), buffer);
        }
        catch (Exception e)
        {
            errno = Defect(header, e);
        }

        if (!WantsReply((FuseOpcode)header.Opcode))
            buffer.Clear();
        else if (errno == Errno.None)
            buffer.Finish(header.Unique);
        else
            buffer.Fail(header.Unique, errno);
    }

    /// <summary>
    /// The kernel did not take the reply in <paramref name="buffer"/> (the connection was cut): nobody will forget what it named.
    /// </summary>
    public void Undo(FuseBuffer buffer)
    {
        FuseInHeader header = *(FuseInHeader*)buffer.Request;
        if (buffer.ReplyErrno == Errno.None && (FuseOpcode)header.Opcode == FuseOpcode.TmpFile)
            _unlinked.Forget(new InodeNumber(((FuseEntryOut*)(buffer.ReplyHead + sizeof(FuseOutHeader)))->Nodeid));
    }

    /// <summary>The connection is gone: lets go of what was kept for the kernel.</summary>
    public void Close() => _unlinked.ForgetAll();

    public static bool WantsReply(FuseOpcode opcode) =>
        opcode is not (FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt or FuseOpcode.NotifyReply);

    private Errno Dispatch(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer) => (FuseOpcode)header.Opcode switch
    {
        FuseOpcode.Lookup => Lookup(header, arguments, buffer),
        FuseOpcode.GetAttr => GetAttributes(header, buffer),
        FuseOpcode.Statx => GetStatx(header, buffer),
        FuseOpcode.Read => Read(header, arguments, buffer),
        FuseOpcode.Write => Write(header, arguments, buffer),
        FuseOpcode.Create => Create(header, arguments, buffer),
        FuseOpcode.TmpFile => MakeTemporary(header, arguments, buffer),
        FuseOpcode.SetAttr => SetAttributes(header, arguments, buffer),
        FuseOpcode.ReadDir or FuseOpcode.ReadDirPlus => ReadDirectory(header, arguments, buffer),
        FuseOpcode.MkNod => MakeNode(header, arguments, buffer),
        FuseOpcode.MkDir => MakeDirectory(header, arguments, buffer),
        FuseOpcode.SymLink => MakeSymbolicLink(header, arguments, buffer),
        FuseOpcode.ReadLink => ReadSymbolicLink(header, buffer),
        FuseOpcode.Link => Link(header, arguments, buffer),
        FuseOpcode.Unlink => Unlink(header, arguments),
        FuseOpcode.RmDir => RemoveDirectory(header, arguments),
        FuseOpcode.Rename or FuseOpcode.Rename2 => Rename(header, arguments),
        FuseOpcode.FSync or FuseOpcode.FSyncDir => Stale(files.Sync(Node(header))),
        FuseOpcode.SyncFs or FuseOpcode.Destroy => files.SyncAll(),
        FuseOpcode.GetXattr => GetXattr(header, arguments, buffer),
        FuseOpcode.SetXattr => SetXattr(header, arguments),
        FuseOpcode.ListXattr => ListXattr(header, arguments, buffer),
        FuseOpcode.RemoveXattr => RemoveXattr(header, arguments),
        FuseOpcode.Fallocate => Allocate(header, arguments),
        FuseOpcode.Lseek => Seek(header, arguments, buffer),
        FuseOpcode.CopyFileRange or FuseOpcode.CopyFileRange64 => CopyRange(header, arguments, buffer),
        FuseOpcode.StatFs => GetSpace(buffer),
        FuseOpcode.OpenDir => OpenDirectory(buffer),
        FuseOpcode.Release or FuseOpcode.ReleaseDir => Errno.None,
        FuseOpcode.Ioctl => Errno.ENOTTY,
        FuseOpcode.Init => Initialize(arguments, buffer),
        FuseOpcode.Forget or FuseOpcode.BatchForget => Forget(header, arguments),

        // INTERRUPT only asks for haste. No wait in the filesystem can be cut short; the request itself is answered as always.
        FuseOpcode.Interrupt or FuseOpcode.NotifyReply => Errno.None,

        // ENOSYS makes the kernel stop asking: nothing is to be done at open and close (OPEN, RELEASE, FLUSH), modes are checked by the kernel (ACCESS),
        // files are always ready (POLL), there are no blocks to name (BMAP), locks are the kernel's.
        _ => Errno.ENOSYS,
    };

    private Errno Initialize(FuseArguments arguments, FuseBuffer buffer)
    {
        FuseInitIn offer = default;
        int wireBytes = Math.Min(arguments.Remaining, sizeof(FuseInitIn));
        if (wireBytes < FuseInitIn.CompatSize || !arguments.TryTake(wireBytes, out FuseInitIn* sent))
            return Errno.EINVAL;
        new ReadOnlySpan<byte>(sent, wireBytes).CopyTo(new Span<byte>(&offer, sizeof(FuseInitIn)));
        if (offer.Major > FuseAbi.MajorVersion)
        {
            // The kernel asks again in our version.
            buffer.Append<FuseInitOut>().Major = FuseAbi.MajorVersion;
            return Errno.None;
        }

        if (offer.Major < FuseAbi.MajorVersion || offer.Minor < FuseAbi.OldestMinorVersion)
        {
            FuseLog.TooOld(log, offer.Major, offer.Minor);
            return Errno.EPROTO;
        }

        FuseNegotiation agreed = FuseNegotiation.Agree(offer, options);
        agreed.Fill(ref buffer.Append<FuseInitOut>());
        _negotiation = agreed;
        FuseLog.Negotiated(log, agreed.Minor, agreed.Flags);
        return Errno.None;
    }

    private Errno Forget(in FuseInHeader header, FuseArguments arguments)
    {
        _unlinked.Forget(header, arguments);
        return Errno.None;
    }

    private FuseNegotiation Agreed => _negotiation ?? throw new InvariantException("a request came before INIT");

    private static InodeNumber Node(in FuseInHeader header) => new(header.Nodeid);

    private static Caller Caller(in FuseInHeader header, uint umask = 0) => new(header.Uid, header.Gid, header.Pid, umask);

    /// <summary>
    /// A request by node id found no such inode. ESTALE makes the kernel look the name up again and retry: between lookup and open the name may have
    /// been renamed over, and then it must not seem to be missing.
    /// </summary>
    private static Errno Stale(Errno errno) => errno == Errno.ENOENT ? Errno.ESTALE : errno;

    private Errno Defect(in FuseInHeader header, Exception exception)
    {
        var opcode = (FuseOpcode)header.Opcode;
        switch (exception)
        {
            case PoolException pool:
                FuseLog.Failed(log, opcode, header.Nodeid, header.Unique, exception);
                return pool.Id.Errno;
            case CorruptionException or DiskException:
                FuseLog.Failed(log, opcode, header.Nodeid, header.Unique, exception);
                return Errno.EIO;
            default:
                FuseLog.Defect(log, opcode, header.Nodeid, header.Unique, exception);
                ReportDefect(exception);
                return Errno.EIO;
        }
    }

    private void ReportDefect(Exception exception)
    {
        try
        {
            options.OnDefect?.Invoke(exception);
        }
        catch (Exception e)
        {
            FuseLog.DefectReportFailed(log, e);
        }
    }
}
