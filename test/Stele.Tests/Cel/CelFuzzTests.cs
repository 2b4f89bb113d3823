using System.Diagnostics;
using System.Globalization;
using Cel;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>
/// No expression hangs an evaluation, takes memory without end, overflows the stack, throws, or comes out differently
/// on another run or another thread. Run for seconds with every build; for ten minutes, on seeds of its own, with
/// <c>-explicit only -method "*CelFuzzTests.For_ten_minutes"</c>.
/// </summary>
public class CelFuzzTests(ITestOutputHelper output)
{
    // Time and memory that anything may take, and what it may take besides for each unit of cost. Generous: the machine
    // may be loaded.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    const long Base = 64 << 20, PerUnit = 4096;

    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["b"] = CelType.Bool,
        ["i"] = CelType.Int,
        ["d"] = CelType.Double,
        ["s"] = CelType.String,
        ["big"] = CelType.String,
        ["l"] = CelType.List(CelType.Int),
        ["L"] = CelType.List(CelType.String),
        ["huge"] = CelType.List(CelType.Int),
        ["m"] = CelType.Map(CelType.String, CelType.Int),
        ["o"] = CelType.Dyn,
        ["x"] = CelType.Dyn,
        ["r"] = CelType.Object("release", [new("a", CelType.Int), new("b", CelType.String),
            new("c", CelType.Object("part", [new("k", CelType.List(CelType.Int))]))]),
    };

    static readonly Dictionary<string, CelValue> Bound = Values();

    static Dictionary<string, CelValue> Values()
    {
        var deep = CelValue.Int(1);
        for (var i = 0; i < 150; i++) deep = CelValue.Map([KeyValuePair.Create("a", deep)]);
        return new()
        {
            ["b"] = CelValue.True,
            ["i"] = CelValue.Int(3),
            ["d"] = CelValue.Double(2.5),
            ["s"] = CelValue.String(string.Concat(Enumerable.Repeat("aab ", 75))),
            ["big"] = CelValue.String(string.Concat(Enumerable.Repeat("aaaaaaaaab", 10_000))),
            ["l"] = CelValue.List([.. Enumerable.Range(0, 500).Select(n => CelValue.Int(n % 97))]),
            ["L"] = CelValue.List([.. Enumerable.Range(0, 60).Select(n => CelValue.String(new string('a', n) + "é"))]),
            ["huge"] = CelValue.List([.. Enumerable.Range(0, 40_000).Select(n => CelValue.Int(n))]),
            ["m"] = CelValue.Map([.. Enumerable.Range(0, 30)
                .Select(n => KeyValuePair.Create(((char)('a' + n)).ToString(), CelValue.Int(n)))]),
            ["o"] = CelValue.Map([KeyValuePair.Create("a", deep), KeyValuePair.Create("b",
                CelValue.List([deep, CelValue.Null])), KeyValuePair.Create("c", CelValue.Bytes([1, 2, 255]))]),
            ["r"] = CelValue.Map([KeyValuePair.Create("a", CelValue.Int(7)),
                KeyValuePair.Create("c", CelValue.Map([KeyValuePair.Create("k", CelValue.List([CelValue.Int(1)]))]))]),
            ["x"] = CelValue.List([CelValue.Int(1), CelValue.String("x"), CelValue.Null]),
        };
    }

    static List<string> People()
    {
        var documented = LanguagePageTests.Examples.Select(e => e.Example);
        if (!Vectors.AreInstalled)
            return [.. documented, "1 + 2 == 3 && 'a' < 'b'", "l.filter(x, x > 2).map(x, x * 2).exists(x, x == 8)",
                "has(o.a) ? o.a.size() : m['a']", "'%s-%d'.format([s, i]).matches('a+b')",
                "{'a': [1, 2, 3], 'b': []}.transformMap(k, v, size(v))"];
        return [.. documented, .. Vectors.Files("cel-spec", "*.textproto").SelectMany(ConformanceTest.Load)
            .Select(t => t.Data.Text("expr")).OfType<string>().Where(e => e.Length < 3000)];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void For_some_seconds(int seed) => new Run(seed, People()).Until((_, count) => count == 1500);

    /// <summary>Each run has seeds of its own; a fault names the expression and the seed.</summary>
    [Fact(Explicit = true)]
    public void For_ten_minutes()
    {
        var minutes = double.Parse(Environment.GetEnvironmentVariable("STELE_FUZZ_MINUTES") ?? "10",
            CultureInfo.InvariantCulture);
        var seed = int.Parse(Environment.GetEnvironmentVariable("STELE_FUZZ_SEED")
            ?? Random.Shared.Next().ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        var run = new Run(seed, People()) { Verbose = true };
        run.Until((time, _) => time.TotalMinutes >= minutes);
        output.WriteLine(run.Summary);
    }

    /// <summary>
    /// One walk through the expressions of a seed. A thread with a small stack repeats what the first one did.
    /// </summary>
    sealed class Run(int seed, List<string> people)
    {
        readonly FuzzSources _sources = new(seed, people);
        CelEnvironment _environment = new(Declared);
        List<(string Name, string Source)> _defined = [];
        int _count, _compiled, _values, _limited;
        (double Worst, string Source) _slow = (0, ""), _compiling = (0, ""), _dear = (0, ""), _large = (0, ""),
            _tracing = (0, "");

        public bool Verbose { get; init; }

        public string Summary =>
            $"seed {seed}: {_count} expressions, {_compiled} compiled, {_values} gave values, {_limited} hit the limit\nslowest: {_slow.Worst:F0} ms {Cut(_slow.Source)}\nslowest a unit: {_dear.Worst:F0} ns {Cut(_dear.Source)}\nslowest to compile: {_compiling.Worst:F0} ms {Cut(_compiling.Source)}\nslowest to trace: {_tracing.Worst:F0} ms {Cut(_tracing.Source)}\nmost memory: {_large.Worst / 1048576:F0} MiB {Cut(_large.Source)}";

        static string Cut(string source) => source.Length > 500 ? source[..500] + "…" : source;

        public void Until(Func<TimeSpan, int, bool> enough)
        {
            var clock = Stopwatch.StartNew();
            var batch = new List<(string Source, CelProgram Program, long Limit, string Expected)>();
            while (!enough(clock.Elapsed, _count))
            {
                if (_count++ % 200 == 0) Define();
                var source = _sources.Next();
                if (Verbose) File.WriteAllText(Path.Combine(Path.GetTempPath(), "stele-fuzz-current.txt"), source);
                if (Compile(source) is not { } program) continue;
                _compiled++;
                long limit = (_count % 4) switch { 0 => 1_000, 1 => 1_000_000, _ => 100_000 };
                batch.Add((source, program, limit, Once(source, program, limit)));
                Trace(source, program, limit, batch[^1].Expected);
                if (batch.Count < 200) continue;
                Repeat(batch);
                batch.Clear();
            }
            Repeat(batch);
            // What is tried must be worth trying.
            Assert.True(_compiled > _count / 5 && _values > _compiled / 5, Summary);
        }

        /// <summary>
        /// Definitions of their own for the next expressions. One that is wrong is so wherever it is used.
        /// </summary>
        void Define()
        {
            _environment = new(Declared);
            _defined = _sources.Define(12);
            foreach (var (name, source) in _defined)
                if (Record.Exception(() => _environment.Define(name, source)) is { } refused and not CelException)
                    throw Fault(source, refused.ToString());
        }

        CelProgram? Compile(string source)
        {
            var clock = Stopwatch.StartNew();
            try
            {
                return _environment.Compile(source);
            }
            catch (CelException e)
            {
                Hold(e.Line >= 1 && e.Column >= 1 && e.Message.Length < 2000, source, e.Message);
                return null;
            }
            catch (Exception e)
            {
                throw Fault(source, e.ToString());
            }
            finally
            {
                Hold(clock.Elapsed < Patience, source, $"compiling took {clock.Elapsed}");
                if (clock.Elapsed.TotalMilliseconds > _compiling.Worst)
                    _compiling = (clock.Elapsed.TotalMilliseconds, source);
            }
        }

        string Once(string source, CelProgram program, long limit)
        {
            var memory = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            CelResult result;
            try
            {
                result = program.Eval(Bound, limit);
            }
            catch (Exception e)
            {
                throw Fault(source, e.ToString());
            }
            var elapsed = clock.Elapsed;
            memory = GC.GetAllocatedBytesForCurrentThread() - memory;
            if (elapsed.TotalMilliseconds > _slow.Worst) _slow = (elapsed.TotalMilliseconds, source);
            var units = Math.Max(1, Math.Min(result.Cost, limit));
            // Of what takes no time the clock tells nothing, and others may have had the processor.
            if (Verbose && elapsed.TotalMilliseconds > 1 && elapsed.TotalNanoseconds / units > _dear.Worst)
            {
                var best = elapsed.TotalNanoseconds;
                for (var again = 0; again < 3; again++)
                {
                    clock.Restart();
                    program.Eval(Bound, limit);
                    best = Math.Min(best, clock.Elapsed.TotalNanoseconds);
                }
                if (best / units > _dear.Worst && best > 100_000) _dear = (best / units, source);
            }
            if (memory > _large.Worst) _large = (memory, source);
            Hold(elapsed < Patience, source, $"took {elapsed} at a limit of {limit}");
            // What is over the limit was not done.
            Hold(memory < Base + Math.Min(result.Cost, limit) * PerUnit, source,
                $"took {memory} bytes at a cost of {result.Cost} and a limit of {limit}");
            Hold(result.Error?.Kind == CelErrorKind.CostLimit == result.Cost > limit, source,
                $"cost {result.Cost} at a limit of {limit}, and {result.Error?.Kind}");
            if (result.Error is null) _values++;
            else if (result.Error.Kind == CelErrorKind.CostLimit) _limited++;
            return Told(result);
        }

        /// <summary>A trace comes to the same, and can be shown.</summary>
        void Trace(string source, CelProgram program, long limit, string expected)
        {
            try
            {
                var (result, trace) = program.Trace(Bound, limit);
                Hold(Told(result) == expected, source, $"came to {Cut(expected)}, and traced to {Cut(Told(result))}");
                Hold(trace.Rests().All(r => r.ToString().Length > 0), source, "rests on what can't be shown");
            }
            catch (Exception e) when (e is not InvalidOperationException { Message: ['s', 'e', 'e', 'd', ..] })
            {
                throw Fault(source, e.ToString());
            }
        }

        /// <summary>
        /// All that two runs must agree on: a value by its text, which is cut, and by its extent and hash.
        /// </summary>
        static string Told(CelResult result) => result.Error is { } error
            ? $"{result.Cost} {error.Kind} {error.Message}"
            : $"{result.Cost} {result.Value.TypeOf()} {Extent.Of(result.Value)} {result.Value}";

        void Repeat(List<(string Source, CelProgram Program, long Limit, string Expected)> batch)
        {
            LimitTests.OnSmallStack(256, () =>
            {
                foreach (var (source, program, limit, expected) in batch)
                    for (var n = 0; n < 2; n++)
                        Agrees(source, expected, program.Eval(Bound, limit), "on a small stack");
            });
            // A trace makes its own plan, and has steps between the steps.
            LimitTests.OnSmallStack(1024, () =>
            {
                foreach (var (source, program, limit, expected) in batch.Where((_, n) => n % 5 == 0)) Agrees(source,
                    expected, Trace(source, program, limit), "when traced");
            });
        }

        CelResult Trace(string source, CelProgram program, long limit)
        {
            if (Verbose) File.WriteAllText(Path.Combine(Path.GetTempPath(), "stele-fuzz-current.txt"), source);
            var clock = Stopwatch.StartNew();
            var (result, trace) = program.Trace(Bound, limit);
            trace.Rests();
            Hold(clock.Elapsed < Patience, source, $"tracing took {clock.Elapsed}");
            if (clock.Elapsed.TotalMilliseconds > _tracing.Worst) _tracing = (clock.Elapsed.TotalMilliseconds, source);
            return result;
        }

        void Agrees(string source, string expected, CelResult result, string where)
        {
            var told = Told(result);
            Hold(told == expected, source, $"came to {Cut(expected)}, and {where} to {Cut(told)}");
        }

        void Hold(bool holds, string source, string fault)
        {
            if (!holds) throw Fault(source, fault);
        }

        InvalidOperationException Fault(string source, string fault) =>
            new($"seed {seed}, expression {_count}: {fault}\n{source}\n{string.Concat(_defined.Where(d => source.Contains(d.Name, StringComparison.Ordinal)).Select(d => $"{d.Name}: {d.Source}\n"))}");
    }
}
