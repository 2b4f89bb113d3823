using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>A policy in force says who may loosen what: two owners for what loosens, one for what does not.</summary>
public sealed class PolicyChangeTests
{
    const string TwoToLoosen = "!change.loosens || size(actor.members) >= 2";

    /// <summary>
    /// A world whose statements one owner may sign, and a policy for the whole ledger that asks for two where one
    /// loosens.
    /// </summary>
    static World Guarded()
    {
        var w = new World();
        w.Add(World.Genesis(threshold: 1), World.Owner);
        w.Add(w.Declare(World.Sys, new EnvironmentTerms(World.Prod, null, null, false)), World.Owner);
        w.Add(w.PutPolicy(w.Policy("who-may-loosen", null, ("two-to-loosen", "policy", TwoToLoosen)), null),
            World.Owner);
        return w;
    }

    /// <summary>One policy in several forms: another name loosens.</summary>
    static Digest Put(World w, string form, params Rule[] rules) => w.Put(new Policy(new PolicyDocument("asks")
    {
        Description = form,
        Rules = [.. rules]
    }).ToJson());

    static Rule Ask(string id, Effect effect, string expr) => new(id, ["decide"], effect, expr);

    static void NeedsTwo(World w, PolicyStatement change)
    {
        var refused = Assert.IsType<Outcome.Refused>(w.Try(change, World.Owner));
        Assert.Equal((RefusalCode.PolicyFailed, "two-to-loosen"),
            (refused.Code, refused.Judgement!.FirstFailure!.Rule));
        w.Add(change, World.Owners);
    }

    static PolicyStatement With(World w, Digest? policy, Digest? candidate, int share = 0) => w.PutPolicy(policy) with
    {
        Candidate = candidate,
        Share = share
    };

    [Fact]
    public void Two_owners_loosen_and_one_tightens()
    {
        var w = Guarded();
        var strict = Put(w, "strict", Rule.Require("a", ["deploy"], "true"), Ask("b", Effect.Deny, "request.size > 5"));
        var stricter = Put(w, "stricter", Rule.Require("a", ["deploy"], "true"),
            Ask("b", Effect.Deny, "request.size > 5"), Ask("c", Effect.Deny, "request.size > 3"));
        var other = Put(w, "other", Rule.Require("a", ["deploy"], "true"), Ask("b", Effect.Deny, "request.size > 500"),
            Ask("c", Effect.Deny, "request.size > 3"));
        NeedsTwo(w, w.PutPolicy(strict));                // no deployment was possible before
        w.Add(w.PutPolicy(stricter), World.Owner);       // a rule more
        NeedsTwo(w, w.PutPolicy(other));                 // a rule changed
        NeedsTwo(w, w.PutPolicy(strict));                // a rule less
        NeedsTwo(w, w.PutPolicy(null));                  // none at all
        NeedsTwo(w, w.PutPolicy(strict));                // and back
        w.Add(w.PutPolicy(strict, environment: World.Prod), World.Owner);    // a narrower one beside it
    }

    /// <summary>The policy that says so is itself a policy: taking it away, or its rule, loosens.</summary>
    [Fact]
    public void The_rule_that_guards_the_rules_guards_itself()
    {
        var w = Guarded();
        NeedsTwo(w, w.PutPolicy(w.Policy("anyone", null, ("two-to-loosen", "policy", "true")), null));
        var again = Guarded();
        NeedsTwo(again, again.PutPolicy(null, null));
    }

    /// <summary>
    /// Waivers are judged by the severity and the controls of the rule that they waive, and by the policy's name:
    /// anyone who changes those under a guard, and then waives, has come round it, unless the change needs what
    /// loosening needs.
    /// </summary>
    [Fact]
    public void What_waivers_are_judged_by_is_not_changed_by_one()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var critical = Rule.Require("fair", ["deploy"], "false") with
        {
            Severity = "critical",
            Controls = ["eu-ai-act/10"]
        };
        w.Add(w.PutPolicy(Of("admission", critical)), World.Owners);
        w.Add(
            w.PutPolicy(w.Policy("guard", null, ("never-loosen", "policy", "!change.loosens"),
                ("waivable", "waiver",
                    "waiver.severity == 'low' || !('eu-ai-act/10' in waiver.controls) || waiver.name != 'admission'")),
                null), World.Owners);
        foreach (var (changed, name, why) in new[] { (critical with { Severity = "low" }, "admission", "severity"),
            (critical with { Controls = [] }, "admission", "controls"), (critical, "another", "called") })
        {
            var next = Of(name, changed);
            var refused = Assert.IsType<Outcome.Refused>(w.Try(w.PutPolicy(next), World.Owners));
            Assert.Equal((RefusalCode.PolicyFailed, "never-loosen"),
                (refused.Code, refused.Judgement!.FirstFailure!.Rule));
            var documents = w.Replay.Documents;
            Assert.Contains(why,
                Assert.Single(PolicyChange.Of(documents.Policy(w.State.Policies[World.Sys].Policy!.Value),
                    documents.Policy(next)).Loosening), StringComparison.Ordinal);
        }
        Assert.Equal(RefusalCode.PolicyFailed,
            w.Refused(w.Waive(m.V2, w.State.Policies[World.Sys].Policy!.Value, "fair"), World.Approver));
        // What nothing is judged by is anybody's to change.
        w.Add(w.PutPolicy(Of("admission", critical with { Description = "says more" })), World.Owners);

        Digest Of(string name, Rule rule) => w.Put(new Policy(new PolicyDocument(name) { Rules = [rule] }).ToJson());
    }

    [Fact]
    public void A_candidate_loosens_only_for_those_for_whom_it_decides()
    {
        var w = Guarded();
        var present = Put(w, "present", Ask("a", Effect.Deny, "request.size > 5"),
            Ask("b", Effect.Deny, "request.size > 9"));
        var loose = Put(w, "loose", Ask("a", Effect.Deny, "request.size > 5"));
        var tight = Put(w, "tight", Ask("a", Effect.Deny, "request.size > 5"),
            Ask("b", Effect.Deny, "request.size > 9"), Ask("c", Effect.Deny, "request.size > 2"));
        w.Add(w.PutPolicy(present), World.Owner);
        w.Add(With(w, present, loose), World.Owner);              // watched: nothing is loosened
        NeedsTwo(w, With(w, present, loose, 10));                 // for ten in a hundred it is
        NeedsTwo(w, With(w, present, loose, 20));                 // and for ten more
        w.Add(With(w, present, loose, 5), World.Owner);           // taken back: tighter for fifteen
        w.Add(With(w, present, null), World.Owner);
        w.Add(With(w, present, tight, 50), World.Owner);          // tighter for half
        NeedsTwo(w, With(w, present, tight, 30));                 // some of them come off it
        NeedsTwo(w, With(w, present, loose, 30));                 // from one to the other
        w.Add(With(w, present, tight, 100), World.Owner);
        NeedsTwo(w, With(w, present, null));                      // all come off it
        w.Add(With(w, present, tight), World.Owner);
        w.Add(With(w, tight, null), World.Owner);                 // promoted
        NeedsTwo(w, With(w, loose, tight, 100));                  // acts are judged by what is in force
    }

    [Fact]
    public void Rules_see_what_changes()
    {
        var w = Guarded();
        var before = Put(w, "before", Ask("gone", Effect.Deny, "false"), Ask("kept", Effect.Deny, "false"),
            Ask("other", Effect.Deny, "false"));
        var after = Put(w, "after", Ask("kept", Effect.Deny, "false"), Ask("new", Effect.Deny, "false"),
            Ask("other", Effect.Deny, "true"));
        var watched = Put(w, "watched", Ask("x", Effect.Deny, "false"));
        w.Add(w.PutPolicy(before), World.Owner);
        var seen = $"""
            change.scope == '{World.Sys}' && change.system == '{World.Sys}' && change.environment == '' && change.from == '{before}' && change.to == '{after}' && change.candidate == '{watched}' && change.share == 7
            && change.added == ['new'] && change.removed == ['gone'] && change.changed == ['other'] && change.loosens
            """;
        w.Add(w.PutPolicy(w.Policy("sees", null, ("two-to-loosen", "policy", TwoToLoosen),
            ("sees", "policy", $"change.scope == '*' || ({seen})")), null), World.Owners);
        Assert.IsType<Outcome.Refused>(w.Try(w.PutPolicy(after), World.Owners));
        w.Add(With(w, after, watched, 7), World.Owners);
    }

    [Fact]
    public void A_candidate_is_a_policy_that_could_be_put_in_force()
    {
        var w = Guarded();
        var present = Put(w, "present", Ask("a", Effect.Deny, "false"));
        void Refused(RefusalCode code, PolicyStatement s) =>
            Assert.Equal(code, Assert.IsType<Outcome.Refused>(w.Try(s, World.Owner)).Code);
        Refused(RefusalCode.DocumentMissing, With(w, present, Digest.Of("nowhere"u8)));
        Refused(RefusalCode.DocumentInvalid, With(w, present, w.Put(Json.Object(("no", "policy")))));
        Refused(RefusalCode.Malformed, With(w, present, present));
        Refused(RefusalCode.Malformed, With(w, present, Put(w, "c", Ask("a", Effect.Deny, "true")), 101));
        var elsewhere = w.Put(new Policy(new PolicyDocument("elsewhere")
        {
            Scope = new PolicyScope("other", null),
            Rules = [Ask("a", Effect.Deny, "false")]
        }).ToJson());
        Refused(RefusalCode.OutOfScope, With(w, present, elsewhere));
        var failing = w.Put(new Policy(new PolicyDocument("failing")
        {
            Rules = [Ask("a", Effect.Deny, "false")],
            Tests = [new PolicyTest("no", "decide", Json.EmptyObject,
                System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("a", "deny"))],
        }).ToJson());
        Refused(RefusalCode.PolicyTestFailed, With(w, present, failing));
    }

    /// <summary>
    /// Deployments are judged by what is in force; what a candidate says of them is told, and no more.
    /// </summary>
    [Fact]
    public void A_candidate_is_asked_about_deployments_and_refuses_none()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var fact = w.State.Policies[World.Sys];
        var candidate = Put(w, "candidate", Rule.Require("never", ["deploy"], "false", "'never'"),
            Rule.Require("always", ["deploy"], "true"));
        w.Add(w.PutPolicy(fact.Policy) with { Candidate = candidate, Share = 100 }, World.Owners);
        m.Deploy(m.V2);
        var judgement = w.Replay.Entries[(int)w.State.Environment(World.Sys, World.Prod).Head!.Entry].Judgement!;
        Assert.True(judgement.Passed);
        Assert.Equal([("never", RuleResult.Failed, "never"), ("always", RuleResult.Passed, null)],
            judgement.Would.Select(r => (r.Rule, r.Result, r.Message)));
        Assert.All(judgement.Would, r => Assert.Equal(candidate, r.Policy));
    }

    /// <summary>
    /// The share of principals: the same everywhere, growing, near what it says, and another for another candidate.
    /// </summary>
    [Fact]
    public void A_share_is_of_the_same_principals_forever()
    {
        var (one, two) = (Digest.Of("one"u8), Digest.Of("two"u8));
        string[] people = [.. Enumerable.Range(0, 4000).Select(i => Digest.Of(BitConverter.GetBytes(i)).Hex[..32])];
        var before = new HashSet<string>();
        for (var share = 0; share <= 100; share += 10)
        {
            var chosen = people.Where(p => PolicyStatement.FallsInto(share, one, p)).ToHashSet();
            Assert.True(chosen.IsSupersetOf(before));
            Assert.InRange(chosen.Count, share * 40 - 130, share * 40 + 130);
            before = chosen;
        }
        Assert.InRange(people.Count(p => PolicyStatement.FallsInto(50, one, p)
            && PolicyStatement.FallsInto(50, two, p)), 850, 1150);
        // Fixed forever: a node of any version chooses the same.
        Assert.Equal("0110010010",
            string.Concat(people.Take(10).Select(p => PolicyStatement.FallsInto(50, one, p) ? '1' : '0')));
    }
}
