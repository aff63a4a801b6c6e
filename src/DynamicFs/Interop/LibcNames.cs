using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Interop;

/// <summary>One entry of a directory; <paramref name="Kind"/> is null where the filesystem does not say (then ask <see cref="Libc.StatusAt"/>).</summary>
internal readonly record struct DirectoryName(string Name, FileKind? Kind);

internal static unsafe partial class Libc
{
    private const int AtRemoveDirectory = 0x200;
    private const uint RenameNoReplace = 1;
    private const int ListBufferBytes = 32 * 1024;

    // struct linux_dirent64: inode, offset, record length, type, name with a NUL.
    private const int EntryLengthOffset = 16;
    private const int EntryTypeOffset = EntryLengthOffset + sizeof(ushort);
    private const int EntryNameOffset = EntryTypeOffset + sizeof(byte);

    public static Errno MakeDirectory(SafeFileHandle parent, string name, uint mode) => Result(MakeDirectoryNative(parent, name, mode));

    public static Errno Unlink(SafeFileHandle parent, string name) => Result(UnlinkNative(parent, name, 0));

    public static Errno RemoveDirectory(SafeFileHandle parent, string name) => Result(UnlinkNative(parent, name, AtRemoveDirectory));

    /// <summary>renameat2(2); with <paramref name="noReplace"/> EEXIST when the new name is taken.</summary>
    public static Errno Rename(SafeFileHandle oldParent, string oldName, SafeFileHandle newParent, string newName, bool noReplace = false) =>
        Result(noReplace
            ? RenameAt2Native(oldParent, oldName, newParent, newName, RenameNoReplace)
            : RenameAtNative(oldParent, oldName, newParent, newName));

    /// <summary>All entries without '.' and '..' of a directory opened for reading (its position is consumed).</summary>
    public static Errno List(SafeFileHandle directory, List<DirectoryName> entries)
    {
        Span<byte> buffer = stackalloc byte[ListBufferBytes];
        fixed (byte* pointer = buffer)
        {
            while (true)
            {
                long count = GetDents64Native(Call.GetDents64, directory, pointer, ListBufferBytes);
                if (count == 0)
                    return Errno.None;
                if (count > 0)
                    AddEntries(buffer[..(int)count], entries);
                else if (LastErrno != Errno.EINTR)
                    return LastErrno;
            }
        }
    }

    private static void AddEntries(ReadOnlySpan<byte> records, List<DirectoryName> entries)
    {
        while (records.Length > 0)
        {
            ushort lengthBytes = BinaryPrimitives.ReadUInt16LittleEndian(records[EntryLengthOffset..]);
            ReadOnlySpan<byte> name = records[EntryNameOffset..lengthBytes];
            name = name[..name.IndexOf((byte)0)];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                int type = records[EntryTypeOffset];
                entries.Add(new DirectoryName(Encoding.UTF8.GetString(name), type == 0 ? null : (FileKind)(type << 12)));
            }

            records = records[lengthBytes..];
        }
    }

    [LibraryImport(Library, EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeDirectoryNative(SafeFileHandle parent, string name, uint mode);

    [LibraryImport(Library, EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkNative(SafeFileHandle parent, string name, int flags);

    [LibraryImport(Library, EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAtNative(SafeFileHandle oldParent, string oldName, SafeFileHandle newParent, string newName);

    [LibraryImport(Library, EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2Native(SafeFileHandle oldParent, string oldName, SafeFileHandle newParent, string newName, uint flags);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial long GetDents64Native(long number, SafeFileHandle directory, byte* buffer, nuint lengthBytes);
}
