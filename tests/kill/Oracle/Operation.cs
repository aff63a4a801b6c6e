using System.Diagnostics;

namespace DynamicFs.KillTests.Oracle;

internal enum OperationKind
{
    Create,
    Append,
    Place,
    Truncate,
    Copy,
    Rename,
    Exchange,
    Link,
    Unlink,
    Attribute,
    Sync,
    DataSync,
    SyncDirectory,
}

/// <summary>
/// One step of a writer, in its order. <see cref="Started"/> is taken before the client is told, <see cref="Answered"/> after it said that it is done, so the moment at
/// which the step took effect lies between the two; zero when it was never answered: it may have happened or not.
/// </summary>
internal sealed record Operation(OperationKind Kind, string Name, string Other = "", long Number = 0, int Size = 0, long Offset = 0)
{
    public long Started { get; set; }
    public long Answered { get; set; }

    public bool IsSync => Kind is OperationKind.Sync or OperationKind.DataSync or OperationKind.SyncDirectory;
    public bool IsMark => Kind is OperationKind.Append or OperationKind.Place;

    /// <summary>As the client takes it.</summary>
    public string Line => Kind switch
    {
        OperationKind.Append => $"append {Name} {Number} {Size}",
        OperationKind.Place => $"place {Name} {Number} {Size} {Offset}",
        OperationKind.Truncate => $"truncate {Name} {Offset}",
        OperationKind.Attribute => $"attribute {Name} {Number}",
        OperationKind.SyncDirectory => $"syncdir {Name}",
        OperationKind.Copy or OperationKind.Rename or OperationKind.Exchange or OperationKind.Link => $"{Kind.ToString().ToLowerInvariant()} {Name} {Other}",
        _ => $"{Kind.ToString().ToLowerInvariant()} {Name}",
    };

    public static long Now() => Stopwatch.GetTimestamp();
}
