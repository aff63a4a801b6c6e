using System.Diagnostics;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz;

/// <summary>What went wrong, how to do it again, and the inputs since the session began (only the last one where no state is kept).</summary>
internal sealed record FuzzFailure(string Target, int Seed, long Input, string What, IReadOnlyList<FuzzInput> Inputs)
{
    public string Line => $"fuzz {Target} --seed {Seed} --input {Input}";
}

/// <summary>
/// Makes inputs from a seed, one after the other, and judges them, until the first failure. Input n of a seed is always the same, whatever came before. A
/// judge that does not come back is a failure too: <see cref="Run"/> watches it from another thread.
/// </summary>
internal sealed class FuzzRun(FuzzTarget target, int seed)
{
    private static readonly TimeSpan _hangAfter = TimeSpan.FromSeconds(60);

    private readonly List<FuzzInput> _inputs = [];
    private long _next;
    private volatile bool _isStopping;

    public long InputCount { get; private set; }
    public long AcceptedCount { get; private set; }
    public long MostAllocatedBytes { get; private set; }
    public double Seconds { get; private set; }
    public FuzzFailure? Failure { get; private set; }

    /// <summary>Judges the inputs from <paramref name="first"/> on; null when none is a failure.</summary>
    public FuzzFailure? Run(long first, long count, TimeSpan limit)
    {
        var clock = Stopwatch.StartNew();
        _next = first;
        var thread = new Thread(() => Work(first, count), 16 << 20) { IsBackground = true, Name = $"fuzz {target.Name}" };
        thread.Start();
        long seen = -1;
        TimeSpan since = clock.Elapsed;
        while (!thread.Join(100))
        {
            _isStopping = clock.Elapsed > limit;
            long next = Volatile.Read(ref _next);
            if (next != seen)
                (seen, since) = (next, clock.Elapsed);
            else if (clock.Elapsed - since > _hangAfter)
                return Failure = new FuzzFailure(target.Name, seed, next, $"no answer for {_hangAfter.TotalSeconds} s", [.. _inputs]);
        }

        Seconds = clock.Elapsed.TotalSeconds;
        return Failure;
    }

    /// <summary>Judges inputs that were kept; null when none is a failure.</summary>
    public static FuzzFailure? Replay(FuzzTarget target, IReadOnlyList<FuzzInput> inputs)
    {
        int at = 0;
        FuzzSession session = target.Start();
        try
        {
            for (; at < inputs.Count; at++)
                session.Judge(inputs[at]);
            session.End?.Invoke();
            return null;
        }
        catch (Exception e)
        {
            return new FuzzFailure(target.Name, 0, at, e.ToString(), inputs);
        }
        finally
        {
            session.Close?.Invoke();
        }
    }

    private void Work(long first, long count)
    {
        FuzzSession? session = null;
        try
        {
            for (long i = first; i < first + count && !_isStopping; i++)
            {
                if (session is null || (target.KeepsState && i % target.SessionInputs == 0))
                {
                    session?.End?.Invoke();
                    session?.Close?.Invoke();
                    session = target.Start();
                    _inputs.Clear();
                }

                if (!target.KeepsState)
                    _inputs.Clear();
                FuzzInput input = session.Make(new Random(Mix(seed, i)));
                _inputs.Add(input);
                Judge(session, input);
                Volatile.Write(ref _next, i + 1);
            }

            session?.End?.Invoke();
        }
        catch (Exception e)
        {
            Failure = new FuzzFailure(target.Name, seed, _next, e.ToString(), [.. _inputs]);
        }
        finally
        {
            session?.Close?.Invoke();
        }
    }

    private void Judge(FuzzSession session, FuzzInput input)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isAccepted = session.Judge(input);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > session.AllocationBytes + (16L * input.Bytes.Length) && InputCount > 0)
            throw new FuzzException($"{allocated} bytes were allocated for {input.Bytes.Length} bytes of input");
        InputCount++;
        AcceptedCount += isAccepted ? 1 : 0;
        MostAllocatedBytes = InputCount == 1 ? 0 : Math.Max(MostAllocatedBytes, allocated);
    }

    /// <summary>splitmix64 of both.</summary>
    private static int Mix(int seed, long input)
    {
        ulong z = ((ulong)(uint)seed << 40) + (ulong)input + 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (int)(z ^ (z >> 31));
    }
}
