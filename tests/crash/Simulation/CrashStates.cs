namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// Chooses the states of a crash point that are worth trying: everything kept; everything lost; each operation alone lost, and alone kept; each prefix and each suffix
/// of each disk, the other disks with all and with nothing; the last write of each disk torn at each sector, in each way; growth that stops at a block
/// boundary; then all combinations where few operations are pending, else a seeded sample. Different choices may give the same state:
/// <see cref="CrashPoint.States"/> drops those.
/// </summary>
/// <param name="ExhaustiveLimit">Up to so many pending operations, all combinations are tried.</param>
/// <param name="SampleCount">Above it, so many random ones.</param>
/// <param name="TornSectors">At most so many places to tear one write at, spread over it.</param>
/// <param name="Seed">Of the random ones.</param>
public sealed record CrashStates(int ExhaustiveLimit = 12, int SampleCount = 64, int TornSectors = 16, int Seed = 1)
{
    public IEnumerable<CrashSelection> Enumerate(CrashPoint point)
    {
        CrashSelection all = CrashSelection.All(point), none = CrashSelection.None(point);
        yield return all;
        if (point.Pending.Count == 0)
            yield break;
        yield return none;
        foreach (PendingOperation operation in point.Pending)
        {
            yield return all.With(operation.Index, Survival.Lost);
            yield return none.Keeping(point, operation);
        }

        foreach (CrashSelection selection in Prefixes(point).Concat(Tears(point, all)).Concat(Boundaries(point, all)).Concat(Combinations(point)))
            yield return selection;
    }

    private static IEnumerable<CrashSelection> Prefixes(CrashPoint point)
    {
        foreach (PendingOperation cut in point.Pending)
        {
            foreach (bool othersKept in new[] { true, false })
            {
                yield return CrashSelection.Of(point, o => o.Disk == cut.Disk ? o.Index < cut.Index : othersKept);
                yield return CrashSelection.Of(point, o => o.Disk == cut.Disk ? o.Index > cut.Index : othersKept);
            }
        }
    }

    private IEnumerable<CrashSelection> Tears(CrashPoint point, CrashSelection all)
    {
        for (int disk = 0; disk < point.DiskCount; disk++)
        {
            PendingOperation? last = point.Pending.LastOrDefault(o => o.Disk == disk && o.Part == PendingPart.Data);
            if (last is null)
                continue;
            foreach (int sector in Spread(last.SectorCount, TornSectors))
            {
                foreach (Tear tear in Enum.GetValues<Tear>())
                    yield return all.With(last.Index, Survival.First(sector, tear));
                yield return all.With(last.Index, new Survival(SurvivalKind.Last, sector));
                yield return all.With(last.Index, new Survival(SurvivalKind.Only, sector));
                yield return all.With(last.Index, new Survival(SurvivalKind.AllBut, sector));
            }
        }
    }

    private IEnumerable<CrashSelection> Boundaries(CrashPoint point, CrashSelection all)
    {
        foreach (PendingOperation operation in point.Pending)
        {
            foreach (int boundary in Spread(operation.BoundaryCount, TornSectors))
                yield return all.With(operation.Index, new Survival(SurvivalKind.Boundary, boundary));
        }
    }

    private IEnumerable<CrashSelection> Combinations(CrashPoint point)
    {
        if (point.Pending.Count <= ExhaustiveLimit)
        {
            for (int kept = 0; kept < 1 << point.Pending.Count; kept++)
            {
                int mask = kept;
                yield return CrashSelection.Of(point, o => (mask >> o.Index & 1) != 0);
            }

            yield break;
        }

        for (int i = 0; i < SampleCount; i++)
            yield return CrashSelection.Random(point, unchecked((Seed * 1_000_003) + (int)point.Sequence * 31 + i));
    }

    /// <summary>All of 0 to count - 1, or so many of them, the first and the last among them.</summary>
    private static IEnumerable<int> Spread(int count, int limit)
    {
        int taken = Math.Min(count, limit);
        for (int i = 0; i < taken; i++)
            yield return taken == 1 ? 0 : (int)((long)i * (count - 1) / (taken - 1));
    }
}
