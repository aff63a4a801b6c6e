using DynamicFs.Harness;

namespace DynamicFs.KillTests.Pool;

/// <summary>The programs of the harness: a build of dynfs that has kill points, and the client. Both are made from the sources of this tree when they are first needed.</summary>
internal static class KillBuild
{
    private static readonly string s_artifacts = Repository.File("artifacts/kill");
    private static readonly Lazy<string> s_tool = new(BuildTool);
    private static readonly Lazy<string> s_client = new(BuildClient);

    public static string Tool => s_tool.Value;
    public static string Client => s_client.Value;

    private static string BuildTool()
    {
        // No build servers: they would outlive this process and keep its output open.
        var environment = new Dictionary<string, string> { ["MSBUILDDISABLENODEREUSE"] = "1", ["UseSharedCompilation"] = "false", ["DYNFS_CHECK"] = "0", ["DOTNET_NOLOGO"] = "1" };
        Shell.Run(
            ["flock", LockFile(), "dotnet", "build", Repository.File("src/DynamicFs.Cli"), "-c", "Release", "-v", "q", "-p:DynfsKillPoints=true", $"-p:ArtifactsPath={s_artifacts}"],
            300, environment).Succeeded();
        return Path.Combine(s_artifacts, "bin/DynamicFs.Cli/release/dynfs");
    }

    private static string BuildClient()
    {
        string program = Path.Combine(s_artifacts, "client");
        string sources = Repository.File("tests/kill/client");
        Shell.Bash($"flock {LockFile()} gcc -O2 -Wall -Wextra -Werror -o {program} {sources}/*.c").Succeeded();
        return program;
    }

    private static string LockFile()
    {
        Directory.CreateDirectory(s_artifacts);
        return Path.Combine(s_artifacts, ".lock");
    }
}
