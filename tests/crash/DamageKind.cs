using System.Globalization;

namespace DynamicFs.CrashTests;

/// <summary>What can be wrong with one disk on top of a power cut, at rest or while the pool recovers.</summary>
public enum DamageKind
{
    /// <summary>It does not come back.</summary>
    Missing,

    /// <summary>An older image of it comes back.</summary>
    Stale,

    /// <summary>Bytes of one file are wrong.</summary>
    Flipped,

    /// <summary>Bytes of all pages that are there are wrong, or of all fragments.</summary>
    Rotten,

    /// <summary>Sectors of one file cannot be read.</summary>
    Unreadable,

    /// <summary>A file is gone.</summary>
    LostFile,

    /// <summary>A file is shorter than it was.</summary>
    CutFile,

    /// <summary>Two of its files have each other's contents.</summary>
    Swapped,

    /// <summary>It is full while the pool recovers.</summary>
    Full,

    /// <summary>It does not come back, and with it more disks are away than the policy survives: the pool may be refused, never wrong.</summary>
    TooMany,

    /// <summary>All disks come back as they were some time ago: refused, because the host has seen more.</summary>
    AllOld,

    /// <summary>The newest roots are taken off all disks: an older one that is kept must be whole.</summary>
    GoneBack,

    /// <summary>A metadata disk is away for some commits, comes back, and then others are lost.</summary>
    WasAway,

    /// <summary>Calls fail, lie or lose while the pool recovers.</summary>
    FailsInRecovery,
}

/// <summary>One damaged disk of a post-crash state; what exactly is wrong follows from the seed.</summary>
public readonly record struct Damage(DamageKind Kind, int Disk, int Seed)
{
    public override string ToString() => $"{Kind}:{Disk}:{Seed}";

    public static bool TryParse(string text, out Damage damage)
    {
        damage = default;
        string[] parts = text.Split(':');
        if (parts.Length != 3 || !Enum.TryParse(parts[0], ignoreCase: false, out DamageKind kind) || !Enum.IsDefined(kind)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int disk)
            || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int seed))
            return false;
        damage = new Damage(kind, disk, seed);
        return true;
    }
}
