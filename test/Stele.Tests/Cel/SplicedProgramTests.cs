using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Cel;
using Cel.Check;
using Cel.Library;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>
/// Programs made by chance out of true ones: whatever they are, compiling, evaluating, tracing and printing come to an end, throw nothing
/// but what they promise, spend no more than a step beyond the limit, and give the same again. STELE_FUZZ_SECONDS makes it try for longer, from
/// another seed each time, which is printed.
/// </summary>
public sealed class SplicedProgramTests(ITestOutputHelper output)
{
    const long Limit = 20_000;

    static readonly string[] Corpus = [.. Regex.Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "CEL.md")), @"\| `([^`]+)` \|\n").Select(m => m.Groups[1].Value),
        "m.a + l[0] > 3 || s.size() == int(d) && o.orValue('x') in ['x', s]",
        "l.map(x, l.filter(y, y > x).map(z, [x, z])).exists(p, p.all(q, q != l.size()))",
        "m[?s].or(optional.of(l[?9].orValue(7))).optMap(v, v * v).value() % 5 == 4",
        "cel.bind(t, s + s, cel.bind(u, t + t, u.replace('e', t).split('x').join(u)))",
        "{'k': [1, 2.0, 3u, null, true, b'x'], 1: {'n': duration('1s')}, ?s: o}['k'][2] == d",
        "'%s %d %x %.3e'.format([[m, l, {s: o.hasValue()}], 7, s, 1.5]).matches('(a|b)*c{1,20}[^x]')"];

    // Longest first; what is no token stands for itself.
    static readonly Regex Token = new(@"\w+|'(?:[^'\\]|\\.)*'|&&|\|\||[<>=!]=|\s+|.", RegexOptions.Singleline);

    static readonly string[][] Pieces = [.. Corpus.Select(c => Token.Matches(c).Select(m => m.Value).ToArray())];

    static readonly string[] Odd = ["(", ")", "[", "]", "{", "}", "?", ".?", "[?", "-", "!", "0", "-1", "9223372036854775807", "1e308", "0u", "''", "b''", "null", "true", "x", "d", "l", "m", "s", "o", "dyn(", ".map(x, ", ".all(x, ",
        ".filter(x, ", " ? ", " : ", " in ", " + ", " == ", "'\\u00e9'", "'😀'", "timestamp(0)", "duration('1h')", "[]", "{}", "optional.none()", ".value()", ".size()", "cel.bind(x, ", "type(", " || ", " && ", "//", "`", "\n"];

    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["m"] = CelType.Map(CelType.String, CelType.Int), ["l"] = CelType.List(CelType.Int), ["s"] = CelType.String, ["d"] = CelType.Dyn, ["o"] = CelType.Optional(CelType.String), ["x"] = CelType.Dyn,
    };

    static readonly Dictionary<string, CelValue> Bound = new()
    {
        ["m"] = CelValue.Map([KeyValuePair.Create("a", CelValue.Int(1)), KeyValuePair.Create("text", CelValue.Int(2))]),
        ["l"] = CelValue.List([.. Enumerable.Range(0, 30).Select(i => CelValue.Int(i))]),
        ["s"] = CelValue.String("text"),
        ["d"] = CelValue.Map([KeyValuePair.Create(CelValue.Int(3), CelValue.List([CelValue.Double(double.NaN), CelValue.None]))]),
        ["o"] = CelValue.Some(CelValue.String("e")),
    };

    [Fact]
    public void Nothing_made_by_chance_does_harm()
    {
        var seconds = int.Parse(Environment.GetEnvironmentVariable("STELE_FUZZ_SECONDS") ?? "0", CultureInfo.InvariantCulture);
        var seed = seconds == 0 ? 20_000 : Environment.TickCount;
        var clock = Stopwatch.StartNew();
        var (tried, compiled, valued, longest, slowest) = (0, 0, 0, TimeSpan.Zero, "");
        var chance = new Random(seed);
        while (seconds == 0 ? tried < 20_000 : clock.Elapsed.TotalSeconds < seconds)
        {
            var source = Make(chance);
            tried++;
            var began = clock.Elapsed;
            try
            {
                if (Try(source, strict: tried % 4 == 0) is not { } ended) continue;
                compiled++;
                if (ended) valued++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {seed}, program {tried}: {e.GetType().Name} {e.Message} of\n{source}\n{e.StackTrace}");
            }
            if (clock.Elapsed - began is var took && took > longest) (longest, slowest) = (took, source);
        }
        output.WriteLine($"seed {seed}: {tried} programs, {compiled} compiled, {valued} came to a value; the longest took {longest.TotalMilliseconds:F0} ms: {slowest}");
        // Else it tries nothing.
        Assert.True(compiled > tried / 10 && valued > tried / 20, $"{tried} programs, {compiled} compiled, {valued} came to a value");
    }

    static bool? Try(string source, bool strict)
    {
        CelProgram program;
        try
        {
            program = CelProgram.Compile(source, new Declarations(Declared, StandardLibrary.Functions) { Strict = strict }, null);
        }
        catch (CelException e)
        {
            Assert.True(e.Line >= 1 && e.Column >= 1 && e.Message.Length < 2000, source);
            return null;
        }
        var result = program.Eval(Bound, Limit);
        var again = program.Eval(Bound, Limit);
        var (traced, trace) = program.Trace(Bound, Limit);
        Assert.True(result.Cost == again.Cost && result.Cost == traced.Cost, source);
        Assert.True(Show(result) == Show(again) && Show(result) == Show(traced), source);
        Assert.NotNull(trace.ToString());
        Assert.NotNull(trace.Rests());
        return result.Error is null;
    }

    static string Show(CelResult r) => r.Error is { } e ? e.Message : r.Value.ToString();

    static string Make(Random chance)
    {
        var made = Pieces[chance.Next(Pieces.Length)].ToList();
        for (var n = chance.Next(1, 5); n > 0; n--)
        {
            var other = Pieces[chance.Next(Pieces.Length)];
            var (at, length) = chance.Next(20) == 0 ? Any(made, chance) : Whole(made, chance);
            var (from, count) = chance.Next(20) == 0 ? Any(other, chance) : Whole(other, chance);
            switch (chance.Next(30))
            {
                case 0: made.InsertRange(at, other.Skip(from).Take(count)); break;
                case 1: made[at] = Odd[chance.Next(Odd.Length)]; break;
                case 2: made.InsertRange(at, made.Skip(at).Take(length).ToArray()); break;
                default:
                    made.RemoveRange(at, length);
                    made.InsertRange(at, other.Skip(from).Take(count));
                    break;
            }
            if (made.Count == 0) made.Add("1");
            if (made.Count > 2000) made.RemoveRange(2000, made.Count - 2000);
        }
        return string.Concat(made);
    }

    static (int At, int Length) Any(IReadOnlyList<string> tokens, Random chance)
    {
        var at = chance.Next(tokens.Count);
        return (at, chance.Next(0, Math.Min(8, tokens.Count - at) + 1));
    }

    /// <summary>A literal, name or bracket with all that is selected from it and called on it, as far as it is well formed.</summary>
    static (int At, int Length) Whole(IReadOnlyList<string> tokens, Random chance)
    {
        var at = chance.Next(tokens.Count);
        for (var n = 0; n < tokens.Count && !(Starts(tokens[at]) && (at == 0 || tokens[at - 1] is not ("." or "?" or "cel" or "math"))); n++) at = (at + 1) % tokens.Count;
        var end = at;
        do
        {
            var depth = 0;
            do
            {
                if (tokens[end] is "(" or "[" or "{") depth++;
                if (tokens[end] is ")" or "]" or "}") depth--;
                end++;
            }
            while (depth > 0 && end < tokens.Count);
            while (end + 1 < tokens.Count && tokens[end] == ".") end += tokens[end + 1] == "?" ? 3 : 2;
        }
        while (end < tokens.Count && tokens[end] is "(" or "[");
        return (at, Math.Min(end, tokens.Count) - at);
    }

    static bool Starts(string token) => token is "(" or "[" or "{" || char.IsLetterOrDigit(token[0]) || token[0] == '\'';
}
