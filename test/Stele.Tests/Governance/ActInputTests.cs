using System.Collections.Immutable;
using Cel.Values;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>
/// What rules see of an act: who is to become what, what is to be revoked and what stands on it, which rule is to be
/// waived, where a release ran.
/// </summary>
public sealed class ActInputTests
{
    /// <summary>
    /// Puts a policy in force for the whole ledger under which the act is refused unless the expression holds, and has
    /// it admitted.
    /// </summary>
    static void Sees(World w, string on, string expression, Statement act, params Person[] by)
    {
        w.Add(w.PutPolicy(w.Policy("unseen", null, ("sees", on, $"!({expression})")), null), World.Owners);
        var refused = Assert.IsType<Outcome.Refused>(w.Try(act, by));
        Assert.Equal((RefusalCode.PolicyFailed, RuleResult.Failed),
            (refused.Code, refused.Judgement!.FirstFailure!.Result));
        w.Add(w.PutPolicy(w.Policy("seen", null, ("sees", on, expression)), null), World.Owners);
        w.Add(act, by);
        w.Add(w.PutPolicy(null, null), World.Owners);
    }

    [Fact]
    public void A_member_statement_shows_roles_and_keys_before_and_after()
    {
        var m = Mortgage.Released();
        var second = World.Stranger.With("second");
        var (one, two) = (World.Stranger.Key.Public.Id, second.Key.Public.Id);
        Sees(m.World, "member",
            $"member.isNew && member.member == '{World.Stranger.Id}' && member.roles == ['builder', 'owner@{World.Sys}'] && member.rolesBefore == [] && member.keys == ['{one}'] && member.keysAdded == member.keys && member.keysRemoved == []",
            m.World.Member(World.Stranger, new Role(RoleName.Owner, World.Sys), new Role(RoleName.Builder)),
                World.Owners);
        Sees(m.World, "member",
            $"!member.isNew && member.roles == [] && member.rolesBefore == ['builder', 'owner@{World.Sys}'] && member.keysAdded == ['{two}'] && member.keysRemoved == ['{one}']",
            m.World.Member(World.Stranger) with { Keys = [second.Key.Public] }, World.Owners);
    }

    [Fact]
    public void A_system_statement_shows_the_system_as_it_is_and_as_it_would_be()
    {
        var w = Mortgage.Released().World;
        Sees(w, "system",
            "system == null && proposed.name == 'other' && proposed.risk == 'high' && proposed.environments == [] && !has(proposed.retention)", w.Declare("other"), World.Owners);
        Sees(w, "system", $$"""
            system.environments.map(e, e.name) == ['prod', 'test'] && system.environments[0].nodeReturn && system.environments[0].staleAfter == 600000 && !has(system.environments[1].staleAfter)
            && proposed.name == system.name && proposed.risk == 'minimal' && proposed.owner == '{{World.Owner.Id}}' && proposed.environments.all(e, !e.nodeReturn) && proposed.retention.bodies == 5
            """, w.Declare(World.Sys, new EnvironmentTerms(World.Prod, 600_000, 70_000, false), new EnvironmentTerms(World.Test, null, null, false)) with { Risk = "minimal", Retention = new RetentionTerms(5, null) }, World.Owners);
    }

    [Fact]
    public void A_revocation_shows_whose_key_it_is_and_what_stands_on_it()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        Sees(m.World, "revocation",
            $"revocation.target == 'key' && revocation.digest == '{World.Builder.Key.Public.Id}' && revocation.effect == 'stop' && revocation.fromEntry == 3 && revocation.member == '{World.Builder.Id}' && revocation.roles == ['builder'] && revocation.scopes == [] && revocation.places == ['mortgage/prod']",
            World.Revoke(RevocationTarget.Key, World.Builder.Key.Public.Id, 3, RevocationEffect.Stop), World.Owners);
        // An owner's key, from the entry on that comes after the system's policy.
        m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Owner)), World.Owners);
        m.World.Add(m.World.PutPolicy(m.Policy), World.Owners);
        m.World.Add(
            m.World.PutPolicy(m.World.Policy("seen", null,
                ("sees", "revocation",
                    "revocation.scopes == ['*'] && revocation.roles == ['owner'] && revocation.places == []")), null),
            World.Owners);
        m.World.Add(World.Revoke(RevocationTarget.Key, World.Owner2.Key.Public.Id,
            m.World.State.Policies[World.Sys].Entry + 1), World.Owner, World.Stranger);
    }

    [Fact]
    public void A_revocation_of_a_digest_shows_where_it_is_policy_candidate_or_part_of_what_runs()
    {
        var m = Mortgage.Released();
        var w = m.World;
        m.Deploy(m.V2);
        w.Add(w.PutPolicy(w.Policy("other", null, ("any", "deploy", "true")), environment: World.Prod) with
        {
            Candidate = m.Policy,
            Share = 5
        }, World.Owners);
        Sees(w, "revocation",
            "revocation.target == 'artifact' && revocation.member == '' && revocation.roles == [] "
                + "&& revocation.scopes == ['mortgage', 'mortgage/prod'] && revocation.places == []",
            World.Revoke(RevocationTarget.Artifact, m.Policy, 0), World.Owners);
        Sees(w, "revocation", "revocation.scopes == [] && revocation.places == ['mortgage/prod']",
            World.Revoke(RevocationTarget.Artifact, m.Data, 0), World.Owners);
    }

    [Fact]
    public void A_waiver_shows_the_rule_and_its_severity_the_giver_and_what_is_waived_there_already()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var graded = w.Put(new Policy(new PolicyDocument("graded")
        {
            Rules = [Rule.Require("small", ["deploy"], "false") with { Severity = "low" },
                Rule.Require("grave", ["deploy"], "false") with
            {
                Severity = "critical",
                Controls = ["eu-ai-act/9.8"]
            }],
        }).ToJson());
        w.Add(w.PutPolicy(graded), World.Owners);
        w.Add(
            w.PutPolicy(w.Policy("no-grave-ones", null,
                ("no-grave-ones", "waiver",
                    $"waiver.severity != 'critical' && waiver.expires - time <= 5000000 && waiver.controls == [] && waiver.name == 'graded' && waiver.policy == '{graded}' && waiver.member == '{World.Approver.Id}' && waivers.all(x, x.rule != waiver.rule)")), null), World.Owners);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Waive(m.V1, graded, "grave"), World.Approver));
        Assert.Equal(RefusalCode.PolicyFailed,
            w.Refused(w.Waive(m.V1, graded, "small", validFor: 6_000_000), World.Approver));
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Waive(m.V1, graded, "small"), World.Approver2));
        var entry = w.Add(w.Waive(m.V1, graded, "small"), World.Approver);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Waive(m.V1, graded, "small"), World.Approver));
        // And the deployment's rules see every waiver that counts there, of whichever policy.
        w.Add(
            w.PutPolicy(w.Policy("seen", null,
                ("seen", "deploy",
                    $"waivers == [{{'rule': 'small', 'policy': '{graded}', 'severity': 'low', 'member': '{World.Approver.Id}', 'entry': {entry}, 'expires': waivers[0].expires}}] && waivers[0].expires > time")), null), World.Owners);
        var rules = Assert.IsType<Outcome.Refused>(w.Try(w.Deploying(m.V1), World.Deployer)).Judgement!.Rules;
        Assert.Equal([("seen", RuleResult.Passed), ("small", RuleResult.Waived), ("grave", RuleResult.Failed)],
            rules.Select(r => (r.Rule, r.Result)));
        Assert.Equal(RuleResult.Error,
            Assert.IsType<Outcome.Refused>(w.Try(w.Deploying(m.V2), World.Deployer)).Judgement!.Rules[0].Result);
    }

    [Fact]
    public void A_waiver_that_was_withdrawn_counts_no_longer()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var given = w.Waive(m.V1, m.Policy, "four-fifths");
        var entry = w.Add(given, World.Approver);
        w.Add(w.Approve(m.V1), World.Approver);
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(m.V1), World.Deployer));
        // Judged by nobody, and given back by any approver of the place.
        w.Add(w.PutPolicy(w.Policy("never", null, ("never", "waiver", "false")), null), World.Owners);
        var back = given with { Expires = null, Reason = null, Replaces = entry };
        var withdrawn = w.Add(back, World.Approver2);
        w.Add(w.PutPolicy(null, null), World.Owners);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Deploying(m.V1), World.Deployer));
        // It is over for good, whatever becomes of the key that took it back.
        w.Add(World.Revoke(RevocationTarget.Key, World.Approver2.Key.Public.Id, withdrawn), World.Owners);
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Deploying(m.V1), World.Deployer));
        w.Add(w.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
        // The approval was of another waiver.
        Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Deploying(m.V1), World.Deployer));
        w.Add(w.Approve(m.V1), World.Approver);
        w.Deploy(w.Deploying(m.V1));
        Assert.Empty(w.Verify().Findings);
    }

    /// <summary>What runs is told by where it is mounted, not by what its builder calls it.</summary>
    [Fact]
    public void A_component_says_whether_it_is_mounted()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(
            w.PutPolicy(w.Policy("runs", null,
                ("built", "deploy",
                    "release.components.filter(c, c.mount && c.kind != 'environment').all(c, c.strength == 'built')"))),
            World.Owners);
        foreach (var (name, mount, runs) in new[] { ("v4", "/code", true), ("v5", (string?)null, false) })
        {
            var document = new ReleaseDocument(name, World.Sys,
                [new Component("code", "config", "settings", m.Code, mount)],
                new RunTerms(["/code/service"],
                    System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty, "/",
                    "/run/service.sock", "/healthz"), null);
            var put = w.Put(document.ToJson());
            var release = w.Put(World.Manifest(put, document.ToJson().ToBytes().Length));
            w.Add(World.Release(release, put), World.Builder);
            if (runs) Assert.Equal(RefusalCode.PolicyFailed, w.Refused(w.Deploying(release), World.Deployer));
            else Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(release), World.Deployer));
        }
    }

    [Fact]
    public void A_deployment_shows_its_routes_the_head_the_release_s_own_policy_where_it_ran_and_when_it_was_checked()
    {
        var m = Mortgage.Released();
        var w = m.World;
        Digest Both(string expression) =>
            w.Policy("both", new Dictionary<string, Digest> { ["fairness"] = m.Check },
                ("sees", "deploy canary", expression));
        w.Add(
            w.PutPolicy(
                Both(
                    $"routes == [{{'release': '{m.V2}', 'weight': 100}}] && release.policy == '{m.Frozen}' && release.ran == [] && !has(environment.head) && !environment.nodeReturn && checks.fairness.all(e, e.time <= time && time - e.time < 3600000)")), World.Owners);
        var entry = w.Deploy(w.Deploying(m.V2, World.Test));
        w.Add(
            w.PutPolicy(
                Both(
                    $"environment.nodeReturn && (release.name == 'v2' ? release.ran == [{{'environment': 'test', 'entry': {entry}, 'action': 'deploy', 'weight': 100}}] : release.ran == []) && routes.map(r, r.weight) == [50, 50]")), World.Owners);
        w.Deploy(w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3));
        w.Add(
            w.PutPolicy(
                Both(
                    "environment.head.routes.map(r, r.weight) == [50, 50] && environment.head.releases.size() == 2 && time - environment.head.time >= 1000 && release.ran.map(r, [r.environment, r.action]) == [['prod', 'canary'], ['test', 'deploy']] && release.ran.map(r, r.weight) == [50, 100]")), World.Owners);
        w.Deploy(w.Deploying(m.V2));
    }

    /// <summary>A policy's own tests waive by rule; the waiver names no policy, which is this one.</summary>
    [Fact]
    public void A_policy_s_own_test_may_expect_that_a_rule_is_waived()
    {
        static Policy With(string on, string waivers, string expected) => new(new PolicyDocument("p")
        {
            Rules = [Rule.Require("a", ["deploy", "halt", "member"], "false")],
            Tests = [new PolicyTest("t", on, CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(waivers), 1000),
                ImmutableSortedDictionary<string, string>.Empty.Add("a", expected))],
        });
        Assert.Null(With("deploy", """{"waivers":[{"rule":"a"}]}""", "waived").FirstBroken);
        Assert.Null(With("deploy", """{"waivers":[{"rule":"b"}]}""", "failed").FirstBroken);
        Assert.Null(With("deploy", """{"waivers":[{"policy":"sha256:0","rule":"a"}]}""", "failed").FirstBroken);
        Assert.Equal("waived", With("deploy", """{"waivers":[{"rule":"a"}]}""", "failed").FirstBroken!.Got);
        Assert.Contains("deployments alone are waived",
            Assert.Throws<PolicyException>(() => With("member", """{"waivers":[{"rule":"a"}]}""", "waived")).Message,
            StringComparison.Ordinal);
        Assert.Null(With("member", """{"waivers":[{"rule":"a"}]}""", "failed").FirstBroken);
    }
}
