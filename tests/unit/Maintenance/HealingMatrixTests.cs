using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>
/// Every combination of lost disks up to the tolerance, crossed with every kind of damage to one further fragment: what the policy promises can be read, is repaired,
/// is clean then, and survives the loss of other disks. Beyond the tolerance nothing wrong is read, what is lost is named, and the rest is there.
/// </summary>
public sealed class HealingMatrixTests
{
    private static readonly string[] s_damages = ["none", "bit", "header", "truncated", "deleted", "swapped", "stale", "foreign"];

    public static TheoryData<string, int> Policies => new()
    {
        { "rs:4+2", 8 },
        { "replica:3", 5 },
        { "replica:2", 4 },
        { "rs:2+1", 5 },
        { "rs:8+3", 13 },
    };

    [Theory]
    [MemberData(nameof(Policies))]
    public void WithinTheTolerance(string policy, int diskCount)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        using HealingPool origin = HealingPool.Create(diskCount, scheme, 100, 90_000, 100_000);
        List<ExtentRecord> extents = origin.Extents();
        int cases = 0;
        foreach (int[] lost in Subsets(diskCount, scheme.Tolerance))
        {
            foreach (string damage in s_damages)
            {
                // One further bad fragment needs one more to spare; without damage the whole tolerance may be lost.
                if (damage != "none" && lost.Length == scheme.Tolerance)
                    continue;
                if (diskCount > 8 && (cases + lost.Sum()) % 7 != 0 && lost.Length > 1)
                {
                    cases++;
                    continue;
                }

                cases++;
                Heal(origin, scheme, extents, lost, damage, cases);
            }
        }

        Assert.True(cases >= diskCount, $"{cases} cases");
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void BeyondTheTolerance(string policy, int diskCount)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        using HealingPool origin = HealingPool.Create(diskCount, scheme, 100, 90_000, 100_000);
        ExtentRecord victim = origin.Extents().Last(e => e.Scheme == scheme);
        foreach (int[] gone in Subsets(scheme.Width, scheme.Tolerance + 1).Where(set => set.Length == scheme.Tolerance + 1).Take(40))
        {
            using HealingPool pool = origin.Copy();
            foreach (int fragment in gone)
                pool.DiskOf(victim, fragment).Unlink(HealingPool.PathOf(victim, fragment));
            pool.Open();
            List<string> unreadable = pool.UnreadableFiles();
            ScrubStatus status = pool.Engine.Scrub(repairs: true);
            Assert.Equal((1L, ExitCode.DataLost), (status.Unrecoverable, status.ExitCode));
            Assert.Equal(unreadable.Select(name => $"/{name}").Order(), status.Findings.SelectMany(finding => finding.Files).Distinct().Order());
            Assert.Single(unreadable);
        }
    }

    private static void Heal(HealingPool origin, RedundancyScheme scheme, List<ExtentRecord> extents, int[] lost, string damage, int seed)
    {
        string what = $"{scheme}, lost {string.Join(',', lost)}, {damage}";
        try
        {
            using HealingPool pool = origin.Copy();
            if (damage != "none")
                Damage(pool, extents, lost, damage, seed);
            pool.Open(lost);
            pool.AssertReads();
            pool.Engine.Rebuilder.Request();
            pool.Engine.Rebuild();
            ScrubStatus repaired = pool.Engine.Scrub(repairs: true);
            Assert.Equal(0, repaired.Unrecoverable);
            ScrubStatus clean = pool.Engine.Scrub(repairs: false);
            bool fits = pool.World.DiskCount - lost.Length >= scheme.Width;
            Assert.True(!fits || (clean.ExitCode == ExitCode.Done && clean.FindingCount == 0), $"not clean: {string.Join("; ", clean.Findings)}");
            pool.Commit();
            if (!fits)
                return;
            pool.AssertWhole();

            // The disks that were lost come back as they were, others go: nothing of that may matter.
            int[] others = [.. Enumerable.Range(0, pool.World.DiskCount).Where(disk => !lost.Contains(disk)).Skip(seed % 2).Take(scheme.Tolerance)];
            pool.Open(others);
            pool.AssertReads();
        }
        catch (Exception e) when (e is not Xunit.Sdk.XunitException { InnerException: not null })
        {
            throw new InvalidOperationException($"{what}: {e.Message}", e);
        }
    }

    /// <summary>Damages one fragment of each extent, on a disk that is not lost.</summary>
    private static void Damage(HealingPool pool, List<ExtentRecord> extents, int[] lost, string damage, int seed)
    {
        foreach (ExtentRecord record in extents)
        {
            int[] present = [.. Enumerable.Range(0, record.Fragments.Length).Where(i => record.Fragments[i].IsPlaced && !lost.Contains(record.Fragments[i].DiskIndex))];
            int fragment = present[seed % present.Length];
            SimulatedDisk disk = pool.DiskOf(record, fragment);
            string path = HealingPool.PathOf(record, fragment);
            var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
            switch (damage)
            {
                case "bit":
                    disk.Corrupt(path, layout.HeaderBytes + (seed * 7919 % layout.PayloadBytes), mask: (byte)(1 << (seed % 8)));
                    break;
                case "header":
                    disk.Corrupt(path, seed * 31 % layout.HeaderBytes);
                    break;
                case "truncated":
                    Replace(disk, path, bytes => bytes[..(seed * 7919 % bytes.Length)]);
                    break;
                case "deleted":
                    disk.Unlink(path);
                    break;
                case "swapped":
                    // Another fragment of the same extent in its place: right bytes, wrong place.
                    int other = present[(seed + 1) % present.Length];
                    byte[] alien = Read(pool.DiskOf(record, other), HealingPool.PathOf(record, other));
                    if (other != fragment)
                        Replace(disk, path, _ => alien);
                    break;
                case "stale":
                    // What an old copy of the disk had: another extent under this name.
                    ExtentRecord old = extents.First(e => e.Id != record.Id && e.Fragments.Any(place => place.IsPlaced));
                    byte[] stale = Read(pool.DiskOf(old, 0), HealingPool.PathOf(old, 0));
                    Replace(disk, path, _ => stale);
                    break;
                case "foreign":
                    Replace(disk, path, bytes => Foreign(bytes));
                    break;
            }
        }
    }

    /// <summary>The fragment as a pool with another identity would have written it, its own checksum right.</summary>
    private static byte[] Foreign(byte[] bytes)
    {
        byte[] foreign = [.. bytes];
        Assert.True(FragmentFormat.TryParse(bytes, out FragmentHeader header, out _, out _));
        FragmentFormat.Write(header with { Pool = PoolId.New() }, foreign.AsSpan(0, header.Layout.HeaderBytes));
        return foreign;
    }

    private static byte[] Read(SimulatedDisk disk, string path)
    {
        using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
        byte[] bytes = new byte[file.LengthBytes];
        file.Read(0, bytes);
        return bytes;
    }

    private static void Replace(SimulatedDisk disk, string path, Func<byte[], byte[]> change)
    {
        byte[] bytes = change(Read(disk, path));
        using IDiskFile file = disk.Open(path, DiskOpenMode.ReadWrite);
        file.SetLength(0);
        file.Write(0, bytes);
        file.Sync();
    }

    /// <summary>All sets of up to <paramref name="largest"/> numbers below <paramref name="count"/>, the empty one included.</summary>
    private static IEnumerable<int[]> Subsets(int count, int largest)
    {
        List<int[]> level = [[]];
        yield return level[0];
        for (int size = 1; size <= largest; size++)
        {
            level = [.. level.SelectMany(set => Enumerable.Range(set.Length == 0 ? 0 : set[^1] + 1, count - (set.Length == 0 ? 0 : set[^1] + 1)).Select(next => (int[])[.. set, next]))];
            foreach (int[] set in level)
                yield return set;
        }
    }
}
