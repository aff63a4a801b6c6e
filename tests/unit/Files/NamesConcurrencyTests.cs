using System.Collections.Concurrent;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>Many threads on the same few directories, with commits and evictions in between: no exception, and everything adds up at every commit.</summary>
public class NamesConcurrencyTests
{
    private const int Threads = 6;
    private const int StepsPerThread = 1500;

    [Fact]
    public void Threads_on_the_same_names_leave_a_consistent_tree()
    {
        using var fs = new FilesFixture(parts => parts with { Limits = parts.Limits with { CachedInodes = 32 } });
        InodeNumber[] directories = [Root, .. Enumerable.Range(0, 4).Select(i => fs.Directory(Root, $"d{i}").Inode)];
        var failures = new ConcurrentQueue<string>();
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(t => new Thread(() => Work(fs, directories, t, failures)))];
        foreach (Thread thread in threads)
            thread.Start();
        while (threads.Any(t => t.IsAlive))
        {
            // What a close freezes is consistent: no operation is half in it.
            using (fs.Files.Gate.EnterExclusive())
            {
                fs.Files.Inodes.WriteDirty();
                NamespaceAudit.Of(fs.Tree);
            }

            Ok(fs.Files.SyncAll());
        }

        foreach (Thread thread in threads)
            thread.Join();
        Assert.Empty(failures);
        Assert.False(fs.Files.IsReadOnly);
        NamespaceAudit audit = fs.Audit();
        Assert.Empty(audit.Orphans);
        Assert.Equal(audit.InodeCount, fs.Files.Inodes.InodeCount);
        fs.Reopen();
        Assert.Equal(audit.InodeCount, fs.Audit().InodeCount);
    }

    /// <summary>Any errno that these operations can have is fine; EIO is not.</summary>
    private static void Work(FilesFixture fs, InodeNumber[] directories, int thread, ConcurrentQueue<string> failures)
    {
        var random = new Random(thread);
        byte[] buffer = new byte[4096];
        try
        {
            for (int step = 0; step < StepsPerThread; step++)
            {
                InodeNumber a = directories[random.Next(directories.Length)];
                InodeNumber b = directories[random.Next(directories.Length)];
                byte[] name = Bytes($"n{random.Next(10)}");
                byte[] other = Bytes($"n{random.Next(10)}");
                Errno errno = random.Next(12) switch
                {
                    0 => fs.Files.MakeNode(User, a, name, FileType.Regular | 0x1A4, 0, out _),
                    1 => fs.Files.MakeDirectory(User, a, name, 0x1ED, out _),
                    2 => fs.Files.MakeSymbolicLink(User, a, name, other, out _),
                    3 => fs.Files.Lookup(a, name, out Attributes target) == Errno.None ? fs.Files.Link(User, target.Inode, b, other, out _) : Errno.None,
                    4 => fs.Files.Unlink(User, a, name),
                    5 => fs.Files.RemoveDirectory(User, a, name),
                    6 => fs.Files.Rename(User, a, name, b, other, RenameFlags.None),
                    7 => fs.Files.Rename(User, a, name, b, other, RenameFlags.Exchange),
                    8 => OpenAndRelease(fs, a, name),
                    9 => fs.Files.ReadDirectory(a, 0, new Listing()),
                    10 => fs.Files.Lookup(a, name, out Attributes found) == Errno.None
                        ? fs.Files.SetXattr(User, found.Inode, "user.a"u8, buffer.AsSpan(0, random.Next(4096)), XattrMode.None, false) : Errno.None,
                    _ => fs.Files.Lookup(a, name, out Attributes read) == Errno.None
                        ? fs.Files.GetXattr(read.Inode, "user.a"u8, new byte[4096], out _) : Errno.None,
                };
                if (errno == Errno.EIO)
                    failures.Enqueue($"thread {thread}, step {step}: EIO");
            }
        }
        catch (Exception e)
        {
            failures.Enqueue(e.ToString());
        }
    }

    private static Errno OpenAndRelease(FilesFixture fs, InodeNumber directory, byte[] name)
    {
        if (fs.Files.Create(User, directory, name, 0x1A4, out Attributes made) is var errno and not Errno.None)
            return errno;
        fs.Files.Unlink(User, directory, name);
        fs.Files.SetAttributes(User, made.Inode, new AttributeChange { Mask = AttributeMask.Mode, Mode = 0x180 }, out _);
        fs.Files.Release(made.Inode);
        return Errno.None;
    }
}
