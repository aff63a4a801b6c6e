using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DynamicFs.Primitives;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DynamicFs.Admin;

/// <summary>What the control socket can ask of a live mount. Each is called on a thread of its own and may block or throw <see cref="PoolException"/>.</summary>
public sealed record ControlActions(
    Func<PoolStatus> Status, Func<MountReport> Sync, Func<RootsReport> Roots, Func<string, ExplainReport> Explain)
{
    /// <summary>Further requests, by "METHOD /path".</summary>
    public IReadOnlyDictionary<string, ControlRoute> Routes { get; init; } = new Dictionary<string, ControlRoute>();
}

/// <summary>One request: gets the bytes of its body, gives the JSON of its answer.</summary>
public delegate byte[] ControlRoute(byte[] body);

/// <summary>
/// HTTP on a unix socket beside a live mount: Kestrel alone, without host or container. The socket is 0600 in a directory of its owner, and every
/// connection's peer must be root or the daemon's own user. <c>curl --unix-socket PATH http://dynfs/v1/status</c> works.
/// </summary>
public sealed class ControlServer : IDisposable, IHttpApplication<IFeatureCollection>
{
    private const int MaxBodyBytes = 64 << 10;
    private const int SolSocket = 1;
    private const int SoPeerCredentials = 17;

    private readonly ControlActions _actions;
    private readonly KestrelServer _server;
    private readonly string _socketPath;

    private ControlServer(string socketPath, ControlActions actions, ILoggerFactory loggers)
    {
        (_socketPath, _actions) = (socketPath, actions);
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MaxConcurrentConnections = 32;
        options.Limits.MaxRequestBodySize = MaxBodyBytes;
        options.ListenUnixSocket(SocketPath.Bindable(socketPath), listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => IsAllowed(connection) ? next(connection) : Task.CompletedTask);
        });
        var transport = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers);
        _server = new KestrelServer(Options.Create(options), transport, loggers);
    }

    /// <summary>Listens on <paramref name="socketPath"/>, replacing what a dead daemon left there.</summary>
    public static ControlServer Start(string socketPath, ControlActions actions, ILoggerFactory loggers)
    {
        File.Delete(socketPath);
        var server = new ControlServer(socketPath, actions, loggers);
        server._server.StartAsync(server, CancellationToken.None).GetAwaiter().GetResult();
        File.SetUnixFileMode(socketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return server;
    }

    public void Dispose()
    {
        using (var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2)))
            _server.StopAsync(deadline.Token).GetAwaiter().GetResult();
        _server.Dispose();
        File.Delete(_socketPath);
    }

    IFeatureCollection IHttpApplication<IFeatureCollection>.CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    void IHttpApplication<IFeatureCollection>.DisposeContext(IFeatureCollection context, Exception? exception)
    {
    }

    Task IHttpApplication<IFeatureCollection>.ProcessRequestAsync(IFeatureCollection context)
    {
        var http = new DefaultHttpContext(context);
        // A disk that hangs may hold an action up; status must not queue behind it.
        return Task.Factory.StartNew(() => Answer(http), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
    }

    private async Task Answer(DefaultHttpContext http)
    {
        try
        {
            switch ($"{http.Request.Method} {http.Request.Path}")
            {
                case "GET /v1/status":
                    await Reply(http, _actions.Status(), ReportJson.Readable.PoolStatus);
                    break;
                case "POST /v1/sync":
                    await Reply(http, _actions.Sync(), ReportJson.Readable.MountReport);
                    break;
                case "GET /v1/roots":
                    await Reply(http, _actions.Roots(), ReportJson.Readable.RootsReport);
                    break;
                case "GET /v1/explain":
                    await Reply(http, _actions.Explain(http.Request.Query["path"].ToString()), ReportJson.Readable.ExplainReport);
                    break;
                case var name when _actions.Routes.TryGetValue(name, out ControlRoute? route):
                    await Reply(http, route(await Body(http)));
                    break;
                default:
                    await Fail(http, StatusCodes.Status404NotFound, ErrorId.Usage, $"no such request: {http.Request.Method} {http.Request.Path}");
                    break;
            }
        }
        catch (PoolException e)
        {
            await Fail(http, StatusCodes.Status409Conflict, e.Id, e.Message);
        }
        catch (JsonException e)
        {
            await Fail(http, StatusCodes.Status400BadRequest, ErrorId.Usage, $"the request makes no sense: {e.Message}");
        }
        catch (Exception e) when (e is CorruptionException or DiskException)
        {
            await Fail(http, StatusCodes.Status409Conflict, e is CorruptionException ? ErrorId.Corrupt : ErrorId.Io, e.Message);
        }
    }

    private static async Task Fail(DefaultHttpContext http, int status, ErrorId id, string message)
    {
        http.Response.StatusCode = status;
        await Reply(http, ErrorReport.For(id, message), ReportJson.Readable.ErrorReport);
    }

    private static Task Reply<T>(DefaultHttpContext http, T report, JsonTypeInfo<T> type) => Reply(http, JsonSerializer.SerializeToUtf8Bytes(report, type));

    private static async Task<byte[]> Body(DefaultHttpContext http)
    {
        if (http.Request.ContentLength > MaxBodyBytes)
            throw new PoolException(ErrorId.Usage, $"a request has at most {MaxBodyBytes} bytes");
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    private static async Task Reply(DefaultHttpContext http, byte[] body)
    {
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body);
    }

    /// <summary>struct ucred is pid, uid, gid (socket(7), SO_PEERCRED).</summary>
    private static bool IsAllowed(ConnectionContext connection)
    {
        Span<byte> credentials = stackalloc byte[12];
        Socket? socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
        if (socket?.GetRawSocketOption(SolSocket, SoPeerCredentials, credentials) != credentials.Length)
            return false;
        uint user = BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]);
        return user == 0 || user == Interop.NativeProcess.EffectiveUserId();
    }
}
