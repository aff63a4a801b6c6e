using DynamicFs.Harness;

namespace DynamicFs.MountTests;

/// <summary>The pool that tests damage: made once, kept as a copy, put back before each use.</summary>
public sealed partial class MountRun
{
    private PoolUnderTest? _pristine;
    private DataSet? _pristineData;
    private PoolUnderTest? _foreign;

    /// <summary>An unmounted pool of six disks with a data set, as it was when it was made.</summary>
    internal PoolUnderTest PristinePool(out DataSet data)
    {
        _pristine ??= MakePristine();
        data = _pristineData!;
        if (_pristine.IsMounted)
            _pristine.Abandon();
        Shell.Bash($"cd {_pristine.Home}; rm -rf d? state; cp -a --sparse=always copy/. .").Succeeded();
        return _pristine;
    }

    /// <summary>A disk of another pool that has data too.</summary>
    internal string ForeignDisk()
    {
        if (_foreign is null)
        {
            _foreign = NewPool().Create().Mount();
            _ = new DataSet(this, _foreign);
            _foreign.Unmount();
        }

        return _foreign.Disks[0];
    }

    private PoolUnderTest MakePristine()
    {
        PoolUnderTest pool = NewPool().Create().Mount();
        _pristineData = new DataSet(this, pool);
        pool.Unmount();
        Shell.Bash($"cd {pool.Home}; mkdir copy; cp -a --sparse=always d? state copy/").Succeeded();
        return pool;
    }
}
