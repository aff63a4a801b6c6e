using DynamicFs.Primitives;

namespace DynamicFs.Admin;

/// <summary>
/// What this host remembers of its pools: name, disk paths, and the newest generation seen (the witness that an older set of disks is older). One
/// file per pool in the state directory. A cache, never the truth: every entry can be lost or stale, and what a disk's label says wins.
/// </summary>
public sealed class PoolRegistry(StateDirectory state)
{
    public StateDirectory State { get; } = state;

    /// <summary>Every readable entry, by name.</summary>
    public IReadOnlyList<RegisteredPool> List()
    {
        if (!Directory.Exists(State.PoolsPath))
            return [];
        var pools = new List<RegisteredPool>();
        foreach (string path in Directory.EnumerateFiles(State.PoolsPath, "*.json"))
        {
            if (JsonFile.Read(path, StateJson.Default.RegisteredPool) is { } pool && pool.IsSound)
                pools.Add(pool);
        }

        pools.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name) is not 0 and var order ? order : a.Id.CompareTo(b.Id));
        return pools;
    }

    public IReadOnlyList<RegisteredPool> FindByName(string name) => [.. List().Where(p => p.Name == name)];

    public RegisteredPool? Find(PoolId id)
        => JsonFile.Read(PathOf(id), StateJson.Default.RegisteredPool) is { IsSound: true } pool && pool.Id == id.Value ? pool : null;

    /// <summary>Writes the entry; the newest generation seen never goes back.</summary>
    public void Save(RegisteredPool pool, bool durable = true)
    {
        State.EnsurePools();
        ulong seen = Math.Max(pool.NewestGeneration, Find(new PoolId(pool.Id))?.NewestGeneration ?? 0);
        JsonFile.Replace(PathOf(new PoolId(pool.Id)), pool with { NewestGeneration = seen }, StateJson.Default.RegisteredPool, durable);
    }

    public void Remove(PoolId id) => File.Delete(PathOf(id));

    /// <summary>The newest generation of the pool that this host has seen committed; none when it knows nothing.</summary>
    public Generation NewestSeen(PoolId id) => new(Find(id)?.NewestGeneration ?? 0);

    private string PathOf(PoolId id) => Path.Combine(State.PoolsPath, $"{id}.json");
}

public sealed record RegisteredPool(int SchemaVersion, Guid Id, string Name, IReadOnlyList<RegisteredDisk> Disks, ulong NewestGeneration)
{
    public const int CurrentSchemaVersion = 1;

    /// <summary>False for a file of another version or with parts missing.</summary>
    internal bool IsSound => SchemaVersion == CurrentSchemaVersion && Name is { Length: > 0 } && Disks is not null && Disks.All(d => d is { Path.Length: > 0 });
}

public sealed record RegisteredDisk(Guid Id, string Path);
