using System.Text.Json;
using DynamicFs.Admin;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Output;

/// <summary>How a verb that failed says so: one sentence with its id on standard error, under --json the same as a document on standard output.</summary>
internal sealed class ErrorOutput(TextWriter output, TextWriter error, bool json)
{
    /// <summary>Prints the failure and returns the exit code.</summary>
    public int Report(Exception failure)
    {
        (ErrorId id, string message) = Classify(failure);
        if (id == ErrorId.Internal && failure is not PoolException)
            error.WriteLine(failure.ToString());
        return Report(id, message);
    }

    public int Report(ErrorId id, string message)
    {
        error.WriteLine($"dynfs: {id.Name}: {message}");
        if (json)
            output.WriteLine(JsonSerializer.Serialize(ErrorReport.For(id, message), ReportJson.Readable.ErrorReport));
        return (int)id.ExitCode;
    }

    public static (ErrorId Id, string Message) Classify(Exception failure) => failure switch
    {
        PoolException e => (e.Id, e.Message),
        CorruptionException e => (ErrorId.Corrupt, e.Message),
        DiskException { Errno: Errno.ENOSPC or Errno.EDQUOT } e => (ErrorId.NoSpace, e.Message),
        DiskException e => (ErrorId.Io, e.Message),
        UnauthorizedAccessException e => (ErrorId.Access, $"{e.Message} Run as root, or as the user who owns the disks."),
        IOException e => (ErrorId.Io, e.Message),
        AggregateException { InnerExceptions.Count: 1 } e => Classify(e.InnerExceptions[0]),
        _ => (ErrorId.Internal, $"{failure.GetType().Name}: {failure.Message}"),
    };
}
