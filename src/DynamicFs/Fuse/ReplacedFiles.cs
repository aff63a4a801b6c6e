using System.Collections.Concurrent;
using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>
/// Files whose last name a rename took, kept in use until the kernel forgets them: a process that has looked the name up and opens it a moment later gets
/// the old file, as on any local filesystem, and never an error. What a dead daemon kept is freed at the next mount like every unlinked open file.
/// Invariant: one <see cref="FileSystem.Open"/> per inode in here.
/// </summary>
internal sealed class ReplacedFiles(FileSystem files)
{
    private readonly ConcurrentDictionary<InodeNumber, bool> _kept = [];

    /// <summary>To be called before the rename; <see cref="Forget"/> takes it back if that fails.</summary>
    public void Keep(InodeNumber inode)
    {
        if (files.Open(inode, write: false, truncate: false, killPrivileges: false) == Errno.None && !_kept.TryAdd(inode, true))
            files.Release(inode);
    }

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
