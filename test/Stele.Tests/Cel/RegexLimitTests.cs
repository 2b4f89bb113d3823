using System.Text;
using Cel.Regex;

namespace Stele.Tests.Cel;

/// <summary>
/// What no pattern and no text can do: take more than linear time, bounded memory or a small stack; or tell one thread
/// from another.
/// </summary>
public class RegexLimitTests
{
    static string Repeat(string s, int n) => string.Concat(Enumerable.Repeat(s, n));

    /// <summary>
    /// Each of these takes a backtracking engine longer than anyone waits, or an eager automaton more memory than there
    /// is.
    /// </summary>
    [Theory]
    [InlineData("(a*)*b", "a", false)]
    [InlineData("(a|aa)+$", "a", true)]
    [InlineData("^(a|a)*c", "a", false)]
    [InlineData("(a?){30}a{30}b", "a", false)]
    [InlineData("(.*)(.*)(.*)(.*)(.*)[^a]", "a", false)]
    [InlineData("(a|b)*a(a|b){30}c", "ab", false)]
    [InlineData(@"(\b|a|\B)*c", "a", false)]
    [InlineData("(((((a*)*)*)*)*)*b", "a", false)]
    [InlineData("((a{0,9}){0,9}){0,9}b", "a", false)]
    public void Time_is_linear(string pattern, string piece, bool matches)
        => Assert.Equal(matches, RegexTests.Parse(pattern).IsMatch(Repeat(piece, 100_000 / piece.Length)));

    public static TheoryData<string, string> TooLarge() => new()
    {
        { "instructions", Repeat("(?:abcdefghij){1000}", 2) },
        { "instructions", "(" + Repeat("(xx?)", 10) + "){1000}" },
        { "instructions", "((a{10}b{10}c{10}d{10}){10}x{100}){10}" + Repeat("y{1000}", 10) },
        { "instructions", @"\Q" + new string('a', PatternLimits.Instructions) },
        { "instructions", "(" + new string('|', 8000) + ")" },
        { "sets of characters", string.Concat(Enumerable.Range(0x4e00, 2000).Select(c => (char)c)) },
        { "sets of characters",
            string.Concat(Enumerable.Range(0x4e00, 30)
                .Select(c => $@"[\pL{(char)c}\x{{E00{c % 10}}}-\x{{F{c - 0x4e00:X3}}}]")) },
        { "characters, more than", new string('a', PatternLimits.Length + 1) },
        { "nested more than 1000 deep", Repeat("(", 1001) + Repeat(")", 1001) },
        { "count to more than 1000", "((((((((((x{2}){2}){2}){2}){2}){2}){2}){2}){2}){2})" },
    };

    [Theory, MemberData(nameof(TooLarge))]
    public void What_would_be_too_large_is_refused(string reason, string pattern)
        => Assert.Contains(reason, Pattern.TryParse(pattern, new Steps(PatternLimits.Steps), out _)!.Reason);

    /// <summary>
    /// Classes with a name are made, folded and turned round once, and nothing else is remembered of them: what
    /// patterns use is gone with them.
    /// </summary>
    [Fact]
    public void Classes_are_made_once()
    {
        foreach (var name in new[] { "alpha", "upper", "word", "digit", "space" })
        {
            var set = PerlClasses.Posix(name)!;
            Assert.Same(set, PerlClasses.Posix(name));
            Assert.Same(set.Folded(), set.Folded());
            Assert.Same(set.Inverted(), set.Inverted());
            Assert.Same(set, set.Inverted().Inverted());
        }
        Assert.DoesNotContain(
            typeof(Unicode).GetFields(System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic),
            f => f.FieldType.Name.StartsWith("Concurrent", StringComparison.Ordinal));
    }

    [Fact]
    public void The_largest_patterns_fit_a_small_stack() => LimitTests.OnSmallStack(256, () =>
    {
        foreach (var (pattern, text) in new[]
        {
            (Repeat("(", 1000) + "a" + Repeat(")", 1000), "a"),
            (Repeat("(?:", 1000) + "a" + Repeat(")*", 1000) + "b", "aaab"),
            (Repeat("(?i:x|", 1000) + "a" + Repeat(")", 1000), "A"),
            (Repeat("(a|", 1000) + Repeat(")+", 1000), "b"),
            ("(?:a{9}){111}", Repeat("a", 999)),
            ("x{1000}", Repeat("x", 1000)),
            (Repeat("a?", 3000) + "b", Repeat("a", 3000) + "b"),
        })
            Assert.True(RegexTests.Parse(pattern).IsMatch(text), pattern[..6]);
    });

    [Theory]
    [InlineData("^prod-[a-z0-9-]+$", "prod-mortgage-eu-1")]
    [InlineData("[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}", "contact ada@example.org please")]
    [InlineData(@"(?i)\bпароль\b|\p{Greek}+$", "what is the ΠΑΡΟΛΑ")]
    [InlineData("(?m)^x$", "a\nb\nc")]
    public void A_match_that_was_walked_before_allocates_nothing(string pattern, string text)
    {
        var p = RegexTests.Parse(pattern);
        for (var i = 0; i < 50; i++) p.IsMatch(text);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 50; i++) p.IsMatch(text);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>
    /// Needs 2^21 states if all were kept; what is kept is bounded, and what is found is what a count finds.
    /// </summary>
    [Theory]
    [InlineData(4)]
    [InlineData(20)]
    [InlineData(600)]
    public void An_automaton_that_does_not_fit_starts_afresh_or_goes_without(int distance)
    {
        var p = RegexTests.Parse($"a[ab]{{{distance}}}c");
        var random = new Random(distance);
        for (var round = 0; round < 40; round++)
        {
            var text = new StringBuilder();
            for (var n = random.Next(3000); n > 0; n--)
                text.Append("abababababababababababc"[random.Next(random.Next(2) == 0 ? 22 : 23)]);
            text.Append('a').Append('b', random.Next(distance - 3, distance + 3)).Append('c');
            var s = text.ToString();
            var expected = false;
            for (var (i, run) = (0, 0); i < s.Length; i++)
            {
                if (s[i] == 'c' && run > distance && s[i - distance - 1] == 'a') expected = true;
                run = s[i] == 'c' ? 0 : run + 1;
            }
            Assert.Equal(expected, p.IsMatch(s));
            Assert.InRange(p.States, 1, PatternLimits.Automaton / 100 + 5);
        }
    }

    /// <summary>
    /// Each pattern by itself holds little, but there may be thousands, and what fills them comes from outside.
    /// </summary>
    [Fact]
    public void All_automata_together_have_a_bound()
    {
        const int Most = 100_000;
        var room = new Room(Most);
        var random = new Random(3);
        var walked = Walk(room, random);
        // The state that goes beyond it is the last; and each pattern has its first.
        Assert.InRange(room.Held, Most, Most + 5_000 + 60 * 500);
        // What is gone gives back what it held.
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (room.Held > 0 && clock.Elapsed < TimeSpan.FromSeconds(60))
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.Equal((0, 60), (room.Held, walked));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    static int Walk(Room room, Random random)
    {
        var patterns = new List<(Pattern Crowded, Pattern Alone)>();
        for (var i = 0; i < 60; i++)
        {
            Assert.Null(Pattern.TryParse($"a[ab]{{{i % 12 + 3}}}c{i}$", new Steps(PatternLimits.Steps), out var crowded,
                room));
            patterns.Add((crowded!, RegexTests.Parse(crowded!.Text)));
        }
        for (var round = 0; round < 5; round++)
            for (var i = 0; i < patterns.Count; i++)
            {
                var text = new StringBuilder();
                for (var n = random.Next(400); n > 0; n--) text.Append("aab"[random.Next(3)]);
                if (round % 2 == 0) text.Append('a').Append('b', i % 12 + 3).Append('c').Append(i);
                Assert.Equal(patterns[i].Alone.IsMatch(text.ToString()), patterns[i].Crowded.IsMatch(text.ToString()));
            }
        return patterns.Count;
    }

    [Fact]
    public void Threads_share_a_pattern()
    {
        // Small enough to be shared by many, large enough to be renewed all the time.
        string[] patterns = ["a[ab]{14}c", "(?i)(k|ſ)+x?$", @"(?m)^\w+\b.$", "(a|b)*a(a|b){9}$", @"\pL\d*[^a-c]{3}$"];
        var random = new Random(7);
        var shared = Array.ConvertAll(patterns, RegexTests.Parse);
        var cases = new (int Pattern, string Text, bool Expected)[3000];
        for (var i = 0; i < cases.Length; i++)
        {
            var text = new StringBuilder();
            for (var n = random.Next(60); n > 0; n--) text.Append("aababbc\nkKsx1_é"[random.Next(15)]);
            var which = random.Next(patterns.Length);
            cases[i] = (which, text.ToString(), RegexTests.Parse(patterns[which]).IsMatch(text.ToString()));
        }
        var wrong = 0;
        var threads = Enumerable.Range(0, 4).Select(t => new Thread(() =>
        {
            for (var round = 0; round < 3; round++)
                for (var i = 0; i < cases.Length; i++)
                {
                    var c = cases[(i * 7 + t * 701) % cases.Length];
                    if (shared[c.Pattern].IsMatch(c.Text) != c.Expected) Interlocked.Increment(ref wrong);
                }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_a_code_point_of_its_own()
    {
        Assert.True(RegexTests.Parse("^.$").IsMatch("\ud83d"));
        Assert.True(RegexTests.Parse(@"^a\p{Cs}b$").IsMatch("a\ude00b"));
        Assert.False(RegexTests.Parse("😀").IsMatch("\ud83d"));
    }
}
