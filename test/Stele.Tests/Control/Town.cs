using System.Collections.Immutable;
using System.Text;
using Stele.Api;
using Stele.Blobs;
using Stele.Control;
using Stele.Disk;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Control;

/// <summary>A member of the town: an id and a key.</summary>
sealed record Citizen(string Id, PrivateKey Key)
{
    public static Citizen New() => new(Founding.NewNonce(), PrivateKey.Create());
}

/// <summary>
/// A real server on loopback over a real folder, with real members who sign with real keys. Nothing here stands in for
/// anything.
/// </summary>
sealed class Town : IAsyncDisposable
{
    public const string System = "mortgage", Environment = "prod";

    readonly Scratch _scratch = new();

    public required ServerFolder Folder { get; init; }
    public required Founded Founded { get; init; }
    public required TimeProvider Time { get; init; }
    public required ServerOptions Options { get; set; }
    public Citizen Owner { get; private init; } = null!;

    /// <summary>
    /// The one who signs beside <see cref="Owner"/> in a town of two; null where one owner is enough.
    /// </summary>
    public Citizen? Second { get; private init; }
    public Citizen Builder { get; } = Citizen.New();
    public Citizen Evaluator { get; } = Citizen.New();
    public Citizen Approver { get; } = Citizen.New();
    public Citizen Deployer { get; } = Citizen.New();
    public Citizen Node { get; } = Citizen.New();
    public ServerHost Host { get; private set; } = null!;
    public ServerClient Server { get; private set; } = null!;
    public List<string> Bugs { get; } = [];

    public Trust Trust => Founded.Trust;
    public State State => Host.Admission.Replay.State;

    public static async Task<Town> Found(TimeProvider? time = null, ServerOptions? options = null)
    {
        time ??= TimeProvider.System;
        var scratch = new Scratch();
        var folder = new ServerFolder(scratch.At("data"));
        var owner = Citizen.New();
        var founded = await Founding.Found(folder, owner.Key, owner.Id, Founding.NewOrigin("test"), time);
        var town = new Town(scratch)
        {
            Folder = folder,
            Founded = founded,
            Time = time,
            Owner = owner,
            Options = (options ?? new ServerOptions()) with { Port = 0 }
        };
        await town.Start();
        return town;
    }

    /// <summary>A town whose owners act together: two, and both must sign. The command line founds ledgers of one
    /// owner, so what <see cref="Founding"/> writes is written here.</summary>
    public static async Task<Town> FoundByTwo()
    {
        var time = TimeProvider.System;
        var scratch = new Scratch();
        var folder = new ServerFolder(scratch.At("data"));
        var (first, second) = (Citizen.New(), Citizen.New());
        var origin = Founding.NewOrigin("test");
        Files.CreateDirectory(folder.Keys, Readers.Owner);
        using var logKey = Stele.Ledger.NoteSigner.Create(folder.LogKey, origin);
        using var serverKey = PrivateKey.Create();
        using var recovery = PrivateKey.Create();
        Files.Write(folder.ServerKey, serverKey.ToPem(), Readers.Owner);
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var genesis = new GenesisStatement(origin, State.CurrentFold,
            [new Founder(first.Id, [first.Key.Public]), new Founder(second.Id, [second.Key.Public])], 2,
            recovery.Public, serverKey.Public, logKey.Key.ToString()) { Nonce = Founding.NewNonce(), Issued = now };
        var entry = new Entry(now, Envelope.Sign(genesis.Encode(), first.Key, second.Key));
        Assert.IsNotType<Outcome.Refused>(Fold.Apply(State.Empty, entry, Documents.None));
        using (var log = Stele.Ledger.Log.Open(folder.LedgerStore, origin, logKey, time))
            await log.Append(entry.Bytes);
        var token = TokenFile.Renew(folder.Tokens, "founder");
        var trust = new Trust(origin, logKey.Key, entry.LeafHash, [], 0);
        Files.Write(folder.Trust, trust.ToJson().ToString() + "\n");
        var town = new Town(scratch)
        {
            Folder = folder, Founded = new Founded(trust, token, recovery), Time = time, Owner = first, Second = second,
            Options = new ServerOptions { Port = 0 },
        };
        await town.Start();
        return town;
    }

    Town(Scratch scratch) => _scratch = scratch;

    /// <summary>A file with the founder's token, as commands take it.</summary>
    public string TokenInFile() => _scratch.File("founder.token", Founded.Token + "\n");

    public string Path(string name) => _scratch.At(name);

    public Task Start() => StartAt(0);

    /// <param name="port">0 = any that is free; another start may want the one before.</param>
    public async Task StartAt(int port)
    {
        Host = await ServerHost.Start(Folder, Options with { Port = port }, Time, Bugs.Add);
        Server = new ServerClient(Host.Address, Founded.Token);
    }

    public async Task Stop()
    {
        Server.Dispose();
        await Host.DisposeAsync();
    }

    /// <summary>Stops the server and starts it with other options.</summary>
    public async Task Restart(ServerOptions options)
    {
        await Stop();
        Options = options;
        await Start();
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        _scratch.Dispose();
        Assert.Empty(Bugs);
    }

    // Statements, made for this ledger now.

    public long Now => Time.GetUtcNow().ToUnixTimeMilliseconds();

    public T Act<T>(T statement) where T : Statement => (T)(statement with
    {
        Ledger = Trust.Genesis,
        Nonce = Founding.NewNonce(),
        Issued = Now
    });

    /// <summary>Signed by these; by both owners where the owner signs and two must.</summary>
    public Task<Admitted> Submit(Statement statement, params Citizen[] by) => Server.Submit(Envelope.Sign(
        statement.Encode(),
        [.. (Second is { } second && by.Contains(Owner) ? by.Append(second).Distinct() : by).Select(b => b.Key)]));

    public async Task<long> Admit(Statement statement, params Citizen[] by) => await Submit(statement, by) switch
    {
        Admitted.Added added => added.Entry,
        Admitted.Refused refused => throw new Xunit.Sdk.XunitException(
            $"{statement.Kind} refused: {refused.Problem.Code}: {refused.Problem.Message}"),
        var other => throw new Xunit.Sdk.XunitException($"{statement.Kind}: {other}"),
    };

    public async Task<Problem> Refuse(Statement statement, params Citizen[] by) =>
        Assert.IsType<Admitted.Refused>(await Submit(statement, by)).Problem;

    const string Filler = "00000000000000000000000000000000";

    public MemberStatement Member(Citizen who, params Role[] roles) =>
        Act(new MemberStatement(who.Id, State.Members.TryGetValue(who.Id, out var m) ? m.Entry : null, [who.Key.Public],
            [.. roles], null)
        {
            Nonce = Filler,
            Issued = 0
        });

    public Deployment Deployment(Digest release, DeploymentAction action = DeploymentAction.Deploy) =>
        Act(new Deployment(System, Environment, action, State.Environment(System, Environment).Head?.Entry,
            [new Route(release, 100)])
        {
            Nonce = Filler,
            Issued = 0
        });

    public Approval Approval(Digest release, DeploymentAction action = DeploymentAction.Deploy) =>
        Act(new Approval(release, System, Environment, action, [new Route(release, 100)],
        State.Environment(System, Environment).Head?.Entry,
        State.PoliciesFor(System, Environment),
        Digest.Of(Shown.Document(State, State.Releases[release], System, Environment, action, [new Route(release, 100)],
            Now).ToBytes()), Now + 3_600_000)
        {
            Nonce = Filler,
            Issued = 0
        });

    /// <summary>
    /// Members, a system with one environment, and a policy of two rules: four-fifths, and an approval.
    /// </summary>
    public async Task Settle()
    {
        await Admit(Member(Builder, new Role(RoleName.Builder)), Owner);
        await Admit(Member(Evaluator, new Role(RoleName.Evaluator)), Owner);
        await Admit(Member(Approver, new Role(RoleName.Approver, System)), Owner);
        await Admit(Member(Deployer, new Role(RoleName.Deployer, System, Environment)), Owner);
        await Admit(Member(Node, new Role(RoleName.Node, System, Environment)), Owner);
        await Admit(Act(new SystemStatement(System, null, Owner.Id, "high",
            [new EnvironmentTerms(Environment, null, 60_000, true)])
        {
            Nonce = Filler,
            Issued = 0
        }), Owner);
        var policy = await PutPolicy();
        await Admit(Act(new PolicyStatement(System, null, null, policy) { Nonce = Filler, Issued = 0 }), Owner);
    }

    public static readonly Digest Check = Digest.Of("a check"u8);

    async Task<Digest> PutPolicy() =>
        await Server.Put(new Policy("fair",
    ImmutableSortedDictionary.Create<string, Digest>(StringComparer.Ordinal).Add("fairness", Check),
    [
        Rule.Require("four-fifths", ["deploy"], "checks.fairness.all(e, e.metrics.ratio >= 0.8)",
            "'the approval ratio is ' + string(checks.fairness[0].metrics.ratio) + ', below 0.8'"),
        Rule.Require("approved", ["deploy"], "size(approvals) > 0", "'nobody approved'"),
        Rule.Require("any-return", ["rollback"], "true", null),
    ]).ToJson().ToBytes());

    /// <summary>A release of one frozen model, with its origin stated, and checked with the given ratio.</summary>
    public async Task<Digest> Release(string name, double ratio, string model)
    {
        var weights = await Pack.Tree(Server, "model", new About("weights", "https://example.org/weights", "CC0-1.0"),
            [File("weights.txt", model)]);
        await Admit(Act(new Origin([new Subject(weights, "weights")], Origin.Freeze,
            Json.Object(("origin", "https://example.org/weights"), ("licence", "CC0-1.0")), [], Builder.Id, null)
        {
            Nonce = Filler,
            Issued = 0
        }), Builder);
        var document = new ReleaseDocument(name, System,
            [new Component("model", "model", "weights", weights, "/model")],
            new RunTerms(["/bin/serve"], ImmutableSortedDictionary<string, string>.Empty, "/", "/run/serve.sock",
                "/healthz"), null);
        var release = await Artifact.OfDocument(Server, "release", new About(name), ReleaseDocument.MediaType,
            document.ToJson().ToBytes());
        await Admit(Act(new Release(release, System, document.Digest) { Nonce = Filler, Issued = 0 }), Builder);
        var report =
            await Server.Put(Json.Object(("metrics", Json.Object(("ratio", ratio), ("accuracy", 0.9)))).ToBytes());
        await Admit(Act(new Evaluation(release, Check, report, null, null) { Nonce = Filler, Issued = 0 }), Evaluator);
        return release;
    }

    static PackEntry File(string path, string content) =>
        new(path, EntryType.File, false, Encoding.UTF8.GetByteCount(content),
            Open: () => new MemoryStream(Encoding.UTF8.GetBytes(content)));

    /// <summary>Approves and deploys; the entry.</summary>
    public async Task<long> Deploy(Digest release)
    {
        await Admit(Approval(release), Approver);
        return await Admit(Deployment(release), Deployer);
    }
}
