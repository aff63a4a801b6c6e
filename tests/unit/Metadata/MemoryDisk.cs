using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>
/// A disk in memory that knows what is durable: bytes after Sync, names after SyncDirectory. <see cref="Before"/> sees every changing call first
/// and may throw; <see cref="Crash"/> makes the disk that a power cut would leave. One flat directory.
/// </summary>
internal sealed class MemoryDisk(string name) : IDisk
{
    private const int ChunkBytes = 4096;
    private const int SectorBytes = 512;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Content> _names = [];
    private Dictionary<string, Content> _durableNames = [];

    public string Name { get; } = name;

    /// <summary>Called before each changing call and each read, with its kind and path; throws to make it fail.</summary>
    public Action<string, string>? Before { get; set; }

    public long AvailableBytes { get; set; } = 1L << 40;

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        lock (_lock)
        {
            if (mode is DiskOpenMode.CreateNew or DiskOpenMode.OpenOrCreate)
                Check("create", path);
            bool exists = _names.TryGetValue(path, out Content? content);
            if (exists && content!.IsPipe)
                throw new DiskException(Name, $"open {path}", Errno.EINVAL);
            if (exists && mode == DiskOpenMode.CreateNew)
                throw new DiskException(Name, $"open {path}", Errno.EEXIST);
            if (!exists && mode is not (DiskOpenMode.CreateNew or DiskOpenMode.OpenOrCreate))
                throw new DiskException(Name, $"open {path}", Errno.ENOENT);
            if (!exists)
                _names[path] = content = new Content { Path = path };
            return new OpenFile(this, content!, mode is DiskOpenMode.Read or DiskOpenMode.ReadDirect);
        }
    }

    public void Rename(string from, string to)
    {
        lock (_lock)
        {
            Check("rename", to);
            if (!_names.Remove(from, out Content? content))
                throw new DiskException(Name, $"rename {from}", Errno.ENOENT);
            _names[to] = content;
            content.Path = to;
        }
    }

    public void Unlink(string path)
    {
        lock (_lock)
        {
            Check("unlink", path);
            if (!_names.Remove(path))
                throw new DiskException(Name, $"unlink {path}", Errno.ENOENT);
        }
    }

    public void MakeDirectory(string path) => throw new NotSupportedException();
    public void RemoveDirectory(string path) => throw new NotSupportedException();

    public IReadOnlyList<DiskEntry> List(string path)
    {
        lock (_lock)
            return [.. _names.Keys.Select(key => new DiskEntry(key, DiskEntryKind.File))];
    }

    public void SyncDirectory(string path)
    {
        lock (_lock)
        {
            Check("syncdir", path);
            _durableNames = new Dictionary<string, Content>(_names);
        }
    }

    public DiskSpace Space() => new(1L << 40, AvailableBytes, 1000, 1000, false, 1);
    public bool TryLock() => true;

    public void Dispose()
    {
    }

    /// <summary>The disk after a power cut: what was synced is there, of the rest each sector or name is if <paramref name="survives"/> says so.</summary>
    public MemoryDisk Crash(Func<bool> survives)
    {
        lock (_lock)
        {
            var image = new MemoryDisk(Name) { AvailableBytes = AvailableBytes };
            var copies = new Dictionary<Content, Content>();
            foreach (string path in _names.Keys.Union(_durableNames.Keys).Order(StringComparer.Ordinal))
            {
                _names.TryGetValue(path, out Content? live);
                _durableNames.TryGetValue(path, out Content? durable);
                Content? chosen = live == durable || survives() ? live : durable;
                if (chosen is null)
                    continue;
                if (!copies.TryGetValue(chosen, out Content? copy))
                    copies[chosen] = copy = chosen.AfterCrash(survives);
                image._names[path] = image._durableNames[path] = copy;
                copy.Path = path;
            }

            return image;
        }
    }

    /// <summary>The same disk as it looks to a process that was killed and started again.</summary>
    public MemoryDisk Copy() => Crash(() => true);

    public long Length(string path)
    {
        lock (_lock)
            return _names[path].Length;
    }

    public bool Exists(string path)
    {
        lock (_lock)
            return _names.ContainsKey(path);
    }

    public byte[] Read(string path, long offset, int count)
    {
        var bytes = new byte[count];
        lock (_lock)
            _names[path].Read(offset, bytes);
        return bytes;
    }

    /// <summary>Changes bytes behind everybody's back, durably.</summary>
    public void Damage(string path, long offset, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            _names[path].Write(offset, bytes);
            _names[path].Sync();
        }
    }

    public void Flip(string path, long offset, byte mask = 1)
    {
        byte[] value = Read(path, offset, 1);
        Damage(path, offset, [(byte)(value[0] ^ mask)]);
    }

    public void Truncate(string path, long length)
    {
        lock (_lock)
        {
            _names[path].SetLength(length);
            _names[path].Sync();
        }
    }

    public void MakePipe(string path)
    {
        lock (_lock)
            _names[path] = _durableNames[path] = new Content { IsPipe = true };
    }

    private void Check(string kind, string path) => Before?.Invoke(kind, path);

    private sealed class Content
    {
        private static readonly byte[] s_zeros = new byte[ChunkBytes];

        private readonly Dictionary<long, byte[]> _live = [];
        private readonly Dictionary<long, byte[]> _durable = [];
        private readonly HashSet<long> _unsynced = [];
        private long _durableLength;

        public bool IsPipe { get; init; }

        /// <summary>The name it has now, for <see cref="Before"/>.</summary>
        public string Path { get; set; } = "";
        public long Length { get; private set; }

        public int Read(long offset, Span<byte> destination)
        {
            int count = (int)Math.Clamp(Length - offset, 0, destination.Length);
            for (int done = 0; done < count;)
            {
                (long chunk, int start, int part) = Part(offset, done, count);
                _live.GetValueOrDefault(chunk, s_zeros).AsSpan(start, part).CopyTo(destination[done..]);
                done += part;
            }

            return count;
        }

        public void Write(long offset, ReadOnlySpan<byte> source)
        {
            for (int done = 0; done < source.Length;)
            {
                (long chunk, int start, int part) = Part(offset, done, source.Length);
                byte[] bytes = (byte[])_live.GetValueOrDefault(chunk, s_zeros).Clone();
                source.Slice(done, part).CopyTo(bytes.AsSpan(start));
                _live[chunk] = bytes;
                _unsynced.Add(chunk);
                done += part;
            }

            Length = Math.Max(Length, offset + source.Length);
        }

        public void SetLength(long length)
        {
            foreach (long chunk in _live.Keys.Where(chunk => (chunk + 1) * ChunkBytes > length).ToArray())
            {
                int keep = (int)Math.Clamp(length - (chunk * ChunkBytes), 0, ChunkBytes);
                byte[] bytes = (byte[])_live[chunk].Clone();
                bytes.AsSpan(keep).Clear();
                _live[chunk] = bytes;
                _unsynced.Add(chunk);
            }

            Length = length;
        }

        public void Grow(long length) => Length = Math.Max(Length, length);

        public void Sync()
        {
            foreach (long chunk in _unsynced)
                _durable[chunk] = _live[chunk];
            _unsynced.Clear();
            _durableLength = Length;
        }

        public Content AfterCrash(Func<bool> survives)
        {
            var image = new Content { IsPipe = IsPipe };
            foreach ((long chunk, byte[] bytes) in _durable)
                image._live[chunk] = bytes;
            foreach (long chunk in _unsynced.Order())
                image._live[chunk] = Torn(_durable.GetValueOrDefault(chunk, s_zeros), _live[chunk], survives);
            image.Length = Length == _durableLength || survives() ? Length : _durableLength;
            foreach ((long chunk, byte[] bytes) in image._live)
                image._durable[chunk] = bytes;
            image._durableLength = image.Length;
            return image;
        }

        private static byte[] Torn(byte[] old, byte[] fresh, Func<bool> survives)
        {
            byte[] bytes = (byte[])old.Clone();
            for (int sector = 0; sector < ChunkBytes; sector += SectorBytes)
            {
                Span<byte> now = fresh.AsSpan(sector, SectorBytes);
                if (!now.SequenceEqual(old.AsSpan(sector, SectorBytes)) && survives())
                    now.CopyTo(bytes.AsSpan(sector));
            }

            return bytes;
        }

        private static (long Chunk, int Start, int Part) Part(long offset, int done, int count)
        {
            long at = offset + done;
            int start = (int)(at % ChunkBytes);
            return (at / ChunkBytes, start, Math.Min(ChunkBytes - start, count - done));
        }
    }

    private sealed class OpenFile(MemoryDisk disk, Content content, bool isReadOnly) : IDiskFile
    {
        public long LengthBytes
        {
            get
            {
                lock (disk._lock)
                    return content.Length;
            }
        }

        public int Read(long offset, Span<byte> destination)
        {
            lock (disk._lock)
            {
                disk.Check("read", content.Path);
                return content.Read(offset, destination);
            }
        }

        public int Read(long offset, ReadOnlySpan<IoVector> destinations)
        {
            int total = 0;
            foreach (ref readonly IoVector piece in destinations)
                total += Read(offset + total, piece.Span);
            return total;
        }

        public void Write(long offset, ReadOnlySpan<byte> source)
        {
            lock (disk._lock)
            {
                CheckWrite("write");
                content.Write(offset, source);
            }
        }

        public void Write(long offset, ReadOnlySpan<IoVector> sources)
        {
            foreach (ref readonly IoVector piece in sources)
            {
                Write(offset, piece.Span);
                offset += piece.LengthBytes;
            }
        }

        public void SetLength(long lengthBytes)
        {
            lock (disk._lock)
            {
                CheckWrite("setlength");
                content.SetLength(lengthBytes);
            }
        }

        public void Allocate(long offset, long lengthBytes)
        {
            lock (disk._lock)
            {
                CheckWrite("allocate");
                content.Grow(offset + lengthBytes);
            }
        }

        public void Sync()
        {
            lock (disk._lock)
            {
                CheckWrite("sync");
                content.Sync();
            }
        }

        public void Advise(long offset, long lengthBytes, DiskAdvice advice)
        {
        }

        public void Dispose()
        {
        }

        private void CheckWrite(string kind)
        {
            Invariant.Check(!isReadOnly, "a file opened for reading is not written");
            disk.Check(kind, content.Path);
        }
    }
}
