using System.Collections.Immutable;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// Builds what is left of a file: its durable content with the pending changes that survive, given oldest first. Keeps the order that every disk keeps. Of
/// lengths, a later one survives only if all earlier ones do. Of one sector, the last survivor wins: it carries the whole sector as it was after that
/// change, earlier changes included, so every content that the sector ever had can come out, and no other.
/// </summary>
internal sealed class FileSurvivors(FileInode file)
{
    private readonly BlockMap.Builder _content = new(file.Durable);
    private readonly ImmutableHashSet<long>.Builder _badSectors = file.BadSectors.ToBuilder();
    private bool _isLengthFinal;

    public void ApplyLength(FileChange change, Survival survival)
    {
        if (_isLengthFinal)
            return;
        if (survival.Kind == SurvivalKind.Kept)
        {
            if (change.LengthAfter < change.LengthBefore)
                _content.Cut(change.LengthAfter);
            _content.LengthBytes = change.LengthAfter;
            return;
        }

        _isLengthFinal = true;
        if (survival.Kind == SurvivalKind.Boundary && change.LengthAfter > _content.LengthBytes)
        {
            long boundary = ((_content.LengthBytes / Block.Size) + 1 + survival.Sector) * Block.Size;
            _content.LengthBytes = Math.Min(boundary, change.LengthAfter);
        }
    }

    public void ApplyData(FileChange change, Survival survival)
    {
        if (survival.Kind == SurvivalKind.Kept)
        {
            Copy(change, 0, change.SectorCount);
            return;
        }

        if (survival.Kind is SurvivalKind.Lost or SurvivalKind.Boundary)
            return;
        for (int i = 0; i < change.SectorCount; i++)
        {
            if (survival.IsKept(i))
                Copy(change, i, 1);
            else if (survival.IsGarbage(i))
                WriteGarbage(change.FirstSector + i, survival.Seed);
            else if (survival.IsUnreadable(i))
                _badSectors.Add(change.FirstSector + i);
        }
    }

    public BlockMap Build(out ImmutableHashSet<long> badSectors)
    {
        badSectors = _badSectors.ToImmutable();
        return _content.Build();
    }

    private void Copy(FileChange change, int firstSector, int sectorCount)
    {
        long relative = (long)firstSector * Sectors.Size;
        long start = change.FirstSector * Sectors.Size;
        long sourceStart = change.SourceOffset / Sectors.Size * Sectors.Size;
        _content.Copy(change.Source, sourceStart + relative, start + relative, (long)sectorCount * Sectors.Size);
        for (int i = 0; i < sectorCount && _badSectors.Count > 0; i++)
            _badSectors.Remove(change.FirstSector + firstSector + i);
    }

    private void WriteGarbage(long sector, int seed)
    {
        byte[] garbage = new byte[Sectors.Size];
        new Random((int)Mixing.Mix((ulong)sector ^ ((ulong)(uint)seed << 32))).NextBytes(garbage);
        _content.Write(sector * Sectors.Size, garbage);
        _badSectors.Remove(sector);
    }
}
