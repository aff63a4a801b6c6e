using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Primitives;

public sealed partial class ErrorIdTests
{
    private const string Begin = "<!-- from ErrorId.All; rewritten under GOLDEN_UPDATE=1 -->\n";
    private const string End = "<!-- end -->\n";

    private static readonly string s_document = Path.Combine(Repository.Root, "docs", "operations", "errors.md");

    [Fact]
    public void All_holds_every_id_once()
    {
        ErrorId[] declared =
        [
            .. typeof(ErrorId).GetFields(BindingFlags.Public | BindingFlags.Static)
                .Where(field => field.FieldType == typeof(ErrorId)).Select(field => (ErrorId)field.GetValue(null)!),
        ];
        Assert.NotEmpty(declared);
        Assert.Empty(declared.Except(ErrorId.All));
        Assert.Equal(declared.Length, ErrorId.All.Count);
        Assert.Equal(ErrorId.All.Count, ErrorId.All.Select(id => id.Name).Distinct().Count());
    }

    [Fact]
    public void Every_id_is_complete()
    {
        foreach (ErrorId id in ErrorId.All)
        {
            Assert.Matches("^E_[A-Z]+(_[A-Z]+)*$", id.Name);
            Assert.True(Enum.IsDefined(id.ExitCode) && id.ExitCode != ExitCode.Done, id.Name);
            Assert.True(Enum.IsDefined(id.Errno) && id.Errno != Errno.None, id.Name);
            Assert.False(string.IsNullOrWhiteSpace(id.Meaning), id.Name);
        }
    }

    [Fact]
    public void The_document_has_the_table_of_ids()
    {
        string document = File.ReadAllText(s_document);
        int begin = document.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int end = document.IndexOf(End, begin, StringComparison.Ordinal);
        Assert.True(begin >= Begin.Length && end >= begin, $"{s_document} lost the marks around its table");
        if (Repository.IsGoldenUpdate)
            File.WriteAllText(s_document, document[..begin] + Table() + document[end..]);
        else
            Assert.True(document[begin..end] == Table(), "the table is out of date: GOLDEN_UPDATE=1 dotnet test tests/unit --filter ErrorIdTests");
    }

    [Fact]
    public void The_document_explains_every_exit_code()
    {
        int[] documented = [.. ExitCodeRow().Matches(File.ReadAllText(s_document)).Select(match => int.Parse(match.Groups[1].Value))];
        Assert.Equal(Enum.GetValues<ExitCode>().Select(code => (int)code).Order(), documented);
    }

    private static string Table()
    {
        var table = new StringBuilder("| id | exit code | errno at the mount | meaning |\n| --- | --- | --- | --- |\n");
        foreach (ErrorId id in ErrorId.All.OrderBy(id => id.Name, StringComparer.Ordinal))
            table.Append($"| `{id.Name}` | {(int)id.ExitCode} | {id.Errno} | {id.Meaning} |\n");
        return table.ToString();
    }

    [GeneratedRegex(@"^\| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex ExitCodeRow();
}
