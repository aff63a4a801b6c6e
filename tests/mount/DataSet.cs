using DynamicFs.Harness;

namespace DynamicFs.MountTests;

/// <summary>
/// Files of every kind the engine treats differently, put on a pool once: small packed ones, real trees with links, one of several extents, a sparse
/// one, an overwritten one. <see cref="AssertIntact"/> reads everything back.
/// </summary>
internal sealed class DataSet
{
    private const string LargeBytes = "26214401";
    private readonly MountRun _run;
    private readonly string _manifest;

    public DataSet(MountRun run, PoolUnderTest pool)
    {
        _run = run;
        Shell.Run(["mkdir", Path.Combine(pool.MountPoint, "data")]).Succeeded();
        run.Client(60, "make-many", Directory(pool, "small"), "600", "100");
        run.Client(60, "write-pattern", Directory(pool, "large"), "large", LargeBytes, "7");
        Shell.Bash($$"""
            cd {{pool.MountPoint}}/data
            cp -a /usr/include/linux headers
            mkdir programs; find /usr/lib/git-core -maxdepth 1 \( -type l -o -name 'git-*' -size -64k \) -exec cp -a -t programs {} +
            ln headers/fs.h hard-link
            truncate -s 3G sparse; echo data | dd of=sparse bs=1 seek=2000000000 conv=notrunc status=none
            head -c 3000000 /dev/zero | tr '\0' o >overwritten
            for offset in 0 4097 1000000 2999990; do echo over | dd of=overwritten bs=1 seek=$offset conv=notrunc status=none; done
            setfattr -n user.name -v value headers/fs.h
            """).Succeeded();
        _manifest = Read(pool);
    }

    public void AssertIntact(PoolUnderTest pool)
    {
        _run.Client(60, "check-many", Path.Combine(pool.MountPoint, "data", "small"), "600", "100");
        _run.Client(60, "check-pattern", Path.Combine(pool.MountPoint, "data", "large"), "large", LargeBytes, "7");
        Manifest.AssertSame(_manifest, Read(pool));
    }

    /// <summary>With too few disks: right bytes or EIO, never anything else. Gives the number of bytes that could not be read.</summary>
    public void AssertNeverWrong(PoolUnderTest pool)
        => _run.Client(120, "check-pattern-or-error", Path.Combine(pool.MountPoint, "data", "large"), "large", LargeBytes, "7");

    private static string Directory(PoolUnderTest pool, string name)
    {
        string path = Path.Combine(pool.MountPoint, "data", name);
        Shell.Run(["mkdir", path]).Succeeded();
        return path;
    }

    // What the client writes and checks itself is not read again; the sparse file is read where it matters.
    private static string Read(PoolUnderTest pool)
        => Manifest.Full(Path.Combine(pool.MountPoint, "data", "headers"))
            + Manifest.Of(Path.Combine(pool.MountPoint, "data", "programs"))
            + Shell.Bash($"""
                cd {pool.MountPoint}/data
                find . -maxdepth 1 -printf '%P %y %m %U:%G %n %l\n' | sort
                stat -c '%n %s %Y' sparse overwritten
                b2sum overwritten hard-link
                dd if=sparse bs=65536 skip=30510 count=20 status=none | b2sum
                """).Succeeded().Output;
}
