using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stele.Control.Views;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Gateway;

/// <summary>What a node shows of itself; <see cref="NodeRoutes"/> says under which paths, and to whom.</summary>
sealed class ReadEndpoints(Node node, Gateway gateway, Access access, BodyReads reads, ServerLink link,
    Erasures erasures, TimeProvider time)
{
    public Task Health(HttpContext http) => node.Failed.IsFaulted
        ? http.Send(503, "text/plain", "failed\n"u8.ToArray())
        : http.Send(200, "text/plain", "ok\n"u8.ToArray());

    public Task ShowStatus(HttpContext http) => http.Write(Status());

    public Task LogCheckpoint(HttpContext http) => LogPages.Checkpoint(http, LogOf(http).Log.Checkpoint);

    public async Task LogTile(HttpContext http)
    {
        var log = LogOf(http).Log;
        var resource = "tile/" + http.Value("tile");
        if (!await LogPages.Tile(http, log, resource, Audience.Holders)) throw Lacks(log, resource);
    }

    public Task LogFloor(HttpContext http)
    {
        var log = LogOf(http).Log;
        return Control.Export.FloorOf(log) is { } floor
            ? http.Send(200, "application/json", floor.Encode()) : throw Lacks(log, "floor");
    }

    static GatewayException Lacks(Ledger.LogReader log, string resource) =>
        new(GatewayError.NotFound, $"the log of {log.Size} leaves has no {resource}");

    public Task ShowDecision(HttpContext http)
    {
        var (log, index) = Decided(http);
        return http.Send(200, "application/json", Shown(log, index).ToJson().ToBytes());
    }

    public async Task ShowBodies(HttpContext http)
    {
        var holder = access.Demand(http.Request, Rights.Bodies);
        var (log, index) = Decided(http);
        // Invariant: nothing is opened for anyone before it is durably recorded who opens it.
        await reads.Add(new BodyRead(time.GetUtcNow().ToUnixTimeMilliseconds(), holder.Name,
            Decision.Id(log.Origin, index)));
        await http.Send(200, "application/json", Bodies(log, index).ToJson().ToBytes());
    }

    /// <summary>The log that the path names.</summary>
    DecisionLog LogOf(HttpContext http) => node.Environments.Select(e => e.Log).FirstOrDefault(l =>
        l is not null && NodeFolder.NameOf(l.Origin) == http.Value("hex")) ?? throw NoPage;

    (DecisionLog Log, long Index) Decided(HttpContext http)
    {
        var log = LogOf(http);
        return long.TryParse(http.Value("index"), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            && index < log.Log.Size && index >= log.Log.Floor ? (log, index) : throw NoPage;
    }

    static GatewayException NoPage => new(GatewayError.NotFound, "no such page");

    public async Task ShowReceipt(HttpContext http) =>
        await http.Send(200, "application/json", await Receipt(http.Value("decision"), http.Request));

    /// <summary>
    /// A receipt that needs nothing else: this node has folded the ledger, and keeps the log. What is another's
    /// decision is not shown to be one.
    /// </summary>
    async Task<byte[]> Receipt(string id, HttpRequest request)
    {
        var asker = access.Of(request) ?? throw new GatewayException(GatewayError.Unauthenticated,
            "a receipt is shown to the principal who asked for the decision, and to a holder of a token of this node "
            + "with the right logs");
        if (!asker.Has(Rights.Logs) && !asker.Has(Rights.Decide)) throw Access.Lacks(asker, Rights.Logs);
        var log = Decision.TryParseId(id, out var origin, out var index)
            ? node.Environments.Select(e => e.Log).FirstOrDefault(l => l?.Origin == origin)
            : null;
        if (log is null || index >= log.Log.Size || index < log.Log.Floor
            || Decision.Parse(log.Log.ReadEntry(index)) is not { Kind: not DecisionKind.Close } decision
            || (!asker.Has(Rights.Logs) && decision.Principal != asker.Name))
            throw new GatewayException(GatewayError.NotFound, "you asked for no such decision here");
        var form = new ReceiptForm(request.Query["version"].ToString() switch
        {
            "" or "2" => ReceiptLayout.Two,
            "1" => ReceiptLayout.One,
            _ => throw new GatewayException(
                GatewayError.BadRequest, "a receipt has version 1 or 2: leave it out for the newest"),
        }, request.Query.ContainsKey("brief"));
        if (form is { Layout: ReceiptLayout.One, Brief: true })
            throw new GatewayException(
                GatewayError.BadRequest, "a brief receipt is of version 2: version 1 carries no reports");
        // The ledger is folded a moment after it was fetched, and a decision may be newer than what is folded.
        for (var attempt = 0; attempt < 100; attempt++)
        {
            if (link.Tree is { } tree
                && tree.Size >= decision.Size) return Receipt(tree, log, index, decision,
                request.Query.ContainsKey("early") ? null
                    : Proof.Packs.Receipt.AnchorOf(link.Replay, log.Origin, index, tree.Size)?.Anchor, form);
            await Task.Delay(20, request.HttpContext.RequestAborted);
        }
        throw new GatewayException(GatewayError.NotServing, "the node is still folding the ledger");
    }

    /// <param name="anchor">The first over the decision; null: an early receipt, by the log's own checkpoint.</param>
    byte[] Receipt(ProvenTree ledger, DecisionLog log, long index, Decision decision, Anchor? anchor, ReceiptForm form)
    {
        var note = anchor?.Checkpoint ?? log.Log.Checkpoint;
        var size = Checkpoint.TryOpen(note, log.Key, out var checkpoint, out var error)
            ? checkpoint.Size
            : throw new IOException(error);
        return Proof.Packs.Receipt.Build(link.Replay, link.Document, ledger, log.Origin,
            new ProvenTree(note, size, i => log.Log.InclusionProof(i, size)), index, decision,
            erased: erasures.Proof(log.Origin, index, link.Replay.At(ledger.Size)) is var (list, shown)
                ? new ErasedIn(link.Replay.State.Erasures[list].Entry, shown) : null, form: form).Encode();
    }

    /// <summary>What shows the decision to those who have the log's key.</summary>
    DecisionProof Shown(DecisionLog log, long index)
    {
        var note = log.Log.Checkpoint;
        var size = Checkpoint.TryOpen(note, log.Key, out var checkpoint, out var error)
            ? checkpoint.Size
            : throw new IOException(error);
        return new(Decision.Id(log.Origin, index), log.Key.ToString(), note, index,
            Encoding.UTF8.GetString(log.Log.ReadEntry(index)),
            [.. log.Log.InclusionProof(index, size).Select(h => h.Hex)], gateway.RecorderOf(log).KeysOf(index));
    }

    OpenedBodies Bodies(DecisionLog log, long index)
    {
        var recorder = gateway.RecorderOf(log);
        var decision = Decision.Parse(log.Log.ReadEntry(index));
        return new(WhereCommitted(SealedBodies.Context), Opened(SealedBodies.Input),
            WhereCommitted(SealedBodies.Masked), Opened(SealedBodies.Output));

        OpenedBody? WhereCommitted(string field) => decision.Committed(field) is null ? null : Opened(field);

        OpenedBody Opened(string field)
        {
            var (state, body) = recorder.Open(index, field, decision);
            return new(state, body is null ? null : Convert.ToBase64String(body));
        }
    }

    public NodeStatus Status() => new(node.Identity.Member, node.Identity.Key.Public.ToString(),
        node.ServerTrouble ?? "ok", node.AnchorTrouble ?? "ok", node.Fork, node.Cosigner.Key.ToString(),
        node.Cosigner.Size, node.Cosigner.LastError ?? "ok", Enforcement.ToJson(),
        [.. node.Faults.Select(f => f.Shown)], link.Replay.State.Size, node.Waiting,
        [.. erasures.Pending(link.Replay.State, time.GetUtcNow().ToUnixTimeMilliseconds()).Select(e => e.Shown)],
        access.Everywhere, node.LastRefusal,
        [.. node.Environments.OrderBy(e => e.Place, StringComparer.Ordinal).Select(Environment)]);

    HostedStatus Environment(HostedEnvironment hosted)
    {
        var table = hosted.Table;
        return new(hosted.System, hosted.Environment, table is null ? "waiting" : ViewJson.Name(table.Status),
            table?.Reason ?? "", [.. FaultsOf(hosted, table).Select(f => f.Shown)], hosted.InARow, hosted.LastError,
            hosted.LastEvent, hosted.FalseAlarms, table?.Deployment ?? 0, table?.State.Size ?? 0,
            table is null ? 0 : node.Staleness(table.State),
            [.. (table?.Backends ?? []).Select(l => new HostedRoute(l.Release.Digest, l.Release.Name, l.Weight,
                l.Instance.Trusted, l.Instance.Pid))],
            hosted.Log is { } log ? new(log.Origin, log.Key.ToString(), NodeFolder.NameOf(log.Origin), log.Log.Size,
                log.Counters.Around(() => { })) : null);
    }

    public async Task Reads(HttpContext http)
    {
        var from = http.Request.Query["from"] is [{ } text]
            ? long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n
            : throw new GatewayException(GatewayError.BadRequest, "from is the number of a read") : 0;
        var (all, size) = reads.Page(from);
        await http.Send(200, "application/json", new ReadPage([.. all], size).ToJson().ToBytes());
    }

    /// <summary>What keeps an environment from running what the ledger says, or from answering.</summary>
    IEnumerable<Faulted> FaultsOf(HostedEnvironment hosted, RoutingTable? table)
    {
        if (hosted.Fault is { } fault) yield return fault;
        if (KeyFault(hosted) is { } keys) yield return keys;
        if (table is null) yield break;
        if (table.Status switch
        {
            EnvironmentStatus.Unlogged => FaultCode.Unlogged,
            EnvironmentStatus.Revoked => FaultCode.Revoked,
            EnvironmentStatus.Unassigned => FaultCode.Unassigned,
            _ => (FaultCode?)null,
        } is { } standing) yield return new Faulted(standing, table.Reason) { Deployment = table.Deployment };
        if (table.Terms.StaleAfter is { } limit && node.Staleness(table.State) is var age && age > limit)
            yield return new Faulted(FaultCode.Stale, string.Create(CultureInfo.InvariantCulture,
                $"the newest checkpoint is {age / 1000} s old; {hosted.Place} allows {limit / 1000} s"));
    }

    Faulted? KeyFault(HostedEnvironment hosted)
    {
        if (hosted.Log is not { } log) return null;
        try
        {
            return gateway.RecorderOf(log).Unexplained is > 0 and var missing ? new Faulted(FaultCode.KeysMissing,
                MissingKeys(missing, log.Origin)) : null;
        }
        catch (GatewayException e)
        {
            return new Faulted(FaultCode.Storage, e.Message);
        }
    }

    /// <summary>How it is said wherever it is said.</summary>
    public static string MissingKeys(long count, string origin) => string.Create(CultureInfo.InvariantCulture,
        $"the keys of {(count == 1 ? "1 record" : $"{count} records")} of {origin} are missing, and nothing says why: "
        + $"no erasure lists them and no crash took them");
}
