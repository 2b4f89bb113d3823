using System.Collections.Immutable;
using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Worlds;

// The statements of a world, unsigned, with what the present state gives filled in.
sealed partial class World
{
    public static GenesisStatement Genesis(string origin = Name, int threshold = 2, string? logKey = null) => new(
        origin, State.CurrentFold, [.. Owners.Select(o => new Founder(o.Id, [o.Key.Public]))], threshold,
        Recovery.Key.Public, Server.Key.Public, logKey ?? new NoteSigner(origin).Key.ToString())
    { Nonce = Unset, Issued = 0 };

    public MemberStatement Member(Person person, params ReadOnlySpan<Role> roles) =>
        new(person.Id, State.Members.TryGetValue(person.Id, out var m) ? m.Entry : null, [person.Key.Public],
            [.. roles], null)
        {
            Nonce = Unset,
            Issued = 0
        };

    public SystemStatement Declare(string system = Sys, params ReadOnlySpan<EnvironmentTerms> environments) =>
        new(system, State.Systems.TryGetValue(system, out var s) ? s.Entry : null, Owner.Id, "high", [.. environments])
        {
            Nonce = Unset,
            Issued = 0
        };

    public PolicyStatement PutPolicy(Digest? policy, string? system = Sys, string? environment = null) =>
        new(system, environment, State.Policies.TryGetValue(system is null ? "*" : environment is null ? system
            : State.Place(system, environment), out var p) ? p.Entry : null, policy)
        {
            Nonce = Unset,
            Issued = 0
        };

    public static Origin OriginOf(Person builder, string type, Digest output, params ReadOnlySpan<Digest> materials)
    {
        var inputs = ImmutableArray.CreateBuilder<Subject>();
        foreach (var m in materials) inputs.Add(new Subject(m, "material"));
        return new([new Subject(output, "output")], type, Json.EmptyObject, inputs.ToImmutable(), builder.Id,
            type == Origin.Pipeline ? new BuildRuns(2, true) : null)
        {
            Nonce = Unset,
            Issued = 0
        };
    }

    /// <summary>An origin with what its freezer says of the artifact.</summary>
    public static Origin Frozen(Person builder, Digest output, string name, string kind, string? licence,
        string? from = null, string type = Origin.Freeze) =>
        OriginOf(builder, type, output) with
        {
            Outputs = [new Subject(output, name)],
            Parameters = Json.Object(("kind", kind), ("licence", licence is null ? null : Json.Of(licence)),
                ("origin", from is null ? null : Json.Of(from)))
        };

    public static Release Release(Digest release, Digest document, string system = Sys) =>
        new(release, system, document)
    {
        Nonce = Unset,
        Issued = 0
    };

    public static Evaluation Evaluate(Digest release, Digest check, Digest report, long? supersedes = null) =>
        new(release, check, report, supersedes, supersedes is null ? null : Digest.Of("why"u8))
        {
            Nonce = Unset,
            Issued = 0
        };

    /// <param name="routes">Those of a canary; otherwise the release has all.</param>
    public Approval Approve(Digest release, DeploymentAction action = DeploymentAction.Deploy,
        string environment = Prod, long validFor = 3_600_000, ImmutableArray<Route> routes = default)
    {
        routes = routes.IsDefault ? [new Route(release, 100)] : routes;
        return new(release, Sys, environment, action, routes, State.Environment(Sys, environment).Head?.Entry,
            State.PoliciesFor(Sys, environment),
            State.Releases.TryGetValue(release, out var fact)
                ? Digest.Of(Shown.Document(State, fact, Sys, environment, action, routes, Now).ToBytes())
                : default, Now + validFor)
        { Nonce = Unset, Issued = 0 };
    }

    public Waiver Waive(Digest release, Digest policy, string rule, string environment = Prod,
        long validFor = 3_600_000) =>
        new(release, Sys, environment, policy, rule, Now + validFor, Digest.Of("why"u8)) { Nonce = Unset, Issued = 0 };

    public Deployment Move(DeploymentAction action, string environment, params ReadOnlySpan<Digest> releases)
    {
        var routes = ImmutableArray.CreateBuilder<Route>();
        foreach (var r in releases) routes.Add(new Route(r, 100 / releases.Length));
        return new(Sys, environment, action, State.Environment(Sys, environment).Head?.Entry, routes.ToImmutable())
        {
            Nonce = Unset,
            Issued = 0
        };
    }

    public Deployment Deploying(Digest release, string environment = Prod) =>
        Move(DeploymentAction.Deploy, environment, release);
    public Deployment RollingBack(Digest release, string environment = Prod) =>
        Move(DeploymentAction.Rollback, environment, release);

    public Observation Observe(ObservedEvent what = ObservedEvent.Running, string environment = Prod)
    {
        var head = State.Environment(Sys, environment).Head!;
        return new(head.Routes[0].Release, Sys, environment, head.Entry, what,
            [new Dimension("files", ObservedStrength.VerifiedAtLoad, true, Digest.Of("tree"u8), Digest.Of("tree"u8))],
                "copy",
            State.Size, StateDigest.Of(State))
        { Nonce = Unset, Issued = 0 };
    }

    public static LogStatement OpenLog(DecisionLog log, Person? node = null, string environment = Prod,
        string? predecessor = null) =>
        new(LogAction.Open, log.Origin, log.Key.Key.ToString(), (node ?? Node).Id, Sys, environment, predecessor)
        {
            Nonce = Unset,
            Issued = 0
        };

    public static LogStatement EndLog(LogAction action, string origin) => new(action, origin, null, null, null, null,
        null)
    {
        Nonce = Unset,
        Issued = 0
    };

    public Anchor Anchoring(DecisionLog log) =>
        new(log.Origin, log.Checkpoint(), log.Consistency(log.AnchoredSize, log.Leaves.Count), log.Opens, log.Closes,
            log.Wholes, State.Size, StateDigest.Of(State), log.Counted)
    {
        Nonce = Unset,
        Issued = 0
    };

    public Alert Alarm(DecisionLog log, string environment = Prod)
    {
        var head = State.Environment(Sys, environment).Head!;
        return new(head.Routes[0].Release, Sys, environment, head.Entry, "drift", log.Origin, 0, log.Leaves.Count)
        {
            Nonce = Unset,
            Issued = 0
        };
    }

    public static Revocation Revoke(RevocationTarget target, Digest digest, long? fromEntry,
        RevocationEffect effect = RevocationEffect.BlockNew) => new(target, digest, fromEntry, effect)
    {
        Nonce = Unset,
        Issued = 0
    };
    public static Erasure Erase(string log, long count = 1, string list = "list", long size = 11) =>
        new(log, 0, Math.Max(count, 1), Digest.Of(Encoding.UTF8.GetBytes(list)), count, ErasureCause.Request, size,
            null)
    {
        Nonce = Unset,
        Issued = 0
    };
    public static Hold PlaceHold(string? environment = null, string? log = null, long? from = null, long? to = null,
        string system = Sys) => new(HoldAction.Place, system, environment, log, from, to, null, Digest.Of("why"u8))
    {
        Nonce = Unset,
        Issued = 0
    };
    public static Hold ReleaseHold(long entry) => new(HoldAction.Release, null, null, null, null, null, entry, null)
    {
        Nonce = Unset,
        Issued = 0
    };
    public static Retention Retain(string log, long floor) => new(log, floor) { Nonce = Unset, Issued = 0 };
    /// <summary>The reckoning of the world's logs between two times, as an honest signer makes it.</summary>
    public Reconcile Reckon(long from, long to, long? upstream = null, string? system = Sys, string? environment = null)
    {
        var rows = ImmutableArray.CreateBuilder<ReconciledLog>();
        foreach (var log in Reconciliation.Scope(State, system, environment))
        {
            var window = Reconciliation.Window(log, from, to);
            var leaves = log.Status == LogAction.Lost
                ? null
                : Reconciliation.Leaves(Replay, log, window, Logs[log.Origin].Leaves);
            rows.Add(new ReconciledLog(log.Origin, window, leaves, upstream,
                Reconciliation.Differences(window, leaves, upstream)));
        }
        return new Reconcile(system, environment, from, to, rows.ToImmutable()) { Nonce = Unset, Issued = 0 };
    }

    /// <summary>A member's word on a control, in the place of their last one.</summary>
    public Attestation Attest(Person by, string control = "eu-ai-act/14", Digest? release = null,
        long? validFor = 3_600_000, Digest? evidence = null) => new(
        control, Sys, release, Attestations.LastOf(State, by.Id, control, Sys, release)?.By.Entry, Now + validFor,
        evidence, Digest.Of("why"u8))
        {
            Nonce = Unset,
            Issued = 0
        };

    public static ProtocolStatement Protocol(int version) => new(version) { Nonce = Unset, Issued = 0 };
    public static LogKeyStatement LogKey(NoteSigner key, long fromSize) => new(key.Key.ToString(), fromSize)
    {
        Nonce = Unset,
        Issued = 0
    };

    // Documents.

    /// <summary>A policy with the rules given as (id, actions, expression).</summary>
    public Digest Policy(string name, IReadOnlyDictionary<string, Digest>? checks,
        params ReadOnlySpan<(string Id, string On, string Require)> rules)
    {
        var all = ImmutableArray.CreateBuilder<Rule>();
        foreach (var r in rules)
            all.Add(Rule.Require(r.Id, [.. r.On.Split(' ')], r.Require,
                $"'the rule {r.Id} is not fulfilled for ' + action"));
        return Put(new Policy(name,
            (checks ?? new Dictionary<string, Digest>()).ToImmutableSortedDictionary(StringComparer.Ordinal),
            all.ToImmutable()).ToJson());
    }

    public Digest Report(double ratio, double auc = 0.8) => Put(Json.Object(
        ("metrics", Json.Object(("approval_ratio", ratio), ("auc", auc))), ("groups", Json.EmptyObject),
        ("counts", Json.Object(("rows", 714)))));

    /// <summary>A release document and its manifest, both put.</summary>
    public (Digest Release, Digest Document) Close(string name, Digest? policy,
        params ReadOnlySpan<(string Role, string Kind, Digest Digest)> components)
    {
        var all = ImmutableArray.CreateBuilder<Component>();
        foreach (var c in components) all.Add(new Component(c.Role, c.Kind, c.Role, c.Digest, "/" + c.Role));
        var document = new ReleaseDocument(name, Sys, all.ToImmutable(), new RunTerms(["/code/service"],
            ImmutableSortedDictionary<string, string>.Empty, "/", "/run/service.sock", "/healthz"), policy).Sorted();
        var put = Put(document.ToJson());
        return (Put(Manifest(put, _blobs[put].Length)), put);
    }

    public static Json Manifest(Digest document, long size, string mediaType = ReleaseDocument.MediaType) =>
        Json.Object(
        ("schemaVersion", 2), ("mediaType", "application/vnd.oci.image.manifest.v1+json"), ("config",
            Json.Object(("mediaType", mediaType), ("digest", document), ("size", size))), ("layers", Json.EmptyArray));

    /// <summary>One decision as the environment's head would make it.</summary>
    public Decision Decide(DecisionKind kind = DecisionKind.Whole, long? open = null, string environment = Prod)
    {
        var head = State.Environment(Sys, environment).Head!;
        return new(kind, Now + ++_decisions, open, Sys, environment, head.Entry, head.Routes[0].Release,
            ObservedStrength.VerifiedAtLoad, State.Releases[head.Routes[0].Release].Policy,
                State.PoliciesFor(Sys, environment),
            DecisionOutcome.Allow, null, "0123456789abcdef0123456789abcdef", "http", "predict", 200,
            Commitment.To("input", new byte[32], "in"u8),
            kind == DecisionKind.Open ? null : Commitment.To("output", new byte[32], "out"u8), 1500, State.Size, 10);
    }
}
