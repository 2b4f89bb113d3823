using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Tests.Governance;

public sealed class PolicyDifferenceTests
{
    static readonly Rule A = Rule.Require("a", ["deploy", "canary"], "size(approvals) > 0", "'no'");
    static Rule Ask(string id, Effect effect, string expr = "request.size > 1", params string[] fields) =>
        new(id, ["decide"], effect, expr) { Fields = [.. fields] };
    static PolicyDocument Of(params Rule[] rules) => new("p") { Rules = [.. rules] };
    static PolicyDocument Defining(string one, params Rule[] rules) =>
        Of(rules) with { Definitions = ImmutableSortedDictionary<string, string>.Empty.Add("one", one).Add("two",
            "one || false") };
    static PolicyDocument Checking(string? check) =>
        Of(A) with { Checks = check is null
            ? ImmutableSortedDictionary<string, Digest>.Empty
            : ImmutableSortedDictionary<string, Digest>.Empty.Add("fair",
                Digest.Of(System.Text.Encoding.UTF8.GetBytes(check))) };

    static PolicyDocument Checks(string use, params string[] checks) =>
        Of(A with { Expr = use == "all" ? "checks.all(c, checks[c] != [])" : $"checks.{use} != []" }) with
    {
        Checks = checks.ToImmutableSortedDictionary(c => c, c => Digest.Of(System.Text.Encoding.UTF8.GetBytes(c)),
            StringComparer.Ordinal),
    };

    static PolicyDocument Words(string expr, params string[] controls) => Of(A with { Expr = expr }) with
    {
        Attestations = [.. controls],
        Definitions = ImmutableSortedDictionary<string, string>.Empty.Add("one", "size(attestations) > 1")
    };

    public static readonly (string What, PolicyDocument? From, PolicyDocument? To, string Added, string Removed,
        string Changed, string? Loosens)[] Cases =
    [
        ("nothing", Of(A), Of(A), "", "", "", null),
        ("the first", null, Of(A), "a", "", "", null),
        ("none any more", Of(A), null, "", "a", "", "the rule 'a' is gone"),
        ("another order and layout", Of(A, Ask("b", Effect.Deny)),
            Of(Ask("b", Effect.Deny, "request.size>1 // much"), A with
        {
            Expr = "size( approvals )\n > 0",
            Description = "x"
        }), "", "", "", null),
        ("another severity", Of(A), Of(A with { Severity = "low" }), "", "", "a",
            "the rule 'a' has the severity 'low' where it had 'medium': waivers of it are judged by that"),
        ("a control more", Of(A), Of(A with { Controls = ["x/1"] }), "", "", "a",
            "the rule 'a' serves other controls: waivers of it are judged by those"),
        ("controls in another order", Of(A with { Controls = ["x/2", "x/1"] }),
            Of(A with { Controls = ["x/1", "x/2"] }), "", "", "", null),
        ("another name", Of(A), Of(A) with { Name = "q" }, "", "", "",
            "the policy is called 'q' and no longer 'p': waivers of its rules are judged by the name"),
        ("one more", Of(A), Of(A, Rule.Require("b", ["deploy"], "false")), "b", "", "", null),
        ("another expression", Of(A), Of(A with { Expr = "size(approvals) > 1" }), "", "", "a",
            "the rule 'a' judges by something else"),
        ("another message", Of(A), Of(A with { Message = "'yes'" }), "", "", "a", null),
        ("one action less", Of(A), Of(A with { On = ["deploy"] }), "", "", "a",
            "the rule 'a' is no longer asked on 'canary'"),
        ("one action more", Of(A), Of(A with { On = ["deploy", "canary", "rollback"] }), "", "", "a", null),
        ("weaker", Of(Ask("b", Effect.Deny)), Of(Ask("b", Effect.Hold)), "", "", "b",
            "the rule 'b' says 'hold' where it said 'deny'"),
        ("stricter", Of(Ask("b", Effect.Hold)), Of(Ask("b", Effect.Deny)), "", "", "b", null),
        ("deny becomes require", Of(Ask("b", Effect.Deny)), Of(Ask("b", Effect.Require)), "", "", "b",
            "the rule 'b' says 'require' where it said 'deny'"),
        ("masks less", Of(Ask("b", Effect.Mask, "true", "/x", "/y")), Of(Ask("b", Effect.Mask, "true", "/x")), "", "",
            "b", "the rule 'b' no longer masks /y"),
        ("masks more", Of(Ask("b", Effect.Mask, "true", "/x")), Of(Ask("b", Effect.Mask, "true", "/x", "/y")), "", "",
            "b", null),
        ("the first that allows", Of(A), Of(A, Ask("b", Effect.Allow)), "b", "", "", null),
        ("a hold in a mask's place", Of(Ask("b", Effect.Mask, "true", "/x")), Of(Ask("b", Effect.Hold, "true")), "", "",
            "b", "the rule 'b' says 'hold' where it said 'mask'"),
        ("a denial in a mask's place", Of(Ask("b", Effect.Mask, "true", "/x")), Of(Ask("b", Effect.Deny, "true")), "",
            "", "b", null),
        ("another that allows", Of(Ask("b", Effect.Allow)), Of(Ask("b", Effect.Allow), Ask("c", Effect.Allow)), "c", "",
            "", "the rule 'c' allows more"),
        ("one that allows less", Of(Ask("b", Effect.Allow), Ask("c", Effect.Allow)), Of(Ask("b", Effect.Allow)), "",
            "c", "", "the rule 'c' is gone"),
        ("the last that allowed", Of(Ask("b", Effect.Allow)), Of(A), "a", "b", "", "the rule 'b' is gone"),
        ("a definition far below", Defining("true", A with { Expr = "two" }, A with { Id = "b" }), Defining("1 == 1",
            A with { Expr = "two" }, A with { Id = "b" }), "", "", "a", "the rule 'a' judges by something else"),
        ("a definition's layout", Defining("1==1", A with { Expr = "two" }),
            Defining("1 == 1", A with { Expr = "two" }), "", "", "", null),
        ("a check dropped", Checking("x"), Checking(null), "", "", "", "the check 'fair' is no longer required"),
        ("another check", Checking("x"), Checking("y"), "", "", "", "the check 'fair' is another one"),
        ("a check more", Checking(null), Checking("x"), "", "", "", null),
        ("a check more, and a rule on all", Checks("all", "x"), Checks("all", "x", "y"), "", "", "a",
            "the rule 'a' judges by something else"),
        ("a check more, and a rule on another", Checks("x", "x"), Checks("x", "x", "y"), "", "", "", null),
        ("a check more, with a rule's method for a name", Checks("all", "x", "all"), Checks("all", "x", "all", "y"), "",
            "", "a", "the rule 'a' judges by something else"),
        ("a control more, and a rule on another", Words("attestations[\"x/1\"] != []", "x/1"),
            Words("attestations[\"x/1\"] != []", "x/1", "x/2"), "", "", "", null),
        ("a control less, and a rule on another", Words("size(attestations['x/1']) > 0", "x/1", "x/2"),
            Words("size(attestations['x/1']) > 0", "x/1"), "", "", "", null),
        ("a control less, and a rule that asks for it", Words("!('x/2' in attestations) || false", "x/1", "x/2"),
            Words("!('x/2' in attestations) || false", "x/1"), "", "", "a", "the rule 'a' judges by something else"),
        ("a control less, by way of a definition", Words("one", "x/1", "x/2"), Words("one", "x/1"), "", "", "a",
            "the rule 'a' judges by something else"),
    ];

    public static TheoryData<string> Names => [.. Cases.Select(c => c.What)];

    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_told_by_rule_and_by_what_is_judged(string what)
    {
        var (_, from, to, added, removed, changed, loosens) = Cases.Single(c => c.What == what);
        var change = PolicyChange.Between(from, to);
        Assert.Equal((added, removed, changed),
            (string.Join(' ', change.Added), string.Join(' ', change.Removed), string.Join(' ', change.Changed)));
        Assert.Equal(loosens, change.Loosening.SingleOrDefault());
        Assert.Equal(loosens is not null, change.Loosens);
    }
}
