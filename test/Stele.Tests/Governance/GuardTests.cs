using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>
/// A guard is not shed: whatever takes force from a policy loosens nothing, but for the recovery key, which is the way
/// out.
/// </summary>
public sealed class GuardTests
{
    const string TwoToLoosen = "!change.loosens || size(actor.members) >= 2";
    static readonly Person Second = World.Owner.With("second"), Third = World.Owner.With("third");

    /// <summary>
    /// One owner may sign, and has three keys; what loosens takes two owners, says a policy for the whole ledger,
    /// signed by the second key.
    /// </summary>
    static (World World, Digest Guard) Guarded(params (string Id, string On, string Require)[] more)
    {
        var w = new World();
        w.Add(World.Genesis(threshold: 1), World.Owner);
        w.Add(w.Member(World.Owner, new Role(RoleName.Owner)) with { Keys = [World.Owner.Key.Public, Second.Key.Public,
            Third.Key.Public] }, World.Owner);
        w.Add(w.Declare(World.Sys, new EnvironmentTerms(World.Prod, null, null, false),
            new EnvironmentTerms(World.Test, null, null, false)), World.Owner);
        var guard = w.Policy("guard", null, [("two-to-loosen", "policy", TwoToLoosen), .. more]);
        w.Add(w.PutPolicy(guard, null), Second);
        return (w, guard);
    }

    static void Guards(World w)
    {
        foreach (var key in new[] { World.Owner, Second, Third }.Where(k => !w.State.IsRevoked(k.Key.Public.Id)))
            Assert.Equal("two-to-loosen",
                Assert.IsType<Outcome.Refused>(w.Try(w.PutPolicy(null, null), key)).Judgement!.FirstFailure!.Rule);
    }

    [Fact]
    public void A_policy_that_was_revoked_by_its_digest_goes_on_guarding()
    {
        var (w, guard) = Guarded();
        w.Add(World.Revoke(RevocationTarget.Artifact, guard, 0), World.Owner);
        Guards(w);
        w.Add(w.PutPolicy(null, null), World.Owners);
    }

    [Fact]
    public void A_policy_goes_on_guarding_no_matter_which_owner_revokes_the_key_that_put_it_there()
    {
        // the key itself, another of its member's, another owner
        foreach (var by in new[] { Second, World.Owner, World.Owner2 })
        {
            var (w, _) = Guarded();
            w.Add(World.Revoke(RevocationTarget.Key, Second.Key.Public.Id, 0), by);
            Guards(w);
            Assert.False(w.State.Stands(w.State.Policies["*"]));
            w.Add(w.PutPolicy(null, null), World.Owners);
        }
    }

    /// <summary>
    /// A stolen key put in force that nobody may do anything: what the recovery key signs is judged by no policy, and
    /// what lost its force by it judges no more.
    /// </summary>
    [Fact]
    public void The_recovery_key_is_the_way_out()
    {
        var (w, _) = Guarded(("nobody", "policy system member waiver revocation", "false"));
        var second = Second.Key.Public.Id;
        foreach (var act in new Statement[] { World.Revoke(RevocationTarget.Key, second, 0), w.PutPolicy(null, null),
            w.Member(World.Stranger, new Role(RoleName.Owner)) })
            Assert.Equal(RefusalCode.PolicyFailed, w.Refused(act, World.Owners));
        Assert.Equal(RefusalCode.RoleMissing,
            w.Refused(World.Revoke(RevocationTarget.Artifact, w.State.Policies["*"].Policy!.Value, 0), World.Recovery));
        w.Add(w.Member(World.Owner2, new Role(RoleName.Owner)), World.Recovery);
        // A leaked key may always be given up; that alone frees nobody.
        w.Add(World.Revoke(RevocationTarget.Key, second, null), Second);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.PutPolicy(null, null), World.Owners));
        // From later on, it leaves what the key did before.
        w.Add(World.Revoke(RevocationTarget.Key, second, w.State.Size), World.Recovery);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.PutPolicy(null, null), World.Owners));
        w.Add(World.Revoke(RevocationTarget.Key, second, 0), World.Recovery);
        Assert.Equal(RefusalCode.AlreadyKnown,
            w.Refused(World.Revoke(RevocationTarget.Key, second, 0), World.Recovery));
        w.Add(w.PutPolicy(null, null), World.Owner);
    }

    [Fact]
    public void The_recovery_key_takes_even_the_last_owners_key()
    {
        var (w, _) = Guarded();
        foreach (var key in new[] { World.Owner, Second, Third, World.Owner2 })
            w.Add(World.Revoke(RevocationTarget.Key, key.Key.Public.Id, w.State.Size), World.Recovery);
        var renewed = World.Owner.With("renewed");
        w.Add(w.Member(renewed, new Role(RoleName.Owner)), World.Recovery);
        w.Add(w.PutPolicy(null), renewed);
    }

    static Digest Decides(World w, string form, string deny) => w.Put(new Policy(new PolicyDocument("decides")
    {
        Description = form,
        Rules = [new Rule("no", ["decide"], Effect.Deny, deny)]
    }).ToJson());

    /// <summary>
    /// For those for whom a candidate decided that lost its force, both it and the policy in force decide; the other
    /// principals go on as before.
    /// </summary>
    [Fact]
    public void A_candidate_that_lost_its_force_sets_nobody_free()
    {
        var (w, _) = Guarded();
        var (present, candidate) = (Decides(w, "present", "request.size > 9"),
            Decides(w, "candidate", "request.path == '/x'"));
        var guard = w.State.Policies["*"].Policy!.Value;
        w.Add(w.PutPolicy(present) with { Candidate = candidate, Share = 50 }, World.Owners);
        string[] people = [.. Enumerable.Range(0, 40).Select(i => Digest.Of(BitConverter.GetBytes(i)).Hex[..32])];
        var chosen = people.Where(p => PolicyStatement.FallsInto(50, candidate, p)).ToHashSet();
        Assert.InRange(chosen.Count, 1, 39);
        foreach (var p in people)
            Assert.Equal([guard, chosen.Contains(p) ? candidate : present],
                w.State.PoliciesDeciding(World.Sys, World.Prod, p));
        w.Add(World.Revoke(RevocationTarget.Artifact, candidate, 0), World.Owner);
        foreach (var p in people)
            Assert.Equal<Digest>(chosen.Contains(p) ? [guard, present, candidate] : [guard, present],
                w.State.PoliciesDeciding(World.Sys, World.Prod, p));
        // Taking it off them loosens, as it did when it stood; so does what it does not say, put in its place.
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.PutPolicy(present), World.Owner));
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.PutPolicy(present) with
        {
            Candidate = Decides(w, "both", "request.size > 9 || request.path == '/x'"),
            Share = 50
        }, World.Owner));
        w.Add(w.PutPolicy(present), World.Owners);
    }

    [Fact]
    public void A_candidate_whose_key_lost_its_force_can_not_be_put_back_by_one_owner_where_it_is_the_looser()
    {
        var (w, _) = Guarded();
        var (present, candidate) = (Decides(w, "present", "request.size > 9"),
            Decides(w, "candidate", "request.path == '/x'"));
        w.Add(w.PutPolicy(present) with { Candidate = candidate, Share = 50 }, Second, World.Owner2);
        w.Add(World.Revoke(RevocationTarget.Key, Second.Key.Public.Id, 0), Second);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.PutPolicy(present) with
        {
            Candidate = candidate,
            Share = 50
        }, World.Owner));
        w.Add(w.PutPolicy(present) with { Candidate = candidate, Share = 50 }, World.Owners);
    }

    /// <summary>Stopping waits for nothing that lost its force, and candidates have no say in it.</summary>
    [Fact]
    public void A_halt_passes_where_a_policy_lost_its_force()
    {
        var m = Mortgage.Released();
        var w = m.World;
        m.Deploy(m.V2);
        var never = w.Policy("never", null, ("never", "deploy halt", "false"));
        w.Add(w.PutPolicy(m.Policy) with { Candidate = never, Share = 0 }, World.Owners);
        w.Add(World.Revoke(RevocationTarget.Artifact, m.Policy, 0), World.Owners);
        Assert.Equal(RefusalCode.Revoked, w.Refused(w.Deploying(m.V3), World.Deployer));
        var halt = w.Try(w.Move(DeploymentAction.Halt, World.Prod), World.Deployer);
        Assert.Empty(Assert.IsType<Outcome.Accepted>(halt).Judgement!.Would);
        // A policy that stands and judges halts is still asked.
        w.Add(w.PutPolicy(never, environment: World.Prod), World.Owners);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Move(DeploymentAction.Halt, World.Prod), World.Deployer));
    }

    /// <summary>A report that a candidate alone reads, and that is not at hand.</summary>
    [Fact]
    public void Nothing_about_a_candidate_refuses_anything()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var check = w.Put(Json.Object(("name", "other"), ("seed", 2)));
        var report = w.Report(0.9, 0.123);
        w.Add(World.Evaluate(m.V2, check, report), World.Evaluator);
        var candidate = w.Policy("candidate", new Dictionary<string, Digest> { ["other"] = check },
            ("read", "deploy", "checks.other.all(e, e.metrics.auc > 0.5)"), ("other", "canary", "true"));
        w.Add(w.PutPolicy(m.Policy) with { Candidate = candidate }, World.Owners);
        w.Add(w.Approve(m.V2), World.Approver);
        var would =
            Assert.Single(Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(m.V2), World.Deployer)).Judgement!.Would);
        Assert.Equal((candidate, "read", RuleResult.Failed), (would.Policy, would.Rule, would.Result));
        w.Lose(report);
        var entry = w.Sign(w.Fresh(w.Deploying(m.V2)), World.Deployer);
        var outcome = w.Replay.Try(entry);
        would = Assert.Single(Assert.IsType<Outcome.Accepted>(outcome).Judgement!.Would);
        Assert.Equal((candidate, "read", RuleResult.Error), (would.Policy, would.Rule, would.Result));
        Assert.Contains("not at hand", would.Message, StringComparison.Ordinal);
        Assert.True(Explain.Verdict(w.State, entry, outcome)!.Passed);
    }

    /// <summary>
    /// Rules on members and revocations are asked of the whole ledger's policies alone: elsewhere they would never be.
    /// </summary>
    [Theory]
    [InlineData("member")]
    [InlineData("revocation")]
    public void A_rule_on_the_whole_ledger_is_not_put_where_it_is_never_asked(string on)
    {
        var (w, _) = Guarded();
        var policy = w.Policy("wide", null, ("wide", on + " deploy", "true"));
        foreach (var s in new[] { w.PutPolicy(policy), w.PutPolicy(policy, environment: World.Prod),
            w.PutPolicy(null) with { Candidate = policy } })
        {
            var refused = Assert.IsType<Outcome.Refused>(w.Try(s, World.Owner));
            Assert.Equal(RefusalCode.OutOfScope, refused.Code);
            Assert.Contains($"'wide' of the policy 'wide' is on '{on}'", refused.Message, StringComparison.Ordinal);
        }
        w.Add(w.PutPolicy(policy, null), World.Owners);
        var e = Assert.Throws<PolicyException>(() => new Policy(new PolicyDocument("narrow")
        {
            Scope = new PolicyScope(World.Sys, null),
            Rules = [Rule.Require("wide", ["deploy", on], "true")]
        }));
        Assert.Contains($"'{on}' concerns the whole ledger", e.Message, StringComparison.Ordinal);
        Assert.Equal("/rules/0/on/1", e.Problems[0].Path);
    }

    /// <summary>
    /// What a system is to be is asked of the policies of the system and of the whole ledger: an environment's would
    /// never be.
    /// </summary>
    [Fact]
    public void A_rule_on_systems_is_not_put_in_an_environment()
    {
        var (w, _) = Guarded();
        var policy = w.Policy("around", null, ("around", "deploy system", "false"));
        foreach (var s in new[] { w.PutPolicy(policy, environment: World.Prod),
            w.PutPolicy(null, environment: World.Prod) with { Candidate = policy } })
        {
            var refused = Assert.IsType<Outcome.Refused>(w.Try(s, World.Owners));
            Assert.Equal(RefusalCode.OutOfScope, refused.Code);
            Assert.Contains("'around' of the policy 'around' is on 'system'", refused.Message,
                StringComparison.Ordinal);
            Assert.Contains($"put the rule in a policy for {World.Sys}", refused.Message, StringComparison.Ordinal);
        }
        w.Add(w.PutPolicy(policy), World.Owners);
        Assert.Equal(RefusalCode.PolicyFailed,
            w.Refused(w.Declare(World.Sys, new EnvironmentTerms(World.Prod, null, null, true)), World.Owners));
        var e = Assert.Throws<PolicyException>(() => new Policy(new PolicyDocument("narrow")
        {
            Scope = new PolicyScope(World.Sys, World.Prod),
            Rules = [Rule.Require("around", ["deploy", "system"], "true")]
        }));
        Assert.Contains("'system' concerns the system around an environment", e.Message, StringComparison.Ordinal);
        Assert.Equal("/rules/0/on/1", e.Problems[0].Path);
        _ = new Policy(new PolicyDocument("wide")
        {
            Scope = new PolicyScope(World.Sys, null),
            Rules = [Rule.Require("around", ["deploy", "system"], "true")]
        });
    }

    /// <summary>
    /// The property: whatever one owner does with any of their keys, act by act, as far as the guard lets them, no
    /// release comes to run that the policies refused at first, and nobody is let through whom they denied. Acts that
    /// make somebody else an owner are not among them: a rule on <c>member</c> is for those.
    /// </summary>
    [Fact]
    public void No_sequence_of_acts_of_one_owner_comes_round_a_guard()
    {
        var admitted = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (var seed = 0; seed < 120; seed++)
        {
            var random = new Random(seed);
            T Any<T>(params T[] of) => of[random.Next(of.Length)];
            var (w, guard) = Guarded();
            // Signed by the other owner, in half of them; and what denies requests is a candidate, in half of them.
            if (seed % 4 < 2) w.Add(w.PutPolicy(guard, null), World.Owner2);
            var strict =
                w.Put(
                    new Policy(new PolicyDocument("strict") { Rules = [Rule.Require("never", ["deploy"], "false"),
                        new Rule("no", ["decide"], Effect.Deny, "true")] }).ToJson());
            var (third, closed) = (Any(Third, World.Owner2), w.Policy("closed", null, ("never", "deploy", "false")));
            w.Add(seed % 2 == 0 ? w.PutPolicy(strict) : w.PutPolicy(closed) with
            {
                Candidate = strict,
                Share = 100
            }, third.Id == World.Owner2.Id ? World.Owners : [third, World.Owner2]);
            w.Add(w.Member(World.Builder, new Role(RoleName.Builder)), World.Owner);
            w.Add(w.Member(World.Deployer, new Role(RoleName.Deployer)), World.Owner);
            var code = w.Put("code");
            w.Add(World.OriginOf(World.Builder, Origin.Freeze, code), World.Builder);
            var (release, document) = w.Close("bad", null, ("code", "code", code));
            w.Add(World.Release(release, document), World.Builder);

            var lax = w.Put(
                new Policy(new PolicyDocument("lax") { Rules = [Rule.Require("any", ["deploy"], "true")] }).ToJson());
            var both =
                w.Put(
                    new Policy(
                        new PolicyDocument("both") { Rules = [Rule.Require("never", ["deploy"], "false"),
                            new Rule("no", ["decide"], Effect.Deny, "true"), Rule.Require("two-to-loosen", ["policy"],
                                TwoToLoosen)] }).ToJson());
            Digest?[] policies = [null, guard, strict, lax, both, closed];
            Person[] keys = [World.Owner, Second, Third];
            for (var act = 0; act < 16; act++)
            {
                var (system, environment) = Any(((string?)null, (string?)null), (World.Sys, null),
                    (World.Sys, World.Prod));
                var at = State.Scopes(system, environment)[^1];
                var candidate = Any(policies);
                var present = w.State.Policies.GetValueOrDefault(at)?.Policy;
                Statement statement = random.Next(8) switch
                {
                    0 => World.Revoke(RevocationTarget.Artifact, Any(guard, strict, lax, both),
                        random.Next((int)w.State.Size), Any(RevocationEffect.BlockNew, RevocationEffect.Stop)),
                    1 => World.Revoke(RevocationTarget.Key, Any(World.Owner2, Second, Third).Key.Public.Id,
                        Any((long?)null, 0, random.Next((int)w.State.Size)),
                            Any(RevocationEffect.BlockNew, RevocationEffect.Stop)),
                    2 =>
                        w.Member(World.Owner, new Role(RoleName.Owner)) with { Keys =
                            [.. keys.Where(_ => random.Next(4) > 0).Select(k => k.Key.Public)] },
                    3 =>
                        w.Declare(World.Sys,
                            [.. new[] { World.Prod, World.Test, "dev" }.Where(_ => random.Next(4) > 0)
                                .Select(e => new EnvironmentTerms(e, null, null, true))]),
                    4 or 5 => w.PutPolicy(Any(policies), system, environment),
                    _ => w.PutPolicy(Any(present, Any(policies)), system, environment) with
                    {
                        Candidate = candidate,
                        Share = candidate is null ? 0 : Any(0, 30, 60, 100)
                    },
                };
                var entry = w.Sign(w.Fresh(statement), Any(keys));
                if (w.Replay.Add(entry) is not Outcome.Accepted) continue;
                admitted[statement.Kind] = admitted.GetValueOrDefault(statement.Kind) + 1;
                w.Now += 1000;

                foreach (var place in new[] { World.Prod, World.Test, "dev" })
                {
                    if (w.State.Systems[World.Sys].Environment(place) is null) continue;
                    Assert.IsType<Outcome.Refused>(w.Try(w.Deploying(release, place), World.Deployer));
                    foreach (var principal in new[] { "a", "b", "c", "d" })
                    {
                        var asked = new Asked(w.State, w.State.Releases[release], World.Sys, place, 1, principal,
                            new RequestContext("GET", "/", "", [], w.Now), null, 0);
                        Assert.Equal(Effect.Deny,
                            RequestJudgement.Of(asked, d => w.Replay.Documents.Policy(d)!).Ruling.Effect);
                    }
                }
            }
        }
        // The sequences are not empty: each sort of act got through.
        Assert.Equal(["member", "policy", "revocation", "system"], admitted.Keys);
        Assert.All(admitted.Values, n => Assert.True(n >= 10));
    }
}
