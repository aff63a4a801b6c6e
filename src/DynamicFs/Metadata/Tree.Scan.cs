namespace DynamicFs.Metadata;

public sealed unsafe partial class Tree
{
    /// <summary>Visits entries with key &gt;= <paramref name="from"/> in ascending order until the visitor returns false. One moment of the tree.</summary>
    public void Scan<TState>(ReadOnlySpan<byte> from, ref TState state, TreeVisitor<TState> visitor)
        where TState : allows ref struct
    {
        PagePointer missing = PagePointer.None;
        for (int attempt = 0; ; attempt++)
        {
            bool mayLoad = !FetchUnlocked(missing, attempt);
            _lock.EnterReadLock();
            var cursor = new Cursor(this);
            try
            {
                if (!cursor.Seek(from, mayLoad, out missing))
                    continue;
                cursor.StepToFirstAtOrAfter(from);
                while (cursor.IsOnEntry && visitor(ref state, cursor.Key, cursor.Value))
                    cursor.Next();
                return;
            }
            finally
            {
                cursor.Dispose();
                _lock.ExitReadLock();
            }
        }
    }

    /// <summary>Visits entries with key &lt;= <paramref name="from"/> in descending order until the visitor returns false. One moment of the tree.</summary>
    public void ScanBackward<TState>(ReadOnlySpan<byte> from, ref TState state, TreeVisitor<TState> visitor)
        where TState : allows ref struct
    {
        PagePointer missing = PagePointer.None;
        for (int attempt = 0; ; attempt++)
        {
            bool mayLoad = !FetchUnlocked(missing, attempt);
            _lock.EnterReadLock();
            var cursor = new Cursor(this);
            try
            {
                if (!cursor.Seek(from, mayLoad, out missing))
                    continue;
                cursor.StepToLastAtOrBefore(from);
                while (cursor.IsOnEntry && visitor(ref state, cursor.Key, cursor.Value))
                    cursor.Previous();
                return;
            }
            finally
            {
                cursor.Dispose();
                _lock.ExitReadLock();
            }
        }
    }
}
