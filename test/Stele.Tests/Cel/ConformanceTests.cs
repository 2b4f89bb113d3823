namespace Stele.Tests.Cel;

/// <summary>
/// The CEL specification's own tests, file by file. Every test passes or is in <see cref="ConformanceSkips"/> with a reason; a skipped
/// test that passes fails here, so that the list can only shrink.
/// </summary>
public class ConformanceTests
{
    /// <summary>Files whose every test needs what this implementation leaves out.</summary>
    static readonly Dictionary<string, string> WholeFiles = new()
    {
        ["dynamic"] = "protobuf messages",
        ["enums"] = "protobuf messages",
        ["proto2"] = "protobuf messages",
        ["proto2_ext"] = "protobuf messages",
        ["proto3"] = "protobuf messages",
        ["wrappers"] = "protobuf messages",
        ["bindings_ext"] = "extension library: cel.bind",
        ["block_ext"] = "extension library: cel.block, for optimisers",
        ["encoders_ext"] = "extension library: base64",
        ["network_ext"] = "extension library: IP addresses",
        ["optionals"] = "extension library: optional syntax and values",
        ["unknowns"] = "has no tests",
    };

    [Theory]
    [InlineData("basic", 43, 0)]
    [InlineData("comparisons", 334, 72)]
    [InlineData("conversions", 109, 0)]
    [InlineData("fields", 60, 0)]
    [InlineData("fp_math", 30, 0)]
    [InlineData("integer_math", 64, 0)]
    [InlineData("lists", 39, 0)]
    [InlineData("logic", 30, 0)]
    [InlineData("macros", 44, 0)]
    [InlineData("macros2", 46, 0)]
    [InlineData("math_ext", 199, 0)]
    [InlineData("namespace", 14, 0)]
    [InlineData("parse", 193, 26)]
    [InlineData("plumbing", 5, 0)]
    [InlineData("string", 51, 0)]
    [InlineData("string_ext", 213, 3)]
    [InlineData("timestamps", 73, 5)]
    [InlineData("type_deduction", 15, 32)]
    public void File(string file, int passes, int skips)
    {
        var (passed, skipped) = (0, 0);
        var wrong = new List<string>();
        foreach (var test in ConformanceTest.Load(Path.Combine(Vectors.Dir("cel-spec"), "testdata", file + ".textproto")))
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

            if (ConformanceSkips.Has(test))
            {
                skipped++;
                if (problem is null) wrong.Add($"{test.Id} passes now: take it off the list of skips");
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
        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
        Assert.Equal((passes, skips), (passed, skipped));
    }

    /// <summary>No file of the suite goes unnoticed.</summary>
    [Fact]
    public void Every_file_is_run_or_left_out_by_name()
    {
        var run = typeof(ConformanceTests).GetMethod(nameof(File))!.GetCustomAttributes(typeof(InlineDataAttribute), false).Select(a => (string)((InlineDataAttribute)a).Data[0]!);
        var known = run.Concat(WholeFiles.Keys).Order(StringComparer.Ordinal);
        Assert.Equal(Vectors.Files("cel-spec", "*.textproto").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal), known);
    }
}
