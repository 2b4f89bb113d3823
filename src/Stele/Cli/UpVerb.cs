using System.Collections.Immutable;
using System.CommandLine;
using Stele.Api;
using Stele.Build;
using Stele.Control;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Cli;

/// <summary>How <c>stele up</c> runs. This is the whole configuration; each flag is a field.</summary>
sealed record UpOptions
{
    /// <summary>Port of the server's API on the loopback interface. Default 7070; 0 takes a free one.</summary>
    public int Port { get; init; } = 7070;

    /// <summary>Port of the node's gateway on the loopback interface. Default 7080; 0 takes a free one.</summary>
    public int GatewayPort { get; init; } = 7080;

    /// <summary>Request headers that releases get in addition to the usual ones.</summary>
    public IReadOnlyList<string> Headers { get; init; } = [];

    /// <summary>Names other than this machine's own under which both are asked.</summary>
    public ImmutableArray<string> Hosts { get; init; } = [];

    /// <summary>Run the server. Default yes; <c>--only node</c> leaves it out.</summary>
    public bool Server { get; init; } = true;

    /// <summary>Run the node. Default yes; <c>--only server</c> leaves it out.</summary>
    public bool Node { get; init; } = true;

    /// <summary>The server a lone node follows. Default: the one this home is connected to.</summary>
    public Uri? Follow { get; init; }

    /// <summary>Names of tokens to make before the server starts, for others to connect with; shown once.</summary>
    public ImmutableArray<string> Invite { get; init; } = [];

    /// <summary>
    /// A policy file (C2SP tlog-policy) that says who witnesses the ledger, and how many must; none: nobody is asked.
    /// </summary>
    public string? Witnesses { get; init; }

    /// <summary>Let anybody read the ledger's checkpoint and tiles, without a token. Default no.</summary>
    public bool OpenLog { get; init; }

    /// <summary>
    /// How often a decision log is anchored (seconds). Default 60; besides at every change of head and at an orderly
    /// stop.
    /// </summary>
    public double AnchorSeconds { get; init; } = 60;

    /// <summary>
    /// Where a decision log goes on in a new file (bytes). Default 64 MiB. Whole files are what is pruned and moved.
    /// </summary>
    public long SegmentBytes { get; init; } = 64 << 20;

    /// <summary>
    /// How often at most the ledger's checkpoint is signed (seconds). Default 0: for each group of statements that
    /// shared a flush. A node's logs always are so.
    /// </summary>
    public double CheckpointSeconds { get; init; }

    /// <summary>How often a running release is inspected without any sign of change (seconds). Default 30.</summary>
    public double InspectSeconds { get; init; } = 30;
}

static class UpVerb
{
    public static Verb Verb => new("up", "run server and node on this machine", """
        stele up [--only server|node] [--port N] [--gateway-port N] [--follow URL] [--invite NAME]... [--host NAME]... [--witnesses FILE] [--open-log] [--header NAME]... [--anchor SECONDS] [--inspect SECONDS] [--checkpoint SECONDS] [--segment BYTES]

        Runs the server (ledger, blobs, API) and a node (host, gateway) embedded, with nothing else installed. The first time it founds a
        ledger: your key signs genesis and lies in your home; the data folder never holds it. The node is registered by you as an owner.
        Ctrl-C stops it in order: requests end, logs are anchored, files are closed.

        Releases are started from /var/cache/stele/trees where root runs this, else from ~/.cache/stele/trees. STELE_TREES
        names another folder; checks on this machine are to be given the same.
        """,
        [
            new Option<string>("--only")
            {
                HelpName = "server|node",
                Description = "run that part alone; a node alone follows the server that this home is connected to"
            },
            new Option<int>("--port")
            {
                DefaultValueFactory = _ => 7070,
                HelpName = "N",
                Description = "the server's port on the loopback interface; 7070 unless given, 0 for any free one"
            },
            new Option<int>("--gateway-port")
            {
                DefaultValueFactory = _ => 7080,
                HelpName = "N",
                Description = "the gateway's port on the loopback interface; 7080 unless given, 0 for any free one"
            },
            new Option<string>("--follow")
            {
                HelpName = "URL",
                Description = "the server that a node alone follows; the one this home is connected to unless given"
            },
            new Option<string[]>("--invite")
            {
                HelpName = "NAME",
                Description =
                    "make a token for someone to connect with (stele login), and show it once; as stele token add "
                    + "does at any time"
            },
            new Option<string[]>("--host")
            {
                HelpName = "NAME",
                Description = "a name, in addition to localhost, under which clients ask server or gateway, as in "
                    + "ledger.example behind a proxy, or localhost:9000 through a tunnel; requests for other hosts "
                    + "are refused",
            },
            new Option<string>("--witnesses")
            {
                HelpName = "FILE",
                Description =
                    "who witnesses the ledger, as a C2SP tlog-policy: 'witness NAME VKEY URL' lines, 'group', "
                    + "'quorum'; every checkpoint is handed to them, and the published one carries the quorum's "
                    + "cosignatures"
            },
            new Option<bool>("--open-log") { Description =
                "let anybody read the ledger's checkpoint and tiles without a token, so that others can monitor it" },
            new Option<string[]>("--header")
            {
                HelpName = "NAME",
                Description =
                    "a request header that releases get in addition to Accept, Accept-Language, User-Agent, "
                    + "traceparent, tracestate, Idempotency-Key and MCP-Protocol-Version, such as Mcp-Session-Id; no "
                    + "rule sees it"
            },
            new Option<double>("--anchor")
            {
                DefaultValueFactory = _ => 60,
                HelpName = "SECONDS",
                Description = "how often decision logs are anchored in the ledger; 60 unless given"
            },
            new Option<double>("--inspect")
            {
                DefaultValueFactory = _ => 30,
                HelpName = "SECONDS",
                Description = "how often a running release is inspected without any sign of change; 30 unless given"
            },
            new Option<double>("--checkpoint")
            {
                HelpName = "SECONDS",
                Description =
                    "how often at most the ledger signs a checkpoint; unless given, one for each group of statements "
                    + "that was written at once, so that nobody waits"
            },
            new Option<long>("--segment")
            {
                DefaultValueFactory = _ => 64 << 20,
                HelpName = "BYTES",
                Description =
                    "where decision logs go on in a new file; whole files are what stele log prune and stele log "
                    + "move take; 67108864 (64 MiB) unless given"
            },
        ], Run) { Needs =
            "a data folder and two free ports; bubblewrap, for the node; the role owner, for a node's first start" };

    /// <summary>About twice of what is open before anybody has connected: the runtime holds two for each of its parts,
    /// and some are needed only later.</summary>
    internal const int FewestDescriptors = 256, FewestWithNode = 512;

    static async Task<int> Run(Call call)
    {
        // signals are heard from the first wait on: everyone who is told that everything is up can rely on them
        await Task.Yield();
        var only = call.Get<string>("--only");
        if (only is not (null or "server" or "node")) throw call.Wrong($"--only takes server or node, not '{only}'");
        var options = new UpOptions
        {
            Port = call.Get<int>("--port"), GatewayPort = call.Get<int>("--gateway-port"), Server = only != "node",
            Node = only != "server",
            Follow = call.Get<string>("--follow") is { } url ? Parsing.Server(url, "--follow") : null,
            Witnesses = call.Get<string>("--witnesses"), OpenLog = call.Get<bool>("--open-log"),
            Invite = [.. call.Get<string[]>("--invite") ?? []], AnchorSeconds = call.Get<double>("--anchor"),
            InspectSeconds = call.Get<double>("--inspect"), CheckpointSeconds = call.Get<double>("--checkpoint"),
            Hosts = [.. call.Get<string[]>("--host") ?? []], SegmentBytes = call.Get<long>("--segment"),
                Headers = [.. call.Get<string[]>("--header") ?? []],
        };
        foreach (var name in options.Headers) if (RequestHeaders.Objection(name) is { } why)
            throw call.Wrong($"--header: {why}");
        if (options.Port is < 0 or > 65535 || options.GatewayPort is < 0 or > 65535)
            throw call.Wrong("a port is 0 to 65535");
        if (options.AnchorSeconds < 0.1 || options.InspectSeconds < 0.1)
            throw call.Wrong("--anchor and --inspect take at least 0.1 seconds");
        if (options.CheckpointSeconds is not (>= 0 and <= 60)) throw call.Wrong("--checkpoint takes 0 to 60 seconds");
        if (options.SegmentBytes < 4096) throw call.Wrong("--segment takes at least 4096 bytes");
        if (options.Node && !Sandbox.Available)
            throw new CliError("bubblewrap is not installed, and releases run in it",
                "apt-get install bubblewrap; or run the server alone: stele up --only server");
        foreach (var name in options.Invite) Parsing.Label(name, "a token");
        Parsing.Descriptors(options.Node ? FewestWithNode : FewestDescriptors);
        var first = options.Server && !new ServerFolder(call.Data).IsFounded;
        call.Terminal.Progress(first ? "founding a ledger" : "starting");
        await using var running = await Running.Start(call.Data, call.HomePath, options, call, said =>
            call.Terminal.Report(said));
        var t = call.Terminal;
        t.Result(running.ToJson(), () =>
        {
            if (running.ServerOrNull is { } server) t.Line($"server   {server.Address}");
            if (running.NodeOrNull is { } node) t.Line($"gateway  {node.Address}");
            t.Line($"data     {call.Data}");
            t.Line($"home     {call.HomePath}");
            t.Line($"trust    {System.IO.Path.Combine(call.Data, "trust.json")}");
            foreach (var (name, token) in running.Invited) t.Line($"token for {name}: {token}");
            if (running.NodeOrNull is not null) foreach (var gap in Enforcement.Gaps()) t.Note(
                $"limits of releases: {gap}");
            if (first)
                t.Note("A ledger was founded: your key, in your home, is its first owner. "
                    + InitVerb.MoveRecovery(call));
            if (options.Server
                && Home.Open(call.HomePath).Trust?.Genesis != new ServerFolder(call.Data).ReadTrust().Genesis)
                t.Note($"This home is not connected to that ledger: stele token add NAME --data {call.Data}; then "
                    + $"stele login {running.Server.Address} --token-file FILE --trust "
                    + $"{System.IO.Path.Combine(call.Data, "trust.json")}");
            t.Line(
                $"Ctrl-C stops it. Next, in another terminal: stele "
                + $"{(first ? "system add NAME --env prod --stale-after 24h" : "status")}; stele --help");
        });
        call.Stage.Output.Flush();
        try
        {
            try
            {
                await running.Ended.WaitAsync(call.Stop);
            }
            catch (Exception e) when (running.ServerOrNull?.Completion.IsFaulted == true
                && e is not OperationCanceledException)
            {
                // Nothing more is admitted, and what was can be read and proved as before: that, and a node in the same
                // process, go on until someone has seen to the disk.
                var said = ErrorText.Of(e);
                t.Clear();
                call.Terminal.Report($"stele: error: the ledger takes no more statements: {said.Message}");
                call.Terminal.Report("stele: hint: it is still read from; "
                    + $"{said.Hint ?? "look at its disk, and at what stele fsck says"}; then stop this and start it "
                    + "again");
                call.Stage.Error.Flush();
                await (running.NodeOrNull?.Failed ?? Task.Delay(Timeout.Infinite, call.Stop)).WaitAsync(call.Stop);
            }
        }
        catch (OperationCanceledException) when (call.Stop.IsCancellationRequested
            && running.ServerOrNull?.Completion.IsFaulted == true)
        {
            return CliError.Failed;
        }
        catch (OperationCanceledException) when (call.Stop.IsCancellationRequested)
        {
            t.Note("stopping: requests end, logs are anchored, files are closed");
            return 0;
        }
        catch (Exception e) when (e is not CliError)
        {
            throw new CliError($"stopped: {e.Message}", "stele fsck checks the ledger on disk");
        }
        return 0;
    }
}

/// <summary>A server and a node put together in one process, in the order of the rooms.</summary>
sealed class Running : IAsyncDisposable
{
    public ServerHost? ServerOrNull { get; private set; }
    public NodeHost? NodeOrNull { get; private set; }
    public IReadOnlyList<(string Name, string Token)> Invited { get; private set; } = [];

    public ServerHost Server => ServerOrNull ?? throw new InvalidOperationException("no server runs here");
    public NodeHost Node => NodeOrNull ?? throw new InvalidOperationException("no node runs here");

    /// <summary>The gateway's address, with a slash at its end.</summary>
    public string Gateway => Node.Address.ToString();

    /// <summary>Ends when a part of it broke.</summary>
    public Task Ended => Task.WhenAny(new[] { ServerOrNull?.Completion, NodeOrNull?.Failed }.OfType<Task>()).Unwrap();

    public static async Task<Running> Start(string data, string homePath, UpOptions options, Call call,
        Action<string> report)
    {
        var home = Home.Open(homePath);
        var running = new Running();
        try
        {
            var folder = new ServerFolder(data);
            // Invariant: a folder is written to only by the process that holds its lock, which starting the server
            // or the node takes first.
            if (options.Server)
            {
                if (!folder.IsFounded) await InitVerb.Found(call, folder, home, null);
                running.ServerOrNull = await ServerHost.Start(folder, new ServerOptions
                {
                    Port = options.Port,
                    Hosts = options.Hosts,
                    OpenLog = options.OpenLog,
                    Fold = call.Fold,
                    SignEvery = TimeSpan.FromSeconds(options.CheckpointSeconds),
                    Witnesses = options.Witnesses is { } policy ? Policy(policy, folder.ReadTrust().Key) : null
                }, call.Clock, report);
                running.Invited = [.. options.Invite.Select(name => (name, TokenFile.Renew(folder.Tokens, name)))];
            }
            if (options.Node)
            {
                var trust = options.Server ? folder.ReadTrust() : home.Trust
                    ?? throw new CliError("which ledger is the node to follow? none is pinned here",
                    "stele login URL --token-file FILE --trust FILE");
                var follow = running.ServerOrNull?.Address ?? options.Follow
                    ?? (home.Server is { } s
                        ? new Uri(s)
                        : throw new CliError("which server is the node to follow?", "--follow URL"));
                var node = NodeFolder.In(data);
                running.NodeOrNull = await NodeHost.Start(node, trust, follow,
                    running.ServerOrNull?.OwnToken ?? home.Token,
                    new NodeOptions
                    {
                        AnchorEvery = TimeSpan.FromSeconds(options.AnchorSeconds),
                        InspectEvery = TimeSpan.FromSeconds(options.InspectSeconds),
                        SegmentBytes = options.SegmentBytes,
                        Fold = call.Fold,
                    },
                    new GatewayOptions
                    {
                        Port = options.GatewayPort,
                        Headers = options.Headers,
                        Hosts = options.Hosts
                    }, call.Clock, report);
            }
            if (running.ServerOrNull is { } server && home.Trust?.Genesis == folder.ReadTrust().Genesis)
                home.Set(("server", server.Address.ToString()), ("data", data));
            if (options.Node)
            {
                var node = NodeFolder.In(data);
                home.Set(("gateway", running.Gateway), ("nodeToken", TokenOf(node, home)), ("data", data));
                if (options.Server) await Register(running, home, call);
            }
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    /// <summary>The home's own token of the node, with every right by name; made where the home has none that the node
    /// knows.</summary>
    static string TokenOf(NodeFolder node, Home home) =>
        home.NodeToken is { } token && TokenFile.All(node.Principals).Any(h => h.Digest == Token.DigestOf(token))
            ? token
        : TokenFile.Renew(node.Principals, new TokenHolder($"up-{home.Member?[..8] ?? "home"}", default,
            RightNames.OfNode));

    static WitnessOptions Policy(string file, VerifierKey log)
    {
        try
        {
            return WitnessOptions.Of(WitnessPolicy.Parse(File.ReadAllBytes(file)), log);
        }
        catch (FormatException e)
        {
            throw new CliError($"{file} is not a witness policy for this ledger: {e.Message}",
                "lines as stele witness prints them, then a quorum: quorum NAME; see https://c2sp.org/tlog-policy",
                CliError.Usage);
        }
    }

    /// <summary>
    /// The first time, an owner who starts both makes the node a member, by their own statement; <c>stele log open</c>
    /// then assigns it to environments.
    /// </summary>
    static async Task Register(Running running, Home home, Call call)
    {
        var state = running.Server.Admission.Replay.State;
        var identity = running.Node.Node.Identity;
        if (state.Members.ContainsKey(identity.Member) || home.Member is not { } me
            || !state.Members.TryGetValue(me, out var member) || !member.IsOwner || !home.Keys.Contains(home.KeyName))
            return;
        using var key = home.Key();
        var statement = new MemberStatement(identity.Member, null, [identity.Key.Public], [], null)
        {
            Ledger = state.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        };
        if (await running.Server.Admission.Submit(Envelope.Sign(statement.Encode(), key).ToJson()
            .ToBytes()) is Admitted.Refused refused)
            throw new CliError($"the node could not be registered: {refused.Problem.Message}", refused.Problem.Hint);
    }

    public Json ToJson() => Json.Object(
        ("server", ServerOrNull is { } s ? Json.Of(s.Address.ToString()) : null),
        ("gateway", NodeOrNull is null ? null : Json.Of(Gateway)),
        ("node", NodeOrNull is { } n ? Json.Of(n.Node.Identity.Member) : null),
        ("tokens", Json.Object(Invited.Select(i => KeyValuePair.Create(i.Name, Json.Of(i.Token))))));

    Instance InstanceOf(string system, string environment) =>
        Node.Node.Environment(system, environment)?.Table?.Backends is [var backend, ..]
            ? backend.Instance
            : throw new CliError($"nothing runs in {system}/{environment}");

    /// <summary>Where the running release's tree stands on this machine.</summary>
    public string ReleaseFolder(string system, string environment) =>
        InstanceOf(system, environment).Provisioned.Tree.Directory;

    /// <summary>The release that the running process names in its own environment, read from /proc.</summary>
    public string ReleaseInProc(string system, string environment) =>
        File.ReadAllText($"/proc/{InstanceOf(system, environment).Pid}/environ").Split('\0')
            .Single(v => v.StartsWith(RunningRelease.ReleaseVariable + "=",
            StringComparison.Ordinal))[(RunningRelease.ReleaseVariable.Length + 1)..];

    public async ValueTask DisposeAsync()
    {
        if (NodeOrNull is not null) await NodeOrNull.DisposeAsync();
        if (ServerOrNull is not null) await ServerOrNull.DisposeAsync();
    }
}
