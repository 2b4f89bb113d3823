using System.Net;
using Microsoft.AspNetCore.Builder;
using Stele.Blobs;
using Stele.Control;
using Stele.Disk;
using Stele.Host;
using Stele.Proof.Decisions;
using Stele.Runtime;

namespace Stele.Gateway;

/// <summary>
/// A whole node, for a process of its own or inside another: the host that follows the ledger and the gateway before
/// it. Put together in the order of the rooms. Stopping ends in order what starting began: the gateway takes no more,
/// what runs is drained and stopped, the logs are anchored a last time and closed.
/// </summary>
sealed class NodeHost : IAsyncDisposable
{
    readonly ServerLink _link;
    readonly Outbox _outbox;
    readonly Gateway _gateway;
    readonly DecisionReplays _replays;
    readonly BodyReads _reads;
    CancellationTokenSource? _stopping;
    Task _resuming = Task.CompletedTask;
    readonly WebApplication _web;

    NodeHost(Node node, ServerLink link, Outbox outbox, Gateway gateway, DecisionReplays replays, BodyReads reads,
        ReadEndpoints pages, WebApplication web) =>
        (Node, _link, _outbox, _gateway, _replays, _reads, Pages, _web) =
            (node, link, outbox, gateway, replays, reads, pages, web);

    public Node Node { get; }
    public ReadEndpoints Pages { get; }

    /// <summary>Where the gateway listens, with the port that it got.</summary>
    public Uri Address => Listener.AddressOf(_web);

    /// <summary>Faults when the node can't go on: a matter for the process.</summary>
    public Task Failed => Node.Failed;

    /// <summary>Erases what opens the bodies of some decisions; the leaves and their proofs stay.</summary>
    /// <returns>How many there were.</returns>
    public int Erase(DecisionLog log, IReadOnlySet<long> indices) => _gateway.RecorderOf(log).Erase(indices);

    /// <param name="folder">
    /// The node's own folder; its identity is made there at the first start (see <see cref="NodeFolder.Open"/>).
    /// </param>
    /// <param name="trust">The ledger to follow.</param>
    /// <param name="server">
    /// Where it is served, and the token that reads blobs there. The node goes on without it, once it has folded
    /// something.
    /// </param>
    /// <param name="report">Told of bugs, and in one line each of what keeps the node or an environment from being as
    /// the ledger says, and when that is over.</param>
    /// <exception cref="IOException">The port is taken, or the folder is in use by another node.</exception>
    public static async Task<NodeHost> Start(
        NodeFolder folder, Trust trust, Uri server, string? token, NodeOptions nodeOptions,
        GatewayOptions gatewayOptions,
        TimeProvider time, Action<string>? report = null)
    {
        var begun = new Stack<IAsyncDisposable>();
        try
        {
            FolderFormat.Demand(folder.Path);
            // Its lock keeps a second node out of the folder.
            // Invariant: nothing in the folder is written before it is held.
            var outbox = new Outbox(folder.Outbox);
            begun.Push(new Closing(outbox));
            var identity = folder.Open();
            var blobs = new BlobStore(folder.Blobs);
            var link = await ServerLink.Open(folder, trust, new ServerClient(server, token), blobs, time,
                nodeOptions.Fold);
            begun.Push(link);
            if (link.SnapshotError is { } unkept) report?.Invoke(unkept + "; the next start folds the whole ledger");
            var cosigner = Cosigner.Open(folder, trust, identity, time);
            begun.Push(new Closing(cosigner));
            // What a killed node left: its sandboxes died with it, their trees are made again.
            if (Directory.Exists(folder.OldReleases)) Files.Discard(folder.OldReleases);
            TreePlace.Sweep(nodeOptions.Trees);
            var parts = new NodeParts(folder, identity, nodeOptions, link, outbox,
                new Provision(blobs, link.Blobs, nodeOptions.Trees), cosigner, time, report ?? (_ => { }));
            var node = new Node(parts);
            begun.Push(node);
            var access = new Access(folder, identity.Token, time);
            var reads = new BodyReads(folder.Reads);
            begun.Push(new Closing(reads));
            var gateway = new Gateway(node, folder, access, gatewayOptions, link.Document, time);
            begun.Push(new Closing(gateway));
            (Recorder, IDisposable?)? Recorded(string origin) =>
                node.Environments.Select(e => e.Log).FirstOrDefault(l => l?.Origin == origin) is { } hosted
                    ? (gateway.RecorderOf(hosted), null)
                    : Erasures.Open(folder, origin);
            var erasures = new Erasures(folder, Recorded);
            var replays = new DecisionReplays(Recorded);
            begun.Push(new Closing(replays));
            var pages = new ReadEndpoints(node, gateway, access, reads, link, erasures, time);
            var web = Web(gatewayOptions, access, gateway, new NodePages(pages,
                new ErasureEndpoints(erasures, outbox, () => link.Replay.State, node.AnchorSoon, time),
                new ReplayEndpoint(replays, access, reads, () => link.Replay, time)), parts.Shortage, time,
                report ?? (_ => { }));
            begun.Push(web);
            await web.StartAsync();
            var stopping = new CancellationTokenSource();
            var resuming = Resume(erasures, node, link, outbox, time, report ?? (_ => { }), stopping.Token);
            return new NodeHost(node, link, outbox, gateway, replays, reads, pages, web) { _stopping = stopping,
                _resuming = resuming };
        }
        catch
        {
            foreach (var part in begun) await part.DisposeAsync();
            throw;
        }
    }

    /// <summary>Finishes what was ordered before the node was stopped, and hands its orders to the server, once their
    /// logs are open.</summary>
    static async Task Resume(Erasures erasures, Node node, ServerLink link, Outbox outbox, TimeProvider time,
        Action<string> report, CancellationToken stop)
    {
        var said = "";
        var handed = new HashSet<Proof.Digest>();
        while (true)
        {
            try
            {
                var (orders, left) = await Task.Run(() => erasures.Resume(link.Replay.State,
                    time.GetUtcNow().ToUnixTimeMilliseconds(), origin =>
                    node.Environments.Any(e => e.Log?.Origin == origin)), stop);
                foreach (var order in orders) if (handed.Add(Proof.Digest.Of(order.Payload))) await outbox.Add(order);
                if (left == 0) return;
            }
            // shown by status as not stated; tried again
            catch (Exception e) when (e is IOException or FormatException or GatewayException) { }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // A bug; what one order meets must not keep the others waiting unsaid.
                if (e.Message != said) report($"erasures that were begun are not finished yet: {e}");
                said = e.Message;
            }
            try
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    sealed record Closing(IDisposable Part) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            Part.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    static WebApplication Web(GatewayOptions options, Access access, Gateway gateway, NodePages pages,
        Shortage shortage, TimeProvider time, Action<string> report)
    {
        var web = Listener.Build(new ListenerOptions
        {
            Port = options.Port, Hosts = options.Hosts, Connections = options.Connections, Shortage = shortage,
            Bodies = options.Bodies, BodiesOfOne = options.BodiesOfOne,
            // The gateway counts bytes itself; this bounds what is read and thrown away after a refusal.
            MaxBody = Math.Max(4L * options.MaxRequest, ReplayRequest.MaxBytes),
        }, time, report);
        web.Run(async http =>
        {
            // What a release makes of its own parameters is its own matter; pages are ours.
            if (!IsPage(http.Request.Path))
            {
                await gateway.Handle(http);
                return;
            }
            if (access.Seen(http.Request) is { } holder) http.Recognise(holder.Name);
            RequestTarget.CheckQuery(http);
            await NodeRoutes.Answer(http, access, pages);
        });
        return web;

        static bool IsPage(PathString path) => path.StartsWithSegments("/-", StringComparison.Ordinal)
            && path.Value!.Length > NodeRoutes.Root.Length;
    }

    public async ValueTask DisposeAsync()
    {
        if (_stopping is { } stopping)
        {
            await stopping.CancelAsync();
            await _resuming;
            stopping.Dispose();
            _stopping = null;
        }
        using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10)))
            try
            {
                await _web.StopAsync(limit.Token);
            }
            catch (OperationCanceledException) { } // requests that would not end are cut off
        await Node.DisposeAsync();
        _replays.Dispose();
        _reads.Dispose();
        _gateway.Dispose();
        _outbox.Dispose();
        await _link.DisposeAsync();
        Node.Identity.Dispose();
        Node.Cosigner.Dispose();
        await _web.DisposeAsync();
    }
}
