extern alias schemas;

using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json.Nodes;
using schemas::Json.Schema;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Control;

namespace Stele.Tests.Api;

/// <summary>
/// What a view writes it reads, for every view there is: of values made at random, with and without what may be
/// missing. (What real worlds answer is read again in <see cref="OpenApiTests"/>.)
/// </summary>
public sealed class ViewTests
{
    static Type[] Views => [.. typeof(IView).Assembly.GetTypes().Where(t =>
        t.IsAssignableTo(typeof(IView)) && !t.IsInterface).OrderBy(t => t.Name, StringComparer.Ordinal)];

    public static TheoryData<string> Names() => [.. Views.Select(t => t.Name)];

    /// <summary>Written, read, and written again.</summary>
    internal static Json Again(Json json, Type view) => ((IView)typeof(ViewJson).GetMethod(nameof(ViewJson.Read))!
        .MakeGenericMethod(view).Invoke(null, BindingFlags.DoNotWrapExceptions, null, [json], null)!).ToJson();

    [Theory, MemberData(nameof(Names))]
    public void A_view_reads_what_it_writes_and_is_valid_under_its_schema(string name)
    {
        var view = Views.Single(t => t.Name == name);
        var schemas = new ViewSchema();
        var schema = OpenApiTests.Strict(Json.Object(schemas.Of(view).AsObject.Append(
            KeyValuePair.Create("$defs", schemas.All))));
        var judge = JsonSchema.FromText(schema.ToString());
        for (var seed = 0; seed < 20; seed++)
        {
            var written = ((IView)new Made(seed).Of(view, 0)!).ToJson();
            Assert.Equal(written, Again(written, view));
            Assert.Equal(written, CanonicalJson.Parse(written.ToBytes(), 1 << 26));
            var result = judge.Evaluate(JsonNode.Parse(written.ToString()),
                new EvaluationOptions { OutputFormat = OutputFormat.List });
            Assert.True(result.IsValid, $"{written}\n" + string.Join("\n", result.Details.Where(d => d.HasErrors)
                .Select(d => $"{d.InstanceLocation}: {string.Join("; ", d.Errors!.Values)}")));
            // What a later build says more is passed over; what is missing is named.
            Assert.Equal(written, Again(written.With("laterMember", 1), view));
        }
    }

    [Fact]
    public void What_is_missing_or_of_another_kind_is_said()
    {
        var whole = new AddedEntry(1, Digest.Of("x"u8), 2).ToJson();
        Assert.Contains("'leaf' is missing", Assert.Throws<FormatException>(() => ViewJson.Read<AddedEntry>(
            Json.Object(whole.AsObject.Where(m => m.Key != "leaf")))).Message, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => ViewJson.Read<AddedEntry>(whole.With("entry", "1")));
        Assert.Throws<FormatException>(() => ViewJson.Read<AddedEntry>(whole.With("leaf", "1")));
        Assert.Throws<FormatException>(() => ViewJson.Read<AddedEntry>("1"));
        Assert.Throws<FormatException>(() => ViewJson.Read<DiffedPolicy>(Json.Object(("change", "none"))));
        Assert.Throws<FormatException>(() => ViewJson.Read<ShownRoute>(Json.Object(
            ("release", Digest.Of("x"u8)), ("weight", 1L << 40))));
    }

    [Fact]
    public void Names_of_enums_are_words_with_hyphens()
    {
        Assert.Equal("not-executed", ViewJson.Name(Stele.Cli.Execution.NotExecuted));
        Assert.Equal("stands", ViewJson.Name(WaiverStanding.Stands));
    }

    /// <summary>Values of any type that a view may have.</summary>
    sealed class Made(int seed)
    {
        readonly System.Random _random = new(seed);

        public object? Of(Type type, int depth)
        {
            if (type == typeof(string)) return $"text {_random.Next(100)}";
            if (type == typeof(long)) return _random.NextInt64(1L << 40);
            if (type == typeof(int)) return _random.Next(1000);
            if (type == typeof(bool)) return _random.Next(2) == 0;
            if (type == typeof(Digest)) return Digest.Of([(byte)_random.Next(256)]);
            if (type == typeof(Json)) return Json.Object(("a", _random.Next(9)), ("b", Json.Array(1, "x", Json.Null)));
            if (type.IsEnum) return Enum.GetValues(type).GetValue(_random.Next(Enum.GetValues(type).Length));
            if (ViewJson.ItemOf(type) is { } item)
            {
                var made = Array.CreateInstance(item, depth > 6 ? 0 : _random.Next(3));
                for (var i = 0; i < made.Length; i++) made.SetValue(Of(item, depth + 1), i);
                return typeof(ImmutableArray).GetMethods().Single(m => m.Name == "Create"
                    && m.GetParameters() is [{ ParameterType.IsArray: true }]).MakeGenericMethod(item)
                    .Invoke(null, [made]);
            }
            if (type.IsAssignableTo(typeof(IView)))
                return type.GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                    .Single(c => c.GetParameters()[0].ParameterType != type).Invoke([.. ViewJson.MembersOf(type)
                        .Select(m => m.Optional && _random.Next(2) == 0 ? null : Of(m.Type, depth + 1))]);
            return Other(type, depth);
        }

        object Other(Type type, int depth) => type.Name switch
        {
            nameof(Component) => new Component("model", "model", $"m{_random.Next(9)}", Digest.Of("m"u8),
                _random.Next(2) == 0 ? null : "/m"),
            nameof(Route) => new Route(Digest.Of("r"u8), _random.Next(1, 100)),
            nameof(Subject) => new Subject(Digest.Of("s"u8), _random.Next(2) == 0 ? null : "s"),
            nameof(RetentionTerms) => new RetentionTerms(1, 2),
            nameof(GatewayCount) => new GatewayCount(0, 3, 2, 1, 1, 5),
            nameof(RuleOutcome) => new RuleOutcome(Digest.Of("p"u8), "rule", RuleResult.Passed,
                _random.Next(2) == 0 ? null : "why", _random.Next(2) == 0 ? null : 7),
            nameof(Envelope) => Envelope.Sign("{}"u8.ToArray(), Key.Key),
            nameof(ErasedRecord) => new ErasedRecord(1, Digest.Of("b"u8), [Digest.Of("c"u8)]),
            nameof(Flips) => Flips.FromJson(Json.Object([.. Enum.GetNames<Flip>().Select(n =>
                KeyValuePair.Create(n.ToLowerInvariant(), Json.Of(1L))), new("rules", Json.EmptyObject),
                new("flips", Json.EmptyArray), new("more", 0)])),
            nameof(TracedOrigins) => depth > 6 || _random.Next(2) == 0 ? new TracedOrigins("above", [])
                : new TracedOrigins(null, [(TracedOrigin)Of(typeof(TracedOrigin), depth + 1)!]),
            nameof(TracedDecision) => new TracedDecision(new Decision(DecisionKind.Whole, 1, null, "s", "e", 1,
                Digest.Of("r"u8), ObservedStrength.VerifiedAtLoad, null, [], DecisionOutcome.Allow, null, Key.Id,
                "http", "predict", 200,
                Commitment.To("input", new byte[32], "in"u8), Commitment.To("output", new byte[32], "out"u8), 1000, 1,
                0), "log/1"),
            _ => throw new NotSupportedException($"make one of {type} here"),
        };

        static readonly Citizen Key = Citizen.New();
    }
}
