using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Stele.Control.Views;
using Stele.Identity;
using Stele.Proof;

namespace Stele.Gateway;

/// <summary>What answers for a node's own pages.</summary>
sealed record NodePages(ReadEndpoints Reads, ErasureEndpoints Erasures, ReplayEndpoint Replay);

/// <summary>
/// Every page of a node, and the right that opens it: under <c>/-/v1/</c>, and until 1.0 where builds before it have
/// it, under <c>/-/</c>. A decision log is served under <c>/-/logs/</c>, as C2SP tlog-tiles says. No system's name
/// begins with a hyphen, so no page can stand where a release answers; <c>/v1</c> could.
/// Invariant: a request below <c>/-/</c> that is no row of this table reaches no page; what is added is added here
/// first.
/// </summary>
static class NodeRoutes
{
    public const string Root = "/-/";

    const string Prefix = ApiRoute.Version + "/", Get = "GET HEAD";

    static readonly Content Note = new("text/plain; charset=utf-8"), Bytes = new("application/octet-stream");

    static readonly ImmutableArray<ProblemKind> NotFound = Of(GatewayError.NotFound),
        Kept = Of(GatewayError.Unrecorded);

    public static readonly ImmutableArray<ApiRoute<NodePages>> All =
    [
        new(Get, "healthz", Rights.None, RoutePlace.Root, (pages, http) => pages.Reads.Health(http),
            new("Whether the node runs.", new Reply(StatusCodes.Status200OK, new("text/plain"), "It runs."),
                new Reply(StatusCodes.Status503ServiceUnavailable, new("text/plain"), "It failed."))),
        new(Get, "status", Rights.Logs, RoutePlace.Versioned, (pages, http) => pages.Reads.ShowStatus(http),
            new("Everything that the node says of itself and of its environments; what is not as the ledger says is "
                + "in 'faults'.", Reply.Of<NodeStatus>())),
        new(Get, "logs/{hex}/checkpoint", Rights.Logs, RoutePlace.Root, (pages, http) =>
            pages.Reads.LogCheckpoint(http),
            new("The newest checkpoint of a decision log; 'hex' is the SHA-256 of its origin.",
                new Reply(StatusCodes.Status200OK, Note, "A note.")) { Problems = NotFound }),
        new(Get, "logs/{hex}/tile/{**tile}", Rights.Logs, RoutePlace.Root, (pages, http) => pages.Reads.LogTile(http),
            new("A hash tile or a bundle of leaves, as C2SP tlog-tiles says.",
                new Reply(StatusCodes.Status200OK, Bytes, "It never changes.")) { Problems = NotFound }),
        new(Get, "logs/{hex}/floor", Rights.Logs, RoutePlace.Versioned, (pages, http) => pages.Reads.LogFloor(http),
            new("Where a log begins whose oldest leaves are not here any more; 404 where it begins at 0.",
                new Reply(StatusCodes.Status200OK, new(Content.Json), "As docs/spec/pack.md says."))
            { Problems = NotFound }),
        new(Get, "decisions/{hex}/{index}", Rights.Logs, RoutePlace.Versioned, (pages, http) =>
            pages.Reads.ShowDecision(http),
            new("A decision's leaf, its inclusion proof and the log's checkpoint; and what became of its keys.",
                Reply.Of<DecisionProof>()) { Problems = [.. NotFound, .. Kept] }),
        // A principal's own decision: the page looks whose it is.
        new(Get, "receipts/{**decision}", Rights.Logs | Rights.Decide, RoutePlace.Versioned, (pages, http) =>
            pages.Reads.ShowReceipt(http),
            new("The whole receipt of a decision: full once the ledger anchors it, early before that.",
                new Reply(StatusCodes.Status200OK, new(Content.Json), "As docs/spec/receipt.md says."))
            {
                Query = [new("early", ParameterForm.Text, "early even if it is anchored"),
                    new("version", ParameterForm.Number, "1 or 2; 2 unless given"),
                    new("brief", ParameterForm.Text, "of version 2: without reports")],
                Problems = [.. NotFound, .. Of(GatewayError.NotServing)],
            }),
        new(Get, "bodies/{hex}/{index}", Rights.Bodies, RoutePlace.Versioned, (pages, http) =>
            pages.Reads.ShowBodies(http),
            new("What was asked and answered, opened; who opens it is recorded before.",
                Reply.Of<OpenedBodies>()) { Problems = [.. NotFound, .. Kept] }),
        new("POST", "replay", Rights.Bodies, RoutePlace.Versioned, (pages, http) => pages.Replay.Handle(http),
            new("Judges recorded decisions again under another policy; it is recorded as a reading of bodies.",
                Reply.Of<ReplayedDecisions>())
            { Takes = Content.Of<Json>(), Problems = [.. Of(GatewayError.Behind), .. Kept] }),
        new("POST", "erasures", Rights.Erase, RoutePlace.Versioned, (pages, http) => pages.Erasures.Plan(http),
            new("Plans an erasure, and says what owners have to sign. Nothing is destroyed.",
                Reply.Of<ErasurePlan>())
            {
                Takes = Content.Of<ErasureRequest>(),
                Problems = [.. NotFound, .. Of(GatewayError.Behind, GatewayError.OnHold, GatewayError.TooLarge),
                    .. Kept],
            }),
        new("POST", "erasures/orders", Rights.Erase, RoutePlace.Versioned, (pages, http) =>
            pages.Erasures.Carry(http),
            new("Carries out a plan that owners signed at the threshold, and hands the order to the server.",
                Reply.Of<CarriedErasure>())
            {
                Query = [new("size", ParameterForm.RequiredNumber, "as much of the ledger the node must have folded")],
                Takes = Content.Of<Envelope>(),
                Problems = [.. NotFound, .. Of(GatewayError.Behind, GatewayError.OnHold, GatewayError.Unordered),
                    .. Kept],
            }),
        new(Get, "erasures/{hex}/{index}", Rights.Logs, RoutePlace.Versioned, (pages, http) =>
            pages.Erasures.Proof(http),
            new("What shows that the keys of a decision were erased, and that the ledger states it.",
                Reply.Of<ErasureProof>()) { Problems = [.. NotFound, .. Kept] }),
        new(Get, "reads", Rights.Administer, RoutePlace.Versioned, (pages, http) => pages.Reads.Reads(http),
            new("Who opened which bodies, oldest first, at most 1000 at once.", Reply.Of<ReadPage>())
            {
                Query = [new("from", ParameterForm.Number, "the number of the first; 0 unless given")],
                Problems = Kept,
            }),
        new(Get, "openapi.json", Rights.Logs, RoutePlace.Versioned, (_, http) => Describe(http),
            OpenApi.Route),
    ];

    static Task Describe(HttpContext http) => http.Write(Description.Value);

    /// <summary>Also in docs/openapi/node.json.</summary>
    public static readonly Lazy<Json> Description = new(() => OpenApi.Of("Stele node",
        "A node's own pages, next to the releases that its gateway forwards to. A token's rights open each page "
        + "(stele token add --node).", Root, All,
        [.. ProblemKind.Of(ProblemCode.BadRequest, ProblemCode.Timeout, ProblemCode.TooLarge, ProblemCode.WrongHost,
            ProblemCode.TooMuchAtOnce, ProblemCode.Internal, ProblemCode.Busy, ProblemCode.Storage),
            .. Of(GatewayError.Unauthenticated, GatewayError.Forbidden, GatewayError.NotServing)]));

    static ImmutableArray<ProblemKind> Of(params ReadOnlySpan<GatewayError> errors)
    {
        var all = ImmutableArray.CreateBuilder<ProblemKind>(errors.Length);
        foreach (var error in errors) all.Add(new(error.Row().Name, error.Row().Status));
        return all.ToImmutable();
    }

    /// <summary>Answers a request below <see cref="Root"/>, if it may be answered.</summary>
    /// <exception cref="ProblemException">The page takes another method.</exception>
    /// <exception cref="GatewayException">There is no such page, the asker lacks the right, or it failed.</exception>
    public static Task Answer(HttpContext http, Access access, NodePages pages) =>
        Opened(access, http.Request).Handler(pages, http);

    /// <exception cref="GatewayException">There is no such page, or the asker lacks the right.</exception>
    static ApiRoute<NodePages> Opened(Access access, HttpRequest request)
    {
        var path = request.Path.Value![Root.Length..];
        var of = All.Where(r => Match(r, path) is not null).ToList();
        if (of.FirstOrDefault(r => r.Each.Contains(request.Method)) is { } route)
        {
            if (route.Rights != Rights.None) access.Demand(request, route.Rights);
            request.RouteValues = Match(route, path)!;
            return route;
        }
        if (of.Count > 0)
            throw Problem.MethodNotAllowed(request.HttpContext, string.Join(", ", of.SelectMany(r => r.Each)));
        // Strangers do not learn what is there.
        access.Demand(request, Rights.Logs);
        throw new GatewayException(GatewayError.NotFound, "no such page");
    }

    /// <summary>The values of a path's parameters; null where the path is another's.</summary>
    static RouteValueDictionary? Match(ApiRoute route, string path)
    {
        if (route.Place == RoutePlace.Versioned && path.StartsWith(Prefix, StringComparison.Ordinal))
            path = path[Prefix.Length..];
        var (wanted, given) = (route.Path.Split('/'), path.Split('/'));
        var values = new RouteValueDictionary();
        for (var i = 0; i < wanted.Length; i++)
        {
            if (i >= given.Length) return null;
            var name = wanted[i].Trim('{', '*', '}');
            if (wanted[i].StartsWith("{**", StringComparison.Ordinal))
            {
                values[name] = string.Join('/', given[i..]);
                return values;
            }
            if (wanted[i].StartsWith('{')) values[name] = given[i];
            else if (wanted[i] != given[i]) return null;
        }
        return given.Length == wanted.Length ? values : null;
    }

    /// <summary>A parameter of the path.</summary>
    public static string Value(this HttpContext http, string name) => (string)http.Request.RouteValues[name]!;
}
