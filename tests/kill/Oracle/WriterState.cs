using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace DynamicFs.KillTests.Oracle;

/// <summary>A mark in a file: its number and how many bytes it has. <paramref name="IsPart"/>: bytes at the end that are no whole mark, and the number is their hash.</summary>
internal readonly record struct Mark(long Number, int Size, bool IsPart = false)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(IsPart ? "rest@" : "")}{Number}:{Size}");
}

/// <summary>A file as the oracle sees it. Two names of one file share one instance.</summary>
internal sealed class FileState
{
    public List<Mark> Marks { get; init; } = [];
    public long Attribute { get; set; }

    /// <summary>What is wrong with it beyond any model: a wrong length or link count. Empty for modelled files.</summary>
    public string Damage { get; init; } = "";

    public long Length => Marks.Sum(mark => (long)mark.Size);

    /// <summary>Where the bytes begin that a crash in the middle of a write left; null when there are none.</summary>
    public long? PartOffset => Marks.Count > 0 && Marks[^1].IsPart ? Length - Marks[^1].Size : null;
}

/// <summary>
/// The directory of one writer: the model that sees the same operations, and what a scan of the mount found, in one form. Two of them are equal exactly
/// when <see cref="IsSame"/> says so, and <see cref="Lines"/> show where they are not.
/// </summary>
internal sealed class WriterState
{
    private readonly SortedDictionary<string, FileState> _names = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, FileState> Names => _names;

    public long TotalBytes => _names.Values.Distinct().Sum(file => file.Length);

    public void Apply(Operation operation)
    {
        switch (operation.Kind)
        {
            case OperationKind.Create:
                _names.Add(operation.Name, new FileState());
                break;
            case OperationKind.Append:
                _names[operation.Name].Marks.Add(new Mark(operation.Number, operation.Size));
                break;
            case OperationKind.Place:
                List<Mark> marks = _names[operation.Name].Marks;
                marks[IndexAt(marks, operation.Offset)] = new Mark(operation.Number, operation.Size);
                break;
            case OperationKind.Truncate:
                List<Mark> cut = _names[operation.Name].Marks;
                int kept = IndexAt(cut, operation.Offset);
                cut.RemoveRange(kept, cut.Count - kept);
                break;
            case OperationKind.Copy:
                _names[operation.Other].Marks.AddRange(_names[operation.Name].Marks);
                break;
            case OperationKind.Rename:
                FileState moved = _names[operation.Name];
                // Two names of one file: rename does nothing.
                if (!_names.TryGetValue(operation.Other, out FileState? target) || target != moved)
                    _names.Remove(operation.Name);
                _names[operation.Other] = moved;
                break;
            case OperationKind.Exchange:
                (_names[operation.Name], _names[operation.Other]) = (_names[operation.Other], _names[operation.Name]);
                break;
            case OperationKind.Link:
                _names.Add(operation.Other, _names[operation.Name]);
                break;
            case OperationKind.Unlink:
                _names.Remove(operation.Name);
                break;
            case OperationKind.Attribute:
                _names[operation.Name].Attribute = operation.Number;
                break;
        }
    }

    public WriterState Clone()
    {
        var clone = new WriterState();
        var files = new Dictionary<FileState, FileState>();
        foreach ((string name, FileState file) in _names)
        {
            if (!files.TryGetValue(file, out FileState? copy))
                files.Add(file, copy = new FileState { Marks = [.. file.Marks], Attribute = file.Attribute, Damage = file.Damage });
            clone._names.Add(name, copy);
        }

        return clone;
    }

    public bool IsSame(WriterState other)
    {
        if (_names.Count != other._names.Count)
            return false;
        var partners = new Dictionary<FileState, FileState>();
        foreach (((string name, FileState file), (string otherName, FileState otherFile)) in _names.Zip(other._names))
        {
            if (partners.TryGetValue(file, out FileState? known))
            {
                if (name != otherName || known != otherFile)
                    return false;
                continue;
            }

            if (name != otherName || partners.ContainsValue(otherFile) || file.Attribute != otherFile.Attribute || file.Damage != otherFile.Damage
                || !CollectionsMarshal.AsSpan(file.Marks).SequenceEqual(CollectionsMarshal.AsSpan(otherFile.Marks)))
                return false;
            partners.Add(file, otherFile);
        }

        return true;
    }

    /// <summary>Everything, one line per name, in order: the first name of the same file, attribute, marks, damage.</summary>
    public IReadOnlyList<string> Lines()
    {
        var first = new Dictionary<FileState, string>();
        var lines = new List<string>();
        foreach ((string name, FileState file) in _names)
        {
            first.TryAdd(file, name);
            var line = new StringBuilder($"{name} ={first[file]} attribute={file.Attribute}");
            foreach (Mark mark in file.Marks)
                line.Append(' ').Append(mark);
            lines.Add(line.Append(file.Damage).ToString());
        }

        return lines;
    }

    /// <summary>What the client's scan printed.</summary>
    public static WriterState Parse(string scan)
    {
        string[][] lines = [.. scan.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))];
        Dictionary<string, int> found = lines.GroupBy(words => words[1]).ToDictionary(group => group.Key, group => group.Count());
        var files = new Dictionary<string, FileState>();
        var state = new WriterState();
        foreach (string[] words in lines)
        {
            if (!files.TryGetValue(words[1], out FileState? file))
                files.Add(words[1], file = ParseFile(words, found[words[1]]));
            state._names.Add(words[0], file);
        }

        return state;
    }

    private static FileState ParseFile(string[] words, int names)
    {
        var marks = new List<Mark>();
        string damage = "";
        foreach (string word in words[5..])
        {
            if (word.StartsWith("length@", StringComparison.Ordinal))
                damage += " " + word;
            else
                marks.Add(ParseMark(word));
        }

        if (words[2] != names.ToString(CultureInfo.InvariantCulture))
            damage += $" {words[2]}-links-but-{names}-names";
        return new FileState { Marks = marks, Attribute = long.Parse(words[4], CultureInfo.InvariantCulture), Damage = damage };
    }

    private static Mark ParseMark(string word)
    {
        string[] parts = word.Split('@')[^1].Split(':');
        return new Mark(long.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture), word.StartsWith("rest@", StringComparison.Ordinal));
    }

    private static int IndexAt(List<Mark> marks, long offset)
    {
        int index = 0;
        for (long at = 0; at < offset; index++)
            at += marks[index].Size;
        return index;
    }
}
