using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Golden;
using Stele.Tests.Spec;
using Stele.Tests.Worlds;

namespace Stele.Tests.Statements;

/// <summary>A kind of statement is one row, and what the rest of the house says of each kind is there.</summary>
public sealed class StatementKindsTests
{
    // The page of packs tells these by their kind alone.
    static readonly string[] Untold = ["protocol", "log-key", "reconcile"];

    static readonly string Page = Encoding.UTF8.GetString(PackPage.Bytes());
    static readonly string[] Kept = File.ReadAllLines(Path.Combine(GoldenFolder.Root, "names.txt"));
    static readonly ILookup<string, Folded> Entries = StatementTests.World.Replay.Entries.Concat(
        Worlds.Kept.All().Last().World.Replay.Entries).ToLookup(f => f.Statement.Kind);

    /// <summary>What there must be of a kind next to its row, and the file that still lacks it.</summary>
    static IEnumerable<string> Lacks(StatementKind kind)
    {
        var (name, row) = (kind.Name, $"{kind.Name} {kind.PredicateType}");
        var (statements, fold) = (SpecPage.Read("statements"), SpecPage.Read("fold"));
        if (statements.Table("Kinds", "kind", "predicate type").Rows
            .All(r => $"{SpecTable.Words(r[0])[0]} {SpecTable.Words(r[1])[0]}" != row))
            yield return "a row in the table of kinds: docs/spec/statements.md";
        if (!statements.Sections.ContainsKey(name)) yield return "a section of its members: docs/spec/statements.md";
        if (statements.Blocks.All(b => b.Name != name))
            yield return $"worked bytes, ```bytes {name}: docs/spec/statements.md";
        if (!fold.Sections.ContainsKey(name)) yield return "a section of its rule: docs/spec/fold.md";
        if (name != "genesis" && fold.Table("Who may sign", "kind").Rows.All(r => SpecTable.Words(r[0])[0] != name))
            yield return "a row of who may sign it: docs/spec/fold.md";
        if (!Regex.Match(Page, "KINDS = '([a-z -]+)'").Groups[1].Value.Split(' ').Contains(name))
            yield return "its name among KINDS: src/Stele.Proof/Packs/page/stele-pack.html";
        if (!Untold.Contains(name) && !Page.Contains($"case '{name}': return [", StringComparison.Ordinal))
            yield return "its line in told(): src/Stele.Proof/Packs/page/stele-pack.html";
        if (!StatementTests.Payloads.Any(p => StatementKinds.Of(StatementKinds.Parse(p)) == kind))
            yield return "an example: test/Stele.Tests/Statements/StatementTests.cs";
        if (name != "protocol" && !Entries.Contains(name))
            yield return "an entry that the fold accepts: test/Stele.Tests/Statements/StatementTests.cs";
        if (!Kept.Contains($"kind {row}"))
            yield return "its names, which eng/golden.sh adds: test/Stele.Tests/Golden/names.txt";
        if (Entries[name].Any(f => string.IsNullOrWhiteSpace(kind.Line(f))))
            yield return "a line that says something: src/Stele.Proof/Governance/StatementKinds.cs";
    }

    public static TheoryData<string> All => [.. StatementKinds.All.Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(All))]
    public void A_kind_lacks_nothing(string kind)
    {
        var lacks = Lacks(StatementKinds.All.Single(k => k.Name == kind)).ToList();
        Assert.True(lacks.Count == 0, $"the kind '{kind}' lacks\n  {string.Join("\n  ", lacks)}");
    }

    [Fact]
    public void What_a_new_kind_lacks_is_named_with_its_file()
    {
        var lacks = Lacks(new StatementKind<Toy>("toy", _ => throw new InvalidOperationException())
        {
            Signers = (by, _) => by.Nobody(), Rule = (c, _) => c.Accept(c.State), Changes = [], Says = (_, _) => "",
        }).ToList();
        string[] files = ["docs/spec/statements.md", "docs/spec/fold.md",
            "src/Stele.Proof/Packs/page/stele-pack.html", "test/Stele.Tests/Statements/StatementTests.cs",
            "test/Stele.Tests/Golden/names.txt"];
        Assert.Equal(10, lacks.Count);
        Assert.Equal(files, lacks.Select(l => l.Split(": ")[^1]).Distinct());
        Assert.All(files, f => Assert.True(File.Exists(Path.Combine([Repository.Root, .. f.Split('/')])), f));
    }

    sealed record Toy : Statement
    {
        public override string Kind => "toy";
        public override ImmutableArray<Subject> Subjects => [];
        internal override Json Body => Json.EmptyObject;
    }

    [Fact]
    public void Every_statement_has_one_row_of_its_own_name()
    {
        var types = typeof(Statement).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Statement))).ToList();
        foreach (var type in types)
        {
            var rows = StatementKinds.All.Where(k => k.Type == type).ToList();
            Assert.True(rows.Count == 1, $"{type.Name} has {rows.Count} rows in StatementKinds.All "
                + "(src/Stele.Proof/Governance/StatementKinds.cs)");
            var bare = (Statement)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
            Assert.Equal((bare.Kind, bare.PredicateType), (rows[0].Name, rows[0].PredicateType));
        }
        Assert.Equal(types.Count, StatementKinds.All.Length);
        Assert.Equal(types.Count, StatementKinds.All.DistinctBy(k => k.Name).Count());
    }

    /// <summary>The parts that a row names are those that its entries change: no other, each by some entry.</summary>
    [Fact]
    public void A_row_names_the_parts_of_the_state_that_its_kind_changes()
    {
        var changed = StatementKinds.All.ToDictionary(k => k, _ => new HashSet<string>());
        foreach (var world in new[] { StatementTests.World, Worlds.Kept.All().Last().World })
            for (var i = 0; i < world.Replay.Entries.Count; i++)
            {
                var (before, after) = (StateDigest.FormOf(world.Replay.At(i)).AsObject,
                    StateDigest.FormOf(world.Replay.At(i + 1)).AsObject);
                changed[StatementKinds.Of(world.Replay.Entries[i].Statement)].UnionWith(after
                    .Where(m => !before.TryGetValue(m.Key, out var was) || !was.Equals(m.Value)).Select(m => m.Key));
            }
        string[] always = ["size", "time", "ledger", "seen"];
        foreach (var (kind, parts) in changed)
        {
            var named = kind.Changes.Select(p => p.Name).ToHashSet();
            var more = string.Join(", ", parts.Except(always).Except(named));
            Assert.True(more.Length == 0, $"the row of '{kind.Name}' does not name what an entry changed: {more}");
            if (kind.Name == "protocol") continue;
            var idle = string.Join(", ", named.Except(parts));
            Assert.True(idle.Length == 0, $"no entry of '{kind.Name}' in the test worlds changes: {idle}");
        }
    }

    /// <summary>Receipts learn from parts of a ledger: what they learn of a kind stands in its row.</summary>
    [Fact]
    public void A_kind_that_changes_facts_is_learned_or_said_not_to_be()
    {
        // Nothing that a receipt proves rests on these.
        string[] never = ["genesis", "protocol", "observation", "anchor", "erasure", "retention", "hold"];
        foreach (var kind in StatementKinds.All.Where(k => k.Changes.Length > 0))
            Assert.True(kind.GetType().GetProperty("Learn")!.GetValue(kind) is null == never.Contains(kind.Name),
                $"'{kind.Name}' changes facts: its row says what receipts learn of it (Learn), or it is listed here");
    }
}
