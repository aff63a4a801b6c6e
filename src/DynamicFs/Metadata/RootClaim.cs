using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The number of the first commit of a mount that could not see every ring whole. Rings that it does not see may hold records of commits that were cut off: of the mount before it, which saw
/// everything (the generation after the newest), or of others like itself. So that no two commits ever get the same number, such a mount first writes the number it will use, its claim, to as many disks as a root
/// record needs: the next such mount sees at least one of them and takes a higher one. The record of that generation overwrites the claim.
/// </summary>
internal static class RootClaim
{
    /// <summary>
    /// Left out when the operator gave up disks with newer commits: more of them are away than the policy survives, so the claims on them may not be seen. Room for four mounts in a row that were cut off.
    /// </summary>
    private const ulong GivenUpRoom = 8;

    /// <summary>The generation to claim on top of <paramref name="newest"/>: above all that may be in use, odd after even, and not in the slot of a root that is kept.</summary>
    /// <param name="newestClaim">The highest claim in the rings that can be seen.</param>
    /// <param name="givenUp">What the operator gave up; none: <see cref="Generation.None"/>.</param>
    public static Generation After(Root newest, IReadOnlyCollection<Root> kept, Generation newestClaim, Generation givenUp)
    {
        ulong used = Math.Max(newest.Generation.Value + 1, newestClaim.Value);
        if (givenUp > newest.Generation)
            used = Math.Max(used, givenUp.Value + GivenUpRoom);
        ulong first = used + 1;

        // Journal halves take turns by generation: the half of the newest root is not written until there is a newer one.
        if ((first - newest.Generation.Value) % 2 == 0)
            first++;
        HashSet<int> taken = [.. kept.Select(root => RootFormat.SlotOf(root.Generation))];
        IEnumerable<Generation> candidates = Enumerable.Range(0, RootFormat.SlotCount / 2).Select(i => new Generation(first + (2 * (ulong)i)));
        return candidates.FirstOrDefault(generation => !taken.Contains(RootFormat.SlotOf(generation)), new Generation(first));
    }
}
