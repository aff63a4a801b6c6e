namespace DynamicFs.Metadata;

/// <summary>What was found wrong with the metadata of single disks while others answered: a bounded list, each text once. Thread-safe.</summary>
internal sealed class MetadataProblems
{
    private const int Limit = 256;

    private readonly Lock _lock = new();
    private readonly List<string> _texts = [];
    private readonly HashSet<string> _known = [];

    /// <summary>Raised for each new problem.</summary>
    public event Action<string>? Reported;

    public IReadOnlyList<string> Texts
    {
        get
        {
            lock (_lock)
                return [.. _texts];
        }
    }

    public void Report(string text)
    {
        lock (_lock)
        {
            if (_texts.Count >= Limit || !_known.Add(text))
                return;
            _texts.Add(text);
        }

        Reported?.Invoke(text);
    }
}
