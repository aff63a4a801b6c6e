using System.Text;

namespace DynamicFs.Admin;

/// <summary>
/// A unix socket's path has at most 107 bytes. Where the state directory lies deeper, the address goes through the directory's descriptor under
/// /proc/self/fd, which means the same file.
/// </summary>
internal static class SocketPath
{
    public const int MaxBytes = 107;

    public static string Bindable(string path)
    {
        if (Encoding.UTF8.GetByteCount(path) <= MaxBytes)
            return path;
        int directory = Interop.NativeProcess.OpenDirectory(Path.GetDirectoryName(path)!);
        return $"/proc/self/fd/{directory}/{Path.GetFileName(path)}";
    }
}
