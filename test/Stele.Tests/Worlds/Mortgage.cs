using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Tests.Worlds;

/// <summary>
/// The world most tests start from, in stages: a system with two environments and its policy; three releases with their
/// origins and reports (v1 fails the four-fifths rule, v2 and v3 pass); what then happened in production.
/// </summary>
sealed class Mortgage
{
    public World World { get; }
    public Digest Policy { get; private set; }
    public Digest Frozen { get; private set; }
    public Digest Check { get; private set; }
    public Digest Data { get; private set; }
    public Digest Code { get; private set; }
    public Digest V1 { get; private set; }
    public Digest V2 { get; private set; }
    public Digest V3 { get; private set; }
    public const string LogName = "ledger.example/stele/log/node";
    public DecisionLog Log { get; } = new(new NoteSigner(LogName));

    /// <summary>
    /// How long records are kept, in milliseconds: they may go with the next act after the one that anchored them.
    /// </summary>
    public const long Kept = 1000;
    public long DeployedV2 { get; private set; }
    public long DeployedV3 { get; private set; }
    public long RolledBack { get; private set; }

    Mortgage(World world) => World = world;

    /// <summary>Genesis, members, system, decision log, policy.</summary>
    public static Mortgage Founded(string origin = World.Name)
    {
        var w = new World(origin);
        var m = new Mortgage(w);
        w.Add(World.Genesis(origin), World.Owners);
        foreach (var (person, roles) in new (Person, Role[])[]
        {
            (World.Builder, [new(RoleName.Builder)]), (World.Builder2, [new(RoleName.Builder, World.Sys)]),
            (World.Evaluator, [new(RoleName.Evaluator, World.Sys)]),
            (World.Approver, [new(RoleName.Approver, World.Sys)]),
                (World.Approver2, [new(RoleName.Approver, World.Sys, World.Prod)]),
            (World.Deployer, [new(RoleName.Deployer, World.Sys)]),
            (World.Node, [new(RoleName.Node, World.Sys, World.Prod)]),
                (World.Monitor, [new(RoleName.Service, World.Sys)]),
        }) w.Add(w.Member(person, roles), World.Owners);
        w.Add(w.Declare(World.Sys, new EnvironmentTerms(World.Prod, 600_000, 60_000, true),
            new EnvironmentTerms(World.Test, null, null, false)) with { Retention = new RetentionTerms(null, Kept) },
            World.Owners);
        w.Logs.Add(m.Log.Origin, m.Log);
        w.Add(World.OpenLog(m.Log), World.Owners);
        m.Check = w.Put(Json.Object(("name", "fairness"), ("seed", 1)));
        m.Policy = w.Policy("admission", new Dictionary<string, Digest> { ["fairness"] = m.Check },
            ("four-fifths", "deploy canary", "checks.fairness.all(e, e.metrics.approval_ratio >= 0.8)"),
            ("built", "deploy canary rollback",
                "release.components.filter(c, c.kind == 'model').all(c, c.strength in ['built', 'reproduced'])"),
            ("two-person", "deploy canary rollback", "size(approvals) >= 1"));
        w.Add(w.PutPolicy(m.Policy), World.Owners);
        m.Frozen = w.Policy("service", null, ("predict-only", "decide", "request.path == '/predict'"));
        return m;
    }

    /// <summary>And artifacts with their origins, releases v1 to v3, and a report of each.</summary>
    public static Mortgage Released(string origin = World.Name)
    {
        var m = Founded(origin);
        var w = m.World;
        (m.Data, m.Code) = (w.Put("rows"), w.Put("program"));
        w.Add(World.OriginOf(World.Builder, Origin.Import, m.Data), World.Builder);
        w.Add(World.OriginOf(World.Builder, Origin.Freeze, m.Code), World.Builder);
        m.V1 = m.Release("v1", 0.731);
        m.V2 = m.Release("v2", 0.842);
        m.V3 = m.Release("v3", 0.911);
        return m;
    }

    Digest Release(string name, double ratio)
    {
        var model = World.Put("model " + name);
        World.Add(World.OriginOf(World.Builder, Origin.Pipeline, model, Code, Data), World.Builder);
        var (release, document) = World.Close(name, Frozen, ("model", "model", model), ("code", "code", Code),
            ("data", "dataset", Data));
        World.Add(World.Release(release, document), World.Builder);
        World.Add(World.Evaluate(release, Check, World.Report(ratio)), World.Evaluator);
        return release;
    }

    /// <summary>
    /// And a life: v1 refused, v2 deployed, decisions, v3 deployed, rolled back to v2, a waiver, an alert, a key given
    /// up.
    /// </summary>
    public static Mortgage Lived()
    {
        var m = Released();
        var w = m.World;
        w.Add(w.Approve(m.V1), World.Approver);
        w.Refuse(w.Deploying(m.V1), World.Deployer);
        w.Refuse(w.Approve(m.V2), World.Builder);
        m.DeployedV2 = m.Deploy(m.V2);
        w.Add(w.Observe(ObservedEvent.Started), World.Node);
        for (var i = 0; i < 3; i++) m.Log.Add(w.Decide());
        var open = m.Log.Add(w.Decide(DecisionKind.Open));
        m.Anchor();
        m.Log.Add(w.Decide());
        m.Log.Add(w.Decide(DecisionKind.Close, open));
        m.DeployedV3 = m.Deploy(m.V3);
        m.Log.Add(w.Decide());
        m.Anchor();
        w.Add(w.Approve(m.V2, DeploymentAction.Rollback), World.Approver2);
        m.RolledBack = w.Deploy(w.RollingBack(m.V2));
        w.Add(w.Observe(ObservedEvent.Started), World.Node);
        m.Log.Add(w.Decide());
        m.Log.Add(w.Decide());
        m.Anchor();
        w.Add(w.Waive(m.V1, m.Policy, "four-fifths", World.Test), World.Approver);
        w.Add(w.Alarm(m.Log), World.Monitor);
        w.Add(w.Attest(World.Approver), World.Approver);
        w.Add(w.Attest(World.Owner, "iso-42001/A.6.2.4", m.V2, evidence: m.Data), World.Owner);
        w.Add(World.Revoke(RevocationTarget.Key, World.Builder2.Key.Public.Id, null), World.Builder2);
        m.Log.Add(w.Decide());
        return m;
    }

    /// <summary>
    /// 700 decisions, anchored at 400, 650 and 700, and pruned below an admitted floor, if one is: a pack begins at 512
    /// then.
    /// </summary>
    public static Mortgage Pruned(long? floor = 600)
    {
        var m = Released();
        m.Deploy(m.V2);
        var open = 0L;
        for (var i = 0; i < 700; i++)
        {
            m.Log.Add(i == 600
                ? m.World.Decide(DecisionKind.Close, open)
                : m.World.Decide(i == 300 ? DecisionKind.Open : DecisionKind.Whole));
            if (i == 300) open = 300;
            if (i is 399 or 649 or 699) m.Anchor();
        }
        if (floor is { } f) m.World.Add(World.Retain(LogName, f), World.Owners);
        if (floor >= 512) m.Log.Floor = m.Log.FloorAt(512);
        return m;
    }

    public static ErasedList ErasedList(params ReadOnlySpan<long> indices) =>
        new(new byte[Stele.Proof.Decisions.ErasedList.SaltBytes], [.. indices]);

    /// <summary>States that the keys of some records were erased.</summary>
    public long Erase(params ReadOnlySpan<long> indices)
    {
        var list = ErasedList(indices);
        return World.Add(World.Erase(LogName) with
        {
            To = World.State.Logs[LogName].Anchor!.Size,
            Count = list.Indices.Length,
            List = list.Root,
            Size = World.State.Size
        }, World.Owners);
    }

    /// <summary>A receipt of a leaf that was erased among others.</summary>
    public Receipt ErasedReceipt(long leaf, params ReadOnlySpan<long> indices)
    {
        var entry = Erase(indices);
        return this.Receipt(leaf, erased: new ErasedIn(entry, ErasedList(indices).Prove(leaf)!));
    }

    public long Deploy(Digest release, string environment = World.Prod)
    {
        World.Add(World.Approve(release, DeploymentAction.Deploy, environment), World.Approver);
        return World.Deploy(World.Deploying(release, environment));
    }

    public long Anchor()
    {
        var entry = World.Add(World.Anchoring(Log), World.Node);
        Log.AnchoredSize = Log.Leaves.Count;
        return entry;
    }
}
