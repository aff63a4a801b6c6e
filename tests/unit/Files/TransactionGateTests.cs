using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Files;

public class TransactionGateTests
{
    [Fact]
    public void A_close_never_sees_half_of_an_operation_and_is_never_starved()
    {
        var gate = new TransactionGate();
        long[] pair = new long[2];
        bool isOver = false;
        Thread[] writers = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref isOver))
            {
                using (gate.EnterShared())
                {
                    Interlocked.Increment(ref pair[0]);
                    Interlocked.Increment(ref pair[1]);
                }
            }
        }))];
        foreach (Thread writer in writers)
            writer.Start();
        int torn = 0;
        for (int close = 0; close < 2000; close++)
        {
            using (gate.EnterExclusive())
                torn += Volatile.Read(ref pair[0]) == Volatile.Read(ref pair[1]) ? 0 : 1;
        }

        Volatile.Write(ref isOver, true);
        foreach (Thread writer in writers)
            writer.Join();
        Assert.Equal(0, torn);
        Assert.True(pair[0] > 0);
    }

    [Fact]
    public void Closes_exclude_each_other()
    {
        var gate = new TransactionGate();
        int inside = 0, most = 0;
        Thread[] closers = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                using (gate.EnterExclusive())
                {
                    most = Math.Max(most, Interlocked.Increment(ref inside));
                    Interlocked.Decrement(ref inside);
                }
            }
        }))];
        foreach (Thread closer in closers)
            closer.Start();
        foreach (Thread closer in closers)
            closer.Join();
        Assert.Equal(1, most);
    }

    [Fact]
    public void A_thread_enters_once()
    {
        var gate = new TransactionGate();
        using (gate.EnterShared())
        {
            Assert.True(TransactionGate.IsHeldByThisThread);
            Assert.Throws<InvariantException>(() => gate.EnterShared().Dispose());
            Assert.Throws<InvariantException>(() => gate.EnterExclusive().Dispose());
        }

        Assert.False(TransactionGate.IsHeldByThisThread);
        using (gate.EnterExclusive())
            Assert.True(TransactionGate.IsHeldByThisThread);
    }

    [Fact]
    public void A_change_outside_is_refused() => Assert.Throws<InvariantException>(() => new TransactionGate().BeginChange().Dispose());

    [Fact]
    public void A_change_that_stops_half_way_lets_no_transaction_be_closed()
    {
        var gate = new TransactionGate();
        using (gate.EnterShared())
        {
            using TransactionGate.ChangeScope whole = gate.BeginChange();
            whole.Complete();
        }

        Assert.False(gate.IsBroken);
        Assert.Throws<InvalidOperationException>(() => StopHalfWay(gate));
        Assert.True(gate.IsBroken);
        Assert.Equal(ErrorId.Internal, Assert.Throws<PoolException>(() => gate.EnterExclusive().Dispose()).Id);
        using (gate.EnterShared())
            Assert.True(TransactionGate.IsHeldByThisThread);
    }

    private static void StopHalfWay(TransactionGate gate)
    {
        using (gate.EnterShared())
        {
            using TransactionGate.ChangeScope half = gate.BeginChange();
            throw new InvalidOperationException("between two keys");
        }
    }
}
