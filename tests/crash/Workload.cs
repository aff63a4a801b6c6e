using System.Text;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>
/// Random operations from a seed, done to the real filesystem and to the model alike; each must have the same outcome in both. Keeps the model as it was
/// after every operation, and which of these states an acknowledged sync covers. What an operation does follows from the seed, its number and the model, so that
/// leaving one out changes the others little.
/// </summary>
public sealed class Workload
{
    private static readonly Caller _caller = new(0, 0, 1);
    private static readonly string[] _names = ["a", "b", "c", "d", "e", "f", "long-name-" + new string('x', 200), "ä"];

    private readonly int _seed;
    private readonly List<InodeNumber> _open = [];
    private Random _random;
    private FileSystem _files;
    private int _stepCount;

    public Workload(int seed, FileSystem files, ModelFileSystem? model = null)
    {
        (_seed, _random, _files) = (seed, new Random(seed), files);
        Model = model ?? new ModelFileSystem();
        Keep();
    }

    public ModelFileSystem Model { get; private set; }

    /// <summary>Digest of the model before the first operation and after each one.</summary>
    public List<string> Digests { get; } = [];

    /// <summary>The model at each of <see cref="Digests"/>.</summary>
    public List<ModelFileSystem> Snapshots { get; } = [];

    /// <summary>Index into <see cref="Digests"/> of the newest state that was acknowledged as durable.</summary>
    public int AcknowledgedIndex { get; private set; }

    /// <summary>What was done, a line each.</summary>
    public List<string> History { get; } = [];

    /// <summary>Largest file that the workload makes.</summary>
    public int MaxFileBytes { get; init; } = 200_000;

    /// <summary>Called after each state was added to <see cref="Digests"/>.</summary>
    public Action? Kept { get; set; }

    /// <summary>One look of the rebuild at everything; nothing that a program sees changes.</summary>
    public Action? Rebuild { get; set; }

    /// <summary>Relative weight of fsync and of full commits.</summary>
    public int SyncWeight { get; init; } = 16;

    public void Run(int operations)
    {
        for (int i = 0; i < operations; i++)
            Step();
    }

    /// <summary>Closes every open file.</summary>
    public void CloseAll()
    {
        while (_open.Count > 0)
            Close(_open.Count - 1);
        Keep();
    }

    /// <summary>The pool was opened anew: goes on with this filesystem.</summary>
    public void Reopened(FileSystem files) => _files = files;

    /// <summary>The pool was opened anew after a crash and has this state now.</summary>
    public void Reopened(FileSystem files, ModelFileSystem model)
    {
        (_files, Model) = (files, model);
        _open.Clear();
        Keep();
    }

    /// <summary>Does the next operation. Throws <see cref="InvalidOperationException"/> when the real outcome is not the model's.</summary>
    public void Step() => Step(_stepCount++);

    /// <summary>Does operation <paramref name="index"/> of the seed.</summary>
    public void Step(int index)
    {
        _random = new Random(unchecked((_seed * 1_000_003) + index));
        int choice = _random.Next(126 + SyncWeight);
        if (choice < 14)
            Create();
        else if (choice < 19)
            MakeDirectory();
        else if (choice < 22)
            MakeSymlink();
        else if (choice < 50)
            Write();
        else if (choice < 56)
            Truncate();
        else if (choice < 60)
            Punch();
        else if (choice < 64)
            Copy();
        else if (choice < 74)
            Rename();
        else if (choice < 78)
            Link();
        else if (choice < 86)
            Unlink();
        else if (choice < 89)
            RemoveDirectory();
        else if (choice < 94)
            SetXattr();
        else if (choice < 97)
            ChangeMode();
        else if (choice < 100)
            OpenOrClose();
        else if (choice < 102)
            MakeTemporary();
        else if (choice < 104)
            Compact();
        else if (choice < 112)
            Reclaim();
        else if (choice < 116)
            Heal();
        else if (choice < 121)
            Save();
        else if (choice < 126)
            Rewrite();
        else
            Sync();
        Keep();
    }

    /// <summary>fsync or a full commit; everything before is durable from now on.</summary>
    public void Sync() => Sync(isFull: _random.Next(5) < 2);

    public void Sync(bool isFull)
    {
        Expect(isFull ? "sync" : "fsync", Errno.None, isFull ? _files.SyncAll() : _files.Sync(InodeNumber.Root));
        AcknowledgedIndex = Digests.Count - 1;
    }

    /// <summary>Somebody else's commit made everything before durable.</summary>
    public void Acknowledge() => AcknowledgedIndex = Digests.Count - 1;

    private void Keep()
    {
        Digests.Add(Model.Digest());
        Snapshots.Add(Model.Clone());
        Kept?.Invoke();
    }

    /// <summary>O_TMPFILE: written, and often given a name.</summary>
    private void MakeTemporary()
    {
        (InodeNumber parent, string name) = (AnyDirectory(), AnyName());
        Expect("tmpfile", Errno.None, _files.MakeTemporary(_caller, parent, 0x180, out Attributes attributes));
        Model.AddUnnamed(attributes.Inode, ModelNode.File(0x180));
        _open.Add(attributes.Inode);
        WriteTo(attributes.Inode);
        if (_random.Next(3) > 0)
            Expect($"link {attributes.Inode} {parent}/{name}", Model.Link(attributes.Inode, parent, name), _files.Link(_caller, attributes.Inode, parent, Bytes(name), out _));
    }

    /// <summary>What the background does now and then; nothing that a program sees changes.</summary>
    private void Compact()
    {
        _files.Compactor.Step();
        History.Add("compaction");
    }

    /// <summary>As an editor does: a new file, written and synced, is renamed over the old one.</summary>
    private void Save()
    {
        (InodeNumber parent, string name) = AnyEntry();
        if (Model[parent].Children.ContainsKey("saving"))
            return;
        Expect($"create {parent}/saving", Errno.None, _files.Create(_caller, parent, Bytes("saving"), FileType.Regular | 0x1A4, out Attributes attributes));
        Model.Add(parent, "saving", attributes.Inode, ModelNode.File(0x1A4));
        Model[attributes.Inode].OpenCount++;
        _open.Add(attributes.Inode);
        Keep();
        WriteTo(attributes.Inode);
        Close(_open.Count - 1);
        Keep();
        if (_random.Next(3) > 0)
        {
            Expect("fsync", Errno.None, _files.Sync(attributes.Inode));
            AcknowledgedIndex = Digests.Count - 1;
        }

        Expect($"rename {parent}/saving {name}", Model.Rename(parent, "saving", parent, name, RenameFlags.None), _files.Rename(_caller, parent, Bytes("saving"), parent, Bytes(name), RenameFlags.None));
    }

    /// <summary>Nothing of the old bytes is left.</summary>
    private void Rewrite()
    {
        if (!TryAnyFile(out InodeNumber inode))
            return;
        var change = new AttributeChange { Mask = AttributeMask.Size, SizeBytes = 0 };
        Expect($"truncate {inode} 0", Errno.None, _files.SetAttributes(_caller, inode, change, out _));
        Model[inode].SetSize(0);
        WriteTo(inode);
    }

    private void Heal()
    {
        History.Add("rebuild");
        Rebuild?.Invoke();
    }

    /// <summary>Empties half-dead extents and gives old roots up, so that what died is collected and its pages are used again.</summary>
    private void Reclaim()
    {
        History.Add("compaction, reclaim");
        _files.Compactor.Step();
        _files.Commits.Reclaim();
        AcknowledgedIndex = Digests.Count - 1;
    }

    private void Create()
    {
        (InodeNumber parent, string name) = (AnyDirectory(), AnyName());
        uint mode = 0x180u | (uint)_random.Next(64);
        bool isNew = !Model[parent].Children.ContainsKey(name);
        Errno real = _files.Create(_caller, parent, Bytes(name), FileType.Regular | mode, out Attributes attributes);
        Expect($"create {parent}/{name}", isNew ? Errno.None : Errno.EEXIST, real);
        if (!isNew)
            return;
        Model.Add(parent, name, attributes.Inode, ModelNode.File(mode));
        Model[attributes.Inode].OpenCount++;
        _open.Add(attributes.Inode);
        if (_open.Count > 4)
            Close(_random.Next(_open.Count));
        if (_random.Next(2) == 0)
            WriteTo(attributes.Inode);
    }

    private void MakeDirectory()
    {
        (InodeNumber parent, string name) = (AnyDirectory(), AnyName());
        bool isNew = !Model[parent].Children.ContainsKey(name);
        Errno real = _files.MakeDirectory(_caller, parent, Bytes(name), 0x1ED, out Attributes attributes);
        Expect($"mkdir {parent}/{name}", isNew ? Errno.None : Errno.EEXIST, real);
        if (isNew)
            Model.Add(parent, name, attributes.Inode, ModelNode.Directory(0x1ED));
    }

    private void MakeSymlink()
    {
        (InodeNumber parent, string name) = (AnyDirectory(), AnyName());
        byte[] target = new byte[_random.Next(1, _random.Next(4) == 0 ? 4000 : 60)];
        Array.Fill(target, (byte)'t');
        bool isNew = !Model[parent].Children.ContainsKey(name);
        Errno real = _files.MakeSymbolicLink(_caller, parent, Bytes(name), target, out Attributes attributes);
        Expect($"symlink {parent}/{name}", isNew ? Errno.None : Errno.EEXIST, real);
        if (isNew)
            Model.Add(parent, name, attributes.Inode, ModelNode.Symlink(target));
    }

    private void Write()
    {
        if (TryAnyFile(out InodeNumber inode))
            WriteTo(inode);
    }

    private void WriteTo(InodeNumber inode)
    {
        int size = Model[inode].Bytes.Length;
        long offset = _random.Next(3) switch { 0 => size, 1 => _random.Next(size + 1), _ => _random.Next(MaxFileBytes / 2) };
        int length = (int)Math.Min(_random.Next(1, _random.Next(5) == 0 ? 70_000 : 6_000), MaxFileBytes - offset);
        if (length <= 0)
            return;
        byte[] source = new byte[length];
        _random.NextBytes(source);
        Expect($"write {inode} {offset}+{length}", Errno.None, _files.Write(inode, offset, source, killPrivileges: false));
        Model[inode].Write(offset, source);
    }

    private void Truncate()
    {
        if (!TryAnyFile(out InodeNumber inode))
            return;
        long size = _random.Next(4) == 0 ? 0 : _random.Next(MaxFileBytes);
        var change = new AttributeChange { Mask = AttributeMask.Size, SizeBytes = size };
        Expect($"truncate {inode} {size}", Errno.None, _files.SetAttributes(_caller, inode, change, out _));
        Model[inode].SetSize(size);
    }

    private void Punch()
    {
        if (!TryAnyFile(out InodeNumber inode))
            return;
        long offset = _random.Next(MaxFileBytes / 2);
        long length = _random.Next(1, MaxFileBytes / 2);
        bool zeroes = _random.Next(2) == 0;
        AllocateMode mode = AllocateMode.KeepSize | (zeroes ? AllocateMode.ZeroRange : AllocateMode.PunchHole);
        Expect($"{(zeroes ? "zero" : "punch")} {inode} {offset}+{length}", Errno.None, _files.Allocate(inode, mode, offset, length));
        Model[inode].Zero(offset, length);
    }

    private void Copy()
    {
        if (!TryAnyFile(out InodeNumber source) || !TryAnyFile(out InodeNumber destination) || source == destination)
            return;
        byte[] bytes = Model[source].Bytes;
        long from = _random.Next(bytes.Length + 1);
        long to = _random.Next(MaxFileBytes / 2);
        long length = Math.Min(_random.Next(1, 60_000), MaxFileBytes - to);
        Errno errno = _files.CopyRange(source, from, destination, to, length, out long copied);
        Expect($"copy {source}@{from} -> {destination}@{to} {length}", Errno.None, errno);
        if (copied > length || copied > bytes.Length - from || (copied == 0 && length > 0 && from < bytes.Length))
            throw new InvalidOperationException($"copy_file_range copied {copied} of {length} with {bytes.Length - from} to come\n{Tail()}");
        if (copied > 0)
            Model[destination].Write(to, bytes[(int)from..(int)(from + copied)]);
    }

    private void Rename()
    {
        (InodeNumber parent, string name) = AnyEntry();
        (InodeNumber newParent, string newName) = _random.Next(2) == 0 ? AnyEntry() : (AnyDirectory(), AnyName());
        RenameFlags flags = _random.Next(5) switch { 0 => RenameFlags.NoReplace, 1 => RenameFlags.Exchange, _ => RenameFlags.None };

        // The kernel refuses these before the filesystem is asked.
        bool isAncestor = Model[parent].Children.TryGetValue(name, out InodeNumber source)
            && Model[newParent].Children.TryGetValue(newName, out InodeNumber target)
            && source != target && Model[target].IsDirectory && Model.IsInside(parent, target) && flags != RenameFlags.Exchange;
        if (isAncestor)
            return;
        Errno real = _files.Rename(_caller, parent, Bytes(name), newParent, Bytes(newName), flags);
        Expect($"rename {parent}/{name} {newParent}/{newName} {flags}", Model.Rename(parent, name, newParent, newName, flags), real);
    }

    private void Link()
    {
        if (!TryAnyFile(out InodeNumber inode) || Model[inode].LinkCount == 0)
            return;
        (InodeNumber parent, string name) = (AnyDirectory(), AnyName());
        Errno real = _files.Link(_caller, inode, parent, Bytes(name), out _);
        Expect($"link {inode} {parent}/{name}", Model.Link(inode, parent, name), real);
    }

    private void Unlink()
    {
        (InodeNumber parent, string name) = AnyEntry();
        Errno real = _files.Unlink(_caller, parent, Bytes(name));
        Expect($"unlink {parent}/{name}", Model.Unlink(parent, name, isDirectory: false), real);
    }

    private void RemoveDirectory()
    {
        (InodeNumber parent, string name) = AnyEntry();
        Errno real = _files.RemoveDirectory(_caller, parent, Bytes(name));
        Expect($"rmdir {parent}/{name}", Model.Unlink(parent, name, isDirectory: true), real);
    }

    private void SetXattr()
    {
        InodeNumber inode = Pick(Model.All);
        string name = "user." + (char)('a' + _random.Next(3));
        bool removes = _random.Next(3) == 0;
        if (removes)
        {
            Errno expected = Model[inode].Xattrs.Remove(name) ? Errno.None : Errno.ENODATA;
            Expect($"removexattr {inode} {name}", expected, _files.RemoveXattr(_caller, inode, Bytes(name)));
            return;
        }

        byte[] value = new byte[_random.Next(_random.Next(5) == 0 ? 9000 : 80)];
        _random.NextBytes(value);
        Expect($"setxattr {inode} {name} {value.Length}", Errno.None, _files.SetXattr(_caller, inode, Bytes(name), value, XattrMode.None, killSetgid: false));
        Model[inode].Xattrs[name] = value;
    }

    private void ChangeMode()
    {
        InodeNumber inode = Pick(Model.All);
        if ((Model[inode].Mode & FileType.Mask) == FileType.SymbolicLink)
            return;
        uint mode = (uint)_random.Next(0x200);
        var change = new AttributeChange
        {
            Mask = AttributeMask.Mode | AttributeMask.UserId | AttributeMask.GroupId,
            Mode = (Model[inode].Mode & FileType.Mask) | mode,
            UserId = (uint)_random.Next(3),
            GroupId = (uint)_random.Next(3),
        };
        Expect($"chmod+chown {inode}", Errno.None, _files.SetAttributes(_caller, inode, change, out _));
        ModelNode node = Model[inode];
        (node.Mode, node.UserId, node.GroupId) = (change.Mode, change.UserId, change.GroupId);
    }

    private void OpenOrClose()
    {
        if (_open.Count > 0 && _random.Next(2) == 0)
        {
            Close(_random.Next(_open.Count));
            return;
        }

        if (!TryAnyFile(out InodeNumber inode) || Model[inode].LinkCount == 0)
            return;
        Expect($"open {inode}", Errno.None, _files.Open(inode, write: true, truncate: false, killPrivileges: false));
        Model[inode].OpenCount++;
        _open.Add(inode);
    }

    private void Close(int index)
    {
        InodeNumber inode = _open[index];
        _open.RemoveAt(index);
        History.Add($"release {inode}");
        _files.Release(inode);
        Model.Close(inode);
    }

    private void Expect(string operation, Errno expected, Errno real)
    {
        History.Add($"{operation}: {real}");
        if (expected != real)
            throw new InvalidOperationException($"operation {History.Count}: {operation} gave {real}, the model says {expected}\n{Tail()}");
    }

    private string Tail() => string.Join('\n', History.TakeLast(20));

    private InodeNumber AnyDirectory() => Pick(Model.Directories.Where(d => Model[d].LinkCount > 0));

    private string AnyName() => _names[_random.Next(_names.Length)];

    private (InodeNumber Parent, string Name) AnyEntry()
    {
        InodeNumber parent = AnyDirectory();
        var names = Model[parent].Children.Keys;
        return (parent, names.Count > 0 && _random.Next(6) > 0 ? names.ElementAt(_random.Next(names.Count)) : AnyName());
    }

    private bool TryAnyFile(out InodeNumber inode)
    {
        List<InodeNumber> files = [.. Model.Files.Order()];
        inode = files.Count > 0 ? files[_random.Next(files.Count)] : default;
        return files.Count > 0;
    }

    private InodeNumber Pick(IEnumerable<InodeNumber> inodes)
    {
        List<InodeNumber> list = [.. inodes.Order()];
        return list[_random.Next(list.Count)];
    }

    private static byte[] Bytes(string name) => Encoding.UTF8.GetBytes(name);
}
