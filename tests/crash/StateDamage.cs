using System.Buffers.Binary;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Metadata;

namespace DynamicFs.CrashTests;

/// <summary>Damages the disks of a post-crash state.</summary>
public static class StateDamage
{
    /// <summary>What is wrong on top of a power cut: nothing in half of all cases, else as much as the policy survives, now and then more disks away than that.</summary>
    public static IReadOnlyList<Damage> Choose(RunPlan plan, Random random)
    {
        if (random.Next(2) == 0)
            return [];
        if (plan.Disks > 1 && plan.IsClean && !plan.Maintenance.HasLeaving && random.Next(16) == 0)
        {
            int count = random.Next(plan.Scheme.Tolerance + 1, plan.Disks);
            return [.. Enumerable.Range(0, plan.Disks).OrderBy(_ => random.Next()).Take(count).Order().Select(disk => new Damage(DamageKind.TooMany, disk, 0))];
        }

        if (plan.IsClean && random.Next(6) == 0)
        {
            DamageKind kind = random.Next(8) switch { 0 => DamageKind.AllOld, 1 when plan.Scheme.Tolerance > 0 => DamageKind.WasAway, _ => DamageKind.GoneBack };
            return [new Damage(kind, 0, random.Next(1 << 20))];
        }

        return [.. plan.Damageable(random).Select(disk => plan.IsShort ? new Damage(DamageKind.Missing, disk, 0) : Random(random, disk))];
    }

    /// <summary>Pages of a page file that are looked at; workloads of a campaign have fewer.</summary>
    private const int RottenPages = 256;

    /// <summary>Judged as a whole by <see cref="LimitJudge"/>.</summary>
    public static bool IsLimit(DamageKind kind) => kind is DamageKind.AllOld or DamageKind.GoneBack or DamageKind.WasAway;

    /// <summary>The fault of a disk that fails in recovery.</summary>
    public static Fault FaultOf(in Damage damage) => RunPlan.RandomFault(new Random(damage.Seed), damage.Disk, isHonest: damage.Seed % 2 == 0);

    private static Damage Random(Random random, int disk)
    {
        DamageKind kind = random.Next(15) switch
        {
            < 3 => DamageKind.Missing,
            < 5 => DamageKind.Stale,
            12 => DamageKind.Swapped,
            13 or 14 => DamageKind.Rotten,
            5 => DamageKind.Flipped,
            6 => DamageKind.Unreadable,
            7 => DamageKind.LostFile,
            8 => DamageKind.CutFile,
            9 => DamageKind.Full,
            _ => DamageKind.FailsInRecovery,
        };
        return new Damage(kind, disk, random.Next(1 << 20));
    }

    /// <summary>Changes what is on the disk of <paramref name="damage"/>, or injects what goes wrong with it from now on. A missing disk is left as it is.</summary>
    /// <returns>The fault that was injected, if any.</returns>
    public static Fault? Apply(RecordedRun run, SimulatedWorld world, long sequence, in Damage damage)
    {
        var random = new Random(damage.Seed);
        SimulatedDisk disk = world.Open(damage.Disk);
        switch (damage.Kind)
        {
            case DamageKind.Stale:
                CrashPoint older = run.World.CrashPointAt(run.FirstSequence + random.NextInt64(Math.Max(1, sequence - run.FirstSequence)));
                world.Replace(damage.Disk, older.Build(CrashSelection.All(older)).Image(damage.Disk));
                break;
            case DamageKind.Full:
                disk.SetCapacity(disk.Image.UsedBytes + random.Next(3) * 4096);
                break;
            case DamageKind.FailsInRecovery:
                return world.Inject(FaultOf(damage));
            case DamageKind.Missing or DamageKind.TooMany or DamageKind.AllOld or DamageKind.GoneBack or DamageKind.WasAway:
                break;
            case DamageKind.Swapped:
                Swap(disk, random);
                break;
            case DamageKind.Rotten:
                Rot(disk, random);
                break;
            default:
                DamageFile(disk, damage.Kind, random);
                break;
        }

        return null;
    }

    private static void DamageFile(SimulatedDisk disk, DamageKind kind, Random random)
    {
        string[] files = [.. disk.Image.FilePaths().Order(StringComparer.Ordinal)];
        if (files.Length == 0)
            return;
        string[] metadata = [.. files.Where(path => !path.Contains('/'))];
        string path = random.Next(2) == 0 && metadata.Length > 0 ? metadata[random.Next(metadata.Length)] : files[random.Next(files.Length)];
        long lengthBytes = disk.Image.LengthOf(path);
        if (kind == DamageKind.LostFile)
        {
            disk.Remove(path);
            return;
        }

        for (int count = random.Next(1, 5); count > 0 && lengthBytes > 0; count--)
        {
            // What is used lies at the start of most files.
            long offset = random.NextInt64(Math.Max(1, random.Next(3) == 0 ? lengthBytes : Math.Min(lengthBytes, 200_000)));
            if (kind == DamageKind.Flipped)
                disk.Corrupt(path, offset, (int)Math.Min(random.Next(1, 600), lengthBytes - offset), (byte)random.Next(1, 256));
            else if (kind == DamageKind.Unreadable)
                disk.MakeUnreadable(path, offset, random.Next(1, 20_000));
            else
                disk.Cut(path, lengthBytes = offset);
        }
    }

    /// <summary>A wrong byte in what every page says, or in the data of every fragment: whoever reads from this disk without looking at checksums is wrong at once.</summary>
    private static void Rot(SimulatedDisk disk, Random random)
    {
        string[] files = [.. disk.Image.FilePaths().Order(StringComparer.Ordinal)];
        if (random.Next(2) == 0)
        {
            foreach (string path in files.Where(path => path.StartsWith(DiskLayout.Fragments, StringComparison.Ordinal)))
            {
                // Headers of extents as small as in a campaign take the least that a header takes.
                long end = Math.Min(disk.Image.LengthOf(path), ExtentLayout.AlignmentBytes + ExtentLayout.BlockBytes);
                if (end > ExtentLayout.AlignmentBytes)
                    disk.Corrupt(path, random.NextInt64(ExtentLayout.AlignmentBytes, end), mask: (byte)random.Next(1, 256));
            }
        }
        else if (files.Contains(MirrorFiles.PagesName))
        {
            long end = Math.Min(disk.Image.LengthOf(MirrorFiles.PagesName), RottenPages * PageFormat.PageBytes);
            for (long page = PageFormat.PageBytes; page < end; page += PageFormat.PageBytes)
            {
                int heap = BinaryPrimitives.ReadUInt16LittleEndian(disk.Peek(MirrorFiles.PagesName, page + PageFormat.HeapOffset, sizeof(ushort)));
                if (heap > 0 && heap < PageFormat.PageBytes)
                    disk.Corrupt(MirrorFiles.PagesName, page + random.Next(heap, PageFormat.PageBytes), mask: (byte)random.Next(1, 256));
            }
        }
    }

    /// <summary>As a repair of the disk's filesystem that puts names to the wrong files. Fragments mostly: their contents look alike.</summary>
    private static void Swap(SimulatedDisk disk, Random random)
    {
        const string Aside = "tmp/aside";
        string[] files = [.. disk.Image.FilePaths().Where(path => path.Contains('/') && random.Next(20) > 0).Order(StringComparer.Ordinal)];
        if (files.Length < 2)
            return;
        int first = random.Next(files.Length), second = (first + random.Next(1, files.Length)) % files.Length;
        disk.Rename(files[first], Aside);
        disk.Rename(files[second], files[first]);
        disk.Rename(Aside, files[second]);
    }
}
