using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace DynamicFs.Cli.Output;

/// <summary>Where a verb's result goes: text for a person, or one JSON document.</summary>
internal sealed class VerbOutput(TextWriter output, bool json)
{
    /// <summary>Wide enough that nothing is wrapped or cut in a file or a pipe.</summary>
    private const int PipeColumns = 240;

    public bool IsJson => json;

    /// <summary>Prints the report as JSON, or as text by <paramref name="print"/>.</summary>
    public void Print<T>(T report, JsonTypeInfo<T> type, Action<T> print)
    {
        if (json)
            output.WriteLine(JsonSerializer.Serialize(report, type));
        else
            print(report);
    }

    public void Line(string text = "") => output.WriteLine(text);

    public void Table(IReadOnlyList<string> columns, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = true };
        foreach (string column in columns)
            table.AddColumn(new TableColumn(new Text(column)) { NoWrap = true });
        foreach (string[] row in rows)
            table.AddRow(row.Select(cell => new Text(cell)));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.No });
        console.Profile.Width = PipeColumns;
        console.Write(table);
    }
}
