using DynamicFs.Cli;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Cli;

public sealed class MountOptionsTests
{
    [Fact]
    public void DefaultsKeepSuidAndDevicesOut()
    {
        MountOptions options = MountOptions.Parse([]);
        Assert.Equal(new MountOptions(), options);
        Assert.False(options.Suid || options.Dev || options.AllowOther || options.ReadOnly);
    }

    [Fact]
    public void OptionsOfFstabAreAcceptedAndIgnored()
        => Assert.Equal(new MountOptions(), MountOptions.Parse(["defaults,rw,nofail,noauto,user,_netdev,x-systemd.requires=/mnt/d1,x-systemd.automount,comment=a"]));

    [Fact]
    public void TheLastOfContradictingOptionsHolds()
    {
        Assert.False(MountOptions.Parse(["ro", "rw"]).ReadOnly);
        Assert.True(MountOptions.Parse(["rw,ro"]).ReadOnly);
        Assert.True(MountOptions.Parse(["nosuid,suid"]).Suid);
    }

    [Fact]
    public void ADetachedDaemonGetsTheSameOptions()
    {
        MountOptions options = MountOptions.Parse(["ro,allow_other,suid,dev,noexec,noatime,degraded,nonempty,writeback,accept-rollback,verify=direct,wait-disks=1.5s"]);
        Assert.Equal(TimeSpan.FromMilliseconds(1500), options.WaitDisks);
        Assert.Equal(options, MountOptions.Parse([options.ToList()]));
        Assert.Equal(new MountOptions(), MountOptions.Parse([new MountOptions().ToList()]));
    }

    [Theory]
    [InlineData("30", 30_000)]
    [InlineData("30s", 30_000)]
    [InlineData("500ms", 500)]
    [InlineData("5m", 300_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("0", 0)]
    public void TimesAreReadAsWritten(string text, int milliseconds)
        => Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), MountOptions.ParseDuration(text, "wait-disks"));

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1e9")]
    [InlineData("soon")]
    [InlineData("25h")]
    [InlineData("NaN")]
    public void OtherTimesAreUsageErrors(string text)
        => Assert.Equal(ErrorId.Usage, Assert.Throws<PoolException>(() => MountOptions.ParseDuration(text, "wait-disks")).Id);

    [Fact]
    public void AMisspeltOptionIsRefusedAndTheKnownOnesNamed()
    {
        PoolException refused = Assert.Throws<PoolException>(() => MountOptions.Parse(["allow_others"]));
        Assert.Equal(ErrorId.Usage, refused.Id);
        Assert.Contains("allow_other,", refused.Message);
    }

    [Theory]
    [InlineData("tank /data", "mount tank /data")]
    [InlineData("tank /data -o ro,noatime", "mount tank /data -o ro,noatime")]
    [InlineData("tank /data -sn -v -N 3 -t fuse.dynfs -o rw", "mount tank /data -o rw")]
    [InlineData("tank /data -o noatime,dev,suid", "mount tank /data -o noatime")]
    [InlineData("tank /data -o dev,suid", "mount tank /data -o rw")]
    [InlineData("tank /data -o ro,suid,dev,suid", "mount tank /data -o ro,suid")]
    [InlineData("tank /data -o suid,dev", "mount tank /data -o suid,dev")]
    [InlineData("mount tank /data -o dev,suid", "mount tank /data -o dev,suid")]
    [InlineData("tank /data -fv", "mount tank /data --fake")]
    [InlineData("/mnt/d1 /data -o ro", "mount /mnt/d1 /data -o ro")]
    [InlineData("status tank", "status tank")]
    [InlineData("mount tank /data", "mount tank /data")]
    [InlineData("tank", "tank")]
    [InlineData("--help tank", "--help tank")]
    [InlineData("stats --json", "stats --json")]
    public void WithoutAVerbItIsTheMountHelper(string given, string meant)
        => Assert.Equal(meant.Split(' '), MountHelperArguments.Translate(given.Split(' '), s_verbs));

    private static readonly string[] s_verbs = ["mount", "status"];

    [Theory]
    [InlineData("tank")]
    [InlineData("a")]
    [InlineData("Pool-1.old_x")]
    public void PlainWordsArePoolNames(string name) => PoolName.Check(name);

    [Theory]
    [InlineData("")]
    [InlineData("1tank")]
    [InlineData("-tank")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("..")]
    [InlineData("täne")]
    [InlineData("a12345678901234567890123456789012345678901234567890123456789012345")]
    public void OtherWordsAreNot(string name) => Assert.Equal(ErrorId.Usage, Assert.Throws<PoolException>(() => PoolName.Check(name)).Id);
}
