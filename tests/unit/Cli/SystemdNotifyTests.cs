using System.Net.Sockets;
using System.Text;
using DynamicFs.Cli.Daemon;
using Xunit;

namespace DynamicFs.UnitTests.Cli;

public sealed class SystemdNotifyTests
{
    [Fact]
    public void ReadyAndStoppingReachTheServiceManager()
    {
        using var scratch = new ScratchDirectory();
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(scratch.Sub("notify")));
        manager.ReceiveTimeout = 5000;
        var notify = new SystemdNotify(scratch.Sub("notify"));
        byte[] buffer = new byte[1024];
        notify.Ready("tank on /data");
        Assert.Equal($"READY=1\nMAINPID={Environment.ProcessId}\nSTATUS=tank on /data", Encoding.UTF8.GetString(buffer, 0, manager.Receive(buffer)));
        notify.Stopping("bye");
        Assert.Equal("STOPPING=1\nSTATUS=bye", Encoding.UTF8.GetString(buffer, 0, manager.Receive(buffer)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/nonexistent/socket")]
    public void WithoutAManagerNothingHappens(string? path)
    {
        var notify = new SystemdNotify(path);
        notify.Ready("x");
        notify.Stopping("y");
    }
}
