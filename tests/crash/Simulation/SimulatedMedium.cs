namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// What the openers of one simulated disk share: its image, its history, who holds the lock and which files are open. Everything is protected by the
/// world's lock.
/// </summary>
internal sealed class SimulatedMedium(SimulatedWorld world, int index, DiskImage image)
{
    private readonly List<(long Sequence, DiskImage Image)> _history = [(0, image)];
    private readonly Dictionary<int, int> _openCounts = [];
    private DiskImage _image = image;

    public SimulatedWorld World { get; } = world;
    public int Index { get; } = index;
    public string Name { get; } = $"d{index + 1}";

    /// <summary>The opener that has the lock.</summary>
    public SimulatedDisk? LockHolder { get; set; }

    /// <summary>Grows when the content is replaced, so that files opened before know.</summary>
    public int Epoch { get; private set; }

    public DiskImage Image
    {
        get
        {
            lock (World.Gate)
                return _image;
        }
    }

    /// <summary>Publishes the image after a call. Under the world's lock.</summary>
    public void Set(long sequence, DiskImage image)
    {
        if (ReferenceEquals(image, _image))
            return;
        _image = image;
        if (!World.KeepsHistory)
            return;
        if (_history[^1].Sequence == sequence)
            _history.RemoveAt(_history.Count - 1);
        _history.Add((sequence, image));
    }

    public DiskImage ImageAt(long sequence)
    {
        lock (World.Gate)
        {
            int first = 0, end = _history.Count;
            while (end - first > 1)
            {
                int middle = (first + end) / 2;
                if (_history[middle].Sequence <= sequence)
                    first = middle;
                else
                    end = middle;
            }

            return _history[first].Image;
        }
    }

    public void Replace(DiskImage image)
    {
        lock (World.Gate)
        {
            Epoch++;
            _openCounts.Clear();
            Set(World.Sequence, image);
        }
    }

    public void WriteBack()
    {
        lock (World.Gate)
        {
            DiskImage image = _image.SyncAllNames(IsOpen);
            foreach (int number in image.DirtyFiles)
                image = image.SyncFile(number);
            Set(World.Sequence, image);
        }
    }

    public void DropCaches()
    {
        lock (World.Gate)
            Set(World.Sequence, _image.DropCaches());
    }

    public bool IsOpen(int inode) => _openCounts.ContainsKey(inode);

    public void AddOpen(int inode) => _openCounts[inode] = _openCounts.GetValueOrDefault(inode) + 1;

    /// <summary>Under the world's lock.</summary>
    public void RemoveOpen(int inode, int epoch)
    {
        if (epoch != Epoch)
            return;
        if (--_openCounts[inode] > 0)
            return;
        _openCounts.Remove(inode);
        // Closing changes nothing that a power cut could take, so it is no moment of the history.
        _image = _image.ForgetIfDead(inode, IsOpen);
    }
}
