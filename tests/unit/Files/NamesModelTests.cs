using DynamicFs.CrashTests;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>Random operations on the filesystem and on the model: the same answers, and in the end the same tree.</summary>
public class NamesModelTests
{
    private const int Operations = 4000;

    [Theory]
    [InlineData(1, 55)]
    [InlineData(2, 55)]
    [InlineData(3, 4)] // sixteen hashes for all names: collisions everywhere
    [InlineData(4, 0)] // one
    public void The_filesystem_does_what_the_model_does(int seed, int hashBits)
    {
        using var fs = new FilesFixture(parts => parts with
        {
            NameHash = name => Math.Max(1, FileName.Hash(name) & ((1UL << hashBits) - 1)),
            Limits = parts.Limits with { CachedInodes = 64 },
        });
        var run = new Run(fs, seed);
        for (int step = 1; step <= Operations; step++)
        {
            run.Step();
            if (step % 500 != 0)
                continue;
            Assert.Equal(run.Model.Describe(), FileSystemReader.Describe(fs.Files));
            NamespaceAudit audit = fs.Audit();
            Assert.Equal(run.Model.All.Count(), audit.InodeCount);
            Assert.Equal(run.Model.All.Count(), fs.Files.Inodes.InodeCount);
            if (step % 1000 == 0)
                run.Reopen();
        }
    }

    private sealed class Run(FilesFixture fs, int seed)
    {
        private readonly Random _random = new(seed);
        private readonly List<InodeNumber> _open = [];

        public ModelFileSystem Model { get; } = NewModel();

        public void Step()
        {
            InodeNumber parent = Pick(LiveDirectories());
            string name = Name(parent);
            switch (_random.Next(16))
            {
                case 0 or 1 or 2:
                    Make(parent, name, FileType.Regular | 0x1A4);
                    break;
                case 3 or 4:
                    MakeDirectory(parent, name);
                    break;
                case 5:
                    MakeLink(parent, name);
                    break;
                case 6 or 7:
                    Link(parent, name);
                    break;
                case 8:
                    Assert.Equal(Model.Unlink(parent, name, isDirectory: false), fs.Unlink(parent, name));
                    break;
                case 9:
                    Assert.Equal(Model.Unlink(parent, name, isDirectory: true), fs.RemoveDirectory(parent, name));
                    break;
                case 10 or 11 or 12 or 13:
                    Rename(parent, name);
                    break;
                case 14:
                    ChangeXattr();
                    break;
                default:
                    OpenOrRelease();
                    break;
            }
        }

        public void Reopen()
        {
            foreach (InodeNumber inode in _open)
                Model.Close(inode);
            _open.Clear();
            fs.Reopen();
        }

        private static ModelFileSystem NewModel() => new();

        private void Make(InodeNumber parent, string name, uint mode)
        {
            Errno errno = fs.Files.MakeNode(User, parent, Bytes(name), mode, 0, out Attributes made);
            Assert.Equal(Model.Add(parent, name, made.Inode, Owned(ModelNode.File(mode & 0xFFF))), errno);
        }

        private void MakeDirectory(InodeNumber parent, string name)
        {
            Errno errno = fs.Files.MakeDirectory(User, parent, Bytes(name), 0x1ED, out Attributes made);
            Assert.Equal(Model.Add(parent, name, made.Inode, Owned(ModelNode.Directory(0x1ED))), errno);
        }

        private void MakeLink(InodeNumber parent, string name)
        {
            byte[] target = Bytes(new string('t', _random.Next(1, 4096)));
            Errno errno = fs.Files.MakeSymbolicLink(User, parent, Bytes(name), target, out Attributes made);
            Assert.Equal(Model.Add(parent, name, made.Inode, Owned(ModelNode.Symlink(target))), errno);
        }

        private void Link(InodeNumber parent, string name)
        {
            InodeNumber[] named = [.. Model.All.Where(i => Model[i].LinkCount > 0)];
            InodeNumber inode = Pick(named);
            Assert.Equal(Model.Link(inode, parent, name), fs.Link(inode, parent, name));
        }

        private void Rename(InodeNumber parent, string name)
        {
            InodeNumber newParent = Pick(LiveDirectories());
            string newName = Name(newParent);
            RenameFlags flags = _random.Next(4) switch { 0 => RenameFlags.NoReplace, 1 => RenameFlags.Exchange, _ => RenameFlags.None };
            Errno found = fs.Rename(parent, name, newParent, newName, flags);
            Errno expected = Model.Rename(parent, name, newParent, newName, flags);
            Assert.True(expected == found, $"rename {parent}/{name} {newParent}/{newName} {flags}: {found}, the model says {expected}");
        }

        private void ChangeXattr()
        {
            InodeNumber inode = Pick([.. Model.All]);
            string name = $"user.{_random.Next(4)}";
            if (_random.Next(3) == 0)
            {
                Assert.Equal(Model[inode].Xattrs.Remove(name) ? Errno.None : Errno.ENODATA, fs.RemoveXattr(inode, name));
                return;
            }

            byte[] value = new byte[_random.Next(8) == 0 ? _random.Next(20_000) : _random.Next(50)];
            _random.NextBytes(value);
            Ok(fs.SetXattr(inode, name, value));
            Model[inode].Xattrs[name] = value;
        }

        private void OpenOrRelease()
        {
            if (_open.Count > 0 && _random.Next(2) == 0)
            {
                int victim = _random.Next(_open.Count);
                fs.Files.Release(_open[victim]);
                Model.Close(_open[victim]);
                _open.RemoveAt(victim);
                return;
            }

            InodeNumber[] files = [.. Model.Files];
            if (files.Length == 0)
                return;
            InodeNumber inode = Pick(files);
            Ok(fs.Files.Open(inode, write: false, truncate: false, killPrivileges: false));
            Model[inode].OpenCount++;
            _open.Add(inode);
        }

        private InodeNumber[] LiveDirectories() => [.. Model.Directories.Where(d => Model[d].LinkCount > 0)];

        /// <summary>Mostly a name that is there.</summary>
        private string Name(InodeNumber parent)
        {
            string[] names = [.. Model[parent].Children.Keys];
            return names.Length > 0 && _random.Next(2) == 0 ? names[_random.Next(names.Length)] : $"n{_random.Next(12)}";
        }

        private InodeNumber Pick(InodeNumber[] choices) => choices[_random.Next(choices.Length)];

        private static ModelNode Owned(ModelNode node)
        {
            (node.UserId, node.GroupId) = (User.UserId, User.GroupId);
            return node;
        }
    }
}
