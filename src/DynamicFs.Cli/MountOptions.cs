using System.Globalization;
using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>
/// What <c>-o</c> and the flags of mount say. Parsing is pure. Options that mount(8) and systemd put into fstab lines for themselves are accepted and
/// ignored; an unknown one is refused, because a misspelt option that is silently dropped changes what an administrator relies on.
/// </summary>
internal sealed record MountOptions
{
    private static readonly HashSet<string> Ignored =
    [
        "defaults", "rw", "nosuid", "nodev", "exec", "atime", "relatime", "strictatime", "diratime", "nodiratime", "async", "auto", "noauto", "user",
        "nouser", "users", "owner", "group", "nofail", "_netdev", "default_permissions", "nolazytime", "silent", "loud", "nomand", "norelatime",
    ];

    public bool ReadOnly { get; init; }
    public bool AllowOther { get; init; }
    public bool Suid { get; init; }
    public bool Dev { get; init; }
    public bool NoExec { get; init; }
    public bool NoAtime { get; init; }
    public bool Degraded { get; init; }
    public bool NonEmpty { get; init; }
    public bool Remount { get; init; }
    public bool Writeback { get; init; }
    public bool AcceptRollBack { get; init; }
    public bool VerifyDirect { get; init; }
    public TimeSpan WaitDisks { get; init; } = TimeSpan.Zero;

    /// <summary>Parses any number of comma-separated lists; of contradicting options the last one holds.</summary>
    public static MountOptions Parse(IEnumerable<string> lists)
    {
        var options = new MountOptions();
        foreach (string option in lists.SelectMany(list => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
            options = options.With(option);
        return options;
    }

    /// <summary>A time as operators write it: 500ms, 30s, 5m, 1h, or a bare number of seconds.</summary>
    public static TimeSpan ParseDuration(string text, string option)
    {
        (string number, double unitSeconds) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 0.001),
            _ when text.EndsWith('s') => (text[..^1], 1),
            _ when text.EndsWith('m') => (text[..^1], 60),
            _ when text.EndsWith('h') => (text[..^1], 3600),
            _ => (text, 1),
        };
        // Not "greater than": a NaN must be refused too.
        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count) || !(count * unitSeconds <= 86_400))
            throw new PoolException(ErrorId.Usage, $"{option}={text}: give a time up to 24h such as 30s, 5m or 500ms");
        return TimeSpan.FromSeconds(count * unitSeconds);
    }

    /// <summary>The same options as a list for <c>-o</c>: what a detached daemon is started with.</summary>
    public string ToList()
    {
        var list = new List<string> { ReadOnly ? "ro" : "rw" };
        void Add(bool isSet, string name)
        {
            if (isSet)
                list.Add(name);
        }

        Add(AllowOther, "allow_other");
        Add(Suid, "suid");
        Add(Dev, "dev");
        Add(NoExec, "noexec");
        Add(NoAtime, "noatime");
        Add(Degraded, "degraded");
        Add(NonEmpty, "nonempty");
        Add(Writeback, "writeback");
        Add(AcceptRollBack, "accept-rollback");
        Add(VerifyDirect, "verify=direct");
        Add(WaitDisks > TimeSpan.Zero, string.Create(CultureInfo.InvariantCulture, $"wait-disks={WaitDisks.TotalMilliseconds:0}ms"));
        return string.Join(',', list);
    }

    private MountOptions With(string option) => option switch
    {
        "ro" => this with { ReadOnly = true },
        "rw" => this with { ReadOnly = false },
        "allow_other" => this with { AllowOther = true },
        "suid" => this with { Suid = true },
        "nosuid" => this with { Suid = false },
        "dev" => this with { Dev = true },
        "nodev" => this with { Dev = false },
        "noexec" => this with { NoExec = true },
        "exec" => this with { NoExec = false },
        "noatime" => this with { NoAtime = true },
        "atime" or "relatime" or "strictatime" => this with { NoAtime = false },
        "degraded" => this with { Degraded = true },
        "nonempty" => this with { NonEmpty = true },
        "remount" => this with { Remount = true },
        "writeback" => this with { Writeback = true },
        "accept-rollback" => this with { AcceptRollBack = true },
        "verify=direct" => this with { VerifyDirect = true },
        "verify=cache" => this with { VerifyDirect = false },
        _ when option.StartsWith("wait-disks=", StringComparison.Ordinal) => this with { WaitDisks = ParseDuration(option["wait-disks=".Length..], "wait-disks") },
        _ when Ignored.Contains(option) || option.StartsWith("x-", StringComparison.Ordinal) || option.StartsWith("comment=", StringComparison.Ordinal) => this,
        _ => throw new PoolException(ErrorId.Usage,
            $"unknown mount option '{option}': known are ro, rw, allow_other, suid, dev, noexec, noatime, degraded, wait-disks=TIME, nonempty, writeback, "
            + "verify=direct|cache, accept-rollback, remount and those of fstab (defaults, nofail, noauto, _netdev, x-...)"),
    };
}
