using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>What the fold must let happen, and what the state says afterwards.</summary>
public sealed class AdmissionTests
{
    [Fact]
    public void A_release_is_approved_and_deployed_and_its_head_says_by_which_rules()
    {
        var m = Mortgage.Released();
        var entry = m.Deploy(m.V2);
        var environment = m.World.State.Environment(World.Sys, World.Prod);
        Assert.Equal(entry, environment.Head!.Entry);
        Assert.Equal([new Route(m.V2, 100)], environment.Head.Routes);
        Assert.Equal([m.Policy], environment.Head.Policies);
        Assert.Equal(entry, environment.Deployed[m.V2]);
        Assert.Null(m.World.State.Environment(World.Sys, World.Test).Head);
    }

    [Fact]
    public void A_failed_rule_says_what_it_found()
    {
        var m = Mortgage.Released();
        m.World.Add(m.World.Approve(m.V1), World.Approver);
        var refused = (Outcome.Refused)m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        Assert.Contains("four-fifths", refused.Message, StringComparison.Ordinal);
        Assert.Equal([RuleResult.Failed, RuleResult.Passed, RuleResult.Passed],
            refused.Judgement!.Rules.Select(r => r.Result));
        Assert.Equal(World.Deployer.Id, refused.Member);
    }

    [Fact]
    public void A_waiver_lets_one_rule_pass_and_is_named_by_the_head()
    {
        var m = Mortgage.Released();
        var waiver = m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
        m.Deploy(m.V1);
        Assert.Equal([waiver], m.World.State.Environment(World.Sys, World.Prod).Head!.Waivers);
    }

    [Fact]
    public void The_longest_of_several_waivers_counts()
    {
        var m = Mortgage.Released();
        m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths", validFor: 5_000_000), World.Approver);
        m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths", validFor: 1_000_000), World.Approver2);
        m.Deploy(m.V1);
        Assert.Equal(m.World.State.Waivers.Keys.First(),
            m.World.State.Environment(World.Sys, World.Prod).Head!.Waivers.Single());
    }

    [Fact]
    public void A_retry_is_told_where_it_stands()
    {
        var m = Mortgage.Released();
        var entry = m.World.Sign(m.World.Fresh(m.World.Approve(m.V2)), World.Approver);
        var index = m.World.Add(entry);
        Assert.Equal(new Outcome.Already(index), m.World.Replay.Try(new Entry(m.World.Now, entry.Envelope)));
    }

    [Fact]
    public void A_canary_splits_and_each_release_needs_its_own_approval()
    {
        var m = Mortgage.Released();
        var routes = m.World.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3).Routes;
        m.World.Add(m.World.Approve(m.V2, DeploymentAction.Canary, routes: routes), World.Approver);
        Assert.Equal(RefusalCode.PolicyFailed,
            m.World.Refused(m.World.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3), World.Deployer));
        m.World.Add(m.World.Approve(m.V3, DeploymentAction.Canary, routes: [routes[1], routes[0]]), World.Approver);
        m.World.Deploy(m.World.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3));
        Assert.Equal([50, 50], m.World.State.Environment(World.Sys, World.Prod).Head!.Routes.Select(r => r.Weight));
    }

    [Fact]
    public void A_halt_needs_neither_approval_nor_policy_and_a_halted_environment_deploys_again()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.World.Add(m.World.PutPolicy(null), World.Owners);
        m.World.Deploy(m.World.Move(DeploymentAction.Halt, World.Prod));
        Assert.Empty(m.World.State.Environment(World.Sys, World.Prod).Head!.Routes);
        m.World.Add(m.World.PutPolicy(m.Policy), World.Owners);
        m.Deploy(m.V3);
        m.World.Add(m.World.Approve(m.V2, DeploymentAction.Rollback), World.Approver);
        m.World.Deploy(m.World.RollingBack(m.V2));
    }

    [Fact]
    public void A_node_returns_one_head_where_the_environment_lets_it_and_the_policy_passes()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Deploy(m.V3);
        Assert.Equal(RefusalCode.PolicyFailed, m.World.Refused(m.World.RollingBack(m.V2), World.Node));
        m.World.Add(m.World.Approve(m.V2, DeploymentAction.Rollback), World.Approver);
        m.World.Deploy(m.World.RollingBack(m.V2), World.Node);
        Assert.Equal(m.V2, m.World.State.Environment(World.Sys, World.Prod).Head!.Routes[0].Release);
    }

    [Fact]
    public void A_policy_of_every_scope_must_pass()
    {
        var m = Mortgage.Released();
        m.World.Add(m.World.PutPolicy(m.World.Policy("ledger", null, ("named", "deploy", "release.name != 'v2'")),
            null), World.Owners);
        m.World.Add(m.World.PutPolicy(m.World.Policy("prod", null, ("high-risk", "deploy", "system.risk == 'high'")),
            environment: World.Prod), World.Owners);
        Assert.Equal(3, m.World.State.PoliciesFor(World.Sys, World.Prod).Length);
        m.World.Add(m.World.Approve(m.V2), World.Approver);
        m.World.Add(m.World.Approve(m.V3), World.Approver);
        Assert.Equal(RefusalCode.PolicyFailed, m.World.Refused(m.World.Deploying(m.V2), World.Deployer));
        m.World.Deploy(m.World.Deploying(m.V3));
    }

    [Fact]
    public void Policies_see_who_acts()
    {
        var m = Mortgage.Released();
        m.World.Add(m.World.PutPolicy(m.World.Policy("ledger", null,
            ("two-roles", "member", "size(actor.members) == 2 && 'owner' in actor.roles")), null), World.Owners);
        m.World.Add(m.World.Member(World.Stranger), World.Owners);
    }

    [Fact]
    public void Two_members_who_build_one_recipe_to_one_digest_have_reproduced_it()
    {
        var m = Mortgage.Released();
        var model = Digest.Of("model v2"u8);
        Assert.Equal(Strength.Built, m.World.State.StrengthOf(model));
        Assert.Equal(Strength.Imported, m.World.State.StrengthOf(m.Data));
        Assert.Equal(Strength.Claimed, m.World.State.StrengthOf(m.Code));
        Assert.Equal(Strength.None, m.World.State.StrengthOf(Digest.Of("nothing"u8)));
        // the same member again proves nothing
        m.World.Add(World.OriginOf(World.Builder, Origin.Pipeline, model, m.Data, m.Code), World.Builder);
        Assert.Equal(Strength.Built, m.World.State.StrengthOf(model));
        // nor does another recipe
        m.World.Add(World.OriginOf(World.Builder2, Origin.Pipeline, model, m.Data), World.Builder2);
        Assert.Equal(Strength.Built, m.World.State.StrengthOf(model));
        // nor who co-signs
        m.World.Add(World.OriginOf(World.Builder, Origin.Pipeline, model, m.Data, m.Code), World.Builder,
            World.Builder2);
        Assert.Equal(Strength.Built, m.World.State.StrengthOf(model));
        // nor a build that comes out otherwise each time
        m.World.Add(World.OriginOf(World.Builder2, Origin.Pipeline, model, m.Data,
            m.Code) with { Runs = new BuildRuns(2, false) }, World.Builder2);
        Assert.Equal(Strength.Built, m.World.State.StrengthOf(model));
        m.World.Add(World.OriginOf(World.Builder2, Origin.Pipeline, model, m.Data, m.Code), World.Builder2);
        Assert.Equal(Strength.Reproduced, m.World.State.StrengthOf(model));
        Assert.Contains(World.Builder2.Id, m.World.State.Authors(m.World.State.Releases[m.V2]));
    }

    [Fact]
    public void An_evaluation_is_superseded_by_name_and_both_stay_in_the_ledger()
    {
        var m = Mortgage.Released();
        var first = m.World.State.Evaluations.First(e => e.Value.Release == m.V1).Key;
        m.World.Add(World.Evaluate(m.V1, m.Check, m.World.Report(0.85), first), World.Evaluator);
        m.Deploy(m.V1);
        Assert.NotNull(m.World.State.Evaluations[first].SupersededBy);
    }

    [Fact]
    public void Rules_see_how_many_evaluations_one_stands_in_the_place_of()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var last = w.State.Evaluations.First(e => e.Value.Release == m.V1).Key;
        foreach (var ratio in new[] { 0.75, 0.79, 0.85 })
            last = w.Add(World.Evaluate(m.V1, m.Check, w.Report(ratio), last), World.Evaluator);
        w.Add(World.Evaluate(m.V1, m.Check, w.Report(0.9)), World.Evaluator);
        Digest Counting(string rule) =>
            w.Policy("counting", new Dictionary<string, Digest> { ["fairness"] = m.Check }, ("count", "deploy", rule));
        w.Add(w.PutPolicy(Counting("checks.fairness.all(e, e.supersedes == 0)")), World.Owners);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Deploying(m.V1), World.Deployer));
        w.Add(w.PutPolicy(Counting("checks.fairness.map(e, e.supersedes) == [3, 0]")), World.Owners);
        w.Deploy(w.Deploying(m.V1));
    }

    [Fact]
    public void A_revocation_reaches_further_back_and_bites_harder_but_never_less()
    {
        var m = Mortgage.Released();
        m.World.Add(World.Revoke(RevocationTarget.Artifact, m.V1, 9, RevocationEffect.Stop), World.Owners);
        m.World.Add(World.Revoke(RevocationTarget.Artifact, m.V1, 5), World.Owners);
        Assert.Equal((5L, RevocationEffect.Stop),
            (m.World.State.Revocations[m.V1].FromEntry, m.World.State.Revocations[m.V1].Effect));
        Assert.True(m.World.State.IsStopped(m.World.State.Releases[m.V1]));
        Assert.False(m.World.State.IsStopped(m.World.State.Releases[m.V2]));
    }

    [Fact]
    public void What_a_key_signed_before_its_revocation_still_counts()
    {
        var m = Mortgage.Released();
        m.World.Add(m.World.Approve(m.V2), World.Approver);
        m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, m.World.State.Size), World.Owners);
        m.World.Deploy(m.World.Deploying(m.V2));
    }

    [Fact]
    public void After_owners_lost_their_keys_the_recovery_key_names_new_ones_one_at_a_time()
    {
        var m = Mortgage.Released();
        foreach (var owner in World.Owners) m.World.Add(World.Revoke(RevocationTarget.Key, owner.Key.Public.Id, null),
            owner);
        Assert.Equal(RefusalCode.RevokedKey, m.World.Refused(m.World.PutPolicy(null), World.Owners));
        var renewed = World.Owners.Select(o => o.With("new")).ToArray();
        foreach (var owner in renewed) m.World.Add(m.World.Member(owner, new Role(RoleName.Owner)), World.Recovery);
        m.World.Add(m.World.PutPolicy(null), renewed);
    }

    [Fact]
    public void The_log_key_changes_from_a_size_on()
    {
        var m = Mortgage.Released();
        var size = m.World.State.Size;
        var next = new NoteSigner(World.Name, secret: "next");
        m.World.Add(World.LogKey(next, size + 1), World.Owners);
        Assert.Equal(m.World.Key.Key.ToString(), m.World.State.LogKeyAt(size));
        Assert.Equal(next.Key.ToString(), m.World.State.LogKeyAt(size + 1));
    }

    [Fact]
    public void Observations_and_anchors_may_come_late()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide());
        var (observation, anchor) = (m.World.Fresh(m.World.Observe()), m.World.Fresh(m.World.Anchoring(m.Log)));
        m.World.Now += 7 * Fold.MaxDelay;
        m.World.Add(m.World.Sign(observation, World.Node));
        m.World.Add(m.World.Sign(anchor, World.Node));
        Assert.Equal(1, m.World.State.Logs[m.Log.Origin].Anchor!.Size);
        Assert.Equal(World.Node.Id, m.World.State.Environment(World.Sys, World.Prod).Observation!.Node);
    }

    [Fact]
    public void A_log_continues_one_that_was_lost()
    {
        var m = Mortgage.Released();
        m.World.Add(World.EndLog(LogAction.Lost, m.Log.Origin), World.Owners);
        m.World.Add(World.OpenLog(new DecisionLog(new NoteSigner("ledger.example/stele/log/node-2")),
            predecessor: m.Log.Origin), World.Owners);
    }

    [Fact]
    public void A_refusal_for_want_of_a_document_is_not_recorded_since_nobody_could_execute_it_again()
    {
        var m = Mortgage.Released();
        Assert.Null(((Outcome.Refused)m.World.Try(m.World.PutPolicy(Digest.Of("nowhere"u8)), World.Owners)).Member);
    }

    [Fact]
    public void A_verdict_fits_an_entry_whatever_the_rules_say()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var rules = Enumerable.Range(0, 64)
            .Select(i => Rule.Require($"{new string('r', 60)}{i}", ["canary"], "false", $"'{new string('€', 590)}'"));
        foreach (var (system, environment) in new (string?, string?)[] { (null, null), (World.Sys, World.Prod) })
            w.Add(
                w.PutPolicy(
                    w.Put(new Policy("wordy" + environment, State.Empty.Policies.ToDictionary(p => p.Key,
                        _ => default(Digest)).ToImmutable(), [.. rules]).ToJson()), system, environment), World.Owners);
        var entry = w.Sign(w.Fresh(w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3)), World.Deployer);
        var outcome = w.Replay.Try(entry);
        var verdict = Explain.Verdict(w.State, entry, outcome)!;
        Assert.InRange(verdict.Encode().Length, 1, Envelope.MaxPayload);
        Assert.False(verdict.Passed);
        Assert.NotNull(verdict.Rules.First(r => !r.Allows).Message);
        Assert.Equal(verdict, StatementKinds.Parse(verdict.Encode()),
            (a, b) => ((Statement)a).Encode().AsSpan().SequenceEqual(((Statement)b).Encode()));
    }
}

static class Dictionaries
{
    public static System.Collections.Immutable.ImmutableSortedDictionary<string, Digest> ToImmutable(
        this Dictionary<string, Digest> d) =>
        System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, d);
}
