using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.KillTests.Pool;

/// <summary>The control socket of a live mount, for commits that come from outside of the mount.</summary>
internal static partial class ControlSocket
{
    private const int DirectoryFlag = 0x10000;

    /// <summary>A full commit. True when the daemon said that it is done, false when it is gone or going.</summary>
    public static bool TrySync(string stateDirectory, TimeSpan limit)
    {
        string sockets = Path.Combine(stateDirectory, "run");
        string? name = Directory.Exists(sockets) ? Directory.EnumerateFiles(sockets, "*.sock").Select(Path.GetFileName).FirstOrDefault() : null;
        if (name is null)
            return false;
        using SafeFileHandle directory = Open(sockets, DirectoryFlag);
        if (directory.IsInvalid)
            throw new IOException($"open {sockets}: {Marshal.GetLastPInvokeErrorMessage()}");
        // The scratch directory of a gate run makes the plain path longer than the 107 bytes of a socket's address.
        var address = new UnixDomainSocketEndPoint($"/proc/self/fd/{directory.DangerousGetHandle()}/{name}");
        try
        {
            using var handler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancellation) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(address, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            };
            using var client = new HttpClient(handler) { Timeout = limit };
            using HttpResponseMessage answer = client.Send(new HttpRequestMessage(HttpMethod.Post, "http://dynfs/v1/sync"));
            return answer.IsSuccessStatusCode;
        }
        catch (Exception gone) when (gone is HttpRequestException or IOException or InvalidOperationException or TaskCanceledException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial SafeFileHandle Open(string path, int flags);
}
