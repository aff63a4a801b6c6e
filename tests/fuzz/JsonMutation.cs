using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DynamicFs.Fuzz;

/// <summary>Changes JSON text so that much of it still parses: values, whole members, order, depth.</summary>
internal static class JsonMutation
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true, NewLine = "\n" };

    private static readonly string[] _values =
    [
        "null", "true", "0", "-1", "1e400", "99999999999999999999", "\"\"", "\"\\u0000\"", "\"\\ud800\"", "[]", "{}", "[null]", "[{}]", "[[]]", "{\"a\":null}", "2147483648", "1.5",
        "\"0001-01-01T00:00:00.0000000Z\"", "\"00000000-0000-0000-0000-000000000000\"", "\"replica:0\"", "\"rs:1000000+1\"", "\"../../x\"", "18446744073709551615",
    ];

    public static byte[] Of(byte[] sample, Random random)
    {
        int kind = random.Next(6);
        if (kind == 0)
            return Mutation.Of(sample, random, [], sample);
        if (kind < 4)
            return OfTree(sample, random);
        List<string> lines = [.. Encoding.UTF8.GetString(sample).Split('\n')];
        for (int count = 1 + random.Next(2); count > 0; count--)
            Change(lines, random);
        return Encoding.UTF8.GetBytes(string.Join('\n', lines));
    }

    /// <summary>Still JSON: some values are others, are gone or are there twice. Written as the samples are.</summary>
    private static byte[] OfTree(byte[] sample, Random random)
    {
        JsonNode root = JsonNode.Parse(sample)!;
        for (int count = 1 + random.Next(2); count > 0; count--)
        {
            List<JsonNode> containers = [root];
            for (int i = 0; i < containers.Count; i++)
                containers.AddRange(Children(containers[i]).Where(child => child is JsonObject or JsonArray)!);
            ChangeContainer(containers[random.Next(containers.Count)], random);
        }

        string text = root.ToJsonString(_indented);
        return Encoding.UTF8.GetBytes(sample[^1] == '\n' ? text + "\n" : text);
    }

    private static IEnumerable<JsonNode?> Children(JsonNode node) => node is JsonObject map ? map.Select(member => member.Value) : (JsonArray)node;

    private static void ChangeContainer(JsonNode node, Random random)
    {
        if (node is JsonObject map && map.Count > 0)
        {
            string name = map.ElementAt(random.Next(map.Count)).Key;
            if (random.Next(6) == 0)
                map.Remove(name);
            else
                map[name] = Node(random);
        }
        else if (node is JsonArray list)
        {
            if (list.Count > 0 && random.Next(2) == 0)
                list[random.Next(list.Count)] = Node(random);
            else
                list.Add(Node(random));
        }
    }

    private static JsonNode? Node(Random random)
    {
        string text = _values[random.Next(_values.Length)];
        return text.Contains("ud800", StringComparison.Ordinal) ? "half a character" : JsonNode.Parse(text);
    }

    private static void Change(List<string> lines, Random random)
    {
        int at = random.Next(lines.Count);
        switch (random.Next(8))
        {
            case 0 when lines.Count > 1:
                lines.RemoveAt(at);
                break;
            case 1:
                lines.Insert(random.Next(lines.Count), lines[at]);
                break;
            case 2:
                (lines[at], lines[^(1 + (at / 2))]) = (lines[^(1 + (at / 2))], lines[at]);
                break;
            case 3:
                lines.Insert(at, "  \"unknown\": " + Value(random) + ",");
                break;
            default:
                Replace(lines, at, random);
                break;
        }
    }

    private static void Replace(List<string> lines, int at, Random random)
    {
        string line = lines[at];
        int colon = line.IndexOf(':', StringComparison.Ordinal);
        string comma = line.EndsWith(',') ? "," : "";
        lines[at] = colon < 0 ? Value(random) + comma : line[..(colon + 1)] + " " + Value(random) + comma;
    }

    private static string Value(Random random) => random.Next(20) switch
    {
        0 => string.Concat(Enumerable.Repeat("[", 40)),
        1 => new string('[', 2000) + new string(']', 2000),
        2 => "\"" + new string('x', random.Next(3000)) + "\"",
        3 => "[" + string.Join(',', Enumerable.Repeat("\"\"", random.Next(300))) + "]",
        _ => _values[random.Next(_values.Length)],
    };
}
