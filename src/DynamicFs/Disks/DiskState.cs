namespace DynamicFs.Disks;

/// <summary>Health of a disk. Only HEALTHY receives new fragments; DEGRADED, SUSPECT and DRAINING are read-only; FAILED is not used at all.</summary>
public enum DiskState
{
    Healthy,
    Degraded,
    Suspect,
    Draining,
    Failed,
}
