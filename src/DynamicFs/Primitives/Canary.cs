using System.Runtime.CompilerServices;

namespace DynamicFs.Primitives;

/// <summary>
/// One safety step broken on purpose, so that the crash harness can show that it would notice (docs/phases/CANARIES.md). Keeps true: in a normal build
/// <see cref="Is"/> is the constant false, and what depends on it is not compiled. Only a build with the symbol DYNFS_CANARY has canaries; of these the
/// one that the environment variable DYNFS_CANARY names is alive, none without it.
/// </summary>
internal static class Canary
{
#if DYNFS_CANARY
    private static string s_alive = Environment.GetEnvironmentVariable("DYNFS_CANARY") ?? "";
    private static long s_hitCount;

    public const bool IsBuilt = true;

    /// <summary>Every canary, in the order of the document.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "pages-not-synced",
        "root-not-synced",
        "new-file-directory-not-synced",
        "fragment-not-synced",
        "fragment-directory-not-synced",
        "new-group-not-synced",
        "read-back-not-compared",
        "failed-sync-believed",
        "acknowledged-before-durable",
        "journal-not-synced",
        "journal-not-replayed",
        "journal-of-another-root",
        "page-checksum-not-verified",
        "block-checksum-not-verified",
        "fragment-header-not-verified",
        "parity-not-encoded",
        "min-write-ignored",
        "commit-quorum-ignored",
        "mount-quorum-ignored",
        "newest-seen-ignored",
        "stale-mirror-trusted",
        "page-freed-when-dead",
        "page-reused-while-kept",
        "extent-deleted-when-dead",
        "extent-deleted-while-kept",
        "uncommitted-not-removed",
        "orphans-not-freed",
        "parity-not-rebuilt",
        "rebuilt-from-reused-buffer",
        "rebuilt-before-durable",
        "moved-fragment-deleted-early",
        "moved-fragment-deleted-while-kept",
        "scrub-without-parity",
        "orphans-without-kept-roots",
    ];

    /// <summary>The canary that is alive; empty for none. Set between runs only.</summary>
    public static string Alive
    {
        get => s_alive;
        set
        {
            Invariant.Check(value.Length == 0 || All.Contains(value), $"{value} is a canary");
            (s_alive, s_hitCount) = (value, 0);
        }
    }

    /// <summary>How often the living canary's step was broken: a run that never came by proves nothing.</summary>
    public static long HitCount => Volatile.Read(ref s_hitCount);

    public static bool Is(string name)
    {
        if (s_alive.Length == 0 || s_alive != name)
            return false;
        Interlocked.Increment(ref s_hitCount);
        return true;
    }
#else
    public const bool IsBuilt = false;

    public static IReadOnlyList<string> All => [];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Is(string name) => false;
#endif
}
