using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>
/// A state that has no digest can be anchored by nobody, ever: so whatever number stands wherever in whatever
/// statement, it is refused, or the state after it has a digest.
/// </summary>
public sealed class ExtremeTests
{
    static readonly Person[] People =
    [
        World.Owner, World.Owner2, World.Recovery, World.Server, World.Builder, World.Builder2, World.Evaluator,
        World.Approver, World.Approver2, World.Deployer, World.Node, World.Monitor, World.Stranger,
    ];

    static readonly long[] Numbers = [0, 1, -1, int.MaxValue, 1L << 32, Entry.MaxTime, Json.MaxInt - 1, Json.MaxInt,
        -Json.MaxInt];

    /// <summary>A world with a statement of every kind but a protocol's, which this version has no use for.</summary>
    static World Whole()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        w.Add(World.Evaluate(m.V1, m.Check, w.Report(0.75), w.State.Evaluations.Keys.First()), World.Evaluator);
        m.Log.Counted = new GatewayCount(0, 12, 10, 10, 2, 3);
        m.Anchor();
        w.Add(World.Erase(m.Log.Origin), World.Owners);
        w.Add(World.PlaceHold(World.Prod, m.Log.Origin, 7, 9), World.Owners);
        w.Add(World.Retain(m.Log.Origin, 2), World.Owners);
        w.Add(w.Reckon(World.Start, w.Now - 1000, 7, World.Sys, World.Prod), World.Monitor);
        w.Add(World.LogKey(new NoteSigner(World.Name, secret: "next"), w.State.Size + 1), World.Owners);
        return w;
    }

    [Fact]
    public void Whatever_number_is_accepted_the_state_after_it_has_a_digest()
    {
        var w = Whole();
        Assert.Equal(23, w.Replay.Entries.Select(f => f.Statement.Kind).Distinct().Count());
        int tried = 0, accepted = 0;
        foreach (var folded in w.Replay.Entries.GroupBy(f => f.Statement.Kind).SelectMany(g => g.TakeLast(4)))
        {
            var before = w.Replay.At(folded.Index);
            PrivateKey[] by = [
                .. folded.Entry.Envelope.Signatures.Select(s => People.Single(p => p.Key.Public.Id == s.KeyId).Key)];
            var json = CanonicalJson.Parse(folded.Entry.Envelope.Payload, Envelope.MaxPayload);
            foreach (var changed in Changes(json))
            {
                tried++;
                if (Fold.Apply(before, new Entry(folded.Entry.Time, Envelope.Sign(changed.ToBytes(), by)),
                    w.Replay.Documents) is not Outcome.Accepted after) continue;
                accepted++;
                Assert.NotEqual(default, StateDigest.Of(after.Next));
            }
        }
        Assert.True(tried > 1000 && accepted > 100, $"{accepted} of {tried} accepted");
    }

    /// <summary>
    /// Its numbers are not in its statement alone: a checkpoint has one of its own, and sums go beyond each.
    /// </summary>
    [Theory]
    [InlineData(0, 0, Json.MaxInt)]
    [InlineData(Json.MaxInt - 1, 0, 1)]
    [InlineData(1L << 52, 1L << 51, 1L << 50)]
    public void A_log_of_as_many_leaves_as_a_number_can_tell_is_anchored(long opens, long closes, long wholes)
    {
        var m = Mortgage.Released();
        m.World.Add(Refusing.Beyond(m, opens, closes, wholes), World.Node);
        Assert.NotEqual(default, StateDigest.Of(m.World.State));
    }

    /// <summary>Every whole number in it, at every depth, one at a time.</summary>
    static IEnumerable<Json> Changes(Json json)
    {
        if (json.Kind == JsonKind.Int)
            foreach (var n in Numbers) yield return n;
        else if (json.Kind == JsonKind.Object)
            foreach (var (name, value) in json.AsObject)
                foreach (var changed in Changes(value)) yield return json.With(name, changed);
        else if (json.Kind == JsonKind.Array)
            for (var i = 0; i < json.AsArray.Length; i++)
                foreach (var changed in Changes(json.AsArray[i]))
                    yield return Json.Array(json.AsArray.SetItem(i, changed).AsSpan());
    }
}
