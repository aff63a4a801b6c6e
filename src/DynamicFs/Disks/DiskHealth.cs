namespace DynamicFs.Disks;

/// <summary>
/// Health of a disk: its state, why, since when, on what evidence, and who decided (a person or the engine), and what happened before, newest last.
/// </summary>
public sealed record DiskHealth(DiskState State, string Reason, DateTimeOffset Since, string Evidence, string Who)
{
    /// <summary>Most entries of the history; older ones go.</summary>
    public const int MaxHistory = 16;

    /// <summary>Longest text in characters; what is longer is cut. Keeps a label and a record of the pool tree within their sizes.</summary>
    public const int MaxText = 160;

    /// <summary>Who decides when nobody ordered it.</summary>
    public const string Engine = "engine";

    public IReadOnlyList<DiskEvent> History { get; init; } = [];

    /// <summary>Failed calls in the disk's life, and bad pieces that were read from it.</summary>
    public long ErrorCount { get; init; }

    public static DiskHealth New(DateTimeOffset now, string who) => new(DiskState.Healthy, "new", now, "", who);

    /// <summary>The state changes; the step itself becomes part of the history.</summary>
    public DiskHealth To(DiskState state, string reason, DateTimeOffset now, string evidence, string who) =>
        (this with { State = state, Reason = Cut(reason), Since = now, Evidence = Cut(evidence), Who = Cut(who) })
            .With(new DiskEvent(now, $"{DiskStateName.Of(State)} to {DiskStateName.Of(state)}: {reason}"), errors: 0);

    /// <summary>Adds an entry to the history; one that only repeats the last is counted, not listed again.</summary>
    public DiskHealth With(DiskEvent happened, int errors)
    {
        happened = happened with { Text = Cut(happened.Text) };
        bool isRepeated = History.Count > 0 && History[^1].Text == happened.Text;
        IEnumerable<DiskEvent> before = isRepeated ? History.SkipLast(1) : History;
        return this with { History = [.. before.Append(happened).TakeLast(MaxHistory)], ErrorCount = ErrorCount + errors };
    }

    public bool Equals(DiskHealth? other) =>
        other is not null && (State, Reason, Since, Evidence, Who, ErrorCount) == (other.State, other.Reason, other.Since, other.Evidence, other.Who, other.ErrorCount)
        && History.SequenceEqual(other.History);

    public override int GetHashCode() => HashCode.Combine(State, Since, ErrorCount, History.Count);

    private static string Cut(string text)
    {
        string line = string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c));
        return line.Length <= MaxText ? line : line[..(MaxText - 3)] + "...";
    }
}

/// <summary>One entry of a disk's history.</summary>
public sealed record DiskEvent(DateTimeOffset Time, string Text);

/// <summary>A step of a disk from one state to another.</summary>
public sealed record DiskTransition(MemberDisk Disk, DiskState From, DiskHealth Health);
