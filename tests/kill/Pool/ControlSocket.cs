using System.Net.Sockets;

namespace DynamicFs.KillTests.Pool;

/// <summary>The control socket of a live mount, for commits that come from outside of the mount.</summary>
internal static class ControlSocket
{
    /// <summary>A full commit. True when the daemon said that it is done.</summary>
    public static bool TrySync(string stateDirectory, TimeSpan limit)
    {
        try
        {
            string path = Directory.EnumerateFiles(Path.Combine(stateDirectory, "run"), "*.sock").First();
            var handler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancellation) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
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
}
