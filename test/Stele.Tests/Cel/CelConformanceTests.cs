using System.Globalization;
using System.Text;

namespace Stele.Tests.Cel;

/// <summary>
/// The CEL specification's own tests, file by file. Every test passes or is in <see cref="ConformanceSkips"/> with a
/// reason that its failure bears out; a skipped test that passes fails here, so that the list can only shrink.
/// </summary>
public sealed class CelConformanceTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("basic", 43, 0)]
    [InlineData("bindings_ext", 8, 0)]
    [InlineData("block_ext", 25, 12)]
    [InlineData("comparisons", 334, 72)]
    [InlineData("conversions", 109, 0)]
    [InlineData("dynamic", 17, 209)]
    [InlineData("encoders_ext", 4, 0)]
    [InlineData("enums", 0, 85)]
    [InlineData("fields", 60, 0)]
    [InlineData("fp_math", 30, 0)]
    [InlineData("integer_math", 64, 0)]
    [InlineData("lists", 39, 0)]
    [InlineData("logic", 30, 0)]
    [InlineData("macros", 44, 0)]
    [InlineData("macros2", 46, 0)]
    [InlineData("math_ext", 199, 0)]
    [InlineData("namespace", 14, 0)]
    [InlineData("network_ext", 69, 0)]
    [InlineData("optionals", 59, 11)]
    [InlineData("parse", 193, 26)]
    [InlineData("plumbing", 5, 0)]
    [InlineData("proto2", 0, 118)]
    [InlineData("proto2_ext", 0, 18)]
    [InlineData("proto3", 0, 85)]
    [InlineData("string", 51, 0)]
    [InlineData("string_ext", 213, 3)]
    [InlineData("timestamps", 78, 0)]
    [InlineData("type_deduction", 26, 21)]
    [InlineData("unknowns", 0, 0)]
    [InlineData("wrappers", 0, 36)]
    public void File(string file, int passes, int skips)
    {
        var run = Run(Path.Combine(Vectors.Dir("cel-spec"), "testdata", file + ".textproto"));
        Assert.True(run.Wrong.Count == 0, string.Join("\n", run.Wrong));
        Assert.Equal((passes, skips), (run.Passed, run.Skipped.Values.Sum()));
    }

    /// <summary>All files in one table; no file and no test of the suite goes unnoticed.</summary>
    [Fact]
    public void Table_of_the_conformance_tests()
    {
        var table = new StringBuilder($"{"file",-16}{"passed",8}{"skipped",9}{"failed",8}  why skipped\n");
        var (passed, skipped, failed) = (0, 0, 0);
        foreach (var path in Vectors.Files("cel-spec", "*.textproto"))
        {
            var run = Run(path);
            var why = string.Join("; ", run.Skipped.Select(s => $"{s.Key} ({s.Value})"));
            var skips = run.Skipped.Values.Sum();
            table.Append(CultureInfo.InvariantCulture,
                $"{Path.GetFileNameWithoutExtension(path),-16}{run.Passed,8}{skips,9}{run.Wrong.Count,8}  {why}\n");
            (passed, skipped, failed) = (passed + run.Passed, skipped + skips, failed + run.Wrong.Count);
        }
        table.Append(CultureInfo.InvariantCulture, $"{"all",-16}{passed,8}{skipped,9}{failed,8}\n");
        output.WriteLine(table.ToString());
        Assert.True(failed == 0, table.ToString());
        Assert.Equal(ConformanceSkips.Count, skipped);
        Assert.True(passed > 0);
    }

    /// <summary>No file of the suite goes unnoticed.</summary>
    [Fact]
    public void Every_file_is_run()
    {
        var run = typeof(CelConformanceTests).GetMethod(nameof(File))!.GetCustomAttributes(typeof(InlineDataAttribute),
            false).Select(a => (string)((InlineDataAttribute)a).Data[0]!);
        Assert.Equal(Vectors.Files("cel-spec", "*.textproto").Select(f => Path.GetFileNameWithoutExtension(f))
            .Order(StringComparer.Ordinal), run.Order(StringComparer.Ordinal));
    }

    sealed record FileRun(int Passed, SortedDictionary<string, int> Skipped, List<string> Wrong);

    static FileRun Run(string path)
    {
        var passed = 0;
        var skipped = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var wrong = new List<string>();
        foreach (var test in ConformanceTest.Load(path))
        {
            string? problem;
            try
            {
                problem = test.Run();
            }
            catch (NotSupportedException e)
            {
                problem = e.Message;
            }

            if (ConformanceSkips.Reason(test) is { } reason)
            {
                skipped[reason] = skipped.GetValueOrDefault(reason) + 1;
                if (problem is null) wrong.Add($"{test.Id} passes now: take it off the list of skips");
                else if (!ConformanceSkips.Proves(reason, test, problem))
                    wrong.Add($"{test.Id} is skipped because it {reason}, but it fails otherwise: {problem}");
            }
            else if (problem is null)
            {
                passed++;
            }
            else
            {
                wrong.Add($"{test.Id}: {problem}");
            }
        }
        return new FileRun(passed, skipped, wrong);
    }
}
