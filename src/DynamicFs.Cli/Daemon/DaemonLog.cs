using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace DynamicFs.Cli.Daemon;

/// <summary>
/// The daemon's log on standard error: one line per event, JSON or text, with the journal's level prefix under systemd. A log that cannot be written
/// drops lines and never holds the filesystem up.
/// </summary>
internal static class DaemonLog
{
    public static ILoggerFactory Create(bool json, Func<string, string?> variable)
    {
        LogLevel level = Enum.TryParse(variable("DYNFS_LOG"), ignoreCase: true, out LogLevel asked) ? asked : LogLevel.Information;
        return LoggerFactory.Create(logging =>
        {
            logging.SetMinimumLevel(level).AddFilter("Microsoft", LogLevel.Warning);
            if (json)
                logging.AddJsonConsole(o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
            else if (variable("JOURNAL_STREAM") is { Length: > 0 })
                logging.AddSystemdConsole();
            else
                logging.AddSimpleConsole(o => (o.SingleLine, o.UseUtcTimestamp, o.TimestampFormat) = (true, true, "yyyy-MM-ddTHH:mm:ss.fffZ "));
            logging.Services.Configure<ConsoleLoggerOptions>(console =>
            {
                console.LogToStandardErrorThreshold = LogLevel.Trace;
                console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
            });
        });
    }
}
