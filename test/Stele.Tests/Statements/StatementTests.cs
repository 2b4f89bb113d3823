using System.Reflection;
using System.Text;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Statements;

public sealed class StatementTests
{
    static readonly Lazy<World> Told = new(Tell);
    static readonly Lazy<IReadOnlyDictionary<string, byte[]>> One = new(Collect);

    /// <inheritdoc cref="Tell"/>
    internal static World World => Told.Value;

    /// <inheritdoc cref="Collect"/>
    internal static IEnumerable<byte[]> Payloads => One.Value.Values;

    /// <summary>A world in which an entry of every kind was accepted, but of protocol: there is one version.</summary>
    static World Tell()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        w.Add(World.Evaluate(m.V1, m.Check, w.Report(0.75), w.State.Evaluations.Keys.First()), World.Evaluator);
        w.Add(World.Erase(m.Log.Origin) with { Reason = Digest.Of("why"u8) }, World.Owners);
        w.Add(World.PlaceHold(World.Prod, m.Log.Origin, 7, 9), World.Owners);
        w.Add(World.Retain(m.Log.Origin, 2), World.Owners);
        m.Log.Counted = new GatewayCount(0, 12, 10, 10, 2, 3);
        m.Anchor();
        w.Add(w.Reckon(World.Start, w.Now - 1000, 7, World.Sys, World.Prod), World.Monitor);
        w.Add(w.Attest(World.Approver, release: m.V2), World.Approver);
        w.Add(w.Attest(World.Approver, release: m.V2, evidence: m.Data), World.Approver);
        w.Add(World.LogKey(new NoteSigner(World.Name, secret: "next"), w.State.Size + 1), World.Owners);
        w.Add(w.PutPolicy(m.Policy, environment: World.Prod), World.Owners);
        w.Add(w.Member(World.Approver2,
            new Role(RoleName.Approver, World.Sys, World.Prod)) with { Name = Digest.Of("name"u8) }, World.Owners);
        return w;
    }

    /// <summary>One payload of every kind, with optional members there.</summary>
    static Dictionary<string, byte[]> Collect()
    {
        var w = World;
        var all = w.Entries.Select(e => Entry.Parse(e).Envelope.Payload.ToArray()).ToList();
        all.Add(w.Fresh(World.Protocol(1)).Encode());
        var found = new Dictionary<string, byte[]>();
        foreach (var payload in all) found[StatementKinds.Parse(payload).Kind] = payload;
        return found;
    }

    public static TheoryData<string> Kinds() =>
        [.. typeof(Statement).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Statement)))
        .Select(t => ((Statement)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(t)).Kind)];

    [Fact]
    public void There_are_twenty_four_kinds() => Assert.Equal(24, Kinds().Count);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_parsed_is_written_again_byte_for_byte(string kind)
    {
        var payload = One.Value[kind];
        var statement = StatementKinds.Parse(payload);
        Assert.Equal(payload, statement.Encode());
        Assert.Equal(Digest.Of(payload), statement.Identity);
    }

    /// <summary>
    /// Every member at every depth: taken away, renamed, doubled, its value of another form. An optional member's
    /// absence is another statement; anything else is none.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Nothing_else_is_a_statement(string kind)
    {
        var payload = One.Value[kind];
        var json = CanonicalJson.Parse(payload, Envelope.MaxPayload);
        var cases = 0;
        foreach (var changed in Changes(json))
        {
            cases++;
            Same(changed.ToBytes());
        }
        var text = Encoding.UTF8.GetString(payload);
        foreach (var bad in new[]
        {
            text + " ", " " + text, text.Replace(":", ": ", StringComparison.Ordinal),
            text.Replace("\"_type\"", "\"\\u005ftype\"", StringComparison.Ordinal),
            text.Replace("\"issued\":1", "\"issued\":1.0e0", StringComparison.Ordinal),
            text.Replace("\"issued\":1", "\"issued\":01", StringComparison.Ordinal),
            text.Insert(1, "\"_type\":\"x\","),
            text.Replace("\"_type\"", "\"z\":0,\"_type\"", StringComparison.Ordinal), "\ufeff" + text, text[..^1],
        })
        {
            cases++;
            Assert.ThrowsAny<Exception>(() => Refuses(Encoding.UTF8.GetBytes(bad)));
        }
        Assert.True(cases > 20);
    }

    static void Refuses(byte[] payload)
    {
        try
        {
            StatementKinds.Parse(payload);
        }
        catch (Exception e) when (e is not (FormatException or UnknownKindException))
        {
            Assert.Fail($"{e.GetType().Name} escaped: {e.Message}");
        }
    }

    /// <summary>Refused, or else a statement that is written exactly so.</summary>
    static void Same(byte[] payload)
    {
        try
        {
            Assert.Equal(payload, StatementKinds.Parse(payload).Encode());
        }
        catch (Exception e) when (e is FormatException or UnknownKindException)
        {
        }
    }

    static IEnumerable<Json> Changes(Json j)
    {
        foreach (var other in new Json[] { Json.Null, true, 0, -1, Json.MaxInt, 1e300, 0.5, "", "x",
            new string('0', 32), Json.EmptyArray, Json.EmptyObject })
            if (!other.Equals(j)) yield return other;
        if (j.Kind == JsonKind.Object)
        {
            foreach (var (name, value) in j.AsObject)
            {
                yield return Json.Object(j.AsObject.Where(m => m.Key != name));
                yield return Json.Object(j.AsObject.Where(m => m.Key != name)).With(name + "x", value);
                foreach (var changed in Changes(value)) yield return j.With(name, changed);
            }
            yield return j.With("zz", 1);
            yield return j.With("", Json.Null);
        }
        else if (j.Kind == JsonKind.Array)
        {
            yield return Json.Array(j.AsArray.Add("x"));
            if (j.AsArray.IsEmpty) yield break;
            yield return Json.Array(j.AsArray.Add(j.AsArray[0]));
            yield return Json.Array(j.AsArray.Reverse());
            foreach (var changed in Changes(j.AsArray[0])) yield return Json.Array(j.AsArray.SetItem(0, changed));
        }
    }

    /// <summary>
    /// Members that are added anywhere are refused: nothing may ride along unread. An origin's parameters are the
    /// builder's own.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void No_member_rides_along(string kind)
    {
        var json = CanonicalJson.Parse(One.Value[kind], Envelope.MaxPayload);
        var cases = 0;
        foreach (var changed in Added(json, ""))
        {
            cases++;
            Assert.Throws<FormatException>(() => StatementKinds.Parse(changed.ToBytes()));
        }
        Assert.True(cases >= 3);
    }

    static IEnumerable<Json> Added(Json j, string at)
    {
        if (j.Kind == JsonKind.Object && at != "externalParameters")
        {
            yield return j.With("stowaway", "x");
            foreach (var (name, value) in j.AsObject) foreach (var changed in Added(value, name))
                yield return j.With(name, changed);
        }
        else if (j.Kind == JsonKind.Array)
            for (var i = 0; i < j.AsArray.Length; i++) foreach (var changed in Added(j.AsArray[i], ""))
                yield return Json.Array(j.AsArray.SetItem(i, changed));
    }

    /// <summary>Whatever bytes come, a parser says no by a FormatException; anything else would stop a judge.</summary>
    [Fact]
    public void Flipped_bytes_never_escape_the_parsers()
    {
        var random = new Random(7);
        foreach (var payload in One.Value.Values)
            for (var i = 0; i < 400; i++)
            {
                var bytes = (byte[])payload.Clone();
                for (var n = random.Next(1, 4); n > 0; n--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                try
                {
                    Assert.Equal(bytes, StatementKinds.Parse(bytes).Encode());
                }
                catch (Exception e) when (e is FormatException or UnknownKindException)
                {
                }
            }
    }

    [Fact]
    public void Deep_and_large_payloads_are_refused_at_once()
    {
        Assert.Throws<FormatException>(() => StatementKinds.Parse(Encoding.UTF8.GetBytes(new string('[', 40_000))));
        Assert.Throws<FormatException>(() => StatementKinds.Parse(new byte[Envelope.MaxPayload + 1]));
        Assert.Throws<FormatException>(() => new Entry(-1, Entry.Parse(Mortgage.Founded().World.Entries[0]).Envelope));
        Assert.Throws<FormatException>(() =>
            new Entry(Entry.MaxTime + 1, Entry.Parse(Mortgage.Founded().World.Entries[0]).Envelope));
    }

    [Fact]
    public void Standard_predicates_are_where_they_exist()
    {
        string Type(string kind) => CanonicalJson.Parse(One.Value[kind], Envelope.MaxPayload)["predicateType"].AsString;
        Assert.Equal("https://slsa.dev/provenance/v1", Type("origin"));
        Assert.Equal("https://slsa.dev/verification_summary/v1", Type("verdict"));
        Assert.Equal("https://in-toto.io/attestation/test-result/v0.1", Type("evaluation"));
        Assert.Equal("https://stele.dev/statement/deployment/v1", Type("deployment"));
    }
}
