using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>An approval is of what was shown, by these routes, for as long as its giver stands by it.</summary>
public sealed class ApprovalTests
{
    static void Deploys(World w, Digest release) =>
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(release), World.Deployer));

    static void TwoPerson(World w, Deployment deployment)
    {
        var refused = Assert.IsType<Outcome.Refused>(w.Try(deployment, World.Deployer));
        Assert.Equal((RefusalCode.PolicyFailed, "two-person"), (refused.Code, refused.Judgement!.FirstFailure!.Rule));
    }

    static readonly (string What, Action<Mortgage> Then)[] Changes =
    [
        ("a report in another's place",
            m => m.World.Add(World.Evaluate(m.V2, m.Check, m.World.Report(0.86),
                m.World.State.Evaluations.First(e => e.Value.Release == m.V2).Key), World.Evaluator)),
        ("a report more", m => m.World.Add(World.Evaluate(m.V2, m.Check, m.World.Report(0.86)), World.Evaluator)),
        ("a waiver", m => m.World.Add(m.World.Waive(m.V2, m.Policy, "four-fifths"), World.Approver2)),
        ("a word on a control", m => m.World.Add(m.World.Attest(World.Approver, "eu-ai-act/15"), World.Approver)),
        ("a word that was taken back",
            m => m.World.Add(m.World.Attest(World.Approver, validFor: null) with { Expires = null }, World.Approver)),
        ("a word that is over", m => m.World.Now += 1_800_000),
        ("a part that was reproduced",
            m =>
                m.World.Add(World.OriginOf(World.Builder2, Origin.Pipeline,
                    m.World.State.Releases[m.V2].Components.Single(c => c.Role == "model").Digest, m.Code, m.Data),
                    World.Builder2)),
    ];

    public static TheoryData<string> Names => [.. Changes.Select(c => c.What)];

    /// <summary>
    /// Each is something that approvers look at, and the release passes every other rule after it as before.
    /// </summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void What_was_not_shown_was_not_approved(string what)
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.Attest(World.Approver, validFor: 1_800_000), World.Approver);
        w.Add(w.Approve(m.V2), World.Approver);
        Deploys(w, m.V2);
        Changes.Single(c => c.What == what).Then(m);
        TwoPerson(w, w.Deploying(m.V2));
        // Anyone who looks again may approve again.
        w.Add(w.Approve(m.V2), World.Approver);
        w.Deploy(w.Deploying(m.V2));
        Assert.Empty(w.Verify().Findings);
    }

    [Fact]
    public void What_changes_elsewhere_leaves_an_approval_as_it_is()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.Approve(m.V2), World.Approver);
        w.Add(World.Evaluate(m.V3, m.Check, w.Report(0.86)), World.Evaluator);
        w.Add(w.Waive(m.V3, m.Policy, "four-fifths"), World.Approver);
        w.Add(w.Waive(m.V2, m.Policy, "four-fifths", World.Test), World.Approver);
        w.Add(w.Attest(World.Approver, release: m.V3), World.Approver);
        w.Add(w.Approve(m.V2), World.Approver2);
        Deploys(w, m.V2);
    }

    [Fact]
    public void A_canary_is_approved_with_its_shares()
    {
        var m = Mortgage.Released();
        var w = m.World;
        m.Deploy(m.V2);
        Deployment Canary(int share) =>
            w.Move(DeploymentAction.Canary,
                World.Prod) with { Routes = [new Route(m.V2, 100 - share), new Route(m.V3, share)] };
        foreach (var release in new[] { m.V2, m.V3 })
            w.Add(w.Approve(release, DeploymentAction.Canary, routes: Canary(1).Routes), World.Approver);
        Assert.IsType<Outcome.Accepted>(w.Try(Canary(1), World.Deployer));
        foreach (var share in new[] { 2, 50, 99 }) TwoPerson(w, Canary(share));
        // In which order the routes are named does not matter.
        w.Deploy(Canary(1) with { Routes = [new Route(m.V3, 1), new Route(m.V2, 99)] });
        Assert.Empty(w.Verify().Findings);
    }

    static Approval Back(Approval approval, long entry) => approval with { Expires = null, Replaces = entry };

    [Fact]
    public void An_approver_may_take_it_back()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var second = World.Approver.With("second");
        w.Add(w.Member(World.Approver, new Role(RoleName.Approver, World.Sys)) with { Keys = [World.Approver.Key.Public,
            second.Key.Public] }, World.Owners);
        var given = w.Approve(m.V2);
        var entry = w.Add(given, World.Approver);
        var other = w.Add(w.Approve(m.V2), World.Approver2);
        Assert.Equal(RefusalCode.RoleMissing, w.Refused(Back(given, entry), World.Approver2));
        // With any key of theirs. The other's approval stands.
        var withdrawn = w.Add(Back(given, entry), second);
        Deploys(w, m.V2);
        w.Add(Back(w.State.Approvals[other].Approval, other), World.Approver2);
        TwoPerson(w, w.Deploying(m.V2));
        // It is over for good, whatever becomes of the key that took it back, and who wants it again gives another.
        w.Add(World.Revoke(RevocationTarget.Key, second.Key.Public.Id, withdrawn), World.Owners);
        TwoPerson(w, w.Deploying(m.V2));
        w.Add(w.Approve(m.V2), World.Approver);
        w.Deploy(w.Deploying(m.V2));
        Assert.Empty(w.Verify().Findings);
    }

    /// <summary>
    /// A canonical statement reads back as it was; one that says both or neither of an end and an entry is none.
    /// </summary>
    [Fact]
    public void An_approval_has_an_end_or_takes_one_back()
    {
        var m = Mortgage.Released();
        var given = m.World.Fresh(m.World.Approve(m.V2));
        foreach (var good in new[]
        {
            given, Back(given, 7), given with { Action = DeploymentAction.Halt, Routes = [] },
        })
        {
            var read = Assert.IsType<Approval>(StatementKinds.Parse(good.Encode()));
            Assert.Equal((good.Expires, good.Replaces, good.Routes.Length),
                (read.Expires, read.Replaces, read.Routes.Length));
            Assert.Equal(good.Identity, read.Identity);
        }
        foreach (var bad in new[] { given with { Expires = null }, given with { Replaces = 7 } })
            Assert.Throws<FormatException>(() => StatementKinds.Parse(bad.Encode()));
        Assert.Throws<FormatException>(() =>
            StatementKinds.Parse(CanonicalJson.Parse(given.Encode(), Envelope.MaxPayload) is var j
                ? j.With("predicate", j["predicate"].With("routes", Json.EmptyArray)).ToBytes()
                : []));
    }
}
