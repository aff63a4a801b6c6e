namespace DynamicFs.Primitives;

/// <summary>Identity of a pool: 16 random bytes, stamped into every label, root and fragment.</summary>
public readonly record struct PoolId(Guid Value)
{
    public static PoolId New() => new(Guid.NewGuid());
    public override string ToString() => Value.ToString("D");
}

/// <summary>Identity of a disk; never reused, survives a change of path.</summary>
public readonly record struct DiskId(Guid Value)
{
    public static DiskId New() => new(Guid.NewGuid());
    public override string ToString() => Value.ToString("D");
}

/// <summary>Number of an extent. Never used twice in the life of a pool; 0 is no extent.</summary>
public readonly record struct ExtentId(ulong Value) : IComparable<ExtentId>
{
    public static readonly ExtentId None;
    public int CompareTo(ExtentId other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString("x16");
}

/// <summary>Counter of committed metadata roots; 1 is the root that <c>create</c> writes, 0 is none.</summary>
public readonly record struct Generation(ulong Value) : IComparable<Generation>
{
    public static readonly Generation None;
    public Generation Next => new(Value + 1);
    public int CompareTo(Generation other) => Value.CompareTo(other.Value);
    public static bool operator <(Generation a, Generation b) => a.Value < b.Value;
    public static bool operator >(Generation a, Generation b) => a.Value > b.Value;
    public static bool operator <=(Generation a, Generation b) => a.Value <= b.Value;
    public static bool operator >=(Generation a, Generation b) => a.Value >= b.Value;
    public override string ToString() => Value.ToString();
}

/// <summary>Number of an inode; equals the FUSE node id, never used twice. 1 is the root directory.</summary>
public readonly record struct InodeNumber(ulong Value) : IComparable<InodeNumber>
{
    public static readonly InodeNumber None;
    public static readonly InodeNumber Root = new(1);
    public int CompareTo(InodeNumber other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString();
}

/// <summary>Position of a page in the page file, in pages; the same on every metadata disk. 0 is no page.</summary>
public readonly record struct PageNumber(ulong Value) : IComparable<PageNumber>
{
    public static readonly PageNumber None;
    public int CompareTo(PageNumber other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString();
}
