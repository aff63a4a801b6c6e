using System.Diagnostics;
using System.Globalization;
using DynamicFs.Harness;

namespace DynamicFs.Bench;

/// <summary>
/// Does the rounds. Rows that build on each other (write a file, read it, ...) form a group; a round does a whole group on one side, then on the other,
/// and the side that begins changes from round to round.
/// </summary>
internal sealed class Run : IDisposable
{
    private readonly Settings _settings;
    private readonly Scratch _scratch;
    private readonly PlainSide _plain;
    private readonly PoolSide _pool;
    private readonly Dictionary<(string Row, Side Side), List<Sample>> _samples = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    public Run(Settings settings, Scratch scratch)
    {
        (_settings, _scratch) = (settings, scratch);
        _plain = new PlainSide(scratch);
        _pool = new PoolSide(scratch);
    }

    public Results All()
    {
        Group(Streams, "seq-write", "seq-read", "random-read-4k", "random-write-4k-fsync32");
        Group(SmallFiles, "create-4k", "stat", "read-small", "delete");
        Group((side, place) => Take("create-fsync", side, "create-fsync", place, Text(_settings.SyncedFiles)), "create-fsync");
        if (_settings.Wants("git-clone"))
        {
            (string path, long bytes) = MakeRepository();
            Group((side, place) => Take("git-clone", side, "shell", place, Text(bytes), $"git clone -q --no-local {path} clone"), "git-clone");
        }

        if (_settings.Wants("untar"))
        {
            (string path, long bytes) = MakeArchive();
            Group((side, place) => Take("untar", side, "shell", place, Text(bytes), $"tar -xf {path}"), "untar");
        }

        Group(Maintained, _settings.MaintenanceRounds, "scrub", "rebuild");
        Group(Disturbed, _settings.MaintenanceRounds, "read-p99-rebuild");
        List<double> mounts = _settings.Wants("mount") ? Mounts() : [];
        Group(Deletes, "delete");
        return new Results([.. Settings.Names.Where(name => _settings.Wants(name)).Select(name => name == "mount" ? MountRow(mounts) : name == "read-p99-rebuild" ? LatencyRow(name) : ToRow(name))],
            _pool.PeakMebibytes, _settings.Quick, _clock.Elapsed.TotalSeconds);
    }

    public void Dispose() => _pool.Dispose();

    private void Group(Action<Side, string> rows, params string[] names) => Group(rows, _settings.Rounds, names);

    private void Group(Action<Side, string> rows, int rounds, params string[] names)
    {
        if (!_settings.Wants(names))
            return;
        var spent = Stopwatch.StartNew();
        for (int round = 0; round < rounds && (round == 0 || spent.Elapsed < _settings.GroupBudget); round++)
        {
            Progress($"{string.Join(' ', names)}: round {round + 1}");
            foreach (Side side in round % 2 == 0 ? (Side[])[_plain, _pool] : [_pool, _plain])
                rows(side, $"{names[0]}-{round}");
        }
    }

    private void Streams(Side side, string place)
    {
        Take("seq-write", side, "write", place, Text(_settings.StreamBytes >> 20));
        if (_settings.Wants("seq-read"))
        {
            side.MakeCold();
            Take("seq-read", side, "read", place);
        }

        if (_settings.Wants("random-read-4k"))
        {
            side.MakeCold();
            Take("random-read-4k", side, "random-read", place, Text(_settings.RandomReads));
        }

        if (_settings.Wants("random-write-4k-fsync32"))
            Take("random-write-4k-fsync32", side, "random-write", place, Text(_settings.RandomWrites));
        side.Remove(place);
    }

    private void SmallFiles(Side side, string place)
    {
        string count = Text(_settings.SmallFiles);
        Take("create-4k", side, "create", place, count);
        if (_settings.Wants("stat"))
        {
            side.MakeCold();
            Take("stat", side, "stat", place);
            side.MakeCold();
            Take("stat-by-name", side, "stat-by-name", place, count);
        }

        if (_settings.Wants("read-small"))
        {
            side.MakeCold();
            Take("read-small", side, "read-small", place, count);
        }
    }

    // The plain side reads a file of the same size, cold: that is the raw speed that both are compared with.
    private void Maintained(Side side, string place)
    {
        side.Measure("write", place, Text(_settings.StreamBytes >> 20));
        if (_settings.Wants("scrub") || side == _plain)
            side.MakeCold();
        if (side == _plain)
        {
            Sample raw = side.Measure("read", place);
            Note("scrub", side, raw);
            Note("rebuild", side, raw);
        }
        else
        {
            if (_settings.Wants("scrub"))
                Note("scrub", side, _pool.Maintenance.Scrub());
            if (_settings.Wants("rebuild"))
                Note("rebuild", side, _pool.Maintenance.Rebuild(_settings.StreamBytes));
        }

        side.Remove(place);
    }

    // Raw is the same pool while nothing is rebuilt.
    private void Disturbed(Side side, string place)
    {
        if (side == _plain)
            return;
        string[] before = _pool.Maintenance.FragmentsNow();
        side.Measure("write", place, Text(_settings.StreamBytes >> 20));
        string[] lost = [.. _pool.Maintenance.FragmentsNow().Except(before)];
        string read = $"{place}-read", count = Text(_settings.RandomReads);
        side.Measure("write", read, Text(_settings.ReadBytes >> 20));
        Side.DropCaches();
        Note("read-p99-rebuild", _plain, side.Measure("random-read", read, count));
        Side.DropCaches();
        (Sample sample, bool hasCovered) = _pool.Maintenance.During(lost, () => side.Measure("random-read", read, count));
        Note("read-p99-rebuild", side, sample);
        Progress($"  p99 {_samples[("read-p99-rebuild", _plain)][^1].Client.P99Microseconds:0} us, with the rebuild {sample.Client.P99Microseconds:0} us{(hasCovered ? "" : "; the rebuild ended before the reads did")}");
        side.Remove(place);
        side.Remove(read);
    }

    // Last of all, because ext4 makes new files several times slower for minutes after many were deleted. Names and attributes are in memory.
    private void Deletes(Side side, string place)
    {
        place = place.Replace("delete", "create-4k", StringComparison.Ordinal);
        if (!_samples[("create-4k", side)].Skip(int.Parse(place["create-4k-".Length..], CultureInfo.InvariantCulture)).Any())
            return;
        side.Measure("stat", place);
        Take("delete", side, "delete", place, Text(_settings.SmallFiles));
    }

    private List<double> Mounts()
    {
        Progress($"mount: making {_settings.MountedFiles} files");
        _pool.Measure("create-tiny", "mount", Text(_settings.MountedFiles));
        var seconds = new List<double>();
        for (int round = 0; round < _settings.Rounds; round++)
        {
            Progress($"mount: round {round + 1}");
            seconds.Add(_pool.ColdMount());
        }

        return seconds;
    }

    private (string Path, long Bytes) MakeRepository()
    {
        string path = _scratch.Sub("repository");
        Progress($"git-clone: making a repository of {_settings.RepositoryFiles} files");
        long bytes = MakeTree(path, _settings.RepositoryFiles, 6000);
        Shell.Bash($"cd {path}; git init -q; git -c core.fsync=none add -A; git -c user.name=b -c user.email=b@b -c core.fsync=none commit -qm one; git repack -adq", 300).Succeeded();
        return (path, bytes);
    }

    private (string Path, long Bytes) MakeArchive()
    {
        string path = _scratch.Sub("archive");
        Progress($"untar: making an archive of {_settings.ArchiveFiles} files");
        long bytes = MakeTree(path, _settings.ArchiveFiles, 40_000);
        Shell.Bash($"tar -cf {path}.tar -C {path} . && rm -rf {path}", 300).Succeeded();
        return (path + ".tar", bytes);
    }

    // Text of varying length, as sources are; the same in every run.
    private static long MakeTree(string path, int count, int longestBytes)
    {
        var random = new Random(4);
        byte[] text = new byte[longestBytes];
        long bytes = 0;
        for (int index = 0; index < count; index++)
        {
            string directory = Path.Combine(path, $"part{index / 2000}", $"sub{index / 100 % 20}");
            if (index % 100 == 0)
                Directory.CreateDirectory(directory);
            int length = 1 + (int)(longestBytes * random.NextDouble() * random.NextDouble());
            for (int place = 0; place < length; place++)
                text[place] = place % 40 == 39 ? (byte)'\n' : (byte)('a' + random.Next(26));
            File.WriteAllBytes(Path.Combine(directory, $"file{index}.c"), text[..length]);
            bytes += length;
        }

        return bytes;
    }

    private void Take(string row, Side side, string operation, string place, params string[] arguments)
    {
        Note(row, side, side.Measure(operation, place, arguments));
    }

    private void Note(string row, Side side, Sample sample)
    {
        if (!_samples.TryGetValue((row, side), out List<Sample>? samples))
            _samples[(row, side)] = samples = [];
        samples.Add(sample);
        Progress(string.Create(CultureInfo.InvariantCulture, $"  {row} on the {(side == _pool ? "pool" : "plain side")}: {sample.Client.Seconds:0.00} s, CPU client {sample.Client.CpuSeconds:0.00} daemon {sample.Cpu.DaemonSeconds:0.00} kernel {sample.Cpu.KernelSeconds:0.00} s"));
    }

    private Row ToRow(string name)
    {
        List<Sample> pool = _samples[(name, _pool)], plain = _samples[(name, _plain)];
        string unit = name switch
        {
            "seq-write" or "seq-read" or "scrub" or "rebuild" => "MiB/s",
            "git-clone" or "untar" => "s",
            _ => "op/s",
        };
        double value = Median(pool, sample => In(unit, sample.Client)), raw = Median(plain, sample => In(unit, sample.Client));
        return new Row(name, value, unit, raw, value / raw, CpuPerGibibyte(pool), CpuPerGibibyte(plain), Median(pool, sample => sample.TotalCpuSeconds),
            Median(pool, sample => sample.Cpu.MachineBusySeconds), MedianOrNull(pool, sample => sample.Client.P50Microseconds),
            MedianOrNull(pool, sample => sample.Client.P99Microseconds), MedianOrNull(plain, sample => sample.Client.P50Microseconds),
            MedianOrNull(plain, sample => sample.Client.P99Microseconds), name == "stat" ? ByName() : null, pool.Count);
    }

    private Row LatencyRow(string name)
    {
        List<Sample> disturbed = _samples[(name, _pool)], quiet = _samples[(name, _plain)];
        double value = Median(disturbed, sample => sample.Client.P99Microseconds!.Value), raw = Median(quiet, sample => sample.Client.P99Microseconds!.Value);
        return new Row(name, value, "us", raw, value / raw, null, null, 0, 0, Median(disturbed, sample => sample.Client.P50Microseconds!.Value), value,
            Median(quiet, sample => sample.Client.P50Microseconds!.Value), raw, null, disturbed.Count);
    }

    private double ByName() => Median(_samples[("stat-by-name", _pool)], sample => In("op/s", sample.Client))
        / Median(_samples[("stat-by-name", _plain)], sample => In("op/s", sample.Client));

    private static Row MountRow(List<double> seconds)
        => new("mount", Median(seconds), "s", null, null, null, null, 0, 0, null, null, null, null, null, seconds.Count);

    private static double In(string unit, Measurement client) => unit switch
    {
        "MiB/s" => client.Bytes / client.Seconds / (1 << 20),
        "op/s" => client.Operations / client.Seconds,
        _ => client.Seconds,
    };

    private static double? CpuPerGibibyte(List<Sample> samples)
        => samples[0].Client.Bytes == 0 ? null : Median(samples, sample => sample.TotalCpuSeconds * (1 << 30) / sample.Client.Bytes);

    private static double? MedianOrNull(List<Sample> samples, Func<Sample, double?> part)
        => part(samples[0]) is null ? null : Median(samples, sample => part(sample)!.Value);

    private static double Median(List<Sample> samples, Func<Sample, double> part) => Median([.. samples.Select(part)]);

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private void Progress(string text) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"bench: {_clock.Elapsed.TotalSeconds,4:0} s  {text}"));

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
