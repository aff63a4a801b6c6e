using System.Globalization;
using System.Text;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Fuse;

/// <summary>Prints requests and replies for whoever debugs; exists only when asked for, and may allocate.</summary>
internal sealed unsafe class FuseTrace(ILogger log)
{
    private const int MaxTextBytes = 64;

    public void Request(FuseBuffer buffer, int lengthBytes)
    {
        if (lengthBytes < sizeof(FuseInHeader))
            return;
        FuseInHeader header = *(FuseInHeader*)buffer.Request;
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"> {Unique(header.Unique)} {(FuseOpcode)header.Opcode} inode {header.Nodeid} uid {header.Uid} pid {header.Pid}");
        Describe(line, (FuseOpcode)header.Opcode, buffer.Request + sizeof(FuseInHeader), lengthBytes - sizeof(FuseInHeader));
        FuseLog.Trace(log, line.ToString());
    }

    public void Reply(FuseBuffer buffer, TimeSpan elapsed)
    {
        if (buffer.ReplyBytes == 0)
            return;
        var header = (FuseOutHeader*)buffer.ReplyHead;
        string result = header->Error == 0 ? string.Create(CultureInfo.InvariantCulture, $"{header->Len} bytes") : buffer.ReplyErrno.ToString();
        FuseLog.Trace(log, string.Create(CultureInfo.InvariantCulture, $"< {Unique(header->Unique)} {result} in {elapsed.TotalMicroseconds:0} us"));
    }

    private static string Unique(ulong unique) => (unique & FuseAbi.ResentBit) == 0 ? $"#{unique}" : $"#{unique & ~FuseAbi.ResentBit} (again)";

    private static void Describe(StringBuilder line, FuseOpcode opcode, byte* arguments, int lengthBytes)
    {
        int skip = opcode switch
        {
            FuseOpcode.Lookup or FuseOpcode.Unlink or FuseOpcode.RmDir or FuseOpcode.SymLink or FuseOpcode.RemoveXattr => 0,
            FuseOpcode.MkNod => sizeof(FuseMknodIn),
            FuseOpcode.MkDir => sizeof(FuseMkdirIn),
            FuseOpcode.Create => sizeof(FuseCreateIn),
            FuseOpcode.Link => sizeof(FuseLinkIn),
            FuseOpcode.Rename => sizeof(FuseRenameIn),
            FuseOpcode.Rename2 => sizeof(FuseRename2In),
            FuseOpcode.GetXattr => sizeof(FuseGetxattrIn),
            FuseOpcode.SetXattr => sizeof(FuseSetxattrIn),
            _ => -1,
        };
        if (skip >= 0)
            Texts(line, arguments + skip, lengthBytes - skip);
        else if (opcode is FuseOpcode.Read or FuseOpcode.Write or FuseOpcode.ReadDir or FuseOpcode.ReadDirPlus && lengthBytes >= sizeof(FuseReadIn))
            line.Append(CultureInfo.InvariantCulture, $" at {((FuseReadIn*)arguments)->Offset} size {((FuseReadIn*)arguments)->Size} flags {((FuseReadIn*)arguments)->ReadFlags:x}");
        else if (opcode == FuseOpcode.SetAttr && lengthBytes >= sizeof(FuseSetattrIn))
            line.Append(CultureInfo.InvariantCulture, $" {((FuseSetattrIn*)arguments)->Valid} mode {Convert.ToString(((FuseSetattrIn*)arguments)->Mode, 8)} size {((FuseSetattrIn*)arguments)->Size}");
        else if (opcode == FuseOpcode.Open && lengthBytes >= sizeof(FuseOpenIn))
            line.Append(CultureInfo.InvariantCulture, $" flags {((FuseOpenIn*)arguments)->Flags:x}");
        else if (opcode == FuseOpcode.Forget && lengthBytes >= sizeof(FuseForgetIn))
            line.Append(CultureInfo.InvariantCulture, $" lookups {((FuseForgetIn*)arguments)->Nlookup}");
    }

    private static void Texts(StringBuilder line, byte* text, int lengthBytes)
    {
        if (lengthBytes <= 0)
            return;
        var bytes = new ReadOnlySpan<byte>(text, Math.Min(lengthBytes, 2 * MaxTextBytes));
        foreach (Range part in bytes.Split((byte)0))
        {
            ReadOnlySpan<byte> name = bytes[part];
            if (!name.IsEmpty)
                line.Append(" \"").Append(Encoding.UTF8.GetString(name[..Math.Min(name.Length, MaxTextBytes)])).Append('"');
        }
    }
}
