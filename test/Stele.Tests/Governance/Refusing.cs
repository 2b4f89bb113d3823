using System.Collections.Immutable;
using System.Text;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;
using static Stele.Proof.Governance.RefusalCode;

namespace Stele.Tests.Governance;

/// <summary>
/// One way to be refused: the code that must come, and the act, which gives the world it happens in and what the fold
/// made of it.
/// </summary>
sealed record Provocation(RefusalCode Code, string What, Func<(World World, Outcome Outcome)> Act);

/// <summary>
/// Everything that the fold must refuse, by code. Each case starts from a world in which the same act, done right, is
/// admitted.
/// </summary>
static partial class Refusing
{
    public static readonly ImmutableArray<Provocation> All = [.. Shapes(), .. Signing(), .. Genesis(), .. Owning(),
        .. Building(), .. Approving(), .. Deploying(), .. Observing(), .. Reckoning(), .. RefusingRetention.All,
        .. RefusingAttestations.All];

    internal static Provocation On(RefusalCode code, string what, Func<Mortgage, Outcome> act) => new(code, what, () =>
    {
        var m = Mortgage.Released();
        return (m.World, act(m));
    });

    static Entry Raw(World w, Json payload, params ReadOnlySpan<Person> by) => Raw(w, payload.ToBytes(), by);

    static Entry Raw(World w, byte[] payload, params ReadOnlySpan<Person> by)
    {
        var keys = new PrivateKey[by.Length];
        for (var i = 0; i < by.Length; i++) keys[i] = by[i].Key;
        return new Entry(w.Now, Envelope.Sign(payload, keys));
    }

    /// <summary>A good statement's payload, changed.</summary>
    static Outcome Changed(World w, Statement statement, Person by, Func<Json, Json> change) =>
        w.Judge(Raw(w, change(CanonicalJson.Parse(w.Fresh(statement).Encode(), Envelope.MaxPayload)), by));

    static Json Predicate(Json statement, string name, Json value) =>
        statement.With("predicate", statement["predicate"].With(name, value));

    static IEnumerable<Provocation> Shapes() =>
    [
        On(Malformed, "not JSON", m => m.World.Judge(Raw(m.World, Encoding.UTF8.GetBytes("{"), World.Owner))),
        On(Malformed, "an empty payload", m => m.World.Judge(Raw(m.World, [], World.Owner))),
        On(Malformed, "JSON with white space", m =>
            m.World.Judge(Raw(m.World, [.. m.World.Fresh(World.Retain("x", 1)).Encode(), (byte)'\n'], World.Owner))),
        On(Malformed, "another _type", m => Changed(m.World, m.World.Deploying(m.V2), World.Deployer,
            j => j.With("_type", "https://in-toto.io/Statement/v0.1"))),
        On(Malformed, "a member that the kind does not have",
            m => Changed(m.World, m.World.Deploying(m.V2), World.Deployer, j => Predicate(j, "extra", true))),
        On(Malformed, "a weight beyond an int", m => Changed(m.World, m.World.Deploying(m.V2), World.Deployer,
            j => Predicate(j, "routes", Json.Array(Json.Object(("release", m.V2), ("weight", 5_000_000_000)))))),
        On(Malformed, "a fold version beyond an int",
            m => Changed(m.World, World.Protocol(1), World.Owner, j => Predicate(j, "foldVersion", Json.MaxInt))),
        On(Malformed, "a negative fold version",
            m => Changed(m.World, World.Protocol(1), World.Owner, j => Predicate(j, "foldVersion", -1))),
        On(Malformed, "a time after the year 9999", m =>
            Changed(m.World, m.World.Approve(m.V2), World.Approver, j => Predicate(j, "expires", Entry.MaxTime + 1))),
        On(Malformed, "a nonce of another length", m => Changed(m.World, m.World.Deploying(m.V2), World.Deployer,
            j => Predicate(j, "stele_act", j["predicate"]["stele_act"].With("nonce", "00")))),
        On(Malformed, "a subject that is not the statement's", m => Changed(m.World, m.World.Deploying(m.V2),
            World.Deployer, j => j.With("subject", Json.Array(new Subject(m.V1).ToJson())))),
        On(Malformed, "no subject",
            m => Changed(m.World, m.World.Deploying(m.V2), World.Deployer, j => j.With("subject", Json.EmptyArray))),
        On(Malformed, "free text as a subject's name",
            m => Changed(m.World, World.OriginOf(World.Builder, Origin.Freeze, Digest.Of("x"u8)), World.Builder,
            j =>
                j.With("subject",
                    Json.Array(Json.Object(("digest", Json.Object(("sha256", Digest.Of("x"u8).Hex))),
                        ("name", "A Person's Name")))))),
        On(Malformed, "a close of a log that names a key", m => Changed(m.World,
            World.EndLog(LogAction.Close, m.Log.Origin), World.Owner, j => Predicate(j, "key", "x"))),
        On(Malformed, "opening a log without its key",
            m => m.World.Try(World.OpenLog(new DecisionLog(new NoteSigner("l2"))) with { Key = null }, World.Owners)),
        On(Malformed, "superseding without a reason",
            m => m.World.Try(World.Evaluate(m.V2, m.Check, m.World.Report(0.9),
                m.World.State.Evaluations.Keys.Last()) with { Reason = null }, World.Evaluator)),
        On(Malformed, "two signatures where one is right",
            m => m.World.Try(m.World.Approve(m.V2), World.Approver, World.Approver2)),
        On(UnknownKind, "a kind that is reserved", m => Changed(m.World, World.Protocol(1), World.Owner,
            j => j.With("predicateType", Statement.OwnTypes + "incident/v1"))),
        On(UnknownKind, "the second version of a kind", m => Changed(m.World, World.Protocol(1), World.Owner,
            j => j.With("predicateType", Statement.OwnTypes + "protocol/v2"))),
        On(UnknownKind, "somebody else's predicate", m => Changed(m.World, World.Protocol(1), World.Owner,
            j => j.With("predicateType", "https://example.com/other/v1"))),
        On(WrongLedger, "made for another ledger", m =>
        {
            var other = Mortgage.Founded("other.example");
            other.World.Now = m.World.Now;
            return m.World.Judge(other.World.Sign(other.World.Fresh(World.EndLog(LogAction.Close, other.Log.Origin)),
                World.Owners));
        }),
        On(WrongLedger, "made for no ledger",
            m => Changed(m.World, World.OriginOf(World.Builder, Origin.Freeze, Digest.Of("x"u8)), World.Builder,
            j => Predicate(j, "stele_act", Json.Object(("issued", m.World.Now), ("nonce", new string('0', 32)))))),
        On(TimeBackwards, "an entry before the last one", m =>
        {
            m.World.Now -= 60_000;
            return m.World.Try(World.EndLog(LogAction.Close, m.Log.Origin), World.Owners);
        }),
        On(OutsideWindow, "issued more than five minutes in the future", m => At(m.World, -Fold.MaxSkew - 1)),
        On(OutsideWindow, "issued more than a day ago", m => At(m.World, Fold.MaxDelay + 1)),
    ];

    /// <summary>What takes a waiver back.</summary>
    static Waiver Back(Mortgage m, Waiver waiver, long entry) => waiver with
    {
        Expires = null,
        Reason = null,
        Replaces = entry
    };

    /// <summary>An act signed now and entered later (or earlier).</summary>
    static Outcome At(World w, long later)
    {
        w.Now += 3_600_000;   // so that "earlier" is still after the last entry
        var statement = w.Fresh(World.EndLog(LogAction.Close, w.Logs.Keys.Single()));
        w.Now += later;
        return w.Judge(w.Sign(statement, World.Owners));
    }

    static IEnumerable<Provocation> Signing() =>
    [
        On(UnknownSigner, "a stranger's key", m => m.World.Try(m.World.Deploying(m.V2), World.Stranger)),
        On(UnknownSigner, "a second key that was never registered",
            m => m.World.Try(m.World.Deploying(m.V2), World.Deployer.With("second"))),
        On(BadSignature, "a signature of another payload", m =>
            m.World.Judge(Transplanted(m.World, m.World.Deploying(m.V2), m.World.Deploying(m.V1), World.Deployer))),
        On(RevokedKey, "a key that was revoked", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, m.World.State.Size),
                World.Owners);
            return m.World.Try(m.World.Approve(m.V2), World.Approver);
        }),
        On(RevokedKey, "a key that its member gave up itself", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, null), World.Approver);
            return m.World.Try(m.World.Approve(m.V2), World.Approver);
        }),
        On(RevokedKey, "a key that was taken from its member", m =>
        {
            m.World.Add(m.World.Member(World.Approver.With("second"), new Role(RoleName.Approver)), World.Owners);
            return m.World.Try(m.World.Approve(m.V2), World.Approver);
        }),
        On(RevokedKey, "registering a revoked key again", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, m.World.State.Size),
                World.Owners);
            return m.World.Try(m.World.Member(World.Approver, new Role(RoleName.Approver)), World.Owners);
        }),
        On(RevokedKey, "a key that a stolen owner's key gave to the owner, after that key was revoked", m =>
        {
            var planted = World.Owner.With("planted");
            m.World.Add(m.World.Member(World.Owner,
                new Role(RoleName.Owner)) with { Keys = [World.Owner.Key.Public, planted.Key.Public] }, World.Owners);
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Owner)), World.Owners);
            m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Owner)), World.Owners);
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id,
                m.World.State.Members[World.Owner.Id].Entry), World.Recovery);
            return m.World.Try(m.World.PutPolicy(null), planted, World.Owner2);
        }),
        On(RevokedKey, "a member whom a stolen owner's key made, after that key was revoked", m =>
        {
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Approver)), World.Owners);
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id,
                m.World.State.Members[World.Stranger.Id].Entry), World.Recovery);
            return m.World.Try(m.World.Approve(m.V2), World.Stranger);
        }),
        On(RoleMissing, "owners revoke the recovery key",
            m => m.World.Try(World.Revoke(RevocationTarget.Key, World.Recovery.Key.Public.Id, null), World.Owners)),
        On(RoleMissing, "owners revoke the server's key",
            m => m.World.Try(World.Revoke(RevocationTarget.Key, World.Server.Key.Public.Id, null), World.Owners)),
        On(RoleMissing, "the recovery key revokes the server's", m =>
            m.World.Try(World.Revoke(RevocationTarget.Key, World.Server.Key.Public.Id, 0, RevocationEffect.Stop),
                World.Recovery)),
        On(RoleMissing, "the server's key gives itself up",
            m => m.World.Try(World.Revoke(RevocationTarget.Key, World.Server.Key.Public.Id, null), World.Server)),
        On(RoleMissing, "a key revokes itself back to an entry before",
            m => m.World.Try(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, 0), World.Approver)),
        On(RoleMissing, "a key revokes itself from an entry that it names",
            m => m.World.Try(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, m.World.State.Size),
                World.Approver)),
        On(TooFewOwners, "one of two owners revokes their own key back to genesis",
            m => m.World.Try(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id, 0), World.Owner)),
        On(SameMemberTwice, "two keys of one owner as two owners", m =>
        {
            var w = m.World;
            w.Add(w.Member(World.Owner, new Role(RoleName.Owner)) with { Keys = [World.Owner.Key.Public,
                World.Owner.With("second").Key.Public] }, World.Owners);
            return w.Try(World.EndLog(LogAction.Close, m.Log.Origin), World.Owner, World.Owner.With("second"));
        }),
        On(RoleMissing, "a node is assigned to a whole system",
            m => m.World.Try(m.World.Member(World.Stranger, new Role(RoleName.Node, World.Sys)), World.Owners)),
        On(RoleMissing, "a deployer declares a system",
            m => m.World.Try(m.World.Declare("other"), World.Owner, World.Deployer)),
        On(RoleMissing, "an owner approves", m => m.World.Try(m.World.Approve(m.V2), World.Owner)),
        On(RoleMissing, "an owner deploys", m => m.World.Try(m.World.Deploying(m.V2), World.Owner)),
        On(RoleMissing, "a builder approves", m => m.World.Try(m.World.Approve(m.V2), World.Builder2)),
        On(RoleMissing, "a builder evaluates",
            m => m.World.Try(World.Evaluate(m.V2, m.Check, m.World.Report(0.9)), World.Builder)),
        On(RoleMissing, "an evaluator builds",
            m => m.World.Try(World.OriginOf(World.Evaluator, Origin.Freeze, Digest.Of("x"u8)), World.Evaluator)),
        On(RoleMissing, "a node approves", m => m.World.Try(m.World.Approve(m.V2), World.Node)),
        On(RoleMissing, "a deployer gives itself a wider scope",
            m => m.World.Try(m.World.Member(World.Deployer, new Role(RoleName.Deployer)), World.Deployer)),
        On(RoleMissing, "the server approves", m => m.World.Try(m.World.Approve(m.V2), World.Server)),
        On(RoleMissing, "the server adds a member",
            m => m.World.Try(m.World.Member(World.Stranger, new Role(RoleName.Approver)), World.Server)),
        On(RoleMissing, "the server deploys", m => m.World.Try(m.World.Deploying(m.V2), World.Server)),
        On(RoleMissing, "the recovery key deploys", m => m.World.Try(m.World.Deploying(m.V2), World.Recovery)),
        On(RoleMissing, "the recovery key puts a policy in force",
            m => m.World.Try(m.World.PutPolicy(null), World.Recovery)),
        On(RoleMissing, "an approver outside its environment",
            m => m.World.Try(m.World.Approve(m.V2, environment: World.Test), World.Approver2)),
        On(RoleMissing, "a builder outside its system", m =>
        {
            m.World.Add(m.World.Declare("other", new EnvironmentTerms("prod", null, null, false)), World.Owners);
            return m.World.Try(World.Release(Digest.Of("x"u8), Digest.Of("y"u8), "other"), World.Builder2);
        }),
        On(RoleMissing, "a role that was taken away", m =>
        {
            m.World.Add(m.World.Member(World.Approver), World.Owners);
            m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Evaluator)), World.Owners);
            return m.World.Try(m.World.Approve(m.V2), World.Approver);
        }),
        On(RoleMissing, "an owner of one system only", m =>
        {
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Owner, World.Sys)), World.Owners);
            return m.World.Try(World.EndLog(LogAction.Close, m.Log.Origin), World.Owner, World.Stranger);
        }),
        On(RoleMissing, "registering another server",
            m => m.World.Try(m.World.Member(World.Stranger, new Role(RoleName.Server)), World.Owners)),
        On(RoleMissing, "an origin in another builder's name",
            m => m.World.Try(World.OriginOf(World.Builder2, Origin.Freeze, Digest.Of("x"u8)), World.Builder)),
        On(TooFewOwners, "one owner where two must sign", m => m.World.Try(m.World.PutPolicy(null), World.Owner)),
        On(TooFewOwners, "one owner revokes another's key", m =>
            m.World.Try(World.Revoke(RevocationTarget.Key, World.Owner2.Key.Public.Id, m.World.State.Size),
                World.Owner)),
        On(NotTheServer, "a node records a refusal",
            m => m.World.Try(new Refusal(Digest.Of("x"u8), 1, World.Start, "malformed", null)
        {
            Nonce = "",
            Issued = 0
        }, World.Node)),
        On(NotTheServer, "owners sign a verdict",
            m => m.World.Try(new Verdict([m.V2], World.Sys, World.Prod, Digest.Of("x"u8), 1, World.Start, true, [], [],
                Digest.Of("x"u8), 0)
        {
            Nonce = "",
            Issued = 0
        }, World.Owners)),
    ];

    /// <summary>One statement with the signature of another.</summary>
    public static Entry Transplanted(World w, Statement statement, Statement signed, Person by)
    {
        var donor = w.Sign(w.Fresh(signed), by).Envelope.ToJson();
        return new Entry(w.Now, Envelope.FromJson(donor.With("payload", Base64.Encode(w.Fresh(statement).Encode()))));
    }

    static Provocation First(RefusalCode code, string what, Func<GenesisStatement, GenesisStatement> change,
        params Person[] by) => new(code, what, () =>
    {
        var w = new World();
        return (w, w.Try(change(World.Genesis()), by.Length == 0 ? World.Owners : by));
    });

    static IEnumerable<Provocation> Genesis() =>
    [
        new(NotGenesis, "the first entry is not genesis", () =>
        {
            var w = new World();
            return (w, w.Judge(w.Sign(World.Retain("x", 1) with
            {
                Ledger = Digest.Of("x"u8),
                Issued = w.Now,
                Nonce = new string('0', 32)
            }, World.Owners)));
        }),
        On(NotGenesis, "a second genesis", m => m.World.Try(World.Genesis(), World.Owners)),
        First(UnknownFoldVersion, "a fold version to come", g => g with { FoldVersion = 7 }),
        First(WrongLedger, "genesis names a ledger", g => g, World.Owners) with
        {
            Act = () =>
            {
                var w = new World();
                return (w, w.Judge(w.Sign(World.Genesis() with
                {
                    Ledger = Digest.Of("x"u8),
                    Issued = w.Now
                }, World.Owners)));
            },
        },
        First(TooFewOwners, "a threshold above the owners", g => g with { Threshold = 3 }),
        First(TooFewOwners, "a threshold of none", g => g with { Threshold = 0 }),
        First(TooFewOwners, "no owners", g => g with { Owners = [] }),
        First(TooFewOwners, "an owner without a key",
            g => g with { Owners = g.Owners.Add(new Founder(World.Stranger.Id, [])) }),
        First(TooFewOwners, "signed by fewer than the threshold", g => g, World.Owner),
        First(KeyTaken, "one key for two owners",
            g => g with { Owners = [g.Owners[0], g.Owners[1] with { Keys = g.Owners[0].Keys }] }),
        First(KeyTaken, "one owner twice", g => g with { Owners = [g.Owners[0], g.Owners[0]] }),
        First(KeyTaken, "one key twice for one owner",
            g => g with { Owners = [g.Owners[0] with { Keys = [World.Owner.Key.Public, World.Owner.Key.Public] },
                g.Owners[1]] }),
        First(KeyTaken, "the server has an owner's key", g => g with { ServerKey = World.Owner.Key.Public }),
        First(KeyTaken, "the recovery key is the server's", g => g with { RecoveryKey = World.Server.Key.Public }),
        First(BadCheckpoint, "a log key with another name",
            g => g with { LogKey = new NoteSigner("elsewhere").Key.ToString() }),
        First(BadCheckpoint, "a witness's key as log key",
            g => g with { LogKey = new NoteSigner(World.Name, NoteKeyType.Cosignature).Key.ToString() }),
        First(BadCheckpoint, "no log key", g => g with { LogKey = "x" }),
        First(UnknownSigner, "signed by someone else too", g => g, World.Owner, World.Owner2, World.Stranger),
        First(SameMemberTwice, "a founder signs with both keys",
            g =>
                g with { Owners = [g.Owners[0] with { Keys = [World.Owner.Key.Public,
                    World.Owner.With("second").Key.Public] }, g.Owners[1]] }, World.Owner, World.Owner.With("second")),
        First(BadSignature, "a founder's signature of another genesis", g => g, World.Owner) with
        {
            Act = () =>
            {
                var w = new World();
                return (w, w.Judge(Transplanted(w, World.Genesis(), World.Genesis(threshold: 1), World.Owner)));
            },
        },
        First(OutsideWindow, "genesis issued at another time", g => g, World.Owners) with
        {
            Act = () =>
            {
                var w = new World();
                var genesis = w.Fresh(World.Genesis());
                w.Now += Fold.MaxDelay + 1;
                return (w, w.Judge(w.Sign(genesis, World.Owners)));
            },
        },
    ];

    static PolicyDocument Of(string name, params Rule[] rules) => new(name) { Rules = [.. rules] };

    static PolicyTest Expecting(string rule, string outcome) =>
        new("as it should be", "deploy", Json.EmptyObject,
            ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal).Add(rule, outcome));

    static IEnumerable<Provocation> Owning() =>
    [
        On(UnknownFoldVersion, "a protocol of the same version",
            m => m.World.Try(World.Protocol(State.CurrentFold), World.Owners)),
        On(UnknownFoldVersion, "a protocol of a version before",
            m => m.World.Try(World.Protocol(State.CurrentFold - 1), World.Owners)),
        On(UnknownFoldVersion, "a protocol to come",
            m => m.World.Try(World.Protocol(State.CurrentFold + 1), World.Owners)),
        On(BadCheckpoint, "the next log key has another name",
            m => m.World.Try(World.LogKey(new NoteSigner("elsewhere"), 1000), World.Owners)),
        On(OutOfRange, "a log key for sizes that were signed already", m =>
            m.World.Try(World.LogKey(new NoteSigner(World.Name, secret: "next"), m.World.State.Size), World.Owners)),
        On(OutOfRange, "a log key for sizes that no ledger will have",
            m => m.World.Try(World.LogKey(new NoteSigner(World.Name, secret: "next"),
                m.World.State.Size + Fold.MaxKeyAhead + 1), World.Owners)),
        .. new[] { new EnvironmentTerms(World.Prod, -1, null, false), new EnvironmentTerms(World.Prod, null, -1, false),
            new EnvironmentTerms(World.Prod, Json.MaxInt, null, false) }
            .Select(x => On(Malformed, $"terms of {x.StaleAfter} and {x.ObservationGap} ms",
                m => m.World.Try(m.World.Declare("other", x), World.Owners))),
        On(KeyTaken, "the present log key as the next",
            m => m.World.Try(World.LogKey(m.World.Key, 1000), World.Owners)),
        On(AlreadyKnown, "a decision log's origin twice", m => m.World.Try(World.OpenLog(m.Log), World.Owners)),
        On(AlreadyKnown, "the ledger itself as a decision log",
            m => m.World.Try(World.OpenLog(new DecisionLog(m.World.Key)), World.Owners)),
        On(BadCheckpoint, "a decision log's key with another name",
            m => m.World.Try(World.OpenLog(m.Log) with { Origin = "elsewhere" }, World.Owners)),
        On(KeyTaken, "one key for two decision logs",
            m => m.World.Try(World.OpenLog(new DecisionLog(Renamed(m.Log.Key))), World.Owners)),
        On(UnknownMember, "a decision log of someone who is no node there",
            m => m.World.Try(World.OpenLog(new DecisionLog(new NoteSigner("l2")), World.Deployer), World.Owners)),
        On(UnknownMember, "a decision log of a node of another environment", m =>
            m.World.Try(World.OpenLog(new DecisionLog(new NoteSigner("l2")), World.Node, World.Test), World.Owners)),
        On(UnknownEnvironment, "a decision log of an environment that is not", m =>
            m.World.Try(World.OpenLog(new DecisionLog(new NoteSigner("l2")), environment: "nowhere"), World.Owners)),
        On(UnknownLog, "closing a log that is not",
            m => m.World.Try(World.EndLog(LogAction.Close, "nowhere"), World.Owners)),
        On(UnknownLog, "closing a log twice", m =>
        {
            m.World.Add(World.EndLog(LogAction.Lost, m.Log.Origin), World.Owners);
            return m.World.Try(World.EndLog(LogAction.Close, m.Log.Origin), World.Owners);
        }),
        On(UnknownLog, "continuing a log that is still open", m =>
            m.World.Try(World.OpenLog(new DecisionLog(new NoteSigner("l2")), predecessor: m.Log.Origin), World.Owners)),
        On(UnknownLog, "erasing from a log that is not", m => m.World.Try(World.Erase("nowhere"), World.Owners)),
        On(UnknownLog, "pruning a log that is not", m => m.World.Try(World.Retain("nowhere", 1), World.Owners)),
        On(OutOfRange, "pruning what was never anchored",
            m => m.World.Try(World.Retain(m.Log.Origin, 1), World.Owners)),
        On(StaleReplace, "a member's statement that replaces nothing", m =>
            m.World.Try(m.World.Member(World.Approver, new Role(RoleName.Approver)) with { Replaces = null },
                World.Owners)),
        On(StaleReplace, "a member's old statement again", m =>
        {
            var old = m.World.Member(World.Approver, new Role(RoleName.Approver));
            m.World.Add(m.World.Member(World.Approver), World.Owners);
            return m.World.Try(old, World.Owners);
        }),
        On(StaleReplace, "a new member that replaces something",
            m => m.World.Try(m.World.Member(World.Stranger) with { Replaces = 3 }, World.Owners)),
        On(KeyTaken, "another member's key",
            m => m.World.Try(m.World.Member(World.Stranger) with { Keys = [World.Approver.Key.Public] }, World.Owners)),
        On(KeyTaken, "a key that another member once had", m =>
        {
            m.World.Add(m.World.Member(World.Approver) with { Keys = [] }, World.Owners);
            return m.World.Try(m.World.Member(World.Stranger) with { Keys = [World.Approver.Key.Public] },
                World.Owners);
        }),
        On(KeyTaken, "one key twice",
            m =>
                m.World.Try(m.World.Member(World.Stranger) with { Keys = [World.Stranger.Key.Public,
                    World.Stranger.Key.Public] }, World.Owners)),
        On(KeyTaken, "the server's key for a member",
            m => m.World.Try(m.World.Member(World.Stranger) with { Keys = [World.Server.Key.Public] }, World.Owners)),
        On(LastOwner, "removing an owner below the threshold",
            m => m.World.Try(m.World.Member(World.Owner2), World.Owners)),
        On(LastOwner, "taking an owner's only key",
            m => m.World.Try(m.World.Member(World.Owner2, new Role(RoleName.Owner)) with { Keys = [] }, World.Owners)),
        On(LastOwner, "revoking an owner's only key", m =>
            m.World.Try(World.Revoke(RevocationTarget.Key, World.Owner2.Key.Public.Id, m.World.State.Size),
                World.Owners)),
        On(UnknownMember, "a system whose owner is nobody",
            m => m.World.Try(m.World.Declare("other") with { Owner = World.Stranger.Id }, World.Owners)),
        On(StaleReplace, "a system declared again from nothing",
            m => m.World.Try(m.World.Declare() with { Replaces = null }, World.Owners)),
        On(StaleReplace, "dropping an environment that runs", m =>
        {
            m.Deploy(m.V2);
            return m.World.Try(m.World.Declare(World.Sys, new EnvironmentTerms(World.Test, null, null, false)),
                World.Owners);
        }),
        On(UnknownSystem, "a policy for a system that is not",
            m => m.World.Try(m.World.PutPolicy(m.Policy, "nowhere"), World.Owners)),
        On(UnknownEnvironment, "a policy for an environment that is not",
            m => m.World.Try(m.World.PutPolicy(m.Policy, environment: "nowhere"), World.Owners)),
        On(StaleReplace, "an old policy statement again", m =>
        {
            var old = m.World.PutPolicy(m.Policy);
            m.World.Add(m.World.PutPolicy(m.World.Policy("strict", null, ("no", "deploy", "false"))), World.Owners);
            return m.World.Try(old, World.Owners);
        }),
        On(DocumentMissing, "a policy that is not at hand",
            m => m.World.Try(m.World.PutPolicy(Digest.Of("nowhere"u8)), World.Owners)),
        On(DocumentMissing, "a policy larger than a document may be",
            m => m.World.Try(m.World.PutPolicy(m.World.Put(new byte[Artifacts.MaxDocument + 1])), World.Owners)),
        On(DocumentInvalid, "a policy that is no policy",
            m => m.World.Try(m.World.PutPolicy(m.World.Put("{}")), World.Owners)),
        On(DocumentInvalid, "a policy whose rule does not compile",
            m => m.World.Try(m.World.PutPolicy(m.World.Put(Of("x", Rule.Require("a", ["deploy"], "1 +")).ToJson())),
                World.Owners)),
        On(DocumentInvalid, "a policy whose rule misspells a field",
            m =>
                m.World.Try(
                    m.World.PutPolicy(m.World.Put(Of("x", Rule.Require("a", ["deploy"], "release.nmae == 'v2'"))
                        .ToJson())), World.Owners)),
        On(DocumentInvalid, "a policy of more rules than may be",
            m =>
                m.World.Try(
                    m.World.PutPolicy(
                        m.World.Put(
                            Of("x", [.. Enumerable.Range(0, Policy.MaxRules + 1)
                                .Select(i => Rule.Require($"r{i}", ["deploy"], "true"))]).ToJson())), World.Owners)),
        On(PolicyTestFailed, "a policy that fails its own test",
            m =>
                m.World.Try(
                    m.World.PutPolicy(
                        m.World.Put(
                            (Of("x", Rule.Require("a", ["deploy"], "true")) with { Tests = [Expecting("a", "failed")] })
                                .ToJson())), World.Owners)),
        On(OutOfScope, "a policy for another system than its scope",
            m =>
                m.World.Try(
                    m.World.PutPolicy(
                        m.World.Put((Of("x", Rule.Require("a", ["deploy"], "true")) with { Scope = new("other", null) })
                            .ToJson())), World.Owners)),
        On(OutOfScope, "a policy for more than its scope",
            m =>
                m.World.Try(
                    m.World.PutPolicy(
                        m.World.Put(
                            (Of("x", Rule.Require("a", ["deploy"], "true")) with { Scope = new(World.Sys, World.Prod) })
                                .ToJson())), World.Owners)),
        On(OutOfScope, "a rule on the system in an environment's policy",
            m => m.World.Try(m.World.PutPolicy(m.World.Policy("x", null, ("a", "system", "true")),
                environment: World.Prod), World.Owners)),
        On(PolicyFailed, "a milder severity where a policy in force forbids to loosen", m =>
        {
            m.World.Add(m.World.PutPolicy(m.World.Policy("guard", null, ("never", "policy", "!change.loosens")), null),
                World.Owners);
            var present = m.World.Replay.Documents.Policy(m.Policy)!.Document;
            return m.World.Try(
                m.World.PutPolicy(
                    m.World.Put((present with { Rules = [.. present.Rules.Select(r => r with { Severity = "low" })] })
                        .ToJson())), World.Owners);
        }),
        On(Revoked, "a policy that was revoked", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Frozen, 0), World.Owners);
            return m.World.Try(m.World.PutPolicy(m.Frozen), World.Owners);
        }),
        On(PolicyFailed, "an act of governance that a policy in force forbids", m =>
        {
            m.World.Add(m.World.PutPolicy(m.World.Policy("closed", null, ("no-new-members", "member", "false")), null),
                World.Owners);
            return m.World.Try(m.World.Member(World.Stranger), World.Owners);
        }),
        On(OutOfRange, "a revocation from an entry to come",
            m => m.World.Try(World.Revoke(RevocationTarget.Artifact, m.V1, m.World.State.Size + 1), World.Owners)),
        On(UnknownMember, "revoking a key that nobody has",
            m => m.World.Try(World.Revoke(RevocationTarget.Key, World.Stranger.Key.Public.Id, 0), World.Owners)),
        On(UnknownArtifact, "revoking a key as if it were an artifact",
            m => m.World.Try(World.Revoke(RevocationTarget.Artifact, World.Owner.Key.Public.Id, 0), World.Owners)),
        On(AlreadyKnown, "the same revocation again", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.V1, 5), World.Owners);
            return m.World.Try(World.Revoke(RevocationTarget.Artifact, m.V1, 5), World.Owners);
        }),
        On(AlreadyKnown, "a milder revocation", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.V1, 5, RevocationEffect.Stop), World.Owners);
            return m.World.Try(World.Revoke(RevocationTarget.Artifact, m.V1, 6), World.Owners);
        }),
    ];

    /// <summary>The same Ed25519 key under another name.</summary>
    static NoteSigner Renamed(NoteSigner key) => key.As("another.example");

    /// <summary>
    /// A builder of another system, who may say where anything comes from that no release of this one rests on.
    /// </summary>
    static Person Elsewhere(Mortgage m)
    {
        m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Builder, "other")), World.Owners);
        m.World.Add(World.OriginOf(World.Stranger, Origin.Freeze, Digest.Of("unrelated"u8)), World.Stranger);
        return World.Stranger;
    }

    /// <summary>
    /// An anchor under a good checkpoint over as many leaves as its counts add up to, of a log that has had none.
    /// </summary>
    internal static Anchor Beyond(Mortgage m, long opens, long closes, long wholes) =>
        m.World.Anchoring(m.Log) with
        {
            Checkpoint = m.Log.Key.Checkpoint(opens + closes + wholes, Digest.Of("x"u8)),
            Opens = opens,
            Closes = closes,
            Wholes = wholes
        };

    static IEnumerable<Provocation> Building() =>
    [
        On(Revoked, "a build from a revoked material", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Data, 0), World.Owners);
            return m.World.Try(World.OriginOf(World.Builder, Origin.Pipeline, Digest.Of("x"u8), m.Data), World.Builder);
        }),
        On(NoOrigin, "a build from a material without origin",
            m => m.World.Try(World.OriginOf(World.Builder, Origin.Pipeline, Digest.Of("x"u8), Digest.Of("nowhere"u8)),
                World.Builder)),
        On(NoOrigin, "a build from a material whose builder's key was revoked", m =>
        {
            m.World.Add(World.OriginOf(World.Builder2, Origin.Freeze, Digest.Of("late"u8)), World.Builder2);
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Builder2.Key.Public.Id, 0), World.Owners);
            return m.World.Try(World.OriginOf(World.Builder, Origin.Pipeline, Digest.Of("x"u8), Digest.Of("late"u8)),
                World.Builder);
        }),
        .. new[] { ("a licence that is no SPDX expression", "licence", "see the README; it's free!"),
            ("a kind of artifact that is none", "kind", "thing"),
            ("an origin that is a book", "origin", new string('x', 2001)) }
            .Select(x =>
                On(Malformed, x.Item1,
                    m => m.World.Try(World.OriginOf(World.Builder, Origin.Freeze,
                        Digest.Of("x"u8)) with { Parameters = Json.Object((x.Item2, x.Item3)) }, World.Builder))),
        On(RoleMissing, "another system's builder on a part of a release",
            m => m.World.Try(World.OriginOf(Elsewhere(m), Origin.Freeze, m.Data), World.Stranger)),
        On(RoleMissing, "another system's builder on what came to be a part of a release by an origin", m =>
        {
            var below = m.World.Put("deeper");
            m.World.Add(World.OriginOf(World.Builder, Origin.Freeze, m.Data, below), World.Builder);
            return m.World.Try(World.OriginOf(Elsewhere(m), Origin.Freeze, below), World.Stranger);
        }),
        On(RoleMissing, "a release itself as another system's product",
            m => m.World.Try(World.OriginOf(Elsewhere(m), Origin.Pipeline, m.V2, m.Code), World.Stranger)),
        On(OutOfRange, "more origins of one artifact than may be", m =>
        {
            for (var i = 2; i <= Fold.MaxOrigins; i++)
                m.World.Add(World.OriginOf(World.Builder, Origin.Freeze, m.Data), World.Builder);
            return m.World.Try(World.OriginOf(World.Builder, Origin.Freeze, m.Data), World.Builder);
        }),
        On(UnknownSystem, "a release of a system that is not",
            m => m.World.Try(World.Release(m.V1, Digest.Of("x"u8), "nowhere"), World.Builder)),
        On(AlreadyKnown, "a release declared twice",
            m => m.World.Try(World.Release(m.V1, m.World.State.Releases[m.V1].Document), World.Builder)),
        On(DocumentMissing, "a release whose manifest is not at hand", m =>
        {
            var (release, document) = m.World.Close("v4", null, ("code", "code", m.Code));
            m.World.Lose(release);
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(DocumentMissing, "a release whose document is not at hand", m =>
        {
            var (release, document) = m.World.Close("v4", null, ("code", "code", m.Code));
            m.World.Lose(document);
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(DocumentMissing, "a release whose own policy is not at hand", m =>
        {
            var (release, document) = m.World.Close("v4", Digest.Of("nowhere"u8), ("code", "code", m.Code));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(PolicyTestFailed, "a release whose own policy fails its own test", m =>
        {
            var (release, document) = m.World.Close("v4",
                m.World.Put(
                    (Of("x", Rule.Require("a", ["deploy"], "false")) with { Tests = [Expecting("a", "passed")] })
                        .ToJson()), ("code", "code", m.Code));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(OutOfScope, "a release whose own policy is for another system", m =>
        {
            var (release, document) = m.World.Close("v4",
                m.World.Put((Of("x", Rule.Require("a", ["deploy"], "true")) with { Scope = new("other", null) })
                    .ToJson()), ("code", "code", m.Code));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(DocumentInvalid, "a release whose document is not its manifest's config", m =>
        {
            var (release, _) = m.World.Close("v4", null, ("code", "code", m.Code));
            var (_, document) = m.World.Close("v5", null, ("code", "code", m.Code));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(DocumentInvalid, "a release whose document has an unknown member", m =>
        {
            var (_, good) = m.World.Close("v4", null, ("code", "code", m.Code));
            var bad = m.World.Put(CanonicalJson.Parse(m.World.Find(good)!, Artifacts.MaxDocument).With("extra", true));
            return m.World.Try(World.Release(m.World.Put(World.Manifest(bad, m.World.Find(bad)!.Length)), bad),
                World.Builder);
        }),
        On(WrongSystem, "a release whose document names another system", m =>
        {
            m.World.Add(m.World.Declare("other"), World.Owners);
            var (release, document) = m.World.Close("v4", null, ("code", "code", m.Code));
            return m.World.Try(World.Release(release, document, "other"), World.Builder);
        }),
        On(NoOrigin, "a release with a component without origin", m =>
        {
            var (release, document) = m.World.Close("v4", null, ("code", "code", Digest.Of("nowhere"u8)));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(Revoked, "a release with something revoked deep in its closure", m =>
        {
            var (release, document) = m.World.Close("v4", m.Frozen, ("model", "model", m.World.Put("model v2")));
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Data, 0), World.Owners);
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(Revoked, "a release whose own policy was revoked", m =>
        {
            var (release, document) = m.World.Close("v4", m.Frozen, ("code", "code", m.Code));
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Frozen, 0), World.Owners);
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(UnknownRelease, "an evaluation of a release that is not",
            m => m.World.Try(World.Evaluate(Digest.Of("x"u8), m.Check, m.World.Report(0.9)), World.Evaluator)),
        On(DocumentMissing, "an evaluation whose report is not at hand",
            m => m.World.Try(World.Evaluate(m.V2, m.Check, Digest.Of("nowhere"u8)), World.Evaluator)),
        On(DocumentInvalid, "an evaluation whose report has no metrics",
            m => m.World.Try(World.Evaluate(m.V2, m.Check, m.World.Put("{}")), World.Evaluator)),
        On(Revoked, "an evaluation by a revoked check", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Check, 0), World.Owners);
            return m.World.Try(World.Evaluate(m.V2, m.Check, m.World.Report(0.9)), World.Evaluator);
        }),
        On(UnknownEvaluation, "superseding another release's evaluation",
            m => m.World.Try(World.Evaluate(m.V2, m.Check, m.World.Report(0.9),
                m.World.State.Evaluations.First(e => e.Value.Release == m.V1).Key), World.Evaluator)),
        On(UnknownEvaluation, "superseding an evaluation twice", m =>
        {
            var first = m.World.State.Evaluations.First(e => e.Value.Release == m.V1).Key;
            m.World.Add(World.Evaluate(m.V1, m.Check, m.World.Report(0.75), first), World.Evaluator);
            return m.World.Try(World.Evaluate(m.V1, m.Check, m.World.Report(0.9), first), World.Evaluator);
        }),
    ];

    static IEnumerable<Provocation> Approving() =>
    [
        On(UnknownRelease, "approving a release that is not",
            m => m.World.Try(m.World.Approve(Digest.Of("x"u8)), World.Approver)),
        On(WrongSystem, "approving a release for another system", m =>
        {
            m.World.Add(m.World.Declare("other", new EnvironmentTerms(World.Prod, null, null, false)), World.Owners);
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Approver)), World.Owners);
            return m.World.Try(m.World.Approve(m.V2) with { System = "other" }, World.Stranger);
        }),
        On(UnknownEnvironment, "approving for an environment that is not",
            m => m.World.Try(m.World.Approve(m.V2, environment: "nowhere"), World.Approver)),
        On(AuthorApproves, "approving one's own release", m =>
        {
            m.World.Add(m.World.Member(World.Builder, new Role(RoleName.Builder), new Role(RoleName.Approver)),
                World.Owners);
            return m.World.Try(m.World.Approve(m.V2), World.Builder);
        }),
        On(AuthorApproves, "approving one's own release with a second key", m =>
        {
            var second = World.Builder.With("second");
            m.World.Add(m.World.Member(World.Builder, new Role(RoleName.Builder),
                new Role(RoleName.Approver)) with { Keys = [World.Builder.Key.Public, second.Key.Public] },
                    World.Owners);
            return m.World.Try(m.World.Approve(m.V2), second);
        }),
        On(AuthorApproves, "approving after building only a material of it", m =>
        {
            var (w, model) = (m.World, m.World.Put("model v4"));
            w.Add(w.Member(World.Builder2, new Role(RoleName.Builder), new Role(RoleName.Approver)), World.Owners);
            var data = w.Put("more rows");
            w.Add(World.OriginOf(World.Builder2, Origin.Freeze, data), World.Builder2);
            w.Add(World.OriginOf(World.Builder, Origin.Pipeline, model, data), World.Builder);
            var (release, document) = w.Close("v4", null, ("model", "model", model));
            w.Add(World.Release(release, document), World.Builder);
            return w.Try(w.Approve(release), World.Builder2);
        }),
        On(DocumentInvalid, "a model that is called a configuration", m =>
        {
            var weights = Digest.Of("weights"u8);
            m.World.Add(World.Frozen(World.Builder, weights, "weights", "model", "CC0-1.0"), World.Builder);
            var (release, document) = m.World.Close("v4", null, ("weights", "config", weights));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(DocumentInvalid, "what a pipeline built as code, called a configuration", m =>
        {
            var built = Digest.Of("built"u8);
            m.World.Add(World.OriginOf(World.Builder, Origin.Pipeline, built,
                m.Code) with { Parameters = Json.Object(("kind", "code")) }, World.Builder);
            var (release, document) = m.World.Close("v4", null, ("service", "config", built));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(DocumentInvalid, "an environment that is mounted within the root", m =>
        {
            var (release, document) = m.World.Close("v4", null, ("service", "environment", m.Code));
            return m.World.Try(World.Release(release, document), World.Builder);
        }),
        On(AuthorApproves, "waiving a rule for one's own release", m =>
        {
            m.World.Add(m.World.Member(World.Builder, new Role(RoleName.Builder), new Role(RoleName.Approver)),
                World.Owners);
            return m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Builder);
        }),
        On(Expired, "an approval that has expired",
            m => m.World.Try(m.World.Approve(m.V2, validFor: 0), World.Approver)),
        On(OutOfRange, "an approval for longer than a quarter of a year",
            m => m.World.Try(m.World.Approve(m.V2, validFor: Fold.MaxApproval + 1), World.Approver)),
        On(BadRoutes, "approving half of a deployment",
            m => m.World.Try(m.World.Approve(m.V2, routes: [new Route(m.V2, 50)]), World.Approver)),
        On(BadRoutes, "approving a canary without its shares",
            m => m.World.Try(m.World.Approve(m.V2, DeploymentAction.Canary), World.Approver)),
        On(BadRoutes, "approving a deployment of another release",
            m => m.World.Try(m.World.Approve(m.V2, routes: [new Route(m.V3, 100)]), World.Approver)),
        On(BadRoutes, "approving no routes", m => m.World.Try(m.World.Approve(m.V2, routes: []), World.Approver)),
        On(ShownDiffers, "approving other routes than those shown",
            m =>
                m.World.Try(m.World.Approve(m.V2, DeploymentAction.Canary, routes: [new Route(m.V2, 1),
                    new Route(m.V3, 99)]) with { Routes = [new Route(m.V2, 99), new Route(m.V3, 1)] }, World.Approver)),
        On(ShownDiffers, "approving what was shown before a rule was waived", m =>
        {
            var old = m.World.Approve(m.V1);
            m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver2);
            return m.World.Try(old, World.Approver);
        }),
        On(Malformed, "an approval without an end",
            m => m.World.Try(m.World.Approve(m.V2) with { Expires = null }, World.Approver)),
        On(Malformed, "an approval with an end that takes one back",
            m => m.World.Try(m.World.Approve(m.V2) with { Replaces = 3 }, World.Approver)),
        On(StaleReplace, "taking back an approval that nobody gave", m => m.World.Try(m.World.Approve(m.V2) with
        {
            Expires = null,
            Replaces = 3
        }, World.Approver)),
        Ready(StaleReplace, "taking back an approval under another's name", m => m.World.Try(m.World.Approve(m.V3) with
        {
            Expires = null,
            Replaces = m.World.State.Approvals.Keys.Single()
        }, World.Approver)),
        Ready(RoleMissing, "taking back another's approval", m => m.World.Try(m.World.Approve(m.V2) with
        {
            Expires = null,
            Replaces = m.World.State.Approvals.Keys.Single()
        }, World.Approver2)),
        Ready(AlreadyKnown, "taking back an approval twice", m =>
        {
            var back = m.World.Approve(m.V2) with { Expires = null, Replaces = m.World.State.Approvals.Keys.Single() };
            m.World.Add(back, World.Approver);
            return m.World.Try(back, World.Approver);
        }),
        Ready(Expired, "taking back an approval that has ended", m =>
        {
            m.World.Now += 3_600_000;
            return m.World.Try(m.World.Approve(m.V2) with
            {
                Expires = null,
                Replaces = m.World.State.Approvals.Keys.Single()
            }, World.Approver);
        }),
        On(Expired, "a waiver that has expired",
            m => m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths", validFor: -1), World.Approver)),
        On(StaleHead, "approving on a head that moved on", m =>
        {
            var old = m.World.Approve(m.V3);
            m.Deploy(m.V2);
            return m.World.Try(old, World.Approver);
        }),
        On(PoliciesDiffer, "approving under a policy that was replaced", m =>
        {
            var old = m.World.Approve(m.V2);
            m.World.Add(m.World.PutPolicy(m.Frozen, environment: World.Prod), World.Owners);
            return m.World.Try(old, World.Approver);
        }),
        On(PoliciesDiffer, "waiving a policy that is not in force",
            m => m.World.Try(m.World.Waive(m.V1, m.Frozen, "predict-only"), World.Approver)),
        On(OutOfRange, "waiving a rule that the policy does not have",
            m => m.World.Try(m.World.Waive(m.V1, m.Policy, "nothing"), World.Approver)),
        On(OutOfRange, "waiving a rule for longer than a quarter of a year", m =>
            m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths", validFor: Fold.MaxWaiver + 1), World.Approver)),
        On(OutOfRange, "waiving a rule that judges requests", m =>
        {
            m.World.Add(m.World.PutPolicy(m.World.Policy("gate", null, ("any", "deploy", "true"),
                ("predict-only", "decide", "request.path == '/predict'")), environment: World.Prod), World.Owners);
            return m.World.Try(m.World.Waive(m.V1, m.World.State.PoliciesFor(World.Sys, World.Prod)[^1],
                "predict-only"), World.Approver);
        }),
        On(OutOfRange, "waiving more for one release than may count", m =>
        {
            for (var i = 0; i < Fold.MaxWaivers; i++)
                m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
            return m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver2);
        }),
        On(Malformed, "a waiver without a reason", m =>
        {
            var waiver = m.World.Fresh(m.World.Waive(m.V1, m.Policy, "four-fifths"));
            var predicate = CanonicalJson.Parse(waiver.Encode(), Envelope.MaxPayload);
            var bare = predicate.With("predicate",
                Json.Object(predicate["predicate"].AsObject.Where(p => p.Key != "reason")));
            return m.World.Judge(new Entry(m.World.Now, Envelope.Sign(bare.ToBytes(), World.Approver.Key)));
        }),
        On(StaleReplace, "taking back a waiver that nobody gave",
            m => m.World.Try(Back(m, m.World.Waive(m.V1, m.Policy, "four-fifths"), 3), World.Approver)),
        On(StaleReplace, "taking back a waiver under another rule's name", m =>
        {
            var waiver = m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
            return m.World.Try(Back(m, m.World.Waive(m.V1, m.Policy, "built"), waiver), World.Approver);
        }),
        On(AlreadyKnown, "taking back a waiver twice", m =>
        {
            var waiver = m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
            m.World.Add(Back(m, m.World.Waive(m.V1, m.Policy, "four-fifths"), waiver), World.Approver);
            return m.World.Try(Back(m, m.World.Waive(m.V1, m.Policy, "four-fifths"), waiver), World.Approver2);
        }),
        On(Expired, "taking back a waiver that has ended", m =>
        {
            var waiver = m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths", validFor: 2000), World.Approver);
            m.World.Now += 2000;
            return m.World.Try(Back(m, m.World.Waive(m.V1, m.Policy, "four-fifths"), waiver), World.Approver);
        }),
        On(RoleMissing, "a builder takes a waiver back", m =>
        {
            var waiver = m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
            return m.World.Try(Back(m, m.World.Waive(m.V1, m.Policy, "four-fifths"), waiver), World.Builder);
        }),
        On(Malformed, "a waiver without an end",
            m => m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths") with { Expires = null }, World.Approver)),
        On(Malformed, "a waiver with an end that takes one back",
            m => m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths") with { Replaces = 3 }, World.Approver)),
        On(RoleMissing, "waiving a rule in another environment than one's own",
            m => m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths", World.Test), World.Approver2)),
        On(RoleMissing, "an owner waives", m => m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Owner)),
        On(Malformed, "two approvers waive in one envelope",
            m => m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver, World.Approver2)),
        On(UnknownRelease, "waiving a rule for a release that nobody declared",
            m => m.World.Try(m.World.Waive(Digest.Of("x"u8), m.Policy, "four-fifths"), World.Approver)),
        On(PolicyFailed, "a waiver that a rule on waivers forbids", m =>
        {
            m.World.Add(m.World.PutPolicy(m.World.Policy("strict", null, ("no-waivers", "waiver", "false"),
                ("any", "deploy", "true")), environment: World.Prod), World.Owners);
            return m.World.Try(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
        }),
        On(ShownDiffers, "approving what was shown before a new report came", m =>
        {
            var old = m.World.Approve(m.V2);
            m.World.Add(World.Evaluate(m.V2, m.Check, m.World.Report(0.5)), World.Evaluator);
            return m.World.Try(old, World.Approver);
        }),
        On(Revoked, "approving a release that was revoked", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.V2, 0), World.Owners);
            return m.World.Try(m.World.Approve(m.V2), World.Approver);
        }),
    ];

    static Provocation Ready(RefusalCode code, string what, Func<Mortgage, Outcome> act) => On(code, what, m =>
    {
        m.World.Add(m.World.Approve(m.V2), World.Approver);
        return act(m);
    });

    static IEnumerable<Provocation> Deploying() =>
    [
        Ready(UnknownSystem, "deploying to a system that is not", m =>
        {
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Deployer)), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2) with { System = "nowhere" }, World.Stranger);
        }),
        Ready(UnknownEnvironment, "deploying to an environment that is not",
            m => m.World.Try(m.World.Deploying(m.V2, "nowhere"), World.Deployer)),
        Ready(WrongSystem, "deploying to another system", m =>
        {
            m.World.Add(m.World.Declare("other", new EnvironmentTerms(World.Prod, null, null, false)), World.Owners);
            m.World.Add(m.World.PutPolicy(m.World.Policy("easy", null, ("yes", "deploy", "true")), "other"),
                World.Owners);
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Deployer)), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2) with { System = "other" }, World.Stranger);
        }),
        Ready(StaleHead, "deploying over a head that is not there",
            m => m.World.Try(m.World.Deploying(m.V2) with { Replaces = 3 }, World.Deployer)),
        Ready(StaleHead, "the same deployment once more, issued again", m =>
        {
            var again = m.World.Deploying(m.V2);
            m.World.Deploy(m.World.Deploying(m.V2));
            return m.World.Try(again, World.Deployer);
        }),
        Ready(BadRoutes, "weights that do not add up",
            m => m.World.Try(m.World.Deploying(m.V2) with { Routes = [new Route(m.V2, 99)] }, World.Deployer)),
        Ready(BadRoutes, "a deploy of two releases",
            m => m.World.Try(m.World.Move(DeploymentAction.Deploy, World.Prod, m.V2, m.V3), World.Deployer)),
        Ready(BadRoutes, "a canary of one release",
            m => m.World.Try(m.World.Move(DeploymentAction.Canary, World.Prod, m.V2), World.Deployer)),
        Ready(BadRoutes, "a canary of one release twice",
            m => m.World.Try(m.World.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V2), World.Deployer)),
        Ready(BadRoutes, "a canary of a crowd",
            m =>
                m.World.Try(m.World.Move(DeploymentAction.Canary, World.Prod) with { Routes =
                    [.. Enumerable.Range(0, 100).Select(i => new Route(Digest.Of([(byte)i]), 1))] }, World.Deployer)),
        Ready(BadRoutes, "a weight of nothing",
            m => m.World.Try(m.World.Move(DeploymentAction.Canary,
                World.Prod) with { Routes = [new Route(m.V2, 100), new Route(m.V3, 0)] }, World.Deployer)),
        Ready(BadRoutes, "weights whose sum would overflow",
            m =>
                m.World.Try(m.World.Move(DeploymentAction.Canary, World.Prod) with
                { Routes = [new Route(m.V2, int.MaxValue),
                    new Route(m.V3, int.MaxValue)] }, World.Deployer)),
        Ready(BadRoutes, "a halt with a route",
            m => m.World.Try(m.World.Move(DeploymentAction.Halt, World.Prod, m.V2), World.Deployer)),
        Ready(UnknownRelease, "deploying a release that is not",
            m => m.World.Try(m.World.Deploying(Digest.Of("x"u8)), World.Deployer)),
        Ready(PolicyMissing, "no policy in force", m =>
        {
            m.World.Add(m.World.PutPolicy(null), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyMissing, "no policy in force that judges deployments", m =>
        {
            m.World.Add(m.World.PutPolicy(m.Frozen), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        On(CheckMissing, "a check that was never run", m =>
        {
            var (release, document) = m.World.Close("v4", m.Frozen, ("model", "model", m.World.Put("model v2")));
            m.World.Add(World.Release(release, document), World.Builder);
            m.World.Add(m.World.Approve(release), World.Approver);
            return m.World.Try(m.World.Deploying(release), World.Deployer);
        }),
        Ready(CheckMissing, "a check whose evaluator's key was revoked", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Evaluator.Key.Public.Id, 0), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(CheckMissing, "a check that was revoked", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Check, 0), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(DocumentMissing, "a policy in force that is not at hand any more", m =>
        {
            m.World.Lose(m.Policy);
            return Fold.Apply(m.World.State, m.World.Sign(m.World.Fresh(m.World.Deploying(m.V2)), World.Deployer),
                new Documents(m.World.Find));
        }),
        Ready(DocumentMissing, "a report that is not at hand any more", m =>
        {
            m.World.Lose(m.World.Report(0.842));
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        On(PolicyFailed, "a rule that is not fulfilled", m =>
        {
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a rule that does not evaluate", m =>
        {
            m.World.Add(m.World.PutPolicy(m.World.Policy("strict", null, ("odd", "deploy", "approvals[9].entry > 0")),
                environment: World.Prod), World.Owners);
            m.World.Add(m.World.Approve(m.V2), World.Approver);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "a worse report beside a good one", m =>
        {
            m.World.Add(World.Evaluate(m.V2, m.Check, m.World.Report(0.5)), World.Evaluator);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "a bad report whose superseding was signed by a revoked key", m =>
        {
            var w = m.World;
            var bad = w.Add(World.Evaluate(m.V2, m.Check, w.Report(0.5)), World.Evaluator);
            var second = World.Evaluator.With("second");
            w.Add(w.Member(World.Evaluator,
                new Role(RoleName.Evaluator)) with { Keys = [World.Evaluator.Key.Public, second.Key.Public] },
                    World.Owners);
            w.Add(World.Evaluate(m.V2, m.Check, w.Report(0.95), bad), second);
            w.Add(World.Revoke(RevocationTarget.Key, second.Key.Public.Id, 0), World.Owners);
            return w.Try(w.Deploying(m.V2), World.Deployer);
        }),
        On(PolicyFailed, "no approval", m => m.World.Try(m.World.Deploying(m.V2), World.Deployer)),
        On(PolicyFailed, "an approval for another environment", m =>
        {
            m.World.Add(m.World.Approve(m.V2, environment: World.Test), World.Approver);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        On(PolicyFailed, "an approval of another action", m =>
        {
            m.Deploy(m.V2);
            m.World.Add(m.World.Approve(m.V3, DeploymentAction.Rollback), World.Approver);
            return m.World.Try(m.World.Deploying(m.V3), World.Deployer);
        }),
        Ready(PolicyFailed, "an approval from before its report was superseded", m =>
        {
            m.World.Add(World.Evaluate(m.V2, m.Check, m.World.Report(0.9),
                m.World.State.Evaluations.First(e => e.Value.Release == m.V2).Key), World.Evaluator);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "an approval that was taken back", m =>
        {
            m.World.Add(m.World.Approve(m.V2) with
            {
                Expires = null,
                Replaces = m.World.State.Approvals.Keys.Single()
            }, World.Approver);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        On(PolicyFailed, "an approval of another share", m =>
        {
            foreach (var release in new[] { m.V2, m.V3 })
                m.World.Add(m.World.Approve(release, DeploymentAction.Canary,
                    routes: [new Route(m.V2, 99), new Route(m.V3, 1)]), World.Approver);
            return m.World.Try(m.World.Move(DeploymentAction.Canary,
                World.Prod) with { Routes = [new Route(m.V2, 1), new Route(m.V3, 99)] }, World.Deployer);
        }),
        Ready(PolicyFailed, "an approval that has expired since", m =>
        {
            m.World.Now += 3_600_001;
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "an approval by a key that was revoked since, back to before it", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, m.World.State.Size - 1),
                World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "an approval by a member who lost the role since", m =>
        {
            m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Evaluator)), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "an approval by a member who became an author since", m =>
        {
            m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Approver), new Role(RoleName.Builder)),
                World.Owners);
            m.World.Add(World.OriginOf(World.Approver, Origin.Freeze, m.Code), World.Approver);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "an approval given under a policy that was replaced since", m =>
        {
            m.World.Add(m.World.PutPolicy(m.Frozen, environment: World.Prod), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(PolicyFailed, "an approval that was used, after a rollback", m =>
        {
            m.World.Deploy(m.World.Deploying(m.V2));
            m.Deploy(m.V3);
            m.World.Add(m.World.Approve(m.V2, DeploymentAction.Rollback), World.Approver);
            m.World.Deploy(m.World.RollingBack(m.V2));
            return m.World.Try(m.World.Deploying(m.V3), World.Deployer);
        }),
        On(PolicyFailed, "a waiver that has expired since", m =>
        {
            m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
            m.World.Now += 3_600_001;
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a waiver for another environment", m =>
        {
            m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths", World.Test), World.Approver);
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a waiver for another rule", m =>
        {
            m.World.Add(m.World.Waive(m.V1, m.Policy, "built"), World.Approver);
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a waiver of a rule that the policy put in force since has again", m =>
        {
            m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
            m.World.Add(
                m.World.PutPolicy(m.World.Policy("admission-2",
                    new Dictionary<string, Digest> { ["fairness"] = m.Check }, ("four-fifths", "deploy",
                        "checks.fairness.all(e, e.metrics.approval_ratio >= 0.8)"))), World.Owners);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a waiver for another release", m =>
        {
            m.World.Add(m.World.Waive(m.V2, m.Policy, "four-fifths"), World.Approver);
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a waiver by someone who is no approver any more", m =>
        {
            m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver2);
            m.World.Add(m.World.Member(World.Approver2, new Role(RoleName.Deployer, World.Sys)), World.Owners);
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a waiver by someone who became an author", m =>
        {
            m.World.Add(m.World.Member(World.Approver2, new Role(RoleName.Approver, World.Sys),
                new Role(RoleName.Builder)),
                World.Owners);
            m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver2);
            m.World.Add(World.OriginOf(World.Approver2, Origin.Freeze, m.Code), World.Approver2);
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        On(PolicyFailed, "a waiver by a key that was revoked since", m =>
        {
            m.World.Add(m.World.Waive(m.V1, m.Policy, "four-fifths"), World.Approver2);
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver2.Key.Public.Id, 0), World.Owners);
            m.World.Add(m.World.Approve(m.V1), World.Approver);
            return m.World.Try(m.World.Deploying(m.V1), World.Deployer);
        }),
        Ready(Revoked, "something in the closure was revoked since", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Data, m.World.State.Size), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(Revoked, "the key that declared the release was revoked back to before it", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Builder.Key.Public.Id,
                m.World.State.Releases[m.V2].Entry),
                World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(Revoked, "the policy in force was revoked", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Policy, 0), World.Owners);
            return m.World.Try(m.World.Deploying(m.V2), World.Deployer);
        }),
        Ready(Revoked, "the policy in force was put there by a stolen owner's key", m =>
        {
            var w = m.World;
            var easy = w.Add(w.PutPolicy(w.Policy("easy", null, ("yes", "deploy", "true")), environment: World.Prod),
                World.Owners);
            w.Add(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id, easy), World.Recovery);
            return w.Try(w.Deploying(m.V2), World.Deployer);
        }),
        On(LastOwner, "revoking an owner's key back to when it made all the others owners", m =>
        {
            var w = m.World;
            var second = w.Add(w.Member(World.Owner2, new Role(RoleName.Owner)), World.Owners);
            w.Add(w.Member(World.Stranger, new Role(RoleName.Owner)), World.Owners);
            return w.Try(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id, second), World.Owner,
                World.Owner2);
        }),
        Ready(PolicyFailed, "an approval by a member whom a stolen owner's key made", m =>
        {
            var w = m.World;
            w.Add(w.Member(World.Stranger, new Role(RoleName.Approver)), World.Owners);
            w.Add(w.Approve(m.V3), World.Stranger);
            w.Add(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id,
                w.State.Members[World.Stranger.Id].Entry),
                World.Recovery);
            return w.Try(w.Deploying(m.V3), World.Deployer);
        }),
        On(Revoked, "rolling back to what was revoked", m =>
        {
            m.Deploy(m.V2);
            m.Deploy(m.V3);
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.V2, 0), World.Owners);
            return m.World.Try(m.World.RollingBack(m.V2), World.Deployer);
        }),
        On(NoOrigin, "a component whose origin lost its force", m =>
        {
            var w = m.World;
            w.Add(World.OriginOf(World.Builder2, Origin.Freeze, Digest.Of("library"u8)), World.Builder2);
            var (release, document) = w.Close("v4", m.Frozen, ("model", "model", w.Put("model v2")),
                ("lib", "code", Digest.Of("library"u8)));
            w.Add(World.Release(release, document), World.Builder);
            w.Add(World.Evaluate(release, m.Check, w.Report(0.9)), World.Evaluator);
            w.Add(w.Approve(release), World.Approver);
            w.Add(World.Revoke(RevocationTarget.Key, World.Builder2.Key.Public.Id, 0), World.Owners);
            return w.Try(w.Deploying(release), World.Deployer);
        }),
        On(NeverDeployed, "rolling back to what never ran there", m =>
        {
            m.Deploy(m.V2);
            return m.World.Try(m.World.RollingBack(m.V3), World.Deployer);
        }),
        On(NeverDeployed, "rolling back to what had a share of a canary", m =>
        {
            m.Deploy(m.V2);
            foreach (var release in new[] { m.V2, m.V3 })
                m.World.Add(m.World.Approve(release, DeploymentAction.Canary,
                    routes: m.World.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3).Routes), World.Approver);
            m.World.Deploy(m.World.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3));
            m.World.Add(m.World.Approve(m.V3, DeploymentAction.Rollback), World.Approver);
            return m.World.Try(m.World.RollingBack(m.V3), World.Deployer);
        }),
        On(NeverDeployed, "rolling back to what ran elsewhere", m =>
        {
            m.Deploy(m.V2);
            m.Deploy(m.V3, World.Test);
            return m.World.Try(m.World.RollingBack(m.V3), World.Deployer);
        }),
        Ready(NotAReturn, "a node deploys", m => m.World.Try(m.World.Deploying(m.V2), World.Node)),
        On(NotAReturn, "a node goes further back than one head", m =>
        {
            m.Deploy(m.V2);
            m.Deploy(m.V3);
            m.Deploy(m.V3);
            return m.World.Try(m.World.RollingBack(m.V2), World.Node);
        }),
        On(NotAReturn, "a node undoes a rollback", m =>
        {
            m.Deploy(m.V2);
            m.Deploy(m.V3);
            m.World.Add(m.World.Approve(m.V2, DeploymentAction.Rollback), World.Approver);
            m.World.Deploy(m.World.RollingBack(m.V2));
            return m.World.Try(m.World.RollingBack(m.V3), World.Node);
        }),
        On(NotAReturn, "a node undoes a halt", m =>
        {
            m.Deploy(m.V2);
            m.World.Deploy(m.World.Move(DeploymentAction.Halt, World.Prod));
            m.World.Add(m.World.Approve(m.V2, DeploymentAction.Rollback), World.Approver);
            return m.World.Try(m.World.RollingBack(m.V2), World.Node);
        }),
        On(NotAReturn, "a node returns where the environment does not let it", m =>
        {
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Node, World.Sys, World.Test)), World.Owners);
            m.Deploy(m.V2, World.Test);
            m.Deploy(m.V3, World.Test);
            return m.World.Try(m.World.RollingBack(m.V2, World.Test), World.Stranger);
        }),
        On(RoleMissing, "a node returns another environment's head", m =>
        {
            m.Deploy(m.V2, World.Test);
            m.Deploy(m.V3, World.Test);
            return m.World.Try(m.World.RollingBack(m.V2, World.Test), World.Node);
        }),
    ];

    static Provocation Running(RefusalCode code, string what, Func<Mortgage, Outcome> act) => On(code, what, m =>
    {
        m.Deploy(m.V2);
        return act(m);
    });

    static IEnumerable<Provocation> Observing() =>
    [
        Running(RoleMissing, "another environment's node observes", m =>
        {
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Node, World.Sys, World.Test)), World.Owners);
            return m.World.Try(m.World.Observe(), World.Stranger);
        }),
        Running(UnknownRelease, "observing a release that never ran there",
            m => m.World.Try(m.World.Observe() with { Release = m.V3 }, World.Node)),
        Running(OutOfRange, "observing an entry that is no deployment",
            m => m.World.Try(m.World.Observe() with { Deployment = 2 }, World.Node)),
        Running(OutOfRange, "observing another release's deployment", m =>
        {
            var first = m.World.Observe();
            m.Deploy(m.V3);
            return m.World.Try(m.World.Observe() with { Deployment = first.Deployment }, World.Node);
        }),
        Running(OutOfRange, "an observation at a size to come",
            m => m.World.Try(m.World.Observe() with { Size = m.World.State.Size + 1 }, World.Node)),
        Running(UnknownLog, "anchoring a log that is not",
            m => m.World.Try(m.World.Anchoring(new DecisionLog(new NoteSigner("nowhere"))), World.Node)),
        Running(RoleMissing, "anchoring another node's log", m =>
        {
            m.World.Add(m.World.Member(World.Stranger, new Role(RoleName.Node, World.Sys, World.Prod)), World.Owners);
            return m.World.Try(m.World.Anchoring(m.Log), World.Stranger);
        }),
        Running(RoleMissing, "anchoring after losing the node's role", m =>
        {
            m.World.Add(m.World.Member(World.Node, new Role(RoleName.Node, World.Sys, World.Test)), World.Owners);
            return m.World.Try(m.World.Anchoring(m.Log), World.Node);
        }),
        Running(UnknownLog, "anchoring a log that was closed", m =>
        {
            m.World.Add(World.EndLog(LogAction.Close, m.Log.Origin), World.Owners);
            return m.World.Try(m.World.Anchoring(m.Log), World.Node);
        }),
        Running(BadCheckpoint, "anchoring a checkpoint signed by another key", m =>
            m.World.Try(m.World.Anchoring(m.Log) with { Checkpoint = new NoteSigner(m.Log.Origin,
                secret: "other").Checkpoint(0, Merkle.EmptyRoot) }, World.Node)),
        Running(BadCheckpoint, "anchoring a checkpoint of another log",
            m => m.World.Try(m.World.Anchoring(m.Log) with { Checkpoint = m.World.Checkpoint() }, World.Node)),
        Running(BadCheckpoint, "anchoring no checkpoint",
            m => m.World.Try(m.World.Anchoring(m.Log) with { Checkpoint = "x" }, World.Node)),
        Running(Inconsistent, "anchoring fewer leaves than before", m =>
        {
            m.Log.Add(m.World.Decide());
            m.Log.Add(m.World.Decide());
            m.Anchor();
            return m.World.Try(m.World.Anchoring(m.Log) with
            {
                Checkpoint = m.Log.Checkpoint(1),
                Wholes = 1
            }, World.Node);
        }),
        Running(Inconsistent, "anchoring a fork", m =>
        {
            m.Log.Add(m.World.Decide());
            m.Anchor();
            var fork = new DecisionLog(m.Log.Key);
            m.World.Now += 5;
            fork.Add(m.World.Decide());
            fork.Add(m.World.Decide());
            return m.World.Try(m.World.Anchoring(fork) with { Proof = fork.Consistency(1, 2) }, World.Node);
        }),
        Running(Inconsistent, "anchoring without the proof", m =>
        {
            m.Log.Add(m.World.Decide());
            m.Anchor();
            m.Log.Add(m.World.Decide());
            return m.World.Try(m.World.Anchoring(m.Log) with { Proof = [] }, World.Node);
        }),
        Running(Inconsistent, "a first anchor with a proof",
            m => m.World.Try(m.World.Anchoring(m.Log) with { Proof = [Digest.Of("x"u8)] }, World.Node)),
        Running(Inconsistent, "counts that do not add up", m =>
        {
            m.Log.Add(m.World.Decide());
            return m.World.Try(m.World.Anchoring(m.Log) with { Wholes = 2 }, World.Node);
        }),
        Running(Inconsistent, "counts at their limit", m =>
        {
            m.Log.Add(m.World.Decide());
            return m.World.Try(m.World.Anchoring(m.Log) with
            {
                Wholes = Json.MaxInt,
                Opens = Json.MaxInt,
                Closes = Json.MaxInt
            }, World.Node);
        }),
        Running(Inconsistent, "more closes than opens", m =>
        {
            m.Log.Add(m.World.Decide());
            return m.World.Try(m.World.Anchoring(m.Log) with { Wholes = 0, Closes = 1 }, World.Node);
        }),
        Running(Inconsistent, "a count that goes down", m =>
        {
            m.Log.Add(m.World.Decide());
            m.Anchor();
            m.Log.Add(m.World.Decide());
            return m.World.Try(m.World.Anchoring(m.Log) with { Wholes = 0, Opens = 2 }, World.Node);
        }),
        Running(OutOfRange, "an anchor at a size to come",
            m => m.World.Try(m.World.Anchoring(m.Log) with { Size = m.World.State.Size + 1 }, World.Node)),
        Running(UnknownLog, "an alert on a log of another environment", m =>
        {
            m.Deploy(m.V2, World.Test);
            return m.World.Try(m.World.Alarm(m.Log, World.Test), World.Monitor);
        }),
        Running(OutOfRange, "an alert on decisions that are not anchored", m =>
        {
            m.Log.Add(m.World.Decide());
            return m.World.Try(m.World.Alarm(m.Log), World.Monitor);
        }),
        Running(OutOfRange, "an alert on a range that runs backwards", m => m.World.Try(m.World.Alarm(m.Log) with
        {
            From = 5,
            To = 4
        }, World.Monitor)),
        Running(OutOfRange, "a verdict on entries to come", m =>
            m.World.Try(new Verdict([m.V2], World.Sys, World.Prod, Digest.Of("x"u8), m.World.State.Size + 1,
                World.Start, true, [], [], Digest.Of("x"u8), 0)
            {
                Nonce = "",
                Issued = 0
            }, World.Server)),
        Running(OutOfRange, "a refusal in the future",
            m => m.World.Try(new Refusal(Digest.Of("x"u8), 1, m.World.Now + 1, "malformed", null)
        {
            Nonce = "",
            Issued = 0
        }, World.Server)),
        Running(OutOfRange, "a refusal with a code that is none",
            m => m.World.Try(new Refusal(Digest.Of("x"u8), 1, World.Start, "because", null)
        {
            Nonce = "",
            Issued = 0
        }, World.Server)),
        .. new[] { "document-missing", "unknown-kind",
            "unknown-fold-version" }.Select(code =>
                Running(OutOfRange, $"a refusal that others may execute otherwise: {code}",
                    m => m.World.Try(new Refusal(Digest.Of("x"u8), 1, World.Start, code, null)
        {
            Nonce = "",
            Issued = 0
        }, World.Server))),
        Running(Malformed, "a refusal by a rule of no policy",
            m => m.World.Try(new Refusal(Digest.Of("x"u8), 1, World.Start, "policy-failed", "no")
        {
            Nonce = "",
            Issued = 0
        }, World.Server)),
        Running(Malformed, "a refusal by a policy without a rule",
            m => m.World.Try(new Refusal(Digest.Of("x"u8), 1, World.Start, "policy-failed", null, m.Policy)
        {
            Nonce = "",
            Issued = 0
        }, World.Server)),
        Running(OutOfRange, "an anchor of more leaves than a number can tell",
            m => m.World.Try(Beyond(m, Json.MaxInt, 1, 0), World.Node)),
        On(OutOfRange, "a floor that does not rise", m =>
        {
            m.Deploy(m.V2);
            m.Log.Add(m.World.Decide());
            m.Anchor();
            m.World.Add(World.Retain(m.Log.Origin, 1), World.Owners);
            return m.World.Try(World.Retain(m.Log.Origin, 1), World.Owners);
        }),
    ];
}
