namespace DynamicFs.Cli.Daemon;

/// <summary>The process behind a mount.</summary>
internal static class MountDaemon
{
    public static int Run(MountRequest request, Surroundings surroundings, ReadyPipe ready) => throw new NotImplementedException($"{request} {surroundings} {ready}");
}
