using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>What a tree is, as sorted text: every name with kind, mode, owner, size, time to the nanosecond, link target and content hash.</summary>
internal static class Manifest
{
    private const string Script = """
        cd "$1"
        {
            find . -type d -printf 'd %P %m %U:%G\n'
            find . ! -type d -printf '%y %P %m %U:%G %s %T@ %l\n'
            find . -type f -print0 | xargs -0 -r -P2 -n 64 b2sum -l 160
        } | LC_ALL=C sort
        """;

    private const string WithAttributes = Script + "\ngetfattr -R -h -d -m - -- . 2>/dev/null\ngetfacl -R -p -- . 2>/dev/null\n";

    public static string Of(string directory, int limitSeconds = 120) => Read(Script, directory, limitSeconds);

    /// <summary>Extended attributes and access lists too.</summary>
    public static string Full(string directory) => Read(WithAttributes, directory, 120);

    public static void AssertSame(string expected, string actual)
    {
        if (expected == actual)
            return;
        string[] missing = [.. expected.Split('\n').Except(actual.Split('\n')).Take(5)];
        string[] unexpected = [.. actual.Split('\n').Except(expected.Split('\n')).Take(5)];
        Assert.Fail($"the trees differ; expected:\n{string.Join('\n', missing)}\nfound:\n{string.Join('\n', unexpected)}");
    }

    private static string Read(string script, string directory, int limitSeconds)
        => Shell.Run(["bash", "-c", "set -euo pipefail\n" + script, "manifest", directory], limitSeconds).Succeeded().Output;
}
