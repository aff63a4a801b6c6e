using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Real programs with real data on the shared mount; what they read back is compared by hash with what went in.</summary>
[Collection(MountCollection.Name)]
public sealed class RealProgramsTests(MountRun run)
{
    [Fact]
    public void The_dotnet_sdk_runs_from_a_copy() => run.InSharedMount("sdk", (pool, directory) =>
    {
        string sdk = Path.GetDirectoryName(Shell.Bash("readlink -f \"$(command -v dotnet)\"").Succeeded().Output.Trim())!;
        // The SDK has no symbolic links; git's programs have plenty.
        Shell.Bash($"cp -a {sdk} {directory}/dotnet && cp -a /usr/lib/git-core {directory}/git-core", 180).Succeeded();
        string expected = Manifest.Of(sdk);
        Manifest.AssertSame(expected, Manifest.Of($"{directory}/dotnet"));
        pool.Remount();
        Manifest.AssertSame(expected, Manifest.Of($"{directory}/dotnet"));
        string git = Path.GetDirectoryName("/usr/lib/git-core/x")!;
        Assert.Equal(Links(git), Links($"{directory}/git-core"));
        string information = Shell.Bash($"cd /tmp && DOTNET_ROOT={directory}/dotnet DOTNET_NOLOGO=1 {directory}/dotnet/dotnet --info", 60).Succeeded().Output;
        Assert.Contains($"{directory}/dotnet/sdk", information, StringComparison.Ordinal);
    });

    [Fact]
    public void Git_commits_checks_and_packs() => run.InSharedMount("git", (pool, directory) =>
    {
        Shell.Bash($$"""
            cd {{directory}}
            export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b HOME=/nonexistent
            git init -q repository && cd repository
            cp -r /usr/include/linux /usr/include/asm-generic .
            git add -A && git commit -qm one
            for round in 1 2 3 4 5; do
                echo "$round" >>linux/fs.h && git mv "linux/$(ls linux | grep '\.h$' | head -n 1)" "moved-$round.h" && git commit -qam "round $round"
            done
            git checkout -q -b side HEAD~2 && echo side >side && git add side && git commit -qm side
            git merge -q -m merge master 2>/dev/null || git merge -q -m merge main
            git fsck --full --strict
            git gc -q && git fsck --full
            [ -z "$(git status --porcelain)" ]
            git log --oneline | wc -l
            """, 120).Succeeded();
        pool.Remount();
        Shell.Bash($"cd {directory}/repository && git -c safe.directory='*' fsck --full && [ -z \"$(git -c safe.directory='*' status --porcelain)\" ]", 60).Succeeded();
    });

    [Fact]
    public void Sqlite_keeps_its_database_whole_under_concurrent_writers() => run.InSharedMount("sqlite", (pool, directory) =>
    {
        long rows = MountRun.Sized(100, 1000);
        Shell.Bash($$"""
            cd {{directory}}
            sqlite3 t.db 'PRAGMA journal_mode=WAL; CREATE TABLE t(writer INT, n INT, body TEXT, PRIMARY KEY(writer, n));' >/dev/null
            write() {
                for n in $(seq {{rows}}); do
                    echo "PRAGMA busy_timeout=20000; BEGIN IMMEDIATE; INSERT INTO t VALUES($1, $n, hex(randomblob(400))); COMMIT;"
                done | sqlite3 t.db >/dev/null
            }
            for writer in 1 2 3 4; do write $writer & writers[$writer]=$!; done
            for writer in 1 2 3 4; do wait ${writers[$writer]}; done
            """, 120).Succeeded();
        string check = $"cd {directory} && sqlite3 t.db 'PRAGMA integrity_check; SELECT count(*), count(DISTINCT writer || n) FROM t;'";
        Assert.Equal($"ok\n{4 * rows}|{4 * rows}\n", Shell.Bash(check).Succeeded().Output);
        pool.Remount();
        Assert.Equal($"ok\n{4 * rows}|{4 * rows}\n", Shell.Bash(check).Succeeded().Output);
    });

    [Fact]
    public void A_program_builds_and_runs() => run.InSharedMount("make", (_, directory) =>
    {
        string sources = Repository.File("tests/mount/client");
        string output = Shell.Bash($$"""
            cd {{directory}}
            cp {{sources}}/*.[ch] .
            printf 'client: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\t$(CC) -o $@ $^\n%%.o: %%.c client.h\n\t$(CC) -O2 -c -o $@ $<\n' >Makefile
            make -s -j4
            make -q
            touch load.c && ! make -q && make -s
            mkdir check && ./client hard-links check && echo built
            """, 120).Succeeded().Output;
        Assert.Equal("built\n", output);
    });

    [Fact]
    public void Fio_finds_its_checksums() => run.InSharedMount("fio", (_, directory) => Shell.Bash($$"""
        cd {{directory}}
        fio --name=random --rw=randrw --bsrange=512-65536 --bs_unaligned=1 --size={{MountRun.Sized(48, 1024)}}m --verify=crc32c --verify_fatal=1 --ioengine=psync \
            --end_fsync=1 --do_verify=1 --output=/dev/null
        fio --name=direct --rw=randwrite --bs=4k --direct=1 --size={{MountRun.Sized(24, 512)}}m --verify=crc32c --verify_fatal=1 --ioengine=libaio --iodepth=16 --fsync=64 \
            --do_verify=1 --output=/dev/null
        fio --name=mapped --rw=randwrite --bs=4k --size={{MountRun.Sized(16, 256)}}m --verify=crc32c --verify_fatal=1 --ioengine=mmap --do_verify=1 --output=/dev/null
        """, 300).Succeeded());

    [Fact]
    public void Rsync_copies_nothing_the_second_time() => run.InSharedMount("rsync", (pool, directory) =>
    {
        string rsync = $"rsync -aHAX --itemize-changes /usr/include/ {directory}/include";
        Assert.NotEmpty(Shell.Bash(rsync, 120).Succeeded().Output);
        Assert.Equal("", Shell.Bash(rsync, 60).Succeeded().Output);
        pool.Remount();
        Assert.Equal("", Shell.Bash(rsync + " --checksum", 60).Succeeded().Output);
    });

    [Fact]
    public void Tar_goes_out_and_in() => run.InSharedMount("tar", (_, directory) =>
    {
        Shell.Bash($$"""
            cd {{directory}}
            cp -a /usr/lib/git-core one
            mkdir two && tar -c --xattrs --acls -C one . | tar -x --xattrs --acls -C two
            tar -cf whole.tar one && mkdir three && tar -xf whole.tar -C three --strip-components=1
            """, 120).Succeeded();
        string expected = Manifest.Of($"{directory}/one");
        Manifest.AssertSame(Manifest.Of("/usr/lib/git-core"), expected);
        // tar keeps whole seconds only, in the archive as it is written here.
        string[] kinds = [Contents($"{directory}/one"), Contents($"{directory}/two"), Contents($"{directory}/three")];
        Assert.Single(kinds.Distinct());
    });

    private static string Contents(string directory) => Shell.Bash($$"""
        cd {{directory}}
        find . -printf '%P %y %m %U:%G %l\n' | sort
        find . -type f -print0 | sort -z | xargs -0 -r b2sum
        """).Succeeded().Output;

    private static string Links(string directory) => Shell.Bash($"cd {directory} && find . -type l -printf '%P %l\\n' | sort").Succeeded().Output;
}
