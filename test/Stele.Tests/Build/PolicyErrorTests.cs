using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Stele.Build;

namespace Stele.Tests.Build;

/// <summary>
/// Every class of mistake in a policy, with the whole message: where it is, and what to write instead. The cases are
/// <c>policy-errors.txt</c>; adding one is adding a section.
/// </summary>
public sealed class PolicyErrorTests
{
    static readonly (string Title, string Yaml, string Message)[] Cases = [
        .. Regex.Split(File.ReadAllText(Path.Combine(Repository.Root, "test", "Stele.Tests", "Build",
            "policy-errors.txt")), "^== ", RegexOptions.Multiline).Skip(1).Select(Case)];

    public static TheoryData<string> Titles => [.. Cases.Select(c => c.Title)];

    [Theory]
    [MemberData(nameof(Titles))]
    public void It_says_where_and_what_to_write_instead(string title)
    {
        var (_, yaml, message) = Cases.Single(c => c.Title == title);
        var e = Assert.ThrowsAny<FormatException>(() =>
            PolicySource.Compile("p.yaml", yaml, ImmutableSortedDictionary<string, string>.Empty));
        Assert.Equal(message, e.Message);
    }

    [Fact]
    public void There_are_cases()
    {
        Assert.True(Cases.Length >= 50, $"{Cases.Length} cases");
        Assert.Equal(Cases.Length, Cases.Select(c => c.Title).Distinct().Count());
    }

    /// <summary>However a policy is cut or mangled, there is a message, and it names the file.</summary>
    [Fact]
    public void Whatever_is_broken_ends_in_a_message()
    {
        var good = File.ReadAllText(Path.Combine(Samples.MortgagePipeline.Sample, "policies", "admission.yaml"));
        PolicySource.Draft("p.yaml", good, ImmutableSortedDictionary<string, string>.Empty);
        var random = new Random(4);
        for (var i = 0; i < 400; i++)
        {
            var at = random.Next(good.Length);
            var broken = (i % 4) switch
            {
                0 => good[..at],
                1 => good.Remove(at, 1),
                2 => good.Insert(at, "[]{}:#'\"\t\n&*!|>-${"[random.Next(18)].ToString()),
                _ => good[..at] + good[Math.Min(good.Length, at + random.Next(60))..],
            };
            try
            {
                PolicySource.Draft("p.yaml", broken, ImmutableSortedDictionary<string, string>.Empty);
            }
            catch (FormatException e)
            {
                Assert.StartsWith("p.yaml:", e.Message);
            }
        }
    }

    /// <summary>
    /// What ends a line for one parser and not for another, and what YAML has no place for, is refused wherever it
    /// stands: in a key, a value, a comment.
    /// </summary>
    [Theory]
    [InlineData("\r", "a carriage return (U+000D) that no line feed follows: end lines with LF or CRLF")]
    [InlineData("\u0085", "U+0085 ends a line for some YAML parsers and not for others: end lines with LF or CRLF; "
        + "in double quotes write it as \\N")]
    [InlineData("\u2028", "U+2028 ends a line for some YAML parsers and not for others: end lines with LF or CRLF; "
        + "in double quotes write it as \\L")]
    [InlineData("\u2029", "U+2029 ends a line for some YAML parsers and not for others: end lines with LF or CRLF; "
        + "in double quotes write it as \\P")]
    [InlineData("\e", "the control character U+001B has no place in YAML: in double quotes write it as \\x1B")]
    [InlineData("\0", "the control character U+0000 has no place in YAML: in double quotes write it as \\x00")]
    [InlineData("\u009B", "the control character U+009B has no place in YAML: in double quotes write it as \\x9B")]
    [InlineData("\uFFFE", "U+FFFE is no character")]
    public void Lines_end_in_one_way_and_controls_are_refused(string character, string reason)
    {
        foreach (var (yaml, line, column) in ((string, int, int)[])[($"name: p\r\n# a{character}b\r\nrules: []\n", 2,
            4), ($"name: p{character}x\nrules: []\n", 1, 8), ($"name: p\n\"{character}rules\": []\n", 2, 2),
            ($"name: p\nrules: []{character}", 2, 10)])
        {
            var e = Assert.Throws<Stele.Proof.LinesException>(() =>
                PolicySource.Compile("p.yaml", yaml, ImmutableSortedDictionary<string, string>.Empty));
            Assert.Equal($"p.yaml:{line}:{column}: not YAML as it is taken here: {reason}", e.Lines[0]);
            Assert.Equal(3, e.Lines.Count);
        }
    }

    /// <summary>CRLF ends lines as LF does, and what is compiled is the same.</summary>
    [Fact]
    public void Lines_may_end_with_CRLF()
    {
        const string text = "name: p\nrules:\n  - id: a\n    on: [deploy]\n    require: |\n      // why\n      "
            + "size(approvals) > 0\n    message: >-\n      \"a\n      b\"\n";
        Assert.Equal(PolicySource.Compile("p.yaml", text, ImmutableSortedDictionary<string, string>.Empty).Digest,
            PolicySource.Compile("p.yaml", text.ReplaceLineEndings("\r\n"), ImmutableSortedDictionary<string,
            string>.Empty).Digest);
    }

    /// <summary>A comment to the end of the line, in text whose lines are put together.</summary>
    [Theory]
    [InlineData("require: >-\n      size(approvals) > 0 // two\n      && release.name != ''", 5, 27)]
    [InlineData("require: >\n      // why\n      size(approvals) > 0", 5, 7)]
    [InlineData("require: size(approvals) > 0 // two\n      && release.name != ''", 4, 34)]
    [InlineData("require: \"size(approvals) > 0 // two\n      && release.name != ''\"", 4, 35)]
    [InlineData("require: 'size(approvals) > 0 // it''s two\n      && true'", 4, 35)]
    [InlineData("require: 'true'\n    message: >-\n      \"a\" // first\n      + \"b\"", 6, 11)]
    public void A_comment_in_folded_text_is_refused_where_it_stands(string effect, int line, int column)
    {
        var e = Assert.Throws<Stele.Proof.LinesException>(() =>
            PolicySource.Compile("p.yaml", $"rules:\n  - id: a\n    on: [deploy]\n    {effect}\nname: p\n",
            ImmutableSortedDictionary<string, string>.Empty));
        Assert.StartsWith($"p.yaml:{line}:{column}: a '//' comment in folded text: ", e.Lines[0]);
        Assert.Equal(3, e.Lines.Count);
    }

    [Theory]
    [InlineData("require: |\n      size(approvals) > 0 // two\n      && release.name != ''")]
    [InlineData("require: size(approvals) > 0 // two")]
    [InlineData("require: >-\n      release.name != 'http://x'\n      && true")]
    [InlineData("require: >-\n      release.name\n      .matches(r'''//''')")]
    [InlineData("require: >- # two // of them\n      release.name\n      != ''")]
    public void What_is_no_comment_or_ends_with_its_line_is_not(string effect) =>
        PolicySource.Compile("p.yaml", $"rules:\n  - id: a\n    on: [deploy]\n    {effect}\nname: p\n",
            ImmutableSortedDictionary<string, string>.Empty);

    [Fact]
    public void In_a_definition_too()
    {
        var e = Assert.Throws<Stele.Proof.LinesException>(() =>
            PolicySource.Compile("p.yaml", "name: p\ndefine:\n  enough: >-\n    size(approvals) > 0 // two\n    && "
            + "true\nrules: [{ id: a, on: [deploy], require: enough }]\n", ImmutableSortedDictionary<string,
            string>.Empty));
        Assert.StartsWith("p.yaml:4:25: a '//' comment in folded text: ", e.Lines[0]);
    }

    [Fact]
    public void What_misleads_the_eye_is_remarked_on()
    {
        var remarks = PolicySource.Lint("p.yaml", "name: p\n# user\u202Enimda\nrules:\n  - id: a\n    on: "
            + "[deploy]\n    require: release.name != 'a\u200Bb'\n    message: \"'\\u202E'\"\n",
            ImmutableSortedDictionary<string, string>.Empty).Remarks
            .Where(r => r.Remark.Code is "bidi" or "invisible")
                .Select(r => (r.Line, r.Column, r.Remark.Code, r.Remark.Message[..6]));
        Assert.Equal([(2, 7, "bidi", "U+202E"), (6, 32, "invisible", "U+200B")], remarks);
    }

    /// <summary>A rule on "Zürich" that would never come about, since the name had become another.</summary>
    [Fact]
    public async Task A_file_that_is_not_UTF8_is_refused_with_its_byte()
    {
        var stop = TestContext.Current.CancellationToken;
        using var scratch = new Scratch();
        var file = scratch.File("p.yaml");
        await File.WriteAllBytesAsync(file, [.. "name: p\n# Z"u8, 0xFC, .. "rich\nrules: []\n"u8], stop);
        Assert.Equal($"{file}: not UTF-8: byte 12, in line 2, is 0xFC: save it as UTF-8",
            (await Assert.ThrowsAsync<FormatException>(() => YamlText.Read(file))).Message);
        await File.WriteAllTextAsync(file, "name: Zürich", new System.Text.UTF8Encoding(true), stop);
        Assert.Equal("name: Zürich", await YamlText.Read(file, stop));
        await File.WriteAllTextAsync(file, "name: Zürich", System.Text.Encoding.Unicode, stop);
        await Assert.ThrowsAsync<FormatException>(() => YamlText.Read(file));
        await File.WriteAllBytesAsync(file, new byte[Yaml.MaxBytes + 1], stop);
        Assert.Equal($"{file}: longer than {Yaml.MaxBytes} bytes",
            (await Assert.ThrowsAsync<FormatException>(() => YamlText.Read(file))).Message);
    }

    /// <summary>
    /// The caret stands below what it points at, also where the line before it is shown with escapes.
    /// </summary>
    [Fact]
    public void A_caret_counts_what_is_shown()
    {
        var e = Assert.Throws<Stele.Proof.LinesException>(() =>
            PolicySource.Compile("p.yaml", "name: p\nrules:\n  - id: a\n    on: [deploy]\n    require: release.name "
            + "!= '\u202E' && nowhere\n", ImmutableSortedDictionary<string, string>.Empty));
        var (source, caret) = (Stele.Proof.ForeignText.Line(e.Lines[1]), e.Lines[2]);
        Assert.Contains("\\u{202E}", source, StringComparison.Ordinal);
        Assert.Equal(source.IndexOf("nowhere", StringComparison.Ordinal), caret.IndexOf('^', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("fairness: \"${fairness}\"", "p.yaml:2:21: the parameter 'fairness' is not given (--set fairness=…)")]
    public void A_parameter_that_is_not_given_is_named(string check, string message)
    {
        var e = Assert.ThrowsAny<FormatException>(() =>
            PolicySource.Compile("p.yaml", $"name: p\nchecks: {{ {check} }}\nrules: []\n",
            ImmutableSortedDictionary<string, string>.Empty));
        Assert.StartsWith(message, e.Message);
    }

    static (string, string, string) Case(string section)
    {
        var (title, rest) = (section[..section.IndexOf('\n')], section[(section.IndexOf('\n') + 1)..]);
        var parts = rest.Split("\n--\n");
        return (title, parts[0] + "\n", parts[1].TrimEnd('\n'));
    }

}
