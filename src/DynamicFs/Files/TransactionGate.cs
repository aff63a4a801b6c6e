using System.Runtime.InteropServices;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Separates operations from the close of a transaction. An operation that changes anything holds the gate shared from its first to its last change;
/// the close (and the eviction of inodes) takes it exclusively for a short moment without I/O. A waiting close lets no new operation in, so it is
/// never starved.
/// <para>
/// Order of locks, everywhere in Files: gate, then namespace lock, then inode locks by ascending number, then the inode table's and the tree's own
/// locks. The gate is not re-entrant: a second entry on the same thread stops the operation.
/// </para>
/// <para>
/// A set of changes that must be seen together is enclosed by <see cref="BeginChange"/>: when one of them throws, no transaction is closed any more.
/// </para>
/// <para>
/// Shared entry is one interlocked increment of a counter that threads do not share (16 stripes of a cache line pair), then one look at the
/// writer's flag. Entering increments, then reads the flag; closing sets the flag, then reads the counters: one of the two sees the other.
/// </para>
/// </summary>
internal sealed class TransactionGate
{
    private const int StripeCount = 16;

    [ThreadStatic]
    private static bool t_isInside;

    private readonly Stripe[] _stripes = new Stripe[StripeCount];
    private readonly Lock _exclusive = new();
    private readonly object _wake = new();
    private int _isClosing;
    private volatile bool _isBroken;

    /// <summary>Whether this thread is inside a gate, shared or exclusive.</summary>
    public static bool IsHeldByThisThread => t_isInside;

    public SharedScope EnterShared()
    {
        Invariant.Check(!t_isInside, "a thread enters the transaction gate once");
        int stripe = Environment.CurrentManagedThreadId & (StripeCount - 1);
        Interlocked.Increment(ref _stripes[stripe].Count);
        if (Volatile.Read(ref _isClosing) != 0)
            WaitUntilOpen(stripe);
        t_isInside = true;
        return new SharedScope(this, stripe);
    }

    /// <summary>A change of several keys stopped half-way: the running transaction must never be closed.</summary>
    public bool IsBroken => _isBroken;

    /// <summary>
    /// Marks the first of several changes to the tree that belong together. Disposed without <see cref="ChangeScope.Complete"/>, it breaks the gate while
    /// the operation is still inside.
    /// </summary>
    public ChangeScope BeginChange()
    {
        Invariant.Check(t_isInside, "a change is made inside the transaction gate");
        return new ChangeScope(this);
    }

    /// <summary>Throws <see cref="PoolException"/> when the gate is broken.</summary>
    public ExclusiveScope EnterExclusive()
    {
        Invariant.Check(!t_isInside, "a thread enters the transaction gate once");
        _exclusive.Enter();
        Interlocked.Exchange(ref _isClosing, 1);
        lock (_wake)
        {
            foreach (ref Stripe stripe in _stripes.AsSpan())
            {
                while (Volatile.Read(ref stripe.Count) != 0)
                    Monitor.Wait(_wake);
            }
        }

        t_isInside = true;
        if (!_isBroken)
            return new ExclusiveScope(this);
        ExitExclusive();
        throw new PoolException(ErrorId.Internal, "a change stopped half-way, so the running transaction cannot be committed; the pool is READ_ONLY, "
            + "everything up to the last commit is safe. Find the cause in the log, unmount and mount again");
    }

    private void WaitUntilOpen(int stripe)
    {
        while (true)
        {
            lock (_wake)
            {
                Interlocked.Decrement(ref _stripes[stripe].Count);
                Monitor.PulseAll(_wake);
                while (Volatile.Read(ref _isClosing) != 0)
                    Monitor.Wait(_wake);
            }

            Interlocked.Increment(ref _stripes[stripe].Count);
            if (Volatile.Read(ref _isClosing) == 0)
                return;
        }
    }

    private void ExitShared(int stripe)
    {
        t_isInside = false;
        Interlocked.Decrement(ref _stripes[stripe].Count);
        if (Volatile.Read(ref _isClosing) == 0)
            return;
        lock (_wake)
            Monitor.PulseAll(_wake);
    }

    private void ExitExclusive()
    {
        t_isInside = false;
        lock (_wake)
        {
            Volatile.Write(ref _isClosing, 0);
            Monitor.PulseAll(_wake);
        }

        _exclusive.Exit();
    }

    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Stripe
    {
        [FieldOffset(64)]
        public int Count;
    }

    public ref struct ChangeScope
    {
        private readonly TransactionGate _gate;
        private bool _isComplete;

        internal ChangeScope(TransactionGate gate) => _gate = gate;

        public void Complete() => _isComplete = true;

        public readonly void Dispose()
        {
            if (!_isComplete)
                _gate._isBroken = true;
        }
    }

    public readonly ref struct SharedScope
    {
        private readonly TransactionGate _gate;
        private readonly int _stripe;

        internal SharedScope(TransactionGate gate, int stripe) => (_gate, _stripe) = (gate, stripe);

        public void Dispose() => _gate.ExitShared(_stripe);
    }

    public readonly ref struct ExclusiveScope
    {
        private readonly TransactionGate _gate;

        internal ExclusiveScope(TransactionGate gate) => _gate = gate;

        public void Dispose() => _gate.ExitExclusive();
    }
}
