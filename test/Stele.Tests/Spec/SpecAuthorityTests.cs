using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Spec;

/// <summary>The authority table of <c>docs/spec/fold.md</c>, tried: each kind, signed by somebody with each role in
/// each scope.</summary>
public sealed class SpecAuthorityTests
{
    enum Reach { Ledger, System, Place, Elsewhere }

    static readonly World W = Mortgage.Lived().World;

    static Person Holder(string role, Reach reach) => Person.Of($"a {role} of {reach}");

    /// <summary>A state with one member for each role and scope; places are those of the statement.</summary>
    static State With(string environment)
    {
        var state = W.State;
        foreach (var role in Role.Words.All.Where(r => r != "server"))
            foreach (var reach in Enum.GetValues<Reach>())
            {
                var person = Holder(role, reach);
                var name = Role.Words.Find(role)!.Value;
                var scope = reach switch { Reach.Ledger => new Role(name), Reach.System => new Role(name, World.Sys),
                    Reach.Place => new Role(name, World.Sys, environment), _ => new Role(name, "elsewhere") };
                state = state with { Members = state.Members.SetItem(person.Id,
                    new MemberFact(person.Id, 0, [], [person.Key.Public], [scope], null)), KeyOwners =
                    state.KeyOwners.SetItem(person.Key.Public.Id, person.Id) };
            }
        return state;
    }

    /// <summary>The code of a refusal that says who signed may not; null when it comes to the kind's own
    /// rules.</summary>
    static string? Refused(State state, Statement statement, params Person[] by)
    {
        // What is said of its builder, and of artifacts that a system uses, are rules of the kind.
        if (statement is Origin origin) statement = origin with { Builder = by[0].Id, Outputs =
            [new Subject(Digest.Of("new"u8))] };
        var code = Fold.Apply(state, W.Sign(W.Fresh(statement), by), new Documents(W.Find)) is Outcome.Refused r
            ? r.Code.Name() : null;
        return code is "role-missing" or "too-few-owners" or "not-the-server" || code == "malformed" && by.Length > 1
            ? code : null;
    }

    static IEnumerable<(string Kind, string[] Row)> Rows() =>
        SpecPage.Read("fold").Table("Who may sign", "kind", "how", "roles", "scope")
        .Rows.Select(r => (SpecTable.Words(r[0])[0], r));

    public static TheoryData<string> Kinds => [.. Rows().Select(r => r.Kind)];

    [Fact]
    public void Every_kind_but_genesis_has_a_row() => Assert.Equal(StatementTests.Payloads.Select(p =>
        StatementKinds.Parse(p).Kind).Where(k => k != "genesis").Order(StringComparer.Ordinal),
        Rows().Select(r => r.Kind).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Who_may_sign_is_as_tabled(string kind)
    {
        var row = Rows().Single(r => r.Kind == kind).Row;
        var statement = StatementTests.Payloads.Select(p => StatementKinds.Parse(p)).Single(s => s.Kind == kind);
        var environment = statement switch { Waiver w => w.Environment, Deployment d => d.Environment, Approval a =>
            a.Environment, _ => World.Prod };
        var state = With(environment);
        var (how, roles, scope) = (row[1], SpecTable.Words(row[2]), row[3]);
        var tried = 0;
        foreach (var role in Role.Words.All.Where(r => r != "server"))
            foreach (var reach in Enum.GetValues<Reach>())
            {
                tried++;
                var code = Refused(state, statement, Holder(role, reach));
                var covers = how switch
                {
                    "owners" => reach == Reach.Ledger,
                    "whole" when scope == "its system" => reach is Reach.Ledger or Reach.System,
                    _ => scope.StartsWith("any", StringComparison.Ordinal) || reach != Reach.Elsewhere,
                };
                var may = roles.Contains(role) && covers && how != "server" && kind != "anchor";
                var expected = !may ? how == "server" ? "not-the-server" : "role-missing" : how == "owners"
                    ? "too-few-owners" : null;
                Assert.True(expected == code,
                    $"{kind} by {role} of {reach}: the table says {expected ?? "yes"}, the fold {code ?? "yes"}");
            }
        Assert.Equal(28, tried);
        var two = how switch
        {
            "owners" => Refused(state, statement, Holder("owner", Reach.Ledger), World.Owner),
            "server" => Refused(state, statement, World.Server),
            _ when kind == "anchor" => Refused(state, statement, World.Node),
            "each" => Refused(state, statement, Holder(roles[0], Reach.Ledger), Holder(roles[0], Reach.System)),
            _ => Refused(state, statement, Holder(roles[0], Reach.Ledger), Holder(roles[0], Reach.System)),
        };
        Assert.Equal(how is "one" or "whole" && kind != "anchor" ? "malformed" : null, two);
        if (how == "each") Assert.Equal("role-missing", Refused(state, statement, Holder(roles[0], Reach.Ledger),
            Holder("approver", Reach.Ledger)));
    }
}
