using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>Requests that list directories.</summary>
internal sealed unsafe partial class FuseHandler
{
    /// <summary>
    /// ENOSYS: the kernel opens directories on its own from now on, and keeps listings until it changes the directory itself. An older one is
    /// told the same each time.
    /// </summary>
    private Errno OpenDirectory(FuseBuffer buffer)
    {
        if (!Agreed.OpensDirectories)
            return Errno.ENOSYS;
        buffer.Append<FuseOpenOut>().OpenFlags = FuseOpenReply.KeepCache | FuseOpenReply.CacheDir;
        return Errno.None;
    }

    private Errno ReadDirectory(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseReadIn* request))
            return Errno.EINVAL;
        bool plus = (FuseOpcode)header.Opcode == FuseOpcode.ReadDirPlus;
        FuseDirectoryWriter writer = buffer.Directory;
        writer.Begin(buffer.Payload, (int)Math.Min(request->Size, FuseBuffer.PayloadBytes), plus);
        Errno errno = files.ReadDirectory(Node(header), request->Offset, writer);
        if (errno != Errno.None)
            return errno;

        // An empty reply is the end of the listing: never send one because the first entry did not fit.
        if (writer.LengthBytes == 0 && writer.IsFull)
            return Errno.EINVAL;
        if (plus)
            AddAttributes(buffer.Payload, writer.LengthBytes);
        buffer.SetData(buffer.Payload, writer.LengthBytes);
        return Errno.None;
    }

    /// <summary>
    /// Fills in what LOOKUP would say of each entry. The kernel holds the directory's lock, so no name changes meanwhile. Node 0, where an inode cannot
    /// be read, leaves the name listed and the error to whoever looks it up; "." and ".." stay so too, they are no children.
    /// </summary>
    private void AddAttributes(byte* records, int lengthBytes)
    {
        for (int at = 0; at < lengthBytes;)
        {
            var record = (FuseDirentplus*)(records + at);
            var name = new ReadOnlySpan<byte>(record + 1, (int)record->Dirent.Namelen);
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8)
                && files.GetAttributes(new InodeNumber(record->Dirent.Ino), out Attributes attributes) == Errno.None)
            {
                Fill(ref record->EntryOut, attributes);
            }

            at += FuseAbi.AlignRecord(sizeof(FuseDirentplus) + name.Length);
        }
    }
}
