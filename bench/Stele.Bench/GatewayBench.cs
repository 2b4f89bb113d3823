using System.Collections.Immutable;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Stele.Api;
using Stele.Blobs;
using Stele.Build;
using Stele.Control;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Bench;

/// <summary>
/// What the gateway adds: the same request to the same release (a program in the sandbox that answers 1 KiB), once over
/// its socket directly, once through a whole node that authenticates, decides by two policies, forwards, and makes
/// leaf, sealed bodies and keys durable before it answers. Caller, gateway, server and release share the processors.
/// </summary>
static class GatewayBench
{
    const string System = "bench", Environment = "prod", Flush = "disk: write 1 KiB in place + fdatasync";
    static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(400);
    static readonly byte[] Asked =
        Encoding.UTF8.GetBytes($"{{\"amount\":250000,\"note\":\"{new string('n', 980)}\",\"purpose\":\"home\"}}");
    static readonly byte[] Context = Encoding.UTF8.GetBytes(
        "{\"method\":\"POST\",\"path\":\"/say\",\"query\":\"\",\"roles\":[\"desk\"],\"time\":1700000000000}");

    public static async Task<Rounds> Make(Scratch scratch)
    {
        var site = await Site.Open(scratch.Next());
        var idlers = new Idlers();
        var loopback = await Loopback.Start(Upstream.AnswerBytes);
        var bare = Loopback.Client(loopback.Address);
        var rounds = new Rounds("gateway",
            "a request to a release directly, and through the gateway with its decision durable before the answer; 1 KiB each way")
        {
            Disk = true,
            End = async () =>
            {
                idlers.Dispose();
                bare.Dispose();
                await loopback.DisposeAsync();
                await site.DisposeAsync();
            },
        };
        rounds.Limit(Flush, "/s", () => Machine.Flushes(scratch.Next(), 1024, 1, Duration));
        foreach (var n in (int[])[1, 32])
        {
            var callers = n == 1 ? "1 caller" : $"{n} callers";
            rounds.Limit($"HTTP: POST 1 KiB, {callers}", "/s",
                () => Latencies.Of(n, Duration, _ => Loopback.Post(bare, "say", Asked, 200)));
            rounds.Add($"direct: {callers}", "/s", $"HTTP: POST 1 KiB, {callers}",
                () => Latencies.Of(n, Duration, _ => Loopback.Post(site.Direct, "say", Asked, 200)));
            rounds.Add($"gateway: {callers}", "/s", $"direct: {callers}",
                () => Latencies.Of(n, Duration, _ => Loopback.Post(site.Through, "say", Asked, 200)));
            rounds.Add($"record alone: {callers}", "/s", n == 1 ? Flush : null, () => Record(scratch.Next(), n));
            foreach (var (column, name) in ((int, string)[])[(0, "p50"), (1, "p99")])
                rounds.Derive($"added by the gateway: {callers}, {name}", "ms", round =>
                    round[$"gateway: {callers}"].More[column].Value - round[$"direct: {callers}"].More[column].Value);
        }
        return rounds;
    }

    /// <summary>
    /// What of it is the recording: leaf, sealed bodies and keys, each made durable in a file of its own.
    /// </summary>
    static async Task<Sample> Record(string folder, int callers)
    {
        var node = new NodeFolder(folder);
        node.Open().Dispose();
        using var log = DecisionLog.Open(node, "bench.example/log", TimeProvider.System);
        using var recorder = new Recorder(node, log);
        var decision = new Decision(DecisionKind.Whole, 1, null, System, Environment, 1, Digest.Of("release"u8),
            ObservedStrength.VerifiedAtLoad, null, [], DecisionOutcome.Allow, null, Founding.NewNonce(), "http-json",
                "POST /say", 200,
            null, null, 1, 1, 1);
        return await Latencies.Of(callers, Duration, _ => recorder.Record(() => decision,
            [(SealedBodies.Context, Context), (SealedBodies.Input, Asked), (SealedBodies.Output, Asked)]));
    }

    /// <summary>A server, a node that follows it, and a release that the node serves.</summary>
    internal sealed class Site : IAsyncDisposable
    {
        readonly ServerHost _server;
        readonly NodeHost _node;
        readonly Microsoft.Win32.SafeHandles.SafeFileHandle _socket;

        Site(ServerHost server, NodeHost node, Microsoft.Win32.SafeHandles.SafeFileHandle socket, HttpClient direct,
            HttpClient through) =>
            (_server, _node, _socket, Direct, Through) = (server, node, socket, direct, through);

        /// <summary>To the release's own socket.</summary>
        public HttpClient Direct { get; }

        /// <summary>To the gateway.</summary>
        public HttpClient Through { get; }

        public NodeHost Node => _node;

        /// <summary>The ledger as its server has folded it.</summary>
        public Replay Ledger => _server.Admission.Replay;

        public static async Task<Site> Open(string folder)
        {
            var time = TimeProvider.System;
            using PrivateKey owner = PrivateKey.Create(), builder = PrivateKey.Create();
            string ownerId = Founding.NewNonce(), builderId = Founding.NewNonce();
            var data = new ServerFolder(folder);
            var founded = await Founding.Found(data, owner, ownerId, Founding.NewOrigin("bench"), time);
            var server = await ServerHost.Start(data, new ServerOptions { Port = 0 }, time);
            var nodeFolder = new NodeFolder(Path.Combine(folder, "node"));
            using var identity = nodeFolder.Open();

            async Task Admit(Statement statement, PrivateKey by)
            {
                var signed = statement with
                {
                    Ledger = founded.Trust.Genesis,
                    Nonce = Founding.NewNonce(),
                    Issued = time.GetUtcNow().ToUnixTimeMilliseconds()
                };
                if (await server.Admission.Submit(Envelope.Sign(signed.Encode(), by).ToJson().ToBytes())
                    is Admitted.Refused refused) throw new InvalidOperationException(refused.Problem.Message);
            }
            Task Member(string id, PublicKey key, params Role[] roles) =>
                Admit(new MemberStatement(id, null, [key], [.. roles], null)
            {
                Nonce = "",
                Issued = 0
            }, owner);
            Task<Digest> Rules(string name, params (string Id, string On, string Require)[] rules) =>
                server.Blobs.Put(new Policy(name,
                ImmutableSortedDictionary.Create<string, Digest>(StringComparer.Ordinal),
                [.. rules.Select(r => Rule.Require(r.Id, [r.On], r.Require, null))]).ToJson().ToBytes());

            await Member(builderId, builder.Public, new Role(RoleName.Builder), new Role(RoleName.Deployer));
            await Member(identity.Member, identity.Key.Public, new Role(RoleName.Node, System, Environment));
            await Admit(new SystemStatement(System, null, ownerId, "limited",
                [new EnvironmentTerms(Environment, null, null, false)])
            {
                Nonce = "",
                Issued = 0
            }, owner);
            var inForce = await Rules("in-force", ("any", "deploy", "true"),
                ("amount", "decide", "request.path == '/say' && request.body.amount <= 1000000"));
            await Admit(new PolicyStatement(System, null, null, inForce) { Nonce = "", Issued = 0 }, owner);

            // This very program, on the .NET it runs on, is the release.
            var environment = await Recipes.Dotnet().Freeze(server.Blobs, new About("dotnet"));
            var code = await Freeze.Path(server.Blobs, AppContext.BaseDirectory, "code", new About("upstream"));
            foreach (var artifact in (Digest[])[environment, code])
                await Admit(new Origin([new Subject(artifact)], Origin.Freeze, Json.EmptyObject, [], builderId, null)
            {
                Nonce = "",
                Issued = 0
            }, builder);
            var document = new ReleaseDocument("bench", System,
                [new Component("environment", "environment", "dotnet", environment, "/"),
                    new Component("code", "code", "upstream", code, "/app")],
                new RunTerms([Recipes.DotnetPlaces["dotnet"] + "/dotnet", "/app/Stele.Bench.dll", Upstream.Verb,
                    "/run/service.sock"],
                    ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal)
                        .Add("DOTNET_EnableDiagnostics", "0"), "/app", "/run/service.sock", "/health"),
                await Rules("own", ("desk", "decide", "'desk' in principal.roles"),
                    ("purpose", "decide", "request.body.purpose in ['home', 'car']"))).Sorted();
            var release = await ReleaseClosure.Build(server.Blobs, document);
            await Admit(new Release(release, System, document.Digest) { Nonce = "", Issued = 0 }, builder);
            await Admit(new Deployment(System, Environment, DeploymentAction.Deploy, null, [new Route(release, 100)])
            {
                Nonce = "",
                Issued = 0
            }, builder);

            var (_, token) = TokenFile.AddPrincipal(nodeFolder.Principals, ["desk"],
                [State.Place(System, Environment)]);
            // Nothing periodic falls into a run: inspections and anchors have benches, or none, of their own.
            var terms = new NodeOptions
            {
                AnchorEvery = TimeSpan.FromHours(1),
                InspectEvery = TimeSpan.FromHours(1),
                ObserveEvery = TimeSpan.FromHours(1),
                RehashEvery = TimeSpan.FromHours(1)
            };
            var node = await NodeHost.Start(nodeFolder, founded.Trust, server.Address, founded.Token, terms,
                new GatewayOptions(), time);
            HostedEnvironment? Hosted() => node.Node.Environment(System, Environment);
            await Until(() => Hosted()?.Log is not null, node);
            var log = Hosted()!.Log!;
            await Admit(new LogStatement(LogAction.Open, log.Origin, log.Key.ToString(), identity.Member, System,
                Environment,
                null)
            {
                Nonce = "",
                Issued = 0
            }, owner);
            await Until(() => Hosted()?.Table?.Status == EnvironmentStatus.Serving, node);

            // The release's /run is a file system of its own: it is reached by the root of its sandbox.
            var init = Hosted()!.Table!.Backends.Single().Instance.Init;
            var socket = Libc.OpenName(
                string.Create(CultureInfo.InvariantCulture, $"/proc/{init}/root/run/service.sock"));
            var direct = new HttpClient(new SocketsHttpHandler
            {
                UseProxy = false, UseCookies = false, AllowAutoRedirect = false, ActivityHeadersPropagator = null,
                ConnectCallback = async (_, stop) =>
                {
                    var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await connection.ConnectAsync(
                        new UnixDomainSocketEndPoint(string.Create(CultureInfo.InvariantCulture,
                            $"/proc/self/fd/{socket.DangerousGetHandle()}")), stop);
                    return new NetworkStream(connection, ownsSocket: true);
                },
            }) { BaseAddress = new Uri("http://release/") };
            var site = new Site(server, node, socket, direct,
                Loopback.Client(new Uri(node.Address, $"/{System}/{Environment}/"), token));
            // Once, to see that what is measured is recorded.
            await Loopback.Post(site.Through, "say", Asked, 200);
            return log.Log.Size == 1
                ? site
                : throw new InvalidOperationException("an answered request was not recorded");
        }

        static async Task Until(Func<bool> holds, NodeHost node)
        {
            for (var tries = 0; !holds(); tries++)
            {
                if (node.Failed.IsFaulted) await node.Failed;
                if (tries > 3000)
                    throw new TimeoutException(
                        $"the node does not come to serve: {node.Node.Environment(System, Environment)?.LastError ?? node.Node.ServerTrouble ?? "it says nothing"}");
                await Task.Delay(20);
            }
        }

        public async ValueTask DisposeAsync()
        {
            Direct.Dispose();
            Through.Dispose();
            _socket.Dispose();
            await _node.DisposeAsync();
            await _server.DisposeAsync();
        }
    }
}
