namespace DynamicFs.KillTests.Oracle;

/// <summary>How a writer behaves.</summary>
/// <param name="SmallestMark">Bytes.</param>
/// <param name="MarkUnit">All sizes are multiples of this: 8, or whole pages.</param>
/// <param name="SyncShare">Percent of operations that are syncs.</param>
/// <param name="MostBytes">Its files are shrunk when they have more together.</param>
internal sealed record WriterProfile(string Name, int SmallestMark, int LargestMark, int MarkUnit, int AppendShare, int SyncShare, int MostFiles, long MostBytes)
{
    /// <summary>A log: short records, synced all the time.</summary>
    public static WriterProfile Log { get; } = new("log", 32, 512, 8, 45, 45, 6, 256 << 10);

    /// <summary>Everything: editors' saves, renames, links, copies, truncations.</summary>
    public static WriterProfile Mixed { get; } = new("mixed", 32, 8192, 8, 30, 12, 24, 2 << 20);

    /// <summary>Much is done, little is synced: what is there afterwards must still be one moment.</summary>
    public static WriterProfile Lazy { get; } = new("lazy", 32, 60_000, 8, 50, 1, 40, 8 << 20);

    /// <summary>Large files: extents of their own, commits instead of journal batches.</summary>
    public static WriterProfile Bulk { get; } = new("bulk", 100_000, 900_000, 4096, 80, 5, 6, 48 << 20);
}

/// <summary>Chooses the next operation of a writer from a seed and from what its files are now.</summary>
internal sealed class WriterPlan
{
    private const int PageBytes = 4096;
    private static readonly string[] s_directories = ["a", "b"];

    private readonly WriterProfile _profile;
    private readonly Random _random;
    private readonly Queue<Operation> _planned = new();
    private long _number;

    /// <param name="begin">What the writer's files are: parts of marks that a crash left are cut off first.</param>
    public WriterPlan(WriterProfile profile, Random random, long firstNumber, WriterState begin)
    {
        (_profile, _random, _number) = (profile, random, firstNumber);
        foreach ((string name, FileState file) in begin.Names.DistinctBy(pair => pair.Value))
        {
            if (file.PartOffset is { } offset)
                _planned.Enqueue(new Operation(OperationKind.Truncate, name, Offset: offset));
        }
    }

    public static IReadOnlyList<string> Directories => s_directories;

    /// <summary>The number of the next operation; never used twice by a writer, whatever becomes of it.</summary>
    public long NextNumber => _number;

    public Operation Next(WriterState state)
    {
        if (_planned.TryDequeue(out Operation? planned))
            return planned;
        if (state.Names.Count < 2)
            return new Operation(OperationKind.Create, NewName());
        string name = Pick(state);
        if (state.TotalBytes > _profile.MostBytes || state.Names.Count > _profile.MostFiles)
            return new Operation(OperationKind.Unlink, name);
        int share = _random.Next(100);
        if ((share -= _profile.AppendShare) < 0)
            return Append(name);
        if ((share -= _profile.SyncShare) < 0)
            return Sync(name);
        return Change(state, name);
    }

    private Operation Change(WriterState state, string name)
    {
        FileState file = state.Names[name];
        string other = Pick(state);
        switch (_random.Next(12))
        {
            case 0 or 1:
                return new Operation(OperationKind.Create, NewName());
            case 2:
                return new Operation(OperationKind.Rename, name, NewName());
            case 3:
                return new Operation(OperationKind.Rename, name, other);
            case 4 when name != other:
                return new Operation(OperationKind.Exchange, name, other);
            case 5:
                return new Operation(OperationKind.Link, name, NewName());
            case 6 when PlaceIn(name, file) is { } overwrite:
                return overwrite;
            case 7 when file.Marks.Count > 0:
                return new Operation(OperationKind.Truncate, name, Offset: OffsetOf(file, _random.Next(file.Marks.Count)));
            case 8 when file.Length is > 0 and < 900_000:
                string copy = NewName();
                _planned.Enqueue(new Operation(OperationKind.Copy, name, copy));
                return new Operation(OperationKind.Create, copy);
            case 9:
                return new Operation(OperationKind.Attribute, name, "", _number++);
            case 10:
                return Save(name);
            default:
                return new Operation(OperationKind.Unlink, name);
        }
    }

    /// <summary>As editors do: write anew, sync, rename over the old file, sometimes sync the directory.</summary>
    private Operation Save(string name)
    {
        string fresh = NewName();
        _planned.Enqueue(Append(fresh));
        _planned.Enqueue(new Operation(OperationKind.Sync, fresh));
        _planned.Enqueue(new Operation(OperationKind.Rename, fresh, name));
        if (_random.Next(2) == 0)
            _planned.Enqueue(new Operation(OperationKind.SyncDirectory, name.Split('/')[0]));
        return new Operation(OperationKind.Create, fresh);
    }

    private Operation Append(string name) =>
        new(OperationKind.Append, name, "", _number++, _random.Next(_profile.SmallestMark, _profile.LargestMark) / _profile.MarkUnit * _profile.MarkUnit);

    /// <summary>An overwrite in one request: half of one could not be told from damage.</summary>
    private Operation? PlaceIn(string name, FileState file)
    {
        if (file.Marks.Count == 0)
            return null;
        int place = _random.Next(file.Marks.Count);
        (long offset, int size) = (OffsetOf(file, place), file.Marks[place].Size);
        bool isOneRequest = offset % PageBytes == 0 ? size % PageBytes == 0 || size < PageBytes : (offset % PageBytes) + size <= PageBytes;
        return isOneRequest ? new Operation(OperationKind.Place, name, "", _number++, size, offset) : null;
    }

    private Operation Sync(string name) => _random.Next(6) switch
    {
        0 => new Operation(OperationKind.SyncDirectory, name.Split('/')[0]),
        1 => new Operation(OperationKind.DataSync, name),
        _ => new Operation(OperationKind.Sync, name),
    };

    private string Pick(WriterState state) => state.Names.Keys.ElementAt(_random.Next(state.Names.Count));

    private string NewName() => $"{s_directories[_random.Next(s_directories.Length)]}/{_number++}";

    private static long OffsetOf(FileState file, int index) => file.Marks.Take(index).Sum(mark => (long)mark.Size);
}
