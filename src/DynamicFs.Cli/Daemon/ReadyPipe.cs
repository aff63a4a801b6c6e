using System.Text.Json;
using System.Text.Json.Serialization;
using DynamicFs.Admin;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Cli.Daemon;

/// <summary>What a detached daemon tells the <c>dynfs mount</c> that started it, once: that it serves, or why it does not.</summary>
internal sealed record DaemonAnswer(MountReport? Ready, ErrorStatus? Error);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DaemonAnswer))]
internal sealed partial class DaemonJson : JsonSerializerContext;

/// <summary>The daemon's end of the pipe; does nothing where nobody waits (foreground).</summary>
internal sealed class ReadyPipe(int descriptor) : IDisposable
{
    /// <summary>The descriptor that <see cref="Interop.NativeProcess.StartDetached"/> hands over.</summary>
    public const int Descriptor = 3;

    private readonly FileStream? _stream = descriptor > 2 ? new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write, bufferSize: 0) : null;

    public bool IsOpen => _stream is not null;

    public void Send(DaemonAnswer answer)
    {
        try
        {
            _stream?.Write(JsonSerializer.SerializeToUtf8Bytes(answer, DaemonJson.Default.DaemonAnswer));
        }
        catch (IOException)
        {
            // Who started us is gone; the mount is up all the same.
        }

        Dispose();
    }

    public void Dispose() => _stream?.Dispose();
}
