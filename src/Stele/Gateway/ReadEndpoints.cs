using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Runtime;

namespace Stele.Gateway;

/// <summary>
/// What a node shows of itself, under <c>/-/</c>, by the rights of a token of this node: <c>logs</c> unless it says
/// otherwise:
/// <code>
/// GET healthz                             200 while the node runs (no token needed)
/// GET status                              every environment: standing, releases, log, staleness; the node's cosigning key; a fork that it saw
///                                         what keeps node or environment from being as the ledger says is in "faults",
///                                         each {"code","message","hint","deployment"?,"differences"}: "differences"
///                                         names dimension and path, "deployment" the head's entry; the codes are those
///                                         of <see cref="FaultCode"/>
/// GET HEAD logs/[hex]/checkpoint          the decision log as C2SP tlog-tiles serves it (see <see cref="LogPages"/>); [hex] is the SHA-256 of its origin
/// GET HEAD logs/[hex]/tile/…
/// GET logs/[hex]/floor                    where a log begins whose oldest leaves are not here any more; 404 where it begins at 0
/// GET receipts/[log origin]/[index]       the whole receipt of a decision: full once the ledger anchors it, early before that, or with ?early;
///                                         also for the principal who asked for the decision
/// GET decisions/[hex]/[index]             a decision's leaf, inclusion proof and checkpoint alone; and what became of its keys: "keys" is
///                                         whole, erased, lost (in a crash, before its client got an answer) or missing
/// GET bodies/[hex]/[index]                what was asked and answered, opened: {"context"?,"input","masked"?,"output"}, each {"state","base64"?};
///                                         the right bodies; who opened it is recorded before it is answered
/// GET reads?from=N                        who opened which bodies, oldest first: {"reads":[{"decision","time","who"}…],"size"}; the right administer
/// </code>
/// </summary>
sealed class ReadEndpoints(Node node, Gateway gateway, Access access, BodyReads reads, ServerLink link,
    Erasures erasures, TimeProvider time)
{
    public async Task Handle(HttpContext http)
    {
        var path = http.Request.Path.Value!["/-/".Length..];
        if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method))
            throw Problem.MethodNotAllowed(http, "GET, HEAD");
        else if (path == "healthz")
            await (node.Failed.IsFaulted
                ? http.Send(503, "text/plain", "failed\n"u8.ToArray())
                : http.Send(200, "text/plain", "ok\n"u8.ToArray()));
        else if (path.StartsWith("receipts/", StringComparison.Ordinal))
            await http.Send(200, "application/json", await Receipt(path["receipts/".Length..], http.Request));
        else if (path == "reads") await Reads(http);
        else if (access.Demand(http.Request, path.StartsWith("bodies/", StringComparison.Ordinal) ? Rights.Bodies
            : Rights.Logs) is var holder && path.Split('/', 3) is ["logs", var hex, var resource]
            && LogOf(hex) is { } log)
        {
            if (resource == "floor" && Control.Export.FloorOf(log.Log) is { } floor)
                await http.Send(200, "application/json", floor.Encode());
            else if (resource == "checkpoint") await LogPages.Checkpoint(http, log.Log.Checkpoint);
            else if (!await LogPages.Tile(http, log.Log, resource, Audience.Holders))
                throw new GatewayException(GatewayError.NotFound,
                    $"the log of {log.Log.Size} leaves has no {resource}");
        }
        else if (path.Split('/') is ["bodies", var of, var number] && LogOf(of) is { } bodies
            && Index(bodies, number) is { } index)
        {
            // Invariant: nothing is opened for anyone before it is durably recorded who opens it.
            await reads.Add(new BodyRead(time.GetUtcNow().ToUnixTimeMilliseconds(), holder.Name,
                Decision.Id(bodies.Origin, index)));
            await http.Send(200, "application/json", Bodies(bodies, index).ToBytes());
        }
        else if (Find(path) is var (type, bytes)) await http.Send(200, type, bytes);
        else throw new GatewayException(GatewayError.NotFound, "no such page");
    }

    (string Type, byte[] Bytes)? Find(string path)
    {
        var parts = path.Split('/', 3);
        return parts switch
        {
            ["status"] => ("application/json", CanonicalJson.EncodeShown(Status())),
            ["decisions", var hex, var number] => LogOf(hex) is { } log && Index(log, number) is { } index
                ? ("application/json", Shown(log, index).ToBytes())
                : null,
            _ => null,
        };
    }

    DecisionLog? LogOf(string hex) =>
        node.Environments.Select(e => e.Log).FirstOrDefault(l => l is not null && NodeFolder.NameOf(l.Origin) == hex);

    static long? Index(DecisionLog log, string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < log.Log.Size
            && index >= log.Log.Floor ? index : null;

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
            || Decision.Parse(log.Log.ReadEntry(index)) is not { Kind: not Decision.CloseKind } decision
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
                && tree.Size >= decision.Size) return Receipt(
                tree, log, index, decision, request.Query.ContainsKey("early"), form);
            await Task.Delay(20, request.HttpContext.RequestAborted);
        }
        throw new GatewayException(GatewayError.NotServing, "the node is still folding the ledger");
    }

    byte[] Receipt(ProvenTree ledger, DecisionLog log, long index, Decision decision, bool early, ReceiptForm form)
    {
        var anchor = early ? null : Proof.Packs.Receipt.AnchorOf(link.Replay, log.Origin, index, ledger.Size);
        var note = anchor?.Anchor.Checkpoint ?? log.Log.Checkpoint;
        var size = Checkpoint.TryOpen(note, log.Key, out var checkpoint, out var error)
            ? checkpoint.Size
            : throw new IOException(error);
        return Proof.Packs.Receipt.Build(link.Replay, link.Document, ledger, log.Origin,
            new ProvenTree(note, size, i => log.Log.InclusionProof(i, size)), index, decision,
            erased: erasures.Proof(log.Origin, index, link.Replay.At(ledger.Size)) is var (list, shown)
                ? new ErasedIn(link.Replay.State.Erasures[list].Entry, shown) : null, form: form).Encode();
    }

    /// <summary>What shows the decision to those who have the log's key.</summary>
    Json Shown(DecisionLog log, long index)
    {
        var note = log.Log.Checkpoint;
        var size = Checkpoint.TryOpen(note, log.Key, out var checkpoint, out var error)
            ? checkpoint.Size
            : throw new IOException(error);
        return Json.Object(
            ("decision", Decision.Id(log.Origin, index)), ("key", log.Key.ToString()), ("checkpoint", note),
            ("index", index), ("leaf", Encoding.UTF8.GetString(log.Log.ReadEntry(index))),
            ("proof", Json.Array(log.Log.InclusionProof(index, size).Select(h => Json.Of(h.Hex)))),
            ("keys", Named(gateway.RecorderOf(log).KeysOf(index))));
    }

    static string Named(BodyState state) => state.ToString().ToLowerInvariant();

    Json Bodies(DecisionLog log, long index)
    {
        var recorder = gateway.RecorderOf(log);
        var decision = Decision.Parse(log.Log.ReadEntry(index));
        return Json.Object(SealedBodies.Fields.Where(f => f is SealedBodies.Input or SealedBodies.Output
            || decision.Committed(f) is not null).Select(f => KeyValuePair.Create(f, Opened(f))));

        Json Opened(string field)
        {
            var (state, body) = recorder.Open(index, field, decision);
            return Json.Object(("state", Named(state)),
                ("base64", body is null ? null : Json.Of(Convert.ToBase64String(body))));
        }
    }

    public Json Status() => Json.Object(
        ("member", node.Identity.Member), ("key", node.Identity.Key.Public.ToString()),
        ("server", node.ServerTrouble ?? "ok"), ("anchoring", node.AnchorTrouble ?? "ok"),
        ("fork", node.Fork is { } fork ? Json.Of(fork) : null), ("cosigner", node.Cosigner.Key.ToString()),
        ("cosigned", node.Cosigner.Size), ("cosigning", node.Cosigner.LastError ?? "ok"),
        ("confinement", Enforcement.ToJson()), ("faults", Faults(node.Faults)), ("size", link.Replay.State.Size),
        ("waiting", node.Waiting), ("erasures", Json.Array(erasures.Pending(link.Replay.State,
            time.GetUtcNow().ToUnixTimeMilliseconds()).Select(e => e.ToJson()))),
        ("everywhere", access.Everywhere), ("lastRefusal", node.LastRefusal is { } refused ? Json.Of(refused) : null),
        ("environments",
            Json.Array(node.Environments.OrderBy(e => e.Place, StringComparer.Ordinal).Select(Environment))));

    Json Environment(HostedEnvironment hosted)
    {
        var table = hosted.Table;
        return Json.Object(
            ("system", hosted.System), ("environment", hosted.Environment), ("standing", table is null
                ? "waiting"
                : table.Status.ToString().ToLowerInvariant()), ("reason", table?.Reason ?? ""),
            ("faults", Faults(FaultsOf(hosted, table))), ("replaced", hosted.InARow),
            ("trouble", hosted.LastError is { } t ? Json.Of(t) : null),
            ("news", hosted.LastEvent is { } n ? Json.Of(n) : null), ("falseAlarms", hosted.FalseAlarms),
            ("deployment", table?.Deployment ?? 0), ("size", table?.State.Size ?? 0),
            ("staleness", table is null ? 0 : node.Staleness(table.State)),
            ("routes",
                Json.Array(
                    (table?.Backends
                        ?? []).Select(l => Json.Object(("release", l.Release.Digest), ("name", l.Release.Name),
                        ("weight", l.Weight), ("trusted", l.Instance.Trusted), ("pid", l.Instance.Pid))))),
            ("log",
                hosted.Log is { } log
                    ? Json.Object(("origin", log.Origin), ("key", log.Key.ToString()),
                        ("folder", NodeFolder.NameOf(log.Origin)), ("size", log.Log.Size),
                        ("counted", log.Counters.Around(() => { }).ToJson()))
                    : null));
    }

    async Task Reads(HttpContext http)
    {
        access.Demand(http.Request, Rights.Administer);
        var from = http.Request.Query["from"] is [{ } text]
            ? long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n
            : throw new GatewayException(GatewayError.BadRequest, "from is the number of a read") : 0;
        var (all, size) = reads.Page(from);
        await http.Send(200, "application/json", Json.Object(("reads", Json.Array(all.Select(r => r.ToJson()))),
            ("size", size)).ToBytes());
    }

    static Json Faults(IEnumerable<Faulted> faults) => Json.Array(faults.Select(f => f.ToJson()));

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
