using System.Text.Json;
using DynamicFs.Cli;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Cli;

public sealed class CommandLineTests
{
    [Fact]
    public void HelpListsEveryVerbExitCodeAndErrorId()
    {
        CliRun help = CliRun.Of("--help");
        Assert.Equal(0, help.ExitCode);
        foreach (string verb in (string[])["create", "mount", "umount", "status", "disk", "sync", "fsck", "roots", "explain"])
            Assert.Contains($"  {verb}", help.Out);
        foreach (ErrorId id in ErrorId.All)
            Assert.Contains(id.Name, help.Out);
        foreach (ExitCode code in Enum.GetValues<ExitCode>())
            Assert.Contains($"  {(int)code,-3} {HelpWithCodes.Meaning(code)}", help.Out);
    }

    [Fact]
    public void EveryExitCodeHasAMeaningInWords()
    {
        foreach (ExitCode code in Enum.GetValues<ExitCode>())
            Assert.NotEqual(code.ToString(), HelpWithCodes.Meaning(code));
    }

    [Theory]
    [InlineData]
    [InlineData("nosuchverb")]
    [InlineData("mount")]
    [InlineData("create")]
    [InlineData("create", "tank")]
    [InlineData("status", "a", "b")]
    [InlineData("mount", "tank", "/data", "--nosuchflag")]
    [InlineData("mount", "tank", "/data", "-o", "no_such_option")]
    [InlineData("mount", "tank", "/data", "--wait-disks", "soon")]
    [InlineData("disk")]
    public void WrongCommandLinesAreUsageErrors(params string[] args)
    {
        CliRun run = CliRun.Of(args);
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("dynfs: E_USAGE: ", run.Error);
    }

    [Fact]
    public void AtSignsAreNoResponseFiles()
    {
        CliRun run = CliRun.Of("sync", "@/etc/passwd");
        Assert.Equal((int)ExitCode.NotFound, run.ExitCode);
    }

    [Fact]
    public void FailuresUnderJsonAreADocumentOnStandardOutput()
    {
        CliRun run = CliRun.Of("sync", "/", "--json");
        Assert.Equal((int)ExitCode.NotFound, run.ExitCode);
        JsonElement error = JsonDocument.Parse(run.Out).RootElement;
        Assert.Equal(1, error.GetProperty("schemaVersion").GetInt32());
        Assert.Equal("E_NOT_MOUNTED", error.GetProperty("error").GetProperty("id").GetString());
        Assert.Equal(20, error.GetProperty("error").GetProperty("exitCode").GetInt32());
    }

    [Theory]
    [InlineData("E_CORRUPT", 31)]
    public void CorruptionHasItsCode(string id, int code)
    {
        (ErrorId found, string message) = ErrorOutput.Classify(new CorruptionException("/mnt/d1", "root slot 3", "a checksum", "another"));
        Assert.Equal((id, code), (found.Name, (int)found.ExitCode));
        Assert.Contains("/mnt/d1", message);
    }

    [Fact]
    public void FullDisksAndBrokenDisksDiffer()
    {
        Assert.Equal(ErrorId.NoSpace, ErrorOutput.Classify(new DiskException("/mnt/d1", "write x", Errno.ENOSPC)).Id);
        Assert.Equal(ErrorId.Io, ErrorOutput.Classify(new DiskException("/mnt/d1", "write x", Errno.EIO)).Id);
        Assert.Equal(ErrorId.Internal, ErrorOutput.Classify(new InvariantException("x")).Id);
    }

    [Fact]
    public void StatusWithoutPoolsIsHealthyAndSaysWhatToDo()
    {
        CliRun run = CliRun.Of("status");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("dynfs create", run.Out);
        GoldenText.Check("json/status-none.json", CliRun.Of("status", "--json").Out);
    }
}
