using System.Diagnostics;
using System.Globalization;
using DynamicFs.Harness;
using DynamicFs.KillTests.Oracle;
using DynamicFs.KillTests.Pool;
using DynamicFs.KillTests.Workloads;

namespace DynamicFs.KillTests.Campaign;

/// <summary>
/// One pool, killed round after round: disks go and come back, the pool is mounted, what it shows is judged, writers go on from there, the life ends. The
/// judgement of a life is made by the next mount, however many mounts were killed in between.
/// </summary>
internal sealed class KillCampaign : IDisposable
{
    /// <summary>So many commits more are waited for what maintenance held.</summary>
    private const int MaxLateCommits = 100;

    private const int KeptRoots = 16;
    private static readonly TimeSpan s_pointLimit = TimeSpan.FromSeconds(6);

    private readonly KilledPool _pool;
    private readonly IReadOnlyList<IWorkload> _workloads;
    private readonly List<long> _commits = [];

    /// <summary>The workloads were started in this life; what they say otherwise is of an earlier one.</summary>
    private bool _isWorking;

    /// <summary>A disk lost its power while the pool went on, and nobody has told the pool since that it is back.</summary>
    private bool _hasFailedDisks;
    private readonly Action<string> _log;
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <param name="workloads">What uses the pool; made from the campaign's seed.</param>
    public KillCampaign(DiskKind kind, int seed, Func<Random, IReadOnlyList<IWorkload>> workloads, Action<string> log)
    {
        _log = log;
        Tally = new Tally { Filesystem = kind.Name, Seed = seed };
        _workloads = workloads(new Random(seed));
        _pool = new KilledPool(kind);
        try
        {
            Prepare();
        }
        catch
        {
            _pool.Dispose();
            throw;
        }
    }

    public Tally Tally { get; }

    /// <summary>Settings that all later daemons get.</summary>
    public IDictionary<string, string> Settings => _pool.Settings;

    /// <summary>One round. Throws <see cref="KillViolationException"/> when the pool broke a promise.</summary>
    public void Round(RoundPlan plan)
    {
        _log($"round {Tally.Rounds}: {plan}");
        try
        {
            if (_hasFailedDisks)
                ReviveDisks();
            _pool.SetAway(plan.Away);
            KillMounts(plan);
            MountToJudge(plan);
            Live(plan);
        }
        catch (CommandException e)
        {
            throw Violation($"{plan}: {e.Message}");
        }

        Tally.Rounds++;
        Tally.RoundsWithDisksAway += plan.Away.Count > 0 ? 1 : 0;
        Tally.Seconds = _clock.Elapsed.TotalSeconds;
    }

    /// <summary>fsck right after a crash, with all disks back.</summary>
    public void Fsck(params int[] expected)
    {
        try
        {
            _pool.SetAway([]);
            _pool.Fsck(expected);
            Tally.Fscks++;
        }
        catch (CommandException e)
        {
            throw Violation(e.Message);
        }
    }

    /// <summary>The end: everything is there with all disks, unmounting and mounting again changes nothing, fsck is clean.</summary>
    public void Finish(params int[] expected)
    {
        try
        {
            _pool.SetAway([]);
            _pool.Mount();
            JudgeLife();
            _pool.Daemon.Unmount();
            Fsck(expected);
            _pool.Mount();
            JudgeLife();
            _pool.Daemon.Unmount();
        }
        catch (CommandException e)
        {
            throw Violation(e.Message);
        }

        Tally.Seconds = _clock.Elapsed.TotalSeconds;
    }

    /// <summary>
    /// After <see cref="Finish"/>, when no disk was ever away: once everything is deleted and no kept root knows it any more, no fragment and no temporary file is
    /// left on any disk.
    /// </summary>
    public void CheckNothingIsLeft()
    {
        try
        {
            _pool.Mount();
            Shell.Bash($"rm -rf {_pool.MountPoint}/*").Succeeded();
            // Maintenance may hold an extent when its turn comes: then it goes with a later commit.
            string left = "not looked";
            for (int commit = 0; commit < KeptRoots + 6 || (left.Length > 0 && commit < KeptRoots + MaxLateCommits); commit++)
            {
                Shell.Bash($"touch {_pool.MountPoint}/{commit}").Succeeded();
                if (!ControlSocket.TrySync(_pool.StateDirectory, TimeSpan.FromSeconds(30)))
                    throw Violation($"commit {commit} from outside was not answered");
                if (commit < KeptRoots + 6)
                    continue;
                Thread.Sleep(250);
                left = FragmentFiles();
            }

            _pool.Daemon.Unmount();
            left = FragmentFiles();
            if (left.Length > 0)
                throw Violation($"files of nobody are left:\n{left}");
        }
        catch (CommandException e)
        {
            throw Violation(e.Message);
        }
    }

    private string FragmentFiles() =>
        string.Concat(_pool.Disks.Select(disk => Shell.Bash($"find {disk.Path}/.dynfs/fragments {disk.Path}/.dynfs/tmp -type f").Succeeded().Output));

    public void Dispose()
    {
        foreach (IWorkload workload in _workloads)
            workload.ExpectEnd();
        _pool.Dispose();
        foreach (IWorkload workload in _workloads)
            workload.Join();
    }

    private void Prepare()
    {
        _pool.Mount();
        foreach (IWorkload workload in _workloads)
            workload.Prepare(_pool.MountPoint);
        _pool.Daemon.Unmount();
    }

    private void KillMounts(RoundPlan plan)
    {
        foreach (NamedPoint? point in plan.Interrupted)
        {
            if (point is null)
                _pool.MountAndKill(plan.InterruptAfter);
            else if (!_pool.Mount(point))
                Tally.NotePoint(point.Name);
            _pool.Daemon.Kill();
            Tally.Kills++;
            Tally.MountsKilled++;
        }
    }

    /// <summary>A life of its own, in which an operator says that the disks are well again; no point holds it.</summary>
    private void ReviveDisks()
    {
        _pool.SetAway([]);
        _pool.Mount();
        JudgeLife();
        _pool.ReviveDisks();
        _pool.Daemon.Kill();
        Tally.Kills++;
        _hasFailedDisks = false;
    }

    /// <summary>Mounts and judges. A life that comes to its point before it serves ends there, and the next one has none.</summary>
    private void MountToJudge(RoundPlan plan)
    {
        if (!_pool.Mount(plan.Point, holds: plan.Cut.Count > 0))
        {
            EndLife(plan);
            _pool.Mount();
        }

        try
        {
            JudgeLife();
        }
        catch (CommandException) when (plan.Point is not null && (File.Exists(_pool.Daemon.Marker) || _pool.Daemon.IsBeingKilled))
        {
            // Background work came to the point while the mount was looked at.
            EndLife(plan);
            _pool.Mount();
            JudgeLife();
        }
    }

    private void Live(RoundPlan plan)
    {
        _isWorking = true;
        foreach (IWorkload workload in _workloads)
            workload.Start(_pool.MountPoint);
        var clock = Stopwatch.StartNew();
        TimeSpan limit = plan.Point is null ? plan.Length : s_pointLimit;
        while (clock.Elapsed < limit && !_pool.Daemon.HasEnded && !File.Exists(_pool.Daemon.Marker))
        {
            Thread.Sleep(5);
            if (plan.Commits)
                CommitFromOutside();
        }

        EndLife(plan);
    }

    private void CommitFromOutside()
    {
        long started = Operation.Now();
        if (!ControlSocket.TrySync(_pool.StateDirectory, TimeSpan.FromSeconds(3)))
            return;
        _commits.Add(started);
        Tally.CommitsAcknowledged++;
    }

    private void EndLife(RoundPlan plan)
    {
        if (plan.Point is not null && (_pool.Daemon.HasEnded || File.Exists(_pool.Daemon.Marker)))
            Tally.NotePoint(plan.Point.Name);
        bool isAll = plan.Cut.Count + plan.Away.Count == KilledPool.DiskCount;
        if (plan.Cut.Count > 0)
            CutPower(plan, isAll);
        foreach (IWorkload workload in _workloads)
            workload.ExpectEnd();
        bool diedItself = _pool.Daemon.HasEnded;
        bool wasKilled = !_pool.Daemon.HasEnded || _pool.Daemon.WasKilled;
        string log = wasKilled ? "" : _pool.Daemon.LogTail;
        _pool.Daemon.Kill();
        foreach (IWorkload workload in _workloads)
            workload.Join();
        _pool.Recover(plan.Cut);
        Tally.Kills++;
        if (!wasKilled)
            throw Violation($"the daemon ended by itself:\n{log}");
        bool wasWorking = _isWorking;
        _isWorking = false;
        if (wasWorking && _workloads.Select(workload => workload.Failure(diedItself)).FirstOrDefault(failure => failure is not null) is { } failure)
            throw Violation($"{plan}: {failure}\n{_pool.Daemon.LogTail}");
    }

    private void CutPower(RoundPlan plan, bool isAll)
    {
        // With no disk left every answer is allowed but a wrong one; with some left the pool must serve on. A held daemon cannot.
        if (isAll || File.Exists(_pool.Daemon.Marker))
        {
            foreach (IWorkload workload in _workloads)
                workload.ExpectEnd();
        }

        _hasFailedDisks |= !isAll;
        _pool.Cut(plan.Cut);
        Thread.Sleep(plan.Grace);
        Tally.Cuts++;
        Tally.DisksCut += plan.Cut.Count;
    }

    private void JudgeLife()
    {
        string[] violations = [.. _workloads.SelectMany(workload => workload.Judge(_pool.MountPoint, _commits, Tally))];
        Tally.Recoveries++;
        _commits.Clear();
        if (violations.Length > 0)
            throw Violation($"{string.Join("\n", violations)}\n{_pool.Daemon.LogTail}");
    }

    private KillViolationException Violation(string text)
    {
        string whole = string.Create(CultureInfo.InvariantCulture, $"{Tally.Filesystem}, seed {Tally.Seed}, round {Tally.Rounds}: {text}");
        Tally.Violations.Add(whole);
        Tally.Seconds = _clock.Elapsed.TotalSeconds;
        _pool.KeepForInspection();
        return new KillViolationException(whole);
    }
}

/// <summary>The pool broke a promise.</summary>
internal sealed class KillViolationException(string message) : Exception(message);
