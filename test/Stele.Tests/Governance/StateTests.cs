using System.Collections;
using System.Collections.Immutable;
using System.Reflection;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

public sealed class StateTests
{
    static readonly Mortgage Lived = Mortgage.Lived();

    [Fact]
    public void Folding_the_same_entries_gives_the_same_states_whatever_the_documents_order()
    {
        var w = Lived.World;
        foreach (var blobs in new[] { w.Blobs.OrderBy(b => b.Key), w.Blobs.OrderByDescending(b => b.Key) })
        {
            var map = blobs.ToDictionary(b => b.Key, b => b.Value);
            var again = new Replay(new Documents(d => map.GetValueOrDefault(d)));
            foreach (var bytes in w.Entries)
            {
                Assert.IsType<Outcome.Accepted>(again.Add(Entry.Parse(bytes)));
                Assert.Equal(StateDigest.Of(w.Replay.At(again.State.Size)), StateDigest.Of(again.State));
            }
            Assert.Equal(w.Entries.Count, again.Entries.Count);
        }
    }

    [Fact]
    public void Every_entry_changes_the_digest()
    {
        var digests = Enumerable.Range(0, Lived.World.Entries.Count + 1)
            .Select(i => StateDigest.Of(Lived.World.Replay.At(i))).ToList();
        Assert.Equal(digests.Count, digests.Distinct().Count());
    }

    /// <summary>
    /// Two states that differ in any one property, or in any one field of any fact, must have different digests.
    /// Identities stand there by their running digest.
    /// </summary>
    [Fact]
    public void The_digest_covers_everything_the_fold_remembers()
    {
        var m = Mortgage.Lived();
        m.World.Add(m.World.Declare(World.Sys, [.. m.World.State.Systems[World.Sys].Environments]) with { Retention =
            new RetentionTerms(1, 2) }, World.Owners);
        m.World.Add(World.Erase(m.Log.Origin), World.Owners);
        m.World.Add(World.Frozen(World.Builder, Digest.Of("rows"u8), "rows", "dataset", "CC0-1.0",
            "https://example.com/rows"), World.Builder);
        m.World.Add(World.PlaceHold(World.Prod, m.Log.Origin, 3, 5), World.Owners);
        var state = m.World.State with { Threshold = 2 };
        var digest = StateDigest.Of(state);
        string[] derived = [nameof(State.Identities), nameof(State.Used)];
        foreach (var property in typeof(State).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanWrite && !derived.Contains(p.Name)))
        {
            var changes = Variants(property.PropertyType, property.GetValue(state)).ToList();
            Assert.True(changes.Count > 0, $"nothing to change in {property.Name}");
            foreach (var (what, value) in changes)
            {
                var other = state with { };
                property.SetValue(other, value);
                Assert.True(StateDigest.Of(other) != digest, $"the digest is blind to {property.Name}{what}");
            }
        }
    }

    /// <summary>
    /// A release's components and policy are read from its document, which the digest names; statements are named whole
    /// by their identity; a log's anchors are in the running digest over all entries.
    /// </summary>
    static readonly string[] ByDigest = ["ReleaseFact.Components", "ReleaseFact.Policy", "ReleaseFact.Digest",
        "MemberFact.Id", "SystemFact.Name", "LogFact.Origin", "LogFact.Anchors", "Approval.PredicateType",
        "Waiver.PredicateType"];

    /// <summary>The value with one thing changed, in every way there is.</summary>
    static IEnumerable<(string What, object? Value)> Variants(Type type, object? value)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) yield return ("", value + "x");
        else if (type == typeof(long)) yield return ("", (long)(value ?? 0L) + 1);
        else if (type == typeof(int)) yield return ("", (int)value! + 1);
        else if (type == typeof(bool)) yield return ("", !(bool)value!);
        else if (type.IsEnum)
            yield return ("", Enum.GetValues(type).Cast<object>().First(other => !other.Equals(value)));
        else if (type == typeof(Digest)) yield return ("", Digest.Of("another"u8));
        else if (type == typeof(PublicKey)) yield return ("", World.Stranger.Key.Public);
        else if (type.Name.StartsWith("ValueTuple", StringComparison.Ordinal))
        {
            foreach (var field in type.GetFields())
                foreach (var (what, v) in Variants(field.FieldType, field.GetValue(value)))
                {
                    var copy = value;
                    field.SetValue(copy, v);
                    yield return ($".{field.Name}{what}", copy);
                }
        }
        else if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>))
        {
            var items = ((IEnumerable)value!).Cast<object>().ToList();
            var builder = type.GetMethod("ToBuilder")!.Invoke(value, null)!;
            if (items.Count == 0) yield break;
            yield return ("[less]", type.GetMethod("RemoveAt")!.Invoke(value, [items.Count - 1]));
            foreach (var (what, v) in Variants(type.GetGenericArguments()[0],
                items[0])) yield return ($"[0]{what}", type.GetMethod("SetItem")!.Invoke(value, [0, v]));
        }
        else if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(FactMap<,>))
        {
            var entries = ((IEnumerable)value!).Cast<object>().ToList();
            foreach (var entry in entries)
            {
                var (k, v) = (entry.GetType().GetProperty("Key")!.GetValue(entry)!,
                    entry.GetType().GetProperty("Value")!.GetValue(entry));
                yield return ($"[{k}] gone", type.GetMethod("Remove")!.Invoke(value, [k]));
                foreach (var (what, changed) in Variants(type.GetGenericArguments()[1],
                    v)) yield return ($"[{k}]{what}", type.GetMethod("SetItem")!.Invoke(value, [k, changed]));
            }
        }
        else if (type.GetMethod("<Clone>$") is { } clone && !type.IsAbstract)
        {
            if (value is null) yield break;
            foreach (var property in type.GetProperties()
                .Where(p => p.CanWrite && !ByDigest.Contains($"{type.Name}.{p.Name}")))
                foreach (var (what, v) in Variants(property.PropertyType, property.GetValue(value)))
                {
                    var copy = clone.Invoke(value, null);
                    property.SetValue(copy, v);
                    yield return ($".{property.Name}{what}", copy);
                }
        }
        else throw new InvalidOperationException($"how does a {type} change?");
    }

    [Fact]
    public void Old_states_stay_at_hand()
    {
        var m = Lived;
        Assert.Equal(m.DeployedV3, m.World.Replay.At(m.DeployedV3 + 1).Environment(World.Sys, World.Prod).Head!.Entry);
        Assert.Equal(m.DeployedV2, m.World.Replay.At(m.DeployedV3).Environment(World.Sys, World.Prod).Head!.Entry);
        var time = m.World.Replay.Entries[(int)m.DeployedV3].Entry.Time;
        Assert.Equal(m.DeployedV3 + 1, m.World.Replay.AsOf(time).Size);
        Assert.Equal(m.DeployedV3, m.World.Replay.AsOf(time - 1).Size);
        Assert.Equal(0, m.World.Replay.AsOf(World.Start - 1).Size);
        Assert.Equal(m.World.State.Size, m.World.Replay.AsOf(long.MaxValue).Size);
    }
}
