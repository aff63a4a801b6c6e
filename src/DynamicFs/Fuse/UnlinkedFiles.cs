using System.Collections.Concurrent;
using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>
/// Files without a name, kept in use until the kernel forgets them. Files are opened and closed without telling us (OPEN is answered ENOSYS), but an inode
/// that is open, mapped, or has just been looked up is one that the kernel remembers; and it forgets one without links as soon as nobody uses it. So an unlinked open
/// file lives for as long as it is open, and a process that has looked up a name which a rename takes gets the old file, never an error.
/// Whoever takes a last name has looked it up, so a FORGET will come. What a dead daemon kept is freed at the next mount, from the orphan list.
/// Invariant: one <see cref="FileSystem.Open"/> per inode in here.
/// </summary>
internal sealed class UnlinkedFiles(FileSystem files)
{
    private readonly ConcurrentDictionary<InodeNumber, bool> _kept = [];

    /// <summary>To be called before the last name goes; <see cref="Forget(InodeNumber)"/> takes it back if that fails.</summary>
    public void Keep(InodeNumber inode)
    {
        if (files.Open(inode, write: false, truncate: false, killPrivileges: false) == Errno.None && !_kept.TryAdd(inode, true))
            files.Release(inode);
    }

    /// <summary>Takes over the one Open of a file that was made without a name.</summary>
    public void Adopt(InodeNumber inode) => Invariant.Check(_kept.TryAdd(inode, true), "a new inode is not kept yet");

    public void Forget(InodeNumber inode)
    {
        if (!_kept.IsEmpty && _kept.TryRemove(inode, out _))
            files.Release(inode);
    }

    /// <summary>The connection is gone, and with it everything that the kernel remembered.</summary>
    public void ForgetAll()
    {
        foreach (InodeNumber inode in _kept.Keys)
            Forget(inode);
    }

    /// <summary>FORGET and BATCH_FORGET: the counts are of no interest, the kernel forgets an inode only when it drops it from memory.</summary>
    public unsafe void Forget(in FuseInHeader header, FuseArguments arguments)
    {
        if (_kept.IsEmpty)
            return;
        if ((FuseOpcode)header.Opcode == FuseOpcode.Forget)
        {
            Forget(new InodeNumber(header.Nodeid));
            return;
        }

        if (!arguments.TryTake(out FuseBatchForgetIn* batch))
            return;
        for (uint i = 0; i < batch->Count && arguments.TryTake(out FuseForgetOne* one); i++)
            Forget(new InodeNumber(one->Nodeid));
    }
}
