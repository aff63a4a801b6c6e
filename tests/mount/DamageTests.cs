using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>What lies on a disk is damaged while the pool is not mounted: everything still reads back right, and nothing hangs.</summary>
[Collection(MountCollection.Name)]
public sealed class DamageTests(MountRun run)
{
    // $f is the file; $foreign the same file of another pool.
    private static readonly Dictionary<string, string> Ways = new()
    {
        ["cut"] = "truncate -s $(($(stat -c %s $f) / 2)) $f",
        ["emptied"] = ": >$f",
        ["flipped"] = "at=$(($(stat -c %s $f) / 3)); byte=$(od -An -tu1 -j $at -N1 $f); printf \"\\\\x$(printf %x $((byte ^ 16)))\" | dd of=$f bs=1 seek=$at conv=notrunc status=none",
        ["zeroed"] = "size=$(stat -c %s $f); head -c $size /dev/zero >$f",
        ["foreign"] = "[ ! -f $foreign ] || cp $foreign $f",
        ["fifo"] = "rm $f; mkfifo $f",
        ["link"] = "rm $f; ln -s /etc/passwd $f",
        ["directory"] = "rm $f; mkdir $f",
        ["missing"] = "rm $f",
    };

    private static readonly string[] Kinds = ["disk.json", "roots", "meta", "journal", "fragments"];

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (string way in Ways.Keys)
            cases.Add("everything", way);
        foreach (string kind in Kinds)
        {
            foreach (string way in MountRun.IsCampaign ? Ways.Keys.AsEnumerable() : ["flipped"])
                cases.Add(kind, way);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Damage_on_two_disks_is_read_around(string kind, string way)
    {
        PoolUnderTest pool = run.PristinePool(out DataSet data);
        string pattern = kind switch
        {
            "everything" => "-path '*/.dynfs/*' ! -name lock",
            "fragments" => "-path '*/fragments/*'",
            _ => $"-name {kind}",
        };
        // Two disks are as many as rs:4+2 survives; the first ones carry the metadata.
        Shell.Bash($$"""
            for disk in {{pool.Disks[0]}} {{pool.Disks[1]}}; do
                find $disk -type f {{pattern}} | while read -r f; do
                    foreign={{run.ForeignDisk()}}/${f#$disk/}
                    {{Ways[way]}}
                done
            done
            """).Succeeded();
        pool.Mount();
        data.AssertIntact(pool);
        Shell.Bash($"echo still writable >{pool.MountPoint}/new; cat {pool.MountPoint}/new").Succeeded();
        pool.Unmount();
    }

    [Fact]
    public void Damage_beyond_the_tolerance_is_an_error_and_never_wrong()
    {
        PoolUnderTest pool = run.PristinePool(out DataSet data);
        Shell.Bash($$"""
            for disk in {{string.Join(' ', pool.Disks.Take(4))}}; do
                find $disk -type f -path '*/fragments/*' | while read -r f; do {{Ways["flipped"]}}; done
            done
            """).Succeeded();
        pool.Mount();
        data.AssertNeverWrong(pool);
        Shell.Bash($"ls -lR {pool.MountPoint} >/dev/null").Succeeded(); // names are metadata, which is whole
        pool.Unmount();
        Assert.NotEqual(0, pool.Cli("fsck", pool.Name).ExitCode);
    }

    [Fact]
    public void Another_disks_contents_in_a_disks_place_are_not_believed()
    {
        PoolUnderTest pool = run.PristinePool(out DataSet data);
        Shell.Bash($$"""
            rm -rf {{pool.Disks[0]}}/.dynfs; cp -a {{pool.Disks[5]}}/.dynfs {{pool.Disks[0]}}/
            rm -rf {{pool.Disks[3]}}/.dynfs; cp -a {{run.ForeignDisk()}}/.dynfs {{pool.Disks[3]}}/
            """).Succeeded();
        pool.Mount();
        data.AssertIntact(pool);
        pool.Unmount();
    }
}
