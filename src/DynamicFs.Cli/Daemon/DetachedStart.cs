using System.Collections;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text.Json;
using DynamicFs.Admin;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Daemon;

/// <summary>
/// Starts <c>dynfs mount --foreground</c> as a process of its own session and waits until it serves or fails. .NET cannot fork, so the same program is
/// started anew; its output goes to a log file, its answer comes through a pipe.
/// </summary>
internal static class DetachedStart
{
    private const long MaxLogBytes = 16 << 20;
    private const int SignalTerminate = 15;

    public static MountReport Run(MountRequest request, StateDirectory state)
    {
        string log = PrepareLog(request.LogName, state);
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        int child = NativeProcess.StartDetached(
            [.. Program(), .. request.ToArguments(ReadyPipe.Descriptor)], EnvironmentStrings(), log,
            (int)pipe.ClientSafePipeHandle.DangerousGetHandle());
        pipe.DisposeLocalCopyOfClientHandle();

        // Whoever gives up waiting gives up the mount: the daemon undoes what it began.
        using IDisposable interrupt = OnInterrupt(() => NativeProcess.Signal(child, SignalTerminate));
        DaemonAnswer? answer = ReadAnswer(pipe);
        if (answer?.Ready is { } ready)
            return ready;

        int code = NativeProcess.WaitForExit(child);
        throw answer?.Error is { } error
            ? new PoolException(ErrorId.All.FirstOrDefault(id => id.Name == error.Id) ?? ErrorId.Internal, error.Message)
            : new PoolException(ErrorId.Mount, $"the daemon ended with code {code} before it served; its log is {log}");
    }

    private static DaemonAnswer? ReadAnswer(Stream pipe)
    {
        using var text = new MemoryStream();
        pipe.CopyTo(text);
        return text.Length == 0 ? null : JsonSerializer.Deserialize(text.ToArray(), DaemonJson.Default.DaemonAnswer);
    }

    private static CompositeDisposable OnInterrupt(Action action)
    {
        void Handle(PosixSignalContext context)
        {
            context.Cancel = true;
            action();
        }

        return new CompositeDisposable(PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle));
    }

    /// <summary>The built program, or the runtime and the assembly when it was started through <c>dotnet</c>.</summary>
    private static string[] Program()
    {
        string process = Environment.ProcessPath ?? throw new PoolException(ErrorId.Internal, "the path of this program is unknown");
        return Path.GetFileNameWithoutExtension(process) == "dotnet" ? [process, Environment.GetCommandLineArgs()[0]] : [process];
    }

    private static List<string> EnvironmentStrings()
    {
        var strings = new List<string>();
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
            strings.Add($"{variable.Key}={variable.Value}");
        return strings;
    }

    /// <summary>One log per pool; a large one is put aside once, so that logs are bounded. On a read-only system disk it goes to the run directory.</summary>
    private static string PrepareLog(string name, StateDirectory state)
    {
        string directory = state.LogPath;
        try
        {
            state.EnsureLog();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            state.EnsureRun();
            directory = state.RunPath;
        }

        string path = Path.Combine(directory, $"{name}.log");
        if (File.Exists(path) && new FileInfo(path).Length > MaxLogBytes)
            File.Move(path, path + ".1", overwrite: true);
        return path;
    }

    private sealed class CompositeDisposable(params IDisposable[] parts) : IDisposable
    {
        public void Dispose()
        {
            foreach (IDisposable part in parts)
                part.Dispose();
        }
    }
}
