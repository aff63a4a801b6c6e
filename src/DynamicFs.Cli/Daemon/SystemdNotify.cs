using System.Net.Sockets;

namespace DynamicFs.Cli.Daemon;

/// <summary>sd_notify(3): one datagram to $NOTIFY_SOCKET; does nothing outside a Type=notify unit.</summary>
internal sealed class SystemdNotify(string? socketPath)
{
    public void Ready(string status) => Send($"READY=1\nMAINPID={Environment.ProcessId}\nSTATUS={status}");

    public void Stopping(string status) => Send($"STOPPING=1\nSTATUS={status}");

    private void Send(string message)
    {
        if (string.IsNullOrEmpty(socketPath))
            return;
        try
        {
            // '@' stands for the NUL of an abstract address.
            string address = socketPath[0] == '@' ? "\0" + socketPath[1..] : socketPath;
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(System.Text.Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(address));
        }
        catch (SocketException)
        {
            // The service manager is away; it decides by its own timeout.
        }
    }
}
