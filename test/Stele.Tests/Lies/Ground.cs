using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Lies;

/// <summary>
/// An honest world that lies are told about: where in it stands what they speak of, and what its members signed in
/// earnest
/// and was refused. A forger may put such an envelope into a tree: every signature on it is good.
/// </summary>
sealed class Ground
{
    public static readonly Person Deployer2 = Person.Of("deployer-2"), Node2 = Person.Of("node-2"),
        Imposter = Person.Of("imposter");

    readonly Dictionary<string, long> _marks = new(StringComparer.Ordinal);

    Ground(Mortgage m) => (M, _prepared) = (m, new(() => new Prepared?[W.Entries.Count]));

    public Mortgage M { get; }
    public World W => M.World;
    public Dictionary<string, Envelope> Refused { get; } = new(StringComparer.Ordinal);

    /// <summary>The entry that is known by a name here.</summary>
    public long this[string mark] => _marks[mark];

    readonly Lazy<Prepared?[]> _prepared;

    /// <summary>An entry whose signatures were verified before.</summary>
    public Prepared Prepared(long index) => _prepared.Value[index] ??= Stele.Proof.Governance.Prepared.Of(
        W.Replay.Entries[(int)index].Entry, id => Fold.KeyOf(W.Replay.At(index), id));

    long Mark(string mark, long entry) => _marks[mark] = entry;

    /// <summary>Where the server recorded a refusal, which the fold does not need: a forger may put something else
    /// there.</summary>
    public long Filler(int nth) => W.Replay.Entries.Where(e => e.Statement is Refusal
        && e.Index < _marks["deployed"]).ElementAt(nth).Index;

    /// <summary>Submits what the fold refuses, as to a server: the envelope is kept, the verdict and the refusal are
    /// written.</summary>
    void Refuse(string mark, Statement statement, params ReadOnlySpan<Person> by)
    {
        var before = W.State;
        var entry = W.Sign(W.Fresh(statement), by);
        var refused = W.Replay.Try(entry) as Outcome.Refused
            ?? throw new InvalidOperationException($"'{mark}' is not refused");
        W.Put(entry.Envelope.ToJson());
        if (Explain.Verdict(before, entry, refused) is { } verdict) W.Add(new Entry(W.Now,
            Envelope.Sign(verdict.Encode(), World.Server.Key)));
        Mark(mark, W.Add(new Entry(W.Now, Envelope.Sign(Explain.Refusal(before, entry, refused).Encode(),
            World.Server.Key))));
        Refused[mark] = entry.Envelope;
    }

    /// <summary>Almost everything that may happen.</summary>
    public static readonly Lazy<Ground> Life = new(() =>
    {
        var g = new Ground(Mortgage.Released());
        var (m, w) = (g.M, g.W);
        w.Add(w.Member(Deployer2, new Role(RoleName.Deployer, World.Sys)), World.Owners);
        w.Add(w.Member(Node2, new Role(RoleName.Node, World.Sys, World.Test)), World.Owners);
        var interim = w.Policy("interim", null, ("any", "deploy canary rollback", "true"));
        g.Mark("interim", w.Add(w.PutPolicy(interim), World.Owners));
        g.Mark("again", w.Add(w.PutPolicy(m.Policy), World.Owners));
        g.Mark("waiver-before", w.Add(w.Waive(m.V1, m.Policy, "four-fifths", World.Test), World.Approver));
        g.Mark("worse", w.Add(World.Evaluate(m.V2, m.Check, w.Report(0.5)), World.Evaluator));
        g.Mark("better", w.Add(World.Evaluate(m.V2, m.Check, w.Report(0.9), g["worse"]), World.Evaluator));
        g.Mark("evaluation-of-v3", w.Replay.Entries.First(e => e.Statement is Evaluation v && v.Release == m.V3).Index);
        g.Mark("release", w.Replay.Entries.First(e => e.Statement is Release r && r.Digest == m.V2).Index);

        w.Add(w.Approve(m.V1), World.Approver);
        g.Refuse("failing", w.Deploying(m.V1), World.Deployer);
        g.Refuse("unapproved", w.Deploying(m.V2), World.Deployer);
        g.Refuse("builder-approval", w.Approve(m.V2), World.Builder);
        g.Refuse("other-shown", w.Approve(m.V2) with { Shown = Digest.Of("other"u8) }, World.Approver2);
        g.Refuse("policy", w.PutPolicy(interim) with { Replaces = 1 }, World.Owners);
        g.Refuse("member", new MemberStatement(Imposter.Id, null, [Deployer2.Key.Public],
            [new Role(RoleName.Approver, World.Sys), new Role(RoleName.Deployer, World.Sys)], null) { Nonce = "",
                Issued = 0 },
            World.Owners);
        g.Refuse("waiver", w.Waive(m.V2, m.Policy, "two-person", validFor: 2 * Fold.MaxWaiver), World.Approver);
        g.Refuse("release-refused", World.Release(m.V2, w.State.Releases[m.V2].Document), World.Builder2);
        g.Refuse("origin", World.OriginOf(World.Builder, Origin.Pipeline, m.Data, Digest.Of("nowhere"u8)),
            World.Builder);
        g.Refuse("evaluation", World.Evaluate(m.V2, m.Check, w.Report(0.99), 2), World.Evaluator);

        g.Mark("approval-3", w.Add(w.Approve(m.V3), World.Approver));
        g.Mark("approval", w.Add(w.Approve(m.V2), World.Approver));
        var taken = w.Approve(m.V2);
        g.Mark("withdrawn", w.Add(taken, World.Approver2));
        g.Mark("withdrawal", w.Add(w.State.Approvals[g["withdrawn"]].Approval with { Expires = null,
            Replaces = g["withdrawn"] }, World.Approver2));
        g.Mark("deployed", w.Deploy(w.Deploying(m.V2), Deployer2));
        g.Mark("observed", w.Add(w.Observe(ObservedEvent.Started), World.Node));
        for (var i = 0; i < 3; i++) m.Log.Add(w.Decide());
        var open = m.Log.Add(w.Decide(DecisionKind.Open));
        g.Mark("anchor-1", m.Anchor());
        m.Log.Add(w.Decide());
        m.Log.Add(w.Decide(DecisionKind.Close, open));
        g.Mark("late", w.Add(World.Evaluate(m.V2, m.Check, w.Report(0.95)), World.Evaluator));
        w.Add(w.Approve(m.V3), World.Approver);
        g.Mark("deployed-3", w.Deploy(w.Deploying(m.V3), World.Deployer));
        m.Log.Add(w.Decide());
        g.Mark("anchor-2", m.Anchor());
        g.Mark("rollback-approval", w.Add(w.Approve(m.V2, DeploymentAction.Rollback), World.Approver2));
        g.Mark("rolled-back", w.Deploy(w.RollingBack(m.V2), World.Deployer));
        g.Mark("observed-back", w.Add(w.Observe(ObservedEvent.Started), World.Node));
        m.Log.Add(w.Decide());
        m.Log.Add(w.Decide());
        g.Mark("test-policy", w.Add(w.PutPolicy(w.Policy("test", null, ("any", "deploy", "true")),
            environment: World.Test), World.Owners));
        w.Add(w.Approve(m.V2, environment: World.Test), World.Approver);
        w.Deploy(w.Deploying(m.V2, World.Test), World.Deployer);
        g.Mark("observed-test", w.Add(w.Observe(ObservedEvent.Started, World.Test), Node2));
        g.Mark("erasure", m.Erase(0, 1));
        g.Mark("hold", w.Add(World.PlaceHold(World.Prod, m.Log.Origin, 2, 4), World.Owners));
        var forbidden = Mortgage.ErasedList(2, 3);
        g.Refuse("erasure-refused", World.Erase(m.Log.Origin) with { To = 4, Count = 2, List = forbidden.Root,
            Size = w.State.Size }, World.Owners);
        g.Mark("reckoned", w.Add(w.Reckon(World.Start, w.Now - 1000, null, World.Sys, World.Prod), World.Monitor));
        g.Mark("alert", w.Add(w.Alarm(m.Log) with { To = 4 }, World.Monitor));
        g.Mark("anchor-3", m.Anchor());
        m.Log.Add(w.Decide());
        return g;
    });

    /// <summary>No approval is asked for. V1 failed one of two checks, and was let through by a waiver; then the head
    /// moved on before its node signed.</summary>
    public static readonly Lazy<Ground> Free = new(() =>
    {
        var g = new Ground(Mortgage.Released());
        var (m, w) = (g.M, g.W);
        var light = w.Policy("light", new Dictionary<string, Digest> { ["fairness"] = m.Check },
            ("four-fifths", "deploy canary rollback", "checks.fairness.all(e, e.metrics.approval_ratio >= 0.8)"));
        w.Add(w.PutPolicy(light), World.Owners);
        g.Mark("failed", w.Replay.Entries.First(e => e.Statement is Evaluation v && v.Release == m.V1).Index);
        g.Mark("passed", w.Add(World.Evaluate(m.V1, m.Check, w.Report(0.95)), World.Evaluator));
        g.Refuse("unwaived", w.Deploying(m.V1), World.Deployer);
        g.Mark("waiver", w.Add(w.Waive(m.V1, light, "four-fifths"), World.Approver));
        g.Mark("deployed", w.Deploy(w.Deploying(m.V1), World.Deployer));
        m.Log.Add(w.Decide());
        g.Mark("next", w.Deploy(w.Deploying(m.V2), World.Deployer));
        g.Mark("anchor-1", m.Anchor());
        return g;
    });

    /// <summary>
    /// One of two approvers is an author of the release, another approval's key was revoked, and that revocation was
    /// made harder later; a third was taken the role. One approval counts.
    /// </summary>
    public static readonly Lazy<Ground> Doubtful = new(() =>
    {
        var g = new Ground(Mortgage.Released());
        var (m, w) = (g.M, g.W);
        var (author, lost, demoted) = (World.Approver2, Person.Of("lost"), Person.Of("demoted"));
        w.Add(w.Member(author, new Role(RoleName.Approver, World.Sys), new Role(RoleName.Builder, World.Sys)),
            World.Owners);
        foreach (var person in new[] { lost, demoted }) w.Add(w.Member(person, new Role(RoleName.Approver, World.Sys)),
            World.Owners);
        g.Mark("authored", w.Add(World.OriginOf(author, Origin.Import, m.Data), author));
        g.Refuse("author-approval", w.Approve(m.V2), author);
        g.Mark("approval-lost", w.Add(w.Approve(m.V2), lost));
        g.Mark("revoked", w.Add(World.Revoke(RevocationTarget.Key, lost.Key.Public.Id, 1), World.Owners));
        g.Mark("approval-demoted", w.Add(w.Approve(m.V2), demoted));
        g.Mark("demoted", w.Add(w.Member(demoted, new Role(RoleName.Evaluator, World.Sys)), World.Owners));
        w.Add(w.Approve(m.V2), World.Approver);
        g.Mark("deployed", w.Deploy(w.Deploying(m.V2), World.Deployer));
        m.Log.Add(w.Decide());
        g.Mark("revoked-again", w.Add(World.Revoke(RevocationTarget.Key, lost.Key.Public.Id, 1, RevocationEffect.Stop),
            World.Owners));
        g.Mark("anchor-1", m.Anchor());
        return g;
    });

    /// <summary>After the approval a check failed, so the deployment was refused; what runs now was let through later,
    /// without that rule.</summary>
    public static readonly Lazy<Ground> Late = new(() =>
    {
        var g = new Ground(Mortgage.Released());
        var (m, w) = (g.M, g.W);
        g.Mark("approval", w.Add(w.Approve(m.V2), World.Approver));
        g.Mark("failed", w.Add(World.Evaluate(m.V2, m.Check, w.Report(0.4)), World.Evaluator));
        g.Refuse("failing", w.Deploying(m.V2), World.Deployer);
        w.Add(w.PutPolicy(w.Policy("open", null, ("any", "deploy canary rollback", "true"))), World.Owners);
        g.Mark("deployed", w.Deploy(w.Deploying(m.V2), World.Deployer));
        m.Log.Add(w.Decide());
        g.Mark("anchor-1", m.Anchor());
        return g;
    });

    /// <summary>A canary of two: one of its releases was approved after a check that failed, the other one needs no
    /// approval.</summary>
    public static readonly Lazy<Ground> Canary = new(() =>
    {
        var g = new Ground(Mortgage.Released());
        var (m, w) = (g.M, g.W);
        var light = w.Policy("light", new Dictionary<string, Digest> { ["fairness"] = m.Check },
            ("some", "deploy canary rollback", "checks.fairness.exists(e, e.metrics.approval_ratio >= 0.8)"));
        w.Add(w.PutPolicy(light), World.Owners);
        g.Mark("failed", w.Add(World.Evaluate(m.V3, m.Check, w.Report(0.3)), World.Evaluator));
        w.Deploy(w.Deploying(m.V2), World.Deployer);
        w.Add(w.Approve(m.V2, DeploymentAction.Canary,
            routes: w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3).Routes),
            World.Approver);
        g.Mark("deployed", w.Deploy(w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3), World.Deployer));
        m.Log.Add(w.Decide());
        g.Mark("anchor-1", m.Anchor());
        return g;
    });
}
