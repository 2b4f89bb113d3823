using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Gateway;

/// <summary>
/// What a node shows of itself, under <c>/-/</c>, to whoever has the node's token:
/// <code>
/// GET healthz                             200 while the node runs (no token needed)
/// GET status                              every environment: standing, releases, log, staleness
/// GET logs/[hex]/checkpoint               the decision log as C2SP tlog-tiles serves it; [hex] is the SHA-256 of its origin
/// GET logs/[hex]/tile/…
/// GET logs/[hex]/floor                    where a log begins whose oldest leaves are not here any more; 404 where it begins at 0
/// GET decisions/[hex]/[index]             an early receipt: leaf, inclusion proof, checkpoint
/// GET bodies/[hex]/[index]                what was asked and answered, opened: {"input":…,"output":…}, each {"state","base64"?}
/// </code>
/// </summary>
sealed class ReadEndpoints(Node node, Gateway gateway)
{
    public async Task Handle(HttpContext http)
    {
        try
        {
            await Answer(http);
        }
        catch (GatewayException e)
        {
            await Send(http, e.Error.Row().Status, "application/problem+json", e.Error.Body(e.Message));
        }
    }

    async Task Answer(HttpContext http)
    {
        var path = http.Request.Path.Value!["/-/".Length..];
        if (!HttpMethods.IsGet(http.Request.Method)) await Send(http, 405, "text/plain", "GET only\n"u8.ToArray());
        else if (path == "healthz") await (node.Failed.IsFaulted ? Send(http, 503, "text/plain", "failed\n"u8.ToArray()) : Send(http, 200, "text/plain", "ok\n"u8.ToArray()));
        else if (!Allowed(http.Request.Headers.Authorization)) await Send(http, 401, "application/problem+json", GatewayError.Unauthenticated.Body("this needs the node's own token"));
        else if (Find(path) is var (type, bytes)) await Send(http, 200, type, bytes);
        else await Send(http, 404, "application/problem+json", GatewayError.NotFound.Body("no such page"));
    }

    internal bool Allowed(string? authorization) =>
        authorization is { Length: < 256 } && authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
        && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(authorization[7..].Trim())), SHA256.HashData(Encoding.UTF8.GetBytes(node.Identity.Token)));

    (string Type, byte[] Bytes)? Find(string path)
    {
        var parts = path.Split('/', 3);
        return parts switch
        {
            ["status"] => ("application/json", Status().ToBytes()),
            ["logs", var hex, var resource] => LogOf(hex) is { } log ? Resource(log, resource) : null,
            ["decisions", var hex, var number] => LogOf(hex) is { } log && Index(log, number) is { } index ? ("application/json", Receipt(log, index).ToBytes()) : null,
            ["bodies", var hex, var number] => LogOf(hex) is { } log && Index(log, number) is { } index ? ("application/json", Bodies(log, index).ToBytes()) : null,
            _ => null,
        };
    }

    DecisionLog? LogOf(string hex) => node.Environments.Select(e => e.Log).FirstOrDefault(l => l is not null && NodeFolder.NameOf(l.Origin) == hex);

    static long? Index(DecisionLog log, string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < log.Log.Size && index >= log.Log.Floor ? index : null;

    static (string, byte[])? Resource(DecisionLog log, string name)
    {
        if (name == "floor") return Control.Export.FloorOf(log.Log) is { } floor ? ("application/json", floor.Encode()) : null;
        if (name == "checkpoint") return ("text/plain; charset=utf-8", Encoding.UTF8.GetBytes(log.Log.Checkpoint));
        return Tile.TryParse(name, out var tile) && log.Log.Tile(tile.Level, tile.Index, tile.Width) is { } bytes ? ("application/octet-stream", bytes) : null;
    }

    /// <summary>What proves the decision to whoever has the log's key. The anchored receipt adds the ledger's own proof of the checkpoint.</summary>
    static Json Receipt(DecisionLog log, long index)
    {
        var note = log.Log.Checkpoint;
        var size = Checkpoint.TryOpen(note, log.Key, out var checkpoint, out var error) ? checkpoint.Size : throw new IOException(error);
        return Json.Object(
            ("decision", Decision.Id(log.Origin, index)), ("key", log.Key.ToString()), ("checkpoint", note), ("index", index), ("leaf", Encoding.UTF8.GetString(log.Log.ReadEntry(index))),
            ("proof", Json.Array(log.Log.InclusionProof(index, size).Select(h => Json.Of(h.Hex)))));
    }

    Json Bodies(DecisionLog log, long index)
    {
        var recorder = gateway.RecorderOf(log);
        return Json.Object(("input", Opened(SealedBodies.Input)), ("output", Opened(SealedBodies.Output)));

        Json Opened(string field)
        {
            var (state, body) = recorder.Open(index, field);
            return Json.Object(("state", state.ToString().ToLowerInvariant()), ("base64", body is null ? null : Json.Of(Convert.ToBase64String(body))));
        }
    }

    public Json Status() => Json.Object(
        ("member", node.Identity.Member), ("key", node.Identity.Key.Public.ToString()), ("server", node.ServerTrouble ?? "ok"), ("anchoring", node.AnchorTrouble ?? "ok"),
        ("waiting", node.Waiting), ("lastRefusal", node.LastRefusal is { } refused ? Json.Of(refused) : null),
        ("environments", Json.Array(node.Environments.OrderBy(e => e.Place, StringComparer.Ordinal).Select(Environment))));

    Json Environment(HostedEnvironment hosted)
    {
        var table = hosted.Table;
        return Json.Object(
            ("system", hosted.System), ("environment", hosted.Environment), ("standing", table is null ? "waiting" : table.Standing.ToString().ToLowerInvariant()), ("reason", table?.Reason ?? ""),
            ("trouble", hosted.Trouble is { } t ? Json.Of(t) : null), ("news", hosted.News is { } n ? Json.Of(n) : null), ("falseAlarms", hosted.FalseAlarms),
            ("deployment", table?.Deployment ?? 0), ("size", table?.State.Size ?? 0), ("staleness", table is null ? 0 : node.Staleness(table.State)),
            ("routes", Json.Array((table?.Legs ?? []).Select(l => Json.Object(("release", l.Release.Digest), ("name", l.Release.Name), ("weight", l.Weight), ("trusted", l.Instance.Trusted), ("pid", l.Instance.Pid))))),
            ("log", hosted.Log is { } log ? Json.Object(("origin", log.Origin), ("key", log.Key.ToString()), ("folder", NodeFolder.NameOf(log.Origin)), ("size", log.Log.Size)) : null));
    }

    internal static async Task Send(HttpContext http, int status, string type, byte[] bytes)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.ContentLength = bytes.Length;
        await http.Response.Body.WriteAsync(bytes);
    }
}
