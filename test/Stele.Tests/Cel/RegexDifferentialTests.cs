using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Pattern = Cel.Regex.Pattern;

namespace Stele.Tests.Cel;

/// <summary>
/// Random patterns and texts against the runtime's own linear-time engine, where the two mean the same; and noise,
/// where only ours is asked.
/// </summary>
public class RegexDifferentialTests
{
    const int Cases = 4000;

    static readonly string[] Atoms = ["a", "b", "c", "x", "é", "[ab]", "[^ab]", "[a-c]", "[^\\n]", ".", "\\.", "\\x41",
        "\\n", "_", "(?:)", "\\A", "\\z", "^", "[0-9]", "(?i:a)", "(?s:.)", "(?m:^)", "日", "[α-ω]"];
    static readonly string[] Texts = ["a", "b", "c", "x", "A", "B", "é", "\n", "1", "_", ".", "日", "β", "ab", "abc"];

    static string Alternatives(Random random, int depth)
    {
        var b = new StringBuilder(Sequence(random, depth));
        while (random.Next(4) == 0) b.Append('|').Append(random.Next(6) == 0 ? "" : Sequence(random, depth));
        return b.ToString();
    }

    static string Sequence(Random random, int depth)
    {
        var b = new StringBuilder();
        for (var n = random.Next(1, 5); n > 0; n--)
        {
            b.Append(depth > 0 && random.Next(3) == 0
                ? $"({Alternatives(random, depth - 1)})"
                : Atoms[random.Next(Atoms.Length)]);
            b.Append(random.Next(10) switch
            {
                0 => "*",
                1 => "+",
                2 => "?",
                3 => "*?",
                4 => "{2}",
                5 => "{1,3}",
                6 => "{2,}",
                _ => ""
            });
        }
        return b.ToString();
    }

    static string Text(Random random, string[] pieces)
    {
        var b = new StringBuilder();
        for (var n = random.Next(10); n > 0; n--) b.Append(pieces[random.Next(pieces.Length)]);
        return b.ToString();
    }

    [Fact]
    public void Ours_and_the_runtime_agree_on_what_they_share()
    {
        var random = new Random(20_261_122);
        var (compared, matched) = (0, 0);
        for (var i = 0; i < Cases; i++)
        {
            var pattern = Alternatives(random, random.Next(4));
            Assert.True(Pattern.TryParse(pattern, new global::Cel.Regex.Steps(global::Cel.Regex.PatternLimits.Steps),
                out var ours) is null, pattern);
            var theirs = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            for (var n = 0; n < 6; n++)
            {
                var text = Text(random, Texts);
                var expected = theirs.IsMatch(text);
                Assert.True(ours!.IsMatch(text) == expected, $"{pattern} on '{text}' should be {expected}");
                compared++;
                if (expected) matched++;
            }
        }
        // Neither answer may be the only one.
        Assert.InRange(matched, compared / 5, compared * 4 / 5);
    }

    [Fact]
    public void Noise_is_a_pattern_or_an_error_that_points_into_it()
    {
        string[] pieces = ["(", ")", "[", "]", "{", "}", "*", "+", "?", "|", "\\", "^", "$", ".", "-", ":", ",", "a",
            "Z", "1", "9", "(?", "(?i", "(?<n>", "(?P<", "[[:", ":]", "\\p{", "L}", "\\Q", "\\E", "\\x{", "{2,",
            "1000}", "😀", "\ud83d", "é", "\0", "(?:", "x{3}"];
        var random = new Random(4);
        var (patterns, errors) = (0, 0);
        for (var i = 0; i < 30_000; i++)
        {
            var text = Text(random, pieces) + Text(random, pieces);
            var error = Pattern.TryParse(text, new global::Cel.Regex.Steps(global::Cel.Regex.PatternLimits.Steps),
                out var pattern);
            if (error is null)
            {
                pattern!.IsMatch(text);
                patterns++;
                continue;
            }
            errors++;
            Assert.InRange(error.At, 0, text.Length);
            Assert.InRange(error.Reason.Length, 10, 200);
        }
        Assert.True(patterns > 1000 && errors > 1000);
    }
}
