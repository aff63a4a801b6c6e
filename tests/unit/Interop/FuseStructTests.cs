using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using DynamicFs.Interop;
using Xunit;

namespace DynamicFs.UnitTests.Interop;

/// <summary>
/// Sizes and offsets of our kernel structures against the C compiler's view of linux/fuse.h. What is newer than the installed header is compared with
/// what the kernel calls bit-compatible (struct statx), or with the layout that the protocol's history gives.
/// </summary>
public sealed class FuseStructTests
{
    private static readonly Dictionary<Type, string> s_inHeader = new()
    {
        [typeof(FuseInHeader)] = "fuse_in_header",
        [typeof(FuseInitIn)] = "fuse_init_in",
        [typeof(FuseGetattrIn)] = "fuse_getattr_in",
        [typeof(FuseSetattrIn)] = "fuse_setattr_in",
        [typeof(FuseMknodIn)] = "fuse_mknod_in",
        [typeof(FuseMkdirIn)] = "fuse_mkdir_in",
        [typeof(FuseRenameIn)] = "fuse_rename_in",
        [typeof(FuseRename2In)] = "fuse_rename2_in",
        [typeof(FuseLinkIn)] = "fuse_link_in",
        [typeof(FuseOpenIn)] = "fuse_open_in",
        [typeof(FuseCreateIn)] = "fuse_create_in",
        [typeof(FuseReleaseIn)] = "fuse_release_in",
        [typeof(FuseReadIn)] = "fuse_read_in",
        [typeof(FuseWriteIn)] = "fuse_write_in",
        [typeof(FuseFsyncIn)] = "fuse_fsync_in",
        [typeof(FuseSetxattrIn)] = "fuse_setxattr_in",
        [typeof(FuseGetxattrIn)] = "fuse_getxattr_in",
        [typeof(FuseFallocateIn)] = "fuse_fallocate_in",
        [typeof(FuseLseekIn)] = "fuse_lseek_in",
        [typeof(FuseCopyFileRangeIn)] = "fuse_copy_file_range_in",
        [typeof(FuseInterruptIn)] = "fuse_interrupt_in",
        [typeof(FuseForgetIn)] = "fuse_forget_in",
        [typeof(FuseBatchForgetIn)] = "fuse_batch_forget_in",
        [typeof(FuseForgetOne)] = "fuse_forget_one",
        [typeof(FuseSyncfsIn)] = "fuse_syncfs_in",
        [typeof(FuseOutHeader)] = "fuse_out_header",
        [typeof(FuseInitOut)] = "fuse_init_out",
        [typeof(FuseAttr)] = "fuse_attr",
        [typeof(FuseEntryOut)] = "fuse_entry_out",
        [typeof(FuseAttrOut)] = "fuse_attr_out",
        [typeof(FuseOpenOut)] = "fuse_open_out",
        [typeof(FuseWriteOut)] = "fuse_write_out",
        [typeof(FuseGetxattrOut)] = "fuse_getxattr_out",
        [typeof(FuseLseekOut)] = "fuse_lseek_out",
        [typeof(FuseKstatfs)] = "fuse_kstatfs",
        [typeof(FuseDirent)] = "fuse_dirent",
        [typeof(FuseDirentplus)] = "fuse_direntplus",
        [typeof(FuseNotifyInvalInodeOut)] = "fuse_notify_inval_inode_out",
        [typeof(FuseNotifyInvalEntryOut)] = "fuse_notify_inval_entry_out",
        [typeof(FuseStatx)] = "statx",
    };

    /// <summary>Fields that took the place of unused room after the installed header (7.40, 7.43).</summary>
    private static readonly string[] s_newerFields = ["fuse_init_out.max_stack_depth", "fuse_init_out.request_timeout"];

    /// <summary>Our names are those of the header without its underscores; struct statx has a prefix.</summary>
    private static string CField(Type type, string field)
    {
        string name = string.Concat(field.Select((c, i) => char.IsUpper(c) && i > 0 ? "_" + char.ToLowerInvariant(c) : char.ToLowerInvariant(c).ToString()));
        return type == typeof(FuseStatx) ? "stx_" + name : name;
    }

    [Fact]
    public void Sizes_and_offsets_are_those_of_the_kernel_header()
    {
        var program = new StringBuilder("#define _GNU_SOURCE\n#include <stddef.h>\n#include <stdio.h>\n#include <linux/fuse.h>\n#include <linux/stat.h>\nint main(void) {\n");
        var expected = new List<string>();
        foreach ((Type type, string name) in s_inHeader)
        {
            program.Append(CultureInfo.InvariantCulture, $"printf(\"{name} %zu\\n\", sizeof(struct {name}));\n");
            expected.Add($"{name} {SizeOf(type)}");
            foreach (FieldInfo field in type.GetFields(BindingFlags.Public | BindingFlags.Instance))
            {
                string member = CField(type, field.Name);
                if (field.Name.StartsWith("Unused", StringComparison.Ordinal) || field.Name.StartsWith("Spare", StringComparison.Ordinal)
                    || s_newerFields.Contains($"{name}.{member}"))
                {
                    continue;
                }

                program.Append(CultureInfo.InvariantCulture, $"printf(\"{name}.{member} %zu\\n\", offsetof(struct {name}, {member}));\n");
                expected.Add($"{name}.{member} {Marshal.OffsetOf(type, field.Name)}");
            }
        }

        program.Append("return 0; }\n");
        Assert.Equal(expected, CompileAndRun(program.ToString()));
    }

    [Fact]
    public void Opcodes_and_flags_are_those_of_the_kernel_header()
    {
        var program = new StringBuilder("#include <stdio.h>\n#include <linux/fuse.h>\nint main(void) {\n");
        var expected = new List<string>();
        foreach (FuseOpcode opcode in Enum.GetValues<FuseOpcode>().Where(opcode => opcode <= FuseOpcode.TmpFile))
            Expect("FUSE_" + OpcodeName(opcode), (ulong)opcode);
        foreach (FuseInitFlags flag in Enum.GetValues<FuseInitFlags>().Where(flag => flag is > 0 and <= FuseInitFlags.HasInodeDax))
            Expect("FUSE_" + CField(typeof(FuseInitFlags), flag.ToString()).ToUpperInvariant(), (ulong)flag);
        foreach (FuseSetAttrValid flag in Enum.GetValues<FuseSetAttrValid>().Where(flag => flag > 0))
            Expect("FATTR_" + SetattrName(flag), (ulong)flag);
        foreach (FuseOpenReply flag in Enum.GetValues<FuseOpenReply>().Where(flag => flag > 0))
            Expect("FOPEN_" + OpenName(flag), (ulong)flag);
        Expect("FUSE_WRITE_KILL_SUIDGID", FuseAbi.WriteKillSuidgid);
        Expect("FUSE_OPEN_KILL_SUIDGID", FuseAbi.OpenKillSuidgid);
        Expect("FUSE_SETXATTR_ACL_KILL_SGID", FuseAbi.SetxattrAclKillSgid);
        Expect("FUSE_NOTIFY_INVAL_INODE", (ulong)FuseNotifyCode.InvalInode);
        Expect("FUSE_NOTIFY_INVAL_ENTRY", (ulong)FuseNotifyCode.InvalEntry);
        program.Append("return 0; }\n");
        Assert.Equal(expected, CompileAndRun(program.ToString()));

        void Expect(string name, ulong value)
        {
            program.Append(CultureInfo.InvariantCulture, $"printf(\"{name} %llu\\n\", (unsigned long long)({name}));\n");
            expected.Add($"{name} {value}");
        }
    }

    [Fact]
    public void What_is_newer_than_the_header_has_the_layout_of_the_protocol()
    {
        Assert.Equal(24, SizeOf(typeof(FuseStatxIn)));
        Assert.Equal(20, (int)Marshal.OffsetOf<FuseStatxIn>(nameof(FuseStatxIn.SxMask)));
        Assert.Equal(288, SizeOf(typeof(FuseStatxOut)));
        Assert.Equal(32, (int)Marshal.OffsetOf<FuseStatxOut>(nameof(FuseStatxOut.Stat)));
        Assert.Equal(8, SizeOf(typeof(FuseCopyFileRangeOut)));
        Assert.Equal(36, (int)Marshal.OffsetOf<FuseInitOut>(nameof(FuseInitOut.MaxStackDepth)));
        Assert.Equal(40, (int)Marshal.OffsetOf<FuseInitOut>(nameof(FuseInitOut.RequestTimeout)));
        Assert.Equal(52u, (uint)FuseOpcode.Statx);
        Assert.Equal(53u, (uint)FuseOpcode.CopyFileRange64);
        Assert.Equal(1UL << 39, (ulong)FuseInitFlags.HasResend);
    }

    [Fact]
    public void Every_structure_is_in_a_test()
    {
        Type[] newer = [typeof(FuseStatxIn), typeof(FuseStatxOut), typeof(FuseCopyFileRangeOut), typeof(FuseSxTime)];
        IEnumerable<Type> ours = typeof(FuseInHeader).Assembly.GetTypes()
            .Where(type => type is { IsValueType: true, IsEnum: false, Namespace: "DynamicFs.Interop", IsNested: false } && type.Name.StartsWith("Fuse", StringComparison.Ordinal));
        Assert.Empty(ours.Except(s_inHeader.Keys).Except(newer));
    }

    private static string OpcodeName(FuseOpcode opcode) => opcode switch
    {
        FuseOpcode.NotifyReply => "NOTIFY_REPLY",
        FuseOpcode.BatchForget => "BATCH_FORGET",
        FuseOpcode.CopyFileRange => "COPY_FILE_RANGE",
        _ => opcode.ToString().ToUpperInvariant(),
    };

    private static string SetattrName(FuseSetAttrValid flag) => flag switch
    {
        FuseSetAttrValid.LockOwner => "LOCKOWNER",
        FuseSetAttrValid.AtimeNow => "ATIME_NOW",
        FuseSetAttrValid.MtimeNow => "MTIME_NOW",
        FuseSetAttrValid.KillSuidgid => "KILL_SUIDGID",
        _ => flag.ToString().ToUpperInvariant(),
    };

    private static string OpenName(FuseOpenReply flag) => flag switch
    {
        FuseOpenReply.NonSeekable => "NONSEEKABLE",
        FuseOpenReply.NoFlush => "NOFLUSH",
        _ => CField(typeof(FuseOpenReply), flag.ToString()).ToUpperInvariant(),
    };

    private static int SizeOf(Type type) => Marshal.SizeOf(type);

    private static List<string> CompileAndRun(string program)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("dynfs-abi-");
        try
        {
            string source = Path.Combine(folder.FullName, "abi.c");
            string binary = Path.Combine(folder.FullName, "abi");
            File.WriteAllText(source, program);
            Run("gcc", "-o", binary, source);
            return [.. Run(binary).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Run(string file, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{file}: {error.Result}");
        return output;
    }
}
