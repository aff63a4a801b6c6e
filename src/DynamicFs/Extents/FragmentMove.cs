using DynamicFs.Disks;

namespace DynamicFs.Extents;

/// <summary>A good fragment that is to lie on another disk.</summary>
internal readonly record struct FragmentMove(int Index, MemberDisk Target);
