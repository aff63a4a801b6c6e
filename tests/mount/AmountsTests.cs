using System.Globalization;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Sizes at the edges of blocks and extents, large files, many files, many names, many writers.</summary>
[Collection(MountCollection.Name)]
public sealed class AmountsTests(MountRun run)
{
    private const long Extent = 8 << 20;

    [Fact]
    public void Files_of_every_edge_size_read_back() => run.InSharedMount("sizes", (pool, directory) =>
    {
        long[] sizes =
        [
            0, 1, 511, 512, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1,
            Extent / 4 * 3 + 1, Extent - 1, Extent, Extent + 1, (2 * Extent) + 4097,
        ];
        foreach (long size in sizes)
            run.Client(60, "size-of-file", directory, $"f{size}", Text(size));
        pool.Remount();
        foreach (long size in sizes)
            run.Client(60, "check-pattern", directory, $"f{size}", Text(size), Text(size));
    });

    [Fact]
    public void A_file_of_three_gibibytes_reads_back() => run.InSharedMount("large", (pool, directory) =>
    {
        string size = Text((3L << 30) + 12345);
        run.Client(180, "write-pattern", directory, "large", size, "42");
        pool.Remount();
        Assert.Equal("0", run.Client(180, "check-pattern", directory, "large", size, "42"));
    });

    [Fact]
    public void A_hundred_thousand_small_files_read_back() => run.InSharedMount("many", (pool, directory) =>
    {
        run.Client(180, "make-many", directory, "100000", "1000");
        pool.Remount();
        run.Client(180, "check-many", directory, "100000", "1000");
        run.Client(180, "remove-many", directory, "100000", "1000");
        Assert.Equal("", Shell.Bash($"ls -A {directory}").Succeeded().Output);
    });

    [Fact]
    public void A_directory_of_a_hundred_thousand_names_works() => run.InSharedMount("names", (_, directory)
        => run.Client(300, "many-names", directory, Text(MountRun.Sized(100_000, 1_000_000))));

    [Fact]
    public void Sixty_four_writers_do_not_disturb_each_other() => run.InSharedMount("writers", (pool, directory) =>
    {
        run.Client(120, "concurrent-writers", directory, "64", Text(MountRun.Sized(1 << 20, 32 << 20)));
        string before = Manifest.Of(directory);
        pool.Remount();
        Manifest.AssertSame(before, Manifest.Of(directory));
    });

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
