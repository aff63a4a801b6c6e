using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>What POSIX programs expect, scenario by scenario (tests/mount/client has them), and that it survives a remount.</summary>
[Collection(MountCollection.Name)]
public sealed class PosixTests(MountRun run)
{
    [Theory]
    [InlineData("hard-links")]
    [InlineData("directory-links")]
    [InlineData("rename-over")]
    [InlineData("rename-flags")]
    [InlineData("special-nodes")]
    [InlineData("symbolic-links")]
    [InlineData("long-names")]
    [InlineData("deep-paths")]
    [InlineData("listing-is-stable")]
    [InlineData("seek-in-listing")]
    [InlineData("file-handles")]
    public void Names(string scenario) => run.Scenario(scenario);

    [Theory]
    [InlineData("unlinked-while-open")]
    [InlineData("temporary-file")]
    [InlineData("direct-access")]
    [InlineData("shared-mapping")]
    [InlineData("locks")]
    [InlineData("allocate")]
    [InlineData("holes")]
    [InlineData("sparse-file")]
    [InlineData("copy-range")]
    [InlineData("appending-processes")]
    [InlineData("truncate-on-open")]
    [InlineData("space-is-sane")]
    public void Contents(string scenario) => run.Scenario(scenario);

    [Theory]
    [InlineData("times")]
    [InlineData("birth-time")]
    [InlineData("privileges-are-cleared")]
    [InlineData("owners-of-new-nodes")]
    [InlineData("permissions")]
    [InlineData("extended-attributes")]
    public void Attributes(string scenario) => run.Scenario(scenario);

    // ext4, which the harness is tested on, ends at 16 TiB.
    [Fact]
    public void A_file_may_be_as_large_as_an_offset_can_say() => run.Scenario("largest-file", PoolUnderTest.IsPlain ? "0xffffffff000" : "0x7fffffffffffffff");

    [Fact]
    public void Access_lists_are_kept_inherited_and_obeyed() => run.InSharedMount("acl", (_, directory) => Shell.Bash($$"""
        cd {{directory}}
        chmod 755 .
        mkdir d; echo secret >d/f; chmod 600 d/f
        setpriv --reuid 12345 --regid 12345 --clear-groups cat d/f 2>/dev/null && exit 1
        setfacl -m u:12345:r d/f
        [ "$(setpriv --reuid 12345 --regid 12345 --clear-groups cat d/f)" = secret ]
        [ "$(stat -c %a d/f)" = 640 ]
        getfacl -cn d/f | grep -qx 'user:12345:r--'
        setfacl -d -m u:12345:rwx,g::r-x,o::- d
        umask 077
        mkdir d/sub; echo x >d/sub/g
        getfacl -cn d/sub | grep -qx 'default:user:12345:rwx'
        getfacl -cn d/sub/g | grep -q '^user:12345:rwx'
        setpriv --reuid 12345 --regid 12345 --clear-groups cat d/sub/g
        setfacl -b d/f
        ! getfacl -cn d/f | grep -q 12345
        """).Succeeded());

    [Fact]
    public void Everything_about_a_tree_survives_a_remount() => run.InSharedMount("survives", (pool, directory) =>
    {
        Shell.Bash($$"""
            cd {{directory}}
            cp -a /usr/lib/git-core/. programs
            mkfifo -m 640 fifo; mknod char c 5 1; mknod block b 7 200000
            python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")' 2>/dev/null || mkfifo socket
            ln -s "$(head -c 4000 /dev/zero | tr '\0' x)" long; ln programs/git-sh-setup hard
            truncate -s 1T sparse; printf end | dd of=sparse bs=1 seek=1000000000000 conv=notrunc status=none
            echo x >file; chmod 6751 file; chown 12345:54321 file; chmod 6751 file; touch -d '1969-12-31 23:59:58.123456789 UTC' file
            mkdir -m 3777 sticky; chown 1:2 sticky
            setfattr -n user.name -v value file; setfattr -n trusted.binary -v 0x000102ff file; setfattr -n user.dir -v d sticky
            setfacl -m u:12345:rw,m::rw file; setfacl -d -m g:77:rx sticky
            """).Succeeded();
        string before = Manifest.Full(Path.Combine(directory, "programs")) + Described(directory);
        pool.Remount();
        Manifest.AssertSame(before, Manifest.Full(Path.Combine(directory, "programs")) + Described(directory));
        Assert.Equal("end", Shell.Bash($"cd {directory}; dd if=sparse bs=1 skip=1000000000000 count=3 status=none").Succeeded().Output);
    });

    private static string Described(string directory) => Shell.Bash($$"""
        cd {{directory}}
        find . -maxdepth 1 ! -name . -printf '%P %y %m %U:%G %s %T@ %n %i %l\n' -exec stat -c '%n %t %T %W %b' {} + | sort
        find . -maxdepth 1 -type f -printf '%P %A@\n' | sort
        getfattr -h -d -m - -- *
        getfacl -n -- programs fifo hard sparse file sticky
        """).Succeeded().Output;
}
