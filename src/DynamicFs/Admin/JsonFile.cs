using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DynamicFs.Admin;

/// <summary>A small JSON file that is replaced as a whole: readers see the old or the new content, never a part.</summary>
internal static class JsonFile
{
    /// <summary>Null when there is no such file or it does not parse; such a file is a cache and is rebuilt.</summary>
    public static T? Read<T>(string path, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <param name="durable">Wait until the content is on the medium.</param>
    public static void Replace<T>(string path, T value, JsonTypeInfo<T> type, bool durable)
    {
        string temporary = $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
        var options = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var file = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(file, value, type);
            file.Flush(flushToDisk: durable);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
