namespace DynamicFs.Disks;

/// <summary>How an operator names a disk of a pool: number, path, id (or its first digits), or the last part of its path.</summary>
internal static class DiskName
{
    private const int MinimumDigits = 4;

    /// <summary>All that the text may mean: exact names first, and only without one the looser ones.</summary>
    public static MemberDisk[] Find(IReadOnlyList<MemberDisk> members, string text)
    {
        string path = text.Contains('/') ? Path.TrimEndingDirectorySeparator(text) : text;
        MemberDisk[] exact = [.. members.Where(m => m.Name == path || m.Index.ToString() == text || m.Id.ToString() == text)];
        return exact.Length > 0 ? exact
            : [.. members.Where(m => Path.GetFileName(m.Name) == text || (text.Length >= MinimumDigits && m.Id.ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase)))];
    }
}
