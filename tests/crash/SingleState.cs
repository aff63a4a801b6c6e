using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;

namespace DynamicFs.CrashTests;

/// <summary>From a case to the disks that it describes.</summary>
internal static class SingleState
{
    /// <summary>The disks after the power cut of a case, damaged. False when the damage cannot be done to this state.</summary>
    public static bool TryBuild(RecordedRun run, CrashCase built, CrashPoint point, CrashSelection selection, out SimulatedWorld world, out List<Fault> faults)
    {
        world = point.Build(selection);
        faults = [];
        foreach (Damage damage in built.Damages)
        {
            if (damage.Disk >= run.World.DiskCount)
                return false;
            if (StateDamage.Apply(run, world, built.At.Min(), damage) is { } fault)
                faults.Add(fault);
        }

        return true;
    }

    /// <summary>Tells states apart by what the disks that come back hold.</summary>
    public static ulong HashOf(SimulatedWorld world, CrashCase built)
    {
        ulong hash = 0;
        for (int disk = 0; disk < world.DiskCount; disk++)
        {
            bool isMissing = built.Damages.Any(damage => damage.Kind is DamageKind.Missing or DamageKind.TooMany && damage.Disk == disk);
            hash = Mixing.Mix(hash + (isMissing ? 1 : world.Image(disk).Hash()));
        }

        return hash;
    }

    /// <summary>Tells judgements apart: by the contents, by what must not be lost, and by the trouble that leaves no trace in the contents.</summary>
    public static ulong KeyOf(ulong contents, CrashCase judged, int oldestAllowed)
    {
        ulong key = Mixing.Mix(contents + ((ulong)oldestAllowed * Mixing.Prime) + 1);
        foreach (Damage damage in judged.Damages.Where(damage => StateDamage.IsLimit(damage.Kind) || damage.Kind is DamageKind.Full or DamageKind.FailsInRecovery))
            key = Mixing.Mix(key ^ Mixing.Mix(damage.ToString()));
        return key;
    }

    /// <summary>Judges the state of a case that names one. Throws <see cref="FormatException"/> when the workload has no such state.</summary>
    public static CrashViolation? Judge(RecordedRun run, CrashCase judged)
    {
        if (judged.At.Count != 1 && judged.At.Count != run.World.DiskCount)
            throw new FormatException($"at= needs one moment, or one for each of the {run.World.DiskCount} disks");
        if (judged.At.Min() < 0 || judged.At.Max() > run.LastSequence)
            throw new FormatException($"at= is from {run.FirstSequence} to {run.LastSequence} in this workload");
        CrashPoint point = judged.At.Count == 1 ? run.World.CrashPointAt(judged.At[0]) : run.World.CrashPointAt(judged.At);
        CrashSelection selection = SelectionText.Parse(judged.Fates, point.Pending.Count)
            ?? throw new FormatException($"fates= does not name the fates of the {point.Pending.Count} operations that are pending there");
        if (!TryBuild(run, judged, point, selection, out SimulatedWorld world, out _))
            throw new FormatException("damage= names a disk that the pool does not have");
        return CrashJudge.Judge(run, judged, world, isThorough: true);
    }
}

/// <summary>What a crash point is about, for the report.</summary>
internal static class CrashPointKind
{
    public static string Of(in LoggedCall call)
    {
        if (call.Disk < 0)
            return call.Path;
        string path = call.Path.Split('/')[0];
        return $"{call.Call} {(path.Length == 0 ? DiskLayout.Directory : path)}{(call.To is null ? "" : $" -> {call.To.Split('/')[0]}")}";
    }
}
