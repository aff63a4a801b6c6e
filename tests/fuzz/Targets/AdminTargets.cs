using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using DynamicFs.Admin;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.Fuzz.Targets;

/// <summary>Files of the state directory, which may be lost or damaged at any time, and requests on the control socket.</summary>
internal static class AdminTargets
{
    private static readonly Guid _id = new(5, 6, 7, [1, 2, 3, 4, 5, 6, 7, 8]);

    public static IEnumerable<FuzzTarget> All()
    {
        yield return new FuzzTarget("pool-registry", StartRegistry);
        yield return new FuzzTarget("mount-state", StartMounts);
        yield return new FuzzTarget("control-request", StartControl);
        yield return new FuzzTarget("health-order", StartOrders) { SessionInputs = 500 };
    }

    /// <summary>In memory where there is such a place: millions of small files are written.</summary>
    private static DirectoryInfo Scratch() =>
        Directory.Exists("/dev/shm") ? Directory.CreateDirectory($"/dev/shm/dynfs-fuzz.{Guid.NewGuid():N}") : Directory.CreateTempSubdirectory("dynfs-fuzz");

    private static FuzzSession StartRegistry()
    {
        DirectoryInfo scratch = Scratch();
        var registry = new PoolRegistry(new StateDirectory(scratch.FullName, Path.Combine(scratch.FullName, "run")));
        var pool = new RegisteredPool(RegisteredPool.CurrentSchemaVersion, _id, "tank", [new RegisteredDisk(_id, "/mnt/a"), new RegisteredDisk(Guid.Empty, "/mnt/b")], 7);
        registry.Save(pool, durable: false);
        string path = Directory.GetFiles(registry.State.PoolsPath)[0];
        byte[] valid = File.ReadAllBytes(path);
        return new FuzzSession(random => MakeJson(valid, random), input =>
        {
            File.WriteAllBytes(path, input.Bytes);
            RegisteredPool? found = registry.Find(new PoolId(_id));
            foreach (RegisteredPool listed in registry.List())
                RequireSound(listed);
            ulong seen = registry.NewestSeen(new PoolId(_id)).Value;
            if (found is null)
                return input.Origin == FuzzOrigin.Valid ? throw new FuzzException("what was written is refused") : false;
            RequireSound(found);
            return seen == found.NewestGeneration ? true : throw new FuzzException("two answers about one file");
        })
        { Close = () => scratch.Delete(recursive: true), AllocationBytes = 1 << 20 };
    }

    /// <summary>Whoever gets an entry uses its parts without asking.</summary>
    private static void RequireSound(RegisteredPool pool)
    {
        if (string.IsNullOrEmpty(pool.Name) || pool.Disks.Any(disk => disk is null || string.IsNullOrEmpty(disk.Path)))
            throw new FuzzException($"an entry with parts missing: {pool}");
    }

    private static FuzzSession StartMounts()
    {
        DirectoryInfo scratch = Scratch();
        var state = new StateDirectory(scratch.FullName, Path.Combine(scratch.FullName, "run"));
        var mounts = new LiveMounts(state);
        var mount = new LiveMount(1, _id, "tank", "/data", Environment.ProcessId, LiveMount.ProcessStartOf(Environment.ProcessId), false);
        mounts.Save(mount);
        string path = Directory.GetFiles(state.RunPath)[0];
        byte[] valid = File.ReadAllBytes(path);
        return new FuzzSession(random => MakeJson(valid, random), input =>
        {
            File.WriteAllBytes(path, input.Bytes);
            LiveMount? found = mounts.Find(new PoolId(_id));
            if (mounts.List().Any(listed => string.IsNullOrEmpty(listed.MountPoint) || string.IsNullOrEmpty(listed.Name)))
                throw new FuzzException("a mount without a name or a mount point");
            mounts.FindByMountPoint("/data");
            mounts.Remove(new PoolId(_id), 1);
            mounts.TakeEndFailure(mount);
            if (found is null && input.Origin == FuzzOrigin.Valid)
                throw new FuzzException("what was written is refused");
            return found is not null;
        })
        { Close = () => scratch.Delete(recursive: true), AllocationBytes = 1 << 20 };
    }

    private static FuzzInput MakeJson(byte[] valid, Random random)
    {
        byte[] bytes = random.Next(100) == 0 ? valid : JsonMutation.Of(valid, random);
        return new FuzzInput(bytes.AsSpan().SequenceEqual(valid) ? FuzzOrigin.Valid : FuzzOrigin.Changed, bytes);
    }

    private static FuzzSession StartControl()
    {
        DirectoryInfo scratch = Scratch();
        string path = Path.Combine(scratch.FullName, "c.sock");
        var synced = new MountReport(1, "sync", "tank", _id, "/data", false, 12, []);
        var actions = new ControlActions(
            () => throw new PoolException(ErrorId.Io, "a disk is gone"), () => synced, () => throw new PoolException(ErrorId.Io, "no"), p => throw new PoolException(ErrorId.NotFound, p));
        ControlServer server = ControlServer.Start(path, actions, NullLoggerFactory.Instance);
        byte[][] valid =
        [
            Request("GET /v1/status"), Request("POST /v1/sync"), Request("GET /v1/explain?path=/a%20b/%c3%bc&path=x"), Request("GET /v1/roots"),
            Encoding.ASCII.GetBytes("POST /v1/sync HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"),
        ];
        byte[] reply = new byte[64 << 10];
        return new FuzzSession(random => Codec.Make(valid, [], null, Fit.Any, random), input => JudgeRequest(path, input, reply))
        {
            Close = () =>
            {
                server.Dispose();
                scratch.Delete(recursive: true);
            },
        };
    }

    private static byte[] Request(string line) => Encoding.ASCII.GetBytes($"{line} HTTP/1.1\r\nHost: dynfs\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

    /// <summary>Every connection ends, with an answer or without, and never with a defect of ours (500).</summary>
    private static bool JudgeRequest(string path, FuzzInput input, byte[] reply)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 20_000, SendTimeout = 20_000 };
        socket.Connect(new UnixDomainSocketEndPoint(path));
        int length = 0;
        try
        {
            socket.Send(input.Bytes);
            if (input.Origin != FuzzOrigin.Valid)
                socket.Shutdown(SocketShutdown.Send); // an unfinished request would be waited for
            for (int count; length < reply.Length && (count = socket.Receive(reply, length, reply.Length - length, SocketFlags.None)) > 0;)
                length += count;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown or SocketError.ConnectionAborted)
        {
        }

        string answer = Encoding.ASCII.GetString(reply, 0, Math.Min(length, 12));
        bool isRight = length == 0 ? input.Origin != FuzzOrigin.Valid : answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) && answer != "HTTP/1.1 500";
        if (!isRight)
            throw new FuzzException($"answer of {length} bytes: {answer}");
        return answer is "HTTP/1.1 200" or "HTTP/1.1 409";
    }

    /// <summary>Orders in the body of a request, to a live pool in memory: each is done or refused, and the pool goes on.</summary>
    private static FuzzSession StartOrders()
    {
        DirectoryInfo scratch = Scratch();
        var registry = new PoolRegistry(new StateDirectory(Path.Combine(scratch.FullName, "state"), Path.Combine(scratch.FullName, "run")));
        string[] disks = [.. Enumerable.Range(1, 2).Select(i => scratch.CreateSubdirectory($"d{i}").FullName)];
        PoolCreation.Run(new PoolCreationRequest { Name = "tank", Paths = disks, Policy = null, AllowSameDevice = true }, registry);
        Pool pool = Pool.Open(new PoolOpening { Source = "tank", WaitLock = TimeSpan.Zero }, registry, NullLoggerFactory.Instance);
        ControlRoute route = PoolControl.Routes(pool)[$"POST {PoolControl.SetHealthPath}"];
        byte[] valid = JsonSerializer.SerializeToUtf8Bytes(new DiskHealthOrder("0", "HEALTHY", "looked at it", false, "fuzzer"), ReportJson.Readable.DiskHealthOrder);
        return new FuzzSession(random => MakeJson(valid, random), input =>
        {
            try
            {
                route(input.Bytes);
                return true;
            }
            catch (Exception e) when (e is PoolException or JsonException)
            {
                return input.Origin == FuzzOrigin.Valid ? throw new FuzzException($"a right order is refused: {e}") : false;
            }
        })
        {
            AllocationBytes = 16 << 20,
            Close = () =>
            {
                pool.Dispose();
                scratch.Delete(recursive: true);
            },
        };
    }
}
