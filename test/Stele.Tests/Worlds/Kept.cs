using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Tests.Worlds;

/// <summary>A world as it is kept for good: its pack and trust file, and receipts with how each must end.</summary>
sealed record Kept(string Name, World World,
    IReadOnlyDictionary<string, (byte[] Receipt, VerifyResult Result)> Receipts)
{
    /// <summary>Receipts of layout 2, kept beside those that came with the pack.</summary>
    public required IReadOnlyDictionary<string, (byte[] Receipt, VerifyResult Result)> Second { get; init; }

    public static IEnumerable<Kept> All() => [Plain(), Eventful()];

    /// <summary>One release, approved, deployed and asked.</summary>
    static Kept Plain()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.World.Add(m.World.Observe(ObservedEvent.Started), World.Node);
        for (var i = 0; i < 3; i++) m.Log.Add(m.World.Decide());
        m.Anchor();
        return new("plain", m.World,
            new Dictionary<string, (byte[], VerifyResult)> { ["full"] = (m.Receipt(1, form: ReceiptForm.One).Encode(),
                VerifyResult.Complete) })
        {
            Second = new Dictionary<string, (byte[], VerifyResult)> { ["full"] = (m.Receipt(1).Encode(),
                VerifyResult.Complete) },
        };
    }

    /// <summary>
    /// Everything that may happen: refusals of several sorts, waivers that were used and that lapsed, a canary, a
    /// rollback, a halt, erasure, holds, a reckoning, and receipts early and full.
    /// </summary>
    static Kept Eventful()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        // A waiver that is used, and another that lapses first.
        w.Add(w.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
        m.Deploy(m.V1);
        m.Log.Add(w.Decide());
        w.Add(w.Waive(m.V1, m.Policy, "four-fifths", World.Test, validFor: 1500), World.Approver);
        w.Add(w.Approve(m.V1, environment: World.Test), World.Approver);
        w.Refuse(w.Deploying(m.V1, World.Test) with { Replaces = 0 }, World.Deployer);
        foreach (var release in new[] { m.V2, m.V3 })
            w.Add(w.Approve(release, DeploymentAction.Canary,
                routes: w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3).Routes), World.Approver);
        w.Deploy(w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3));
        m.Log.Add(w.Decide());
        w.Deploy(w.Move(DeploymentAction.Halt, World.Prod));
        m.Deploy(m.V2);
        // Policies that refuse, and fail closed.
        w.Add(
            w.PutPolicy(w.Policy("strict", null, ("few", "deploy canary", "size(release.components) < 2"),
                ("absent", "deploy", "checks.all(c, c == 'nothing') && release.components[7].kind == 'model'"),
                ("never-halt", "halt", "false")), environment: World.Prod), World.Owners);
        w.Refuse(w.Deploying(m.V3), World.Deployer);
        w.Refuse(w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3), World.Deployer);
        w.Refuse(w.Move(DeploymentAction.Halt, World.Prod), World.Deployer);
        w.Refuse(w.Waive(m.V2, m.Policy, "four-fifths"), World.Builder);
        w.Add(w.PutPolicy(null, environment: World.Prod), World.Owners);
        m.Log.Add(w.Decide() with
        {
            Outcome = DecisionOutcome.Deny,
            Rule = "predict-only",
            RulePolicy = m.Frozen,
            Status = 403,
            Output = null
        });
        // A candidate beside the policy in force, which would have said otherwise; and one that asks for a check that
        // nobody ran.
        var stricter = w.Policy("stricter", new Dictionary<string, Digest> { ["fairness"] = m.Check },
            ("nine-tenths", "deploy canary rollback", "checks.fairness.all(e, e.metrics.approval_ratio >= 0.9)"),
            ("small", "decide", "request.size < 2"));
        w.Add(w.PutPolicy(m.Policy) with { Candidate = stricter, Share = 0 }, World.Owners);
        w.Add(w.PutPolicy(m.Policy, environment: World.Prod) with
        {
            Candidate = w.Policy("unready",
                new Dictionary<string, Digest> { ["safety"] = w.Put(Json.Object(("name", "safety"))) },
                ("safe", "deploy", "checks.safety.all(e, true)")),
            Share = 0
        }, World.Owners);
        m.Deploy(m.V2);
        // Acts of governance under a policy for the whole ledger: a member, a system, a waiver that is taken back, a
        // key that the recovery key takes.
        w.Add(w.PutPolicy(w.Policy("acts", null,
            ("signed", "policy system member waiver revocation", "size(actor.members) >= 1")), null), World.Owners);
        w.Add(w.Member(World.Stranger, new Role(RoleName.Approver, World.Sys)), World.Owners);
        w.Add(w.Declare(World.Sys, [.. w.State.Systems[World.Sys].Environments]), World.Owners);
        var taken = w.Waive(m.V2, m.Policy, "four-fifths");
        w.Add(taken with { Expires = null, Reason = null, Replaces = w.Add(taken, World.Stranger) }, World.Approver);
        w.Add(World.Revoke(RevocationTarget.Artifact, Digest.Of("elsewhere"u8), 0), World.Owners);
        w.Add(World.Revoke(RevocationTarget.Key, World.Stranger.Key.Public.Id, w.State.Size), World.Recovery);
        w.Add(w.PutPolicy(null, null), World.Owners);
        // What is gone, held and reckoned.
        m.Log.Counted = new GatewayCount(0, m.Log.Leaves.Count + 1, m.Log.Leaves.Count, m.Log.Leaves.Count, 0, 0);
        m.Anchor();
        var erased = m.ErasedReceipt(1, 0, 1);
        w.Add(World.PlaceHold(World.Prod, m.Log.Origin, 2, 4), World.Owners);
        w.Add(w.Reckon(World.Start, w.Now - 1000, null, World.Sys, World.Prod), World.Monitor);
        // Forwarded with values masked; held; and what the candidate would have made of both.
        var (context, masked) = (Commitment.To("context", new byte[32], "{}"u8),
            Commitment.To("masked", new byte[32], "***"u8));
        m.Log.Add(w.Decide() with
        {
            Outcome = DecisionOutcome.Hold,
            Rule = "large",
            RulePolicy = m.Policy,
            Status = 403,
            Context = context,
            Would = [new(stricter, RuledOutcome.Deny, "small", stricter)]
        });
        m.Log.Add(w.Decide() with
        {
            Rule = "names",
            RulePolicy = m.Policy,
            Context = context,
            Masked = masked,
            Would = [new(stricter, RuledOutcome.Deny, "small", stricter)]
        });
        return new("eventful", w, new Dictionary<string, (byte[], VerifyResult)>
        {
            ["full"] = (m.Receipt(8, form: ReceiptForm.One).Encode(), VerifyResult.Complete),
            ["erased"] = (erased.Encode(), VerifyResult.Complete),
            ["early"] = (m.Receipt(m.Log.Leaves.Count - 1, form: ReceiptForm.One).Encode(), VerifyResult.Early),
        })
        {
            Second = new Dictionary<string, (byte[], VerifyResult)>
            {
                ["full"] = (m.Receipt(6).Encode(), VerifyResult.Complete),
                ["rolled-back"] = (m.Receipt(8).Encode(), VerifyResult.Complete),
                ["waived"] = (m.Receipt(10).Encode(), VerifyResult.Complete),
                ["canary"] = (m.Receipt(11).Encode(), VerifyResult.Complete),
                ["denied"] = (m.Receipt(12).Encode(), VerifyResult.Complete),
                ["early"] = (m.Receipt(m.Log.Leaves.Count - 1).Encode(), VerifyResult.Early),
            },
        };
    }
}
