using System.Runtime.ExceptionServices;
using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>Runs one action per disk, all disks in parallel, and waits for all.</summary>
public static class DiskRound
{
    /// <summary>
    /// Calls <paramref name="action"/> for each member on its queue. Returns one entry per member, null where it succeeded. A
    /// <see cref="DiskException"/> is reported to the member (as a write failure if <paramref name="isWrite"/>); any other exception is thrown on
    /// after all have ended.
    /// </summary>
    public static DiskException?[] Run(IReadOnlyList<MemberDisk> members, bool isWrite, Action<MemberDisk> action)
    {
        var round = new Round(action, members.Count);
        for (int i = 0; i < members.Count; i++)
            round.Start(members[i], i);
        round.Wait();
        round.Unexpected?.Throw();
        for (int i = 0; i < members.Count; i++)
        {
            if (round.Failures[i] is { } failure)
                members[i].ReportFailure(failure, isWrite);
        }

        return round.Failures;
    }

    private sealed class Round(Action<MemberDisk> action, int memberCount)
    {
        /// <summary>Protects the two fields below; a leaf lock.</summary>
        private readonly object _gate = new();
        private int _remainingCount = memberCount;

        public ExceptionDispatchInfo? Unexpected { get; private set; }
        public DiskException?[] Failures { get; } = new DiskException?[memberCount];

        public void Start(MemberDisk member, int index)
        {
            try
            {
                member.Queue.Post(new Turn(this, member, index));
            }
            catch (ObjectDisposedException e)
            {
                End(e);
            }
        }

        public void Wait()
        {
            lock (_gate)
            {
                while (_remainingCount > 0)
                    Monitor.Wait(_gate);
            }
        }

        public void Execute(MemberDisk member, Turn turn)
        {
            Exception? unexpected = null;
            DiskException? failure = null;
            try
            {
                action(member);
            }
            catch (DiskException e)
            {
                failure = Canary.Is("failed-sync-believed") && e.Operation.Contains("sync", StringComparison.Ordinal) ? null : e;
            }
            catch (Exception e)
            {
                unexpected = e;
            }

            EndOnce(turn, failure, unexpected);
        }

        /// <summary>The turn ends by itself or because it was abandoned, whichever comes first.</summary>
        public void EndOnce(Turn turn, DiskException? failure, Exception? unexpected)
        {
            if (!turn.TryEnd())
                return;
            Failures[turn.Index] = failure;
            End(unexpected);
        }

        private void End(Exception? unexpected)
        {
            lock (_gate)
            {
                if (unexpected is not null)
                    Unexpected ??= ExceptionDispatchInfo.Capture(unexpected);
                if (--_remainingCount == 0)
                    Monitor.Pulse(_gate);
            }
        }
    }

    private sealed class Turn(Round round, MemberDisk member, int index) : DiskWork
    {
        private int _hasEnded;

        public int Index { get; } = index;

        public bool TryEnd() => Interlocked.Exchange(ref _hasEnded, 1) == 0;

        protected internal override void Execute() => round.Execute(member, this);

        protected internal override void Abandon(DiskException reason, bool hasBegun) => round.EndOnce(this, reason, null);
    }
}
