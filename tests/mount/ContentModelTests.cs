using System.Globalization;
using DynamicFs.Harness;
using Xunit;
using Xunit.Abstractions;

namespace DynamicFs.MountTests;

/// <summary>
/// Random operations on files that share extents, against a byte array: write, append, direct and mapped access, truncate, punch, zero, allocate,
/// copies between the files, fsync, reopen, remount, crash after fsync. A failure names the seed; DYNFS_TEST_SEED repeats it.
/// </summary>
[Collection(MountCollection.Name)]
public sealed class ContentModelTests(MountRun run, ITestOutputHelper output)
{
    private const int FileCount = 3;
    private const int Largest = 12 << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_operations_leave_what_the_model_has(int number)
    {
        string? given = Environment.GetEnvironmentVariable("DYNFS_TEST_SEED");
        int seed = given is null ? Random.Shared.Next() : int.Parse(given, CultureInfo.InvariantCulture);
        output.WriteLine($"seed {seed}");
        using PoolUnderTest pool = run.NewPool(number == 1 ? 6 : 3).Create().Mount();
        var walk = new Walk(run, pool, new Random(seed));
        try
        {
            walk.Run(operations: (int)MountRun.Sized(500, 20_000), rounds: 4);
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"seed {seed}, last operations:\n{string.Join('\n', walk.History.TakeLast(40))}", failure);
        }
    }

    /// <summary>One walk: the model, the process that does the operations, and the list of what was done.</summary>
    private sealed class Walk(MountRun run, PoolUnderTest pool, Random random)
    {
        private readonly ContentModel[] _files = [.. Enumerable.Range(0, FileCount).Select(_ => new ContentModel())];
        private ulong _pattern;

        public List<string> History { get; } = [];

        public void Run(int operations, int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
                using (var agent = new Agent(run, pool.MountPoint))
                {
                    for (int file = 0; file < FileCount; file++)
                        agent.Done($"open {file}");
                    CompareAll(agent);
                    for (int index = 0; index < operations; index++)
                        Step(agent);
                    CompareAll(agent);
                    Do(agent, "fsync 0");
                }

                bool crash = round % 2 == 1;
                History.Add(crash ? "crash" : "remount");
                if (crash)
                    pool.Crash();
                else
                    pool.Unmount();
                pool.Mount();
            }

            using var last = new Agent(run, pool.MountPoint);
            for (int file = 0; file < FileCount; file++)
                last.Done($"open {file}");
            CompareAll(last);
        }

        private void Step(Agent agent)
        {
            int file = random.Next(FileCount);
            ContentModel model = _files[file];
            int offset = Offset(), length = Length(Largest - offset);
            switch (random.Next(16))
            {
                case 0 or 1 or 2:
                    Do(agent, $"write {file} {offset} {length} {++_pattern}");
                    model.Write(offset, length, _pattern);
                    break;
                case 3 when model.Length + 5000 < Largest:
                    Do(agent, $"append {file} 5000 {++_pattern}");
                    model.Append(5000, _pattern);
                    break;
                case 4 when length >= 4096:
                    Do(agent, $"direct {file} {offset & ~4095} {length & ~4095} {++_pattern}");
                    model.Write(offset & ~4095, length & ~4095, _pattern);
                    break;
                case 5 when offset + length <= model.Length:
                    Do(agent, $"mapwrite {file} {offset} {length} {++_pattern}");
                    model.Write(offset, length, _pattern);
                    break;
                case 6 when offset + length <= model.Length:
                    Compare($"mapread {file} {offset} {length}", agent, model, offset, length);
                    break;
                case 7:
                    Do(agent, $"truncate {file} {offset}");
                    model.Truncate(offset);
                    break;
                case 8:
                    Do(agent, $"punch {file} {offset} {length}");
                    model.Punch(offset, length);
                    break;
                case 9:
                    Do(agent, $"zero {file} {offset} {length}");
                    model.Grow(offset + length);
                    model.Punch(offset, length);
                    break;
                case 10:
                    Do(agent, $"allocate {file} {offset} {length}");
                    model.Grow(offset + length);
                    break;
                case 11:
                    CopyFrom(agent, file);
                    break;
                case 12:
                    Do(agent, $"open {file}");
                    break;
                case 13 when random.Next(4) == 0:
                    Do(agent, $"fsync {file}");
                    break;
                case 14:
                    CompareHoles(agent, file);
                    break;
                default:
                    int count = Math.Max(0, Math.Min(length, model.Length - offset));
                    Compare($"read {file} {offset} {length}", agent, model, offset, count);
                    break;
            }
        }

        private void CopyFrom(Agent agent, int file)
        {
            int source = random.Next(FileCount), from = Offset(), to = Offset();
            int length = Math.Min(Length(Largest - to), _files[source].Length - from);
            bool overlaps = source == file && Math.Abs(from - to) < length;
            if (length <= 0 || overlaps)
                return;
            Do(agent, $"copy {source} {from} {file} {to} {length}");
            _files[file].Copy(_files[source], from, to, length);
        }

        private void CompareAll(Agent agent)
        {
            for (int file = 0; file < FileCount; file++)
            {
                Assert.Equal(_files[file].Length, agent.Done($"size {file}"));
                Compare($"read {file} 0 {Largest}", agent, _files[file], 0, _files[file].Length);
                CompareHoles(agent, file);
            }
        }

        private void Compare(string operation, Agent agent, ContentModel model, int offset, int length)
        {
            History.Add(operation);
            byte[] found = agent.Bytes(operation);
            ReadOnlySpan<byte> expected = length == 0 ? [] : model.Bytes.Slice(offset, length);
            if (!expected.SequenceEqual(found))
                Assert.Fail($"{operation}: {found.Length} bytes, {length} expected; first difference at {offset + expected.CommonPrefixLength(found)}");
        }

        // A hole must read as zeros; whatever is not zero must be inside a stretch of data.
        private void CompareHoles(Agent agent, int file)
        {
            Answer answer = agent.Do($"data {file}");
            long[] edges = [.. answer.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
            int hole = 0;
            for (int index = 0; index + 1 < edges.Length; index += 2)
            {
                Assert.False(_files[file].Bytes[hole..(int)edges[index]].ContainsAnyExcept((byte)0), $"file {file}: data in the hole before {edges[index]}");
                hole = (int)edges[index + 1];
            }

            Assert.False(_files[file].Bytes[hole..].ContainsAnyExcept((byte)0), $"file {file}: data in the hole after {hole}");
        }

        private void Do(Agent agent, string operation)
        {
            History.Add(operation);
            long done = agent.Done(operation);
            string[] words = operation.Split(' ');
            if (words[0] is "write" or "direct")
                Assert.Equal(words[3], done.ToString(CultureInfo.InvariantCulture));
        }

        // Edges of pages, blocks and extents are where mistakes are.
        private int Offset() => random.Next(4) switch
        {
            0 => random.Next(Largest - 1),
            1 => random.Next(20_000),
            2 => Math.Max(0, (random.Next(1, Largest >> 12) << 12) + random.Next(-1, 2)),
            _ => Math.Max(0, (8 << 20) + random.Next(-70_000, 70_000)),
        };

        private int Length(int most) => Math.Clamp(
            random.Next(5) switch
            {
                0 => random.Next(1, 100),
                1 => random.Next(1, 3 << 20),
                2 => 4096 * random.Next(1, 64),
                _ => random.Next(1, 40_000),
            },
            1,
            most);
    }
}
