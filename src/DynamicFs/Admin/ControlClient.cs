using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Admin;

/// <summary>The other end of <see cref="ControlServer"/>. A failure of the daemon comes back as the <see cref="PoolException"/> it was there.</summary>
public sealed class ControlClient : IDisposable
{
    private static readonly TimeSpan QuickLimit = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;
    private readonly string _socketPath;

    public ControlClient(string socketPath)
    {
        _socketPath = socketPath;
        var handler = new SocketsHttpHandler { ConnectCallback = (_, stop) => Connect(SocketPath.Bindable(socketPath), stop), UseProxy = false };
        _http = new HttpClient(handler) { BaseAddress = new Uri("http://dynfs"), Timeout = Timeout.InfiniteTimeSpan };
    }

    public PoolStatus Status() => Send(HttpMethod.Get, "/v1/status", ReportJson.Readable.PoolStatus, QuickLimit);

    public RootsReport Roots() => Send(HttpMethod.Get, "/v1/roots", ReportJson.Readable.RootsReport, QuickLimit);

    public MountReport Sync() => Send(HttpMethod.Post, "/v1/sync", ReportJson.Readable.MountReport, Timeout.InfiniteTimeSpan);

    public ExplainReport Explain(string path)
        => Send(HttpMethod.Get, $"/v1/explain?path={Uri.EscapeDataString(path)}", ReportJson.Readable.ExplainReport, Timeout.InfiniteTimeSpan);

    /// <summary>A request without a body.</summary>
    public T Ask<T>(string path, JsonTypeInfo<T> type) => Send(HttpMethod.Get, path, type, QuickLimit);

    /// <summary>A request to do something, which takes as long as it takes.</summary>
    public T Tell<T>(string path, JsonTypeInfo<T> type) => Send(HttpMethod.Post, path, type, Timeout.InfiniteTimeSpan);

    public T Tell<T, TOrder>(string path, TOrder order, JsonTypeInfo<TOrder> orderType, JsonTypeInfo<T> type)
        => Send(HttpMethod.Post, path, type, Timeout.InfiniteTimeSpan, JsonSerializer.SerializeToUtf8Bytes(order, orderType));

    public void Dispose() => _http.Dispose();

    private static async ValueTask<Stream> Connect(string path, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private T Send<T>(HttpMethod method, string address, JsonTypeInfo<T> type, TimeSpan limit, byte[]? body = null)
    {
        using var request = new HttpRequestMessage(method, address) { Content = body is null ? null : new ByteArrayContent(body) };
        using var stop = new CancellationTokenSource(limit);
        try
        {
            using HttpResponseMessage response = _http.Send(request, HttpCompletionOption.ResponseContentRead, stop.Token);
            using Stream answer = response.Content.ReadAsStream(stop.Token);
            return response.IsSuccessStatusCode
                ? JsonSerializer.Deserialize(answer, type) ?? throw Broken("an empty answer")
                : throw Failure(JsonSerializer.Deserialize(answer, ReportJson.Readable.ErrorReport)?.Error);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or IOException)
        {
            throw Broken(e.Message);
        }
        catch (OperationCanceledException)
        {
            throw new PoolException(ErrorId.Io, $"the daemon did not answer on {_socketPath} within {limit.TotalSeconds:0} s: look at its log, or end it with SIGTERM");
        }
    }

    private PoolException Broken(string why)
        => new(ErrorId.NotMounted, $"cannot talk to the daemon on {_socketPath} ({why}): it may just have ended; run 'dynfs status'");

    private PoolException Failure(ErrorStatus? error)
        => error is null ? Broken("an error without a reason") : new PoolException(ErrorId.All.FirstOrDefault(i => i.Name == error.Id) ?? ErrorId.Internal, error.Message);
}
