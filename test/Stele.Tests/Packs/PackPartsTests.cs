using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Tamper;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>What the verifier does fast is what it did slowly.</summary>
public sealed class PackPartsTests
{
    [Fact]
    public void Folding_and_tables_give_one_CRC()
    {
        var bytes = new byte[700];
        new Random(5).NextBytes(bytes);
        for (var n = 0; n < bytes.Length; n++)
            Assert.Equal(~Crc32.Tabled(bytes.AsSpan(0, n), 0xFFFFFFFF), Crc32.Of(bytes.AsSpan(0, n)));
        Assert.Equal(0xCBF43926u, Crc32.Of("123456789"u8));
    }

    [Fact]
    public void Subtrees_from_anywhere_to_anywhere_make_the_one_root()
    {
        var hashes = Enumerable.Range(0, 70).Select(i => Merkle.Leaf(BitConverter.GetBytes(i))).ToArray();
        for (var from = 0; from < 40; from++)
            for (var to = from; to <= hashes.Length; to++)
            {
                var frontier = new Frontier();
                foreach (var hash in hashes[..from]) frontier = frontier.Add(hash);
                foreach (var (level, root) in Merkle.Subtrees(from,
                    hashes.AsSpan(from..to).ToArray())) frontier = frontier.Add(level, root);
                Assert.Equal((to, Merkle.Root(hashes[..to])), (frontier.Size, frontier.Root));
            }
    }

    [Fact]
    public void A_log_is_cut_where_its_leaves_say()
    {
        var segment = new Segment();
        var leaf = new byte[65_535];
        while (segment.Fits(leaf.Length)) segment.Add(leaf);
        Assert.Equal(Segment.MaxBytes / 65_537, Segment.Read(segment.Bytes).Count);
        Assert.Throws<FormatException>(() => Segment.Read([]));
        Assert.Throws<FormatException>(() => Segment.Read(segment.Bytes[..^1]));
        Assert.Throws<FormatException>(() => Segment.Read(new byte[Segment.MaxBytes + 1]));
    }

    /// <summary>
    /// A log of two million leaves that are none costs its reader neither two million findings nor so many exceptions.
    /// </summary>
    [Fact]
    public void Leaves_too_short_to_be_decisions_are_refused_in_bulk()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        var d = m.World.Decide();
        var shortest = d with { Kind = DecisionKind.Open, Time = 0, System = "a", Environment = "b", Deployment = 0,
            Strength = ObservedStrength.Attested, ReleasePolicy = null, Policies = [], Outcome = DecisionOutcome.Deny,
                Rule = null,
            Protocol = "p",
            Operation = "", Status = 0, Input = null, Output = null, Duration = 0, Size = 0, Staleness = 0 };
        Assert.InRange(Decision.Parse(shortest.Encode()).Encode().Length, Decision.MinBytes, Decision.MinBytes + 100);

        for (var i = 0; i < 400_000; i++) m.Log.AddBytes(i % 2 == 0 ? [] : new byte[Decision.MinBytes - 1 - i % 200]);
        var report = m.World.Verify();
        Assert.Equal(1000, report.Findings.Count);
        Assert.Contains(report.Findings,
            f => f.Name == "decision-malformed" && f.Message.Contains("too short", StringComparison.Ordinal));
    }

    /// <summary>
    /// Whatever the fast reader takes, the slow one takes, and they agree on what it says. Leaves in every shape, and
    /// each with bytes changed, taken out and put in.
    /// </summary>
    [Fact]
    public void A_leaf_read_fast_is_the_leaf_that_is_parsed()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        var whole = m.World.Decide();
        Decision[] shapes =
        [
            whole, whole with
            {
                Kind = DecisionKind.Open,
                Output = null
            }, whole with
            {
                Kind = DecisionKind.Close,
                Open = 7
            }, whole with
            {
                Outcome = DecisionOutcome.Deny,
                Rule = "predict-only",
                RulePolicy = m.Policy,
                ReleasePolicy = null
            },
            whole with { Policies = [] }, whole with { Policies = [m.Policy, m.Frozen] }, whole with
            {
                Input = null,
                Output = null,
                Outcome = DecisionOutcome.Error
            }, whole with { Time = 0, Duration = Json.MaxInt, Status = int.MaxValue,
                Strength = ObservedStrength.Unavailable },
            whole with { Operation = "" }, whole with { Operation = "tools/call x" },
            whole with { Operation = "größer" }, whole with { Operation = "a\"b\\c\n" }, whole with { Staleness = -3 },
            whole with { Context = whole.Input }, whole with
            {
                Context = whole.Input,
                Masked = whole.Output,
                Rule = "no-names",
                RulePolicy = m.Policy
            }, whole with { Outcome = DecisionOutcome.Hold, Rule = "large", RulePolicy = m.Frozen },
            whole with { Would = [new(m.Policy, RuledOutcome.Allow, null)] }, whole with
            {
                Would = [new(m.Policy, RuledOutcome.Mask, "no-names", m.Policy),
                    new(m.Frozen, RuledOutcome.Hold, "large", m.Policy)],
                Context = whole.Input
            },
        ];
        var random = new Random(17);
        int taken = 0, refused = 0;
        foreach (var shape in shapes)
        {
            var leaf = shape.Encode();
            Assert.Equal(shape.Operation.All(c => c is >= ' ' and <= '~' and not '"' and not '\\')
                && shape.Staleness >= 0, Agree(leaf));
            for (var i = 0; i < 2500; i++)
            {
                var at = random.Next(leaf.Length);
                byte[] changed = random.Next(4) switch
                {
                    0 => Forgery.Flip(leaf, at, random.Next(8)),
                    1 => [.. leaf[..at], .. leaf[(at + 1)..]],
                    2 => [.. leaf[..at], leaf[random.Next(leaf.Length)], .. leaf[at..]],
                    _ => [.. leaf[..at], (byte)"0129azAF\"{},:-."[random.Next(15)], .. leaf[(at + 1)..]],
                };
                if (Agree(changed)) taken++;
                else refused++;
            }
        }
        Assert.True(taken > 1000 && refused > 1000, $"{taken} taken, {refused} not");

        static bool Agree(byte[] leaf)
        {
            if (!DecisionLeaf.TryRead(leaf, out var fast)) return false;
            var slow = Decision.Parse(leaf);
            Assert.Equal(
                (slow.Kind == DecisionKind.Open, slow.Kind == DecisionKind.Close, slow.Open ?? 0, slow.Staleness,
                    slow.Deployment), (fast.IsOpen, fast.IsClose, fast.Open, fast.Staleness, fast.Deployment));
            Assert.Equal(Encoding.UTF8.GetString(DecisionLeaf.OperationOf(slow)),
                Encoding.UTF8.GetString(fast.Operation));
            return true;
        }
    }

    [Fact]
    public void Leaves_rest_on_the_same_only_if_all_is_alike_that_the_ledger_speaks_of()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        var one = m.World.Decide();
        bool Same(Decision other) =>
            DecisionLeaf.TryRead(one.Encode(), out var a) && DecisionLeaf.TryRead(other.Encode(), out var b)
            && a.RestsOnTheSame(b);
        Assert.True(Same(one with
        {
            Time = 5,
            Duration = 6,
            Status = 500,
            Principal = new string('0', 32),
            Operation = "other",
            Staleness = 9,
            Input = null,
            Strength = ObservedStrength.Attested
        }));
        foreach (var other in new[]
        {
            one with { System = "x" }, one with { Environment = "x" }, one with { Deployment = 1 },
            one with { Size = 1 }, one with { Release = m.V3 }, one with { ReleasePolicy = null },
            one with { ReleasePolicy = m.V3 },
            one with { Policies = [] }, one with { Policies = [m.V3] }, one with { Outcome = DecisionOutcome.Deny },
            one with { Would = [new(m.V3, RuledOutcome.Deny, "no", m.V3)] },
            one with { Rule = "no", RulePolicy = m.V3 },
        }) Assert.False(Same(other));
    }

    [Fact]
    public void A_map_of_facts_has_one_digest_however_it_came_about()
    {
        static Json Value(long v) => Json.Of(v);
        var random = new Random(3);
        var map = FactMap<string, long>.Create(StringComparer.Ordinal);
        Assert.Equal(Merkle.EmptyRoot, map.Digest(Value));
        var held = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (var step = 0; step < 600; step++)
        {
            var key = $"k{random.Next(60)}";
            if (random.Next(3) == 0)
            {
                map = map.Remove(key);
                held.Remove(key);
            }
            else
            {
                map = map.SetItem(key, step);
                held[key] = step;
            }
            var again = held.OrderBy(h => random.Next()).Aggregate(FactMap<string, long>.Create(StringComparer.Ordinal),
                (all, h) => all.Add(h.Key, h.Value));
            Assert.Equal(again.Digest(Value), map.Digest(Value));
            Assert.Equal(held, map);
        }
        Assert.NotEqual(map.Digest(Value), map.SetItem("k1", -1).Digest(Value));
        // One fact, as it is specified.
        Assert.Equal(Merkle.Leaf("{\"key\":\"a\",\"value\":1}"u8),
            FactMap<string, long>.Create().Add("a", 1).Digest(Value));
    }

    /// <summary>
    /// A browser runs nothing of the page but what its own policy names by hash: anyone who changes the script or the
    /// style changes that too.
    /// </summary>
    [Theory]
    [InlineData("script")]
    [InlineData("style")]
    public void The_page_allows_just_its_own_script_and_style(string element)
    {
        var page = System.Text.Encoding.UTF8.GetString(PackPage.Bytes());
        var text = System.Text.RegularExpressions.Regex.Match(page, $"<{element}[^>]*>(.*?)</{element}>",
            System.Text.RegularExpressions.RegexOptions.Singleline).Groups[1].Value;
        Assert.Contains(
            $"{element}-src 'sha256-{Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)))}'", page, StringComparison.Ordinal);
    }
}
