using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>
/// The last attributes of the directories that were removed most recently. The kernel opens directories without telling us, so an open one that is
/// removed is gone here while fstat on it must still say: a directory, no links. Only a courtesy: what is forgotten becomes ESTALE.
/// Inode numbers are never used twice, so nothing in here can be wrong, only old.
/// </summary>
internal sealed class RemovedDirectories(TimeProvider clock)
{
    private const int Capacity = 1024;

    /// <summary>Protects the two collections.</summary>
    private readonly Lock _gate = new();
    private readonly Dictionary<InodeNumber, Attributes> _attributes = [];
    private readonly Queue<InodeNumber> _order = [];

    public void Add(Attributes attributes)
    {
        attributes.LinkCount = 0;
        attributes.ChangeTime = FileTime.From(clock.GetUtcNow());
        lock (_gate)
        {
            if (!_attributes.TryAdd(attributes.Inode, attributes))
                return;
            _order.Enqueue(attributes.Inode);
            if (_order.Count > Capacity)
                _attributes.Remove(_order.Dequeue());
        }
    }

    public bool TryGet(InodeNumber inode, out Attributes attributes)
    {
        lock (_gate)
            return _attributes.TryGetValue(inode, out attributes);
    }
}
