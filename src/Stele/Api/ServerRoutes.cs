using System.Collections.Immutable;
using Stele.Control;
using Stele.Control.Views;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Api;

/// <summary>
/// Every route of a server: under <c>/v1</c>, and until 1.0 where builds before it have it. C2SP's paths and the health
/// check stand at the root alone.
/// </summary>
static class ServerRoutes
{
    public const string Root = "/";

    static readonly ImmutableArray<Parameter> AsOf =
    [
        new("at", ParameterForm.Number, "as of this entry"),
        new("time", ParameterForm.Number, "as of then, milliseconds since 1970 UTC; not with 'at'"),
    ];

    static readonly Content Bytes = new("application/octet-stream"), Note = new("text/plain; charset=utf-8");

    public static readonly ImmutableArray<ApiRoute<Routes>> All =
    [
        new("GET", "healthz", Rights.None, RoutePlace.Root, (api, http) => api.Health(http),
            new("Whether the server admits statements.", Reply.Of<Health>())
            { Problems = ProblemKind.Of(ProblemCode.Stopped) }),
        new("POST", "statements", Rights.Submit, RoutePlace.Versioned, (api, http) => api.Submit(http),
            new("Admits a signed statement, or refuses it. Safe to repeat.",
                new Reply(StatusCodes.Status201Created, Content.Of<AddedEntry>(), "It is in the ledger now."),
                Reply.Of<AddedEntry>("It was in the ledger before; no time is said."))
            {
                Query = [new("await", ParameterForm.Text, "answer when the entry is 'durable' (on the disk), "
                    + "'integrated' (under a signed checkpoint; so unless asked otherwise) or 'witnessed'")],
                Takes = Content.Of<Envelope>(),
                Problems = [.. ProblemKind.Of(ProblemCode.RateLimited, ProblemCode.Clock, ProblemCode.Stopped),
                    .. Enum.GetValues<RefusalCode>().Select(c => new ProblemKind(c.Name(), c.Status()))],
            }),
        new("GET HEAD", "checkpoint", Rights.Read, RoutePlace.Root, (api, http) => api.Checkpoint(http),
            new("The published checkpoint, a C2SP signed note; with 'beyond' the newest signed one.",
                new Reply(StatusCodes.Status200OK, Note, "A note."))
            {
                Query = [new("beyond", ParameterForm.Number, "the newest signed checkpoint, with what cosignatures "
                    + "there are"), new("wait", ParameterForm.Number, "seconds to wait for one that covers more "
                    + "entries than 'beyond'")],
                Problems = ProblemKind.Of(ProblemCode.NotFound),
            }),
        new("GET HEAD", "tile/{**path}", Rights.Read, RoutePlace.Root, (api, http) => api.Tile(http),
            new("A hash tile or an entry bundle, as C2SP tlog-tiles says.",
                new Reply(StatusCodes.Status200OK, Bytes, "It never changes."))
            { Problems = ProblemKind.Of(ProblemCode.NotFound) }),
        new("POST", "cosignatures", Rights.Submit, RoutePlace.Versioned, (api, http) => api.Cosign(http),
            new("Takes a node's cosignature of a checkpoint. Safe to repeat.", Reply.Of<CosignedSize>())
            { Takes = Content.Of<CosignatureOffer>(), Problems = ProblemKind.Of(ProblemCode.NotANode) }),
        new("GET", "witnesses", Rights.Read, RoutePlace.Versioned, (api, http) => http.Write(api.Witnessing()),
            new("Who cosigns, how far, and what keeps them and the server from it.", Reply.Of<WitnessedLedger>())),
        new("GET", "timestamps", Rights.Read, RoutePlace.Versioned, (api, http) => api.Timestamps(http),
            new("Every time stamp over a checkpoint, by size.", Reply.Of<TimestampList>())),
        new("POST", "timestamps", Rights.Submit, RoutePlace.Versioned, (api, http) => api.AttachTimestamp(http),
            new("Attaches a time stamp to the checkpoint of a size. Safe to repeat.",
                new Reply(StatusCodes.Status201Created, Content.Of<AttachedTimestamp>(), "It is attached."))
            {
                Query = [new("size", ParameterForm.RequiredNumber, "which checkpoint was stamped")],
                Takes = new("application/timestamp-reply"),
            }),
        new("GET", "entries/{n}", Rights.Read, RoutePlace.Versioned, (api, http) => api.Entry(http),
            new("Everything about one entry.", Reply.Of<WholeEntry>())
            { Problems = ProblemKind.Of(ProblemCode.NotFound) }),
        new("GET", "proof/{n}", Rights.Read, RoutePlace.Versioned, (api, http) => api.Proof(http),
            new("An entry's inclusion proof.", Reply.Of<ShownProof>())
            {
                Query = [new("size", ParameterForm.Number, "of the tree; of the newest checkpoint unless given")],
                Problems = ProblemKind.Of(ProblemCode.NotFound),
            }),
        new("GET", "log", Rights.Read, RoutePlace.Versioned, (api, http) => api.Log(http),
            new("One readable line an entry.", Reply.Of<LogLines>())
            {
                Query = [new("from", ParameterForm.Number, "the first entry; 0 unless given"),
                    new("count", ParameterForm.Number, "how many; 1000 unless given, at most 10000")],
            }),
        new("GET", "events", Rights.Read, RoutePlace.Versioned, (api, http) => api.Events(http),
            new("The same lines as server-sent events, as entries are admitted: each 'data' is a LogLine, 'id' its "
                + "entry. Ends with the client or the server; Last-Event-ID goes on.",
                new Reply(StatusCodes.Status200OK, new("text/event-stream"), "A stream."))
            { Query = [new("from", ParameterForm.Number, "the first entry; the next one unless given")] }),
        new("GET", "status", Rights.Read, RoutePlace.Versioned, (api, http) => api.Status(http),
            new("Where everything stands.", Reply.Of<Status>())
            { Query = AsOf, Problems = ProblemKind.Of(ProblemCode.NotFound) }),
        new("GET", "members", Rights.Read, RoutePlace.Versioned,
            (api, http) => api.View(http, (state, _) => MemberList.Of(state)),
            new("Who may act.", Reply.Of<MemberList>())
            { Query = AsOf, Problems = ProblemKind.Of(ProblemCode.NotFound) }),
        new("GET", "releases", Rights.Read, RoutePlace.Versioned,
            (api, http) => api.View(http, (state, _) => ReleaseList.Of(state)),
            new("What was declared to run.", Reply.Of<ReleaseList>())
            { Query = AsOf, Problems = ProblemKind.Of(ProblemCode.NotFound) }),
        new("GET", "state", Rights.Read, RoutePlace.Versioned, (api, http) => api.View(http,
            (state, _) => new WholeState(StateDigest.Of(state), StateDigest.ToJson(state))),
            new("The whole folded state, and its digest.", Reply.Of<WholeState>())
            { Query = AsOf, Problems = ProblemKind.Of(ProblemCode.NotFound) }),
        new("GET", "diff", Rights.Read, RoutePlace.Versioned, (api, http) => api.Differences(http),
            new("What is different between two releases.", Reply.Of<Diff>())
            {
                Query = [new("from", ParameterForm.RequiredText, "a release: its digest, its name, or first digits"),
                    new("to", ParameterForm.RequiredText, "another one"), .. AsOf],
                Problems = ProblemKind.Of(ProblemCode.NotFound),
            }),
        new("GET", "trace", Rights.Read, RoutePlace.Versioned, (api, http) => api.Walk(http),
            new("From a deployment or a release to its origins; one of the two is named.", Reply.Of<Trace>())
            {
                Query = [new("release", ParameterForm.Text, "its digest, its name, or first digits"),
                    new("deployment", ParameterForm.Number, "its entry")],
                Problems = ProblemKind.Of(ProblemCode.NotFound),
            }),
        new("GET HEAD", "blobs/{**digest}", Rights.Read, RoutePlace.Versioned, (api, http) => api.GetBlob(http),
            new("The content with that digest.", new Reply(StatusCodes.Status200OK, Bytes, "It never changes."))
            { Problems = ProblemKind.Of(ProblemCode.UnknownBlob, ProblemCode.Corrupt) }),
        new("PUT", "blobs/{**digest}", Rights.Upload, RoutePlace.Versioned,
            (api, http) => api.PutBlob(http, Routes.DigestOf(http)),
            new("Stores content that has that digest. Safe to repeat.",
                new Reply(StatusCodes.Status201Created, Content.Of<StoredBlob>(), "It is stored."))
            { Takes = Bytes, Problems = ProblemKind.Of(ProblemCode.WrongDigest) }),
        new("POST", "blobs", Rights.Upload, RoutePlace.Versioned, (api, http) => api.PutBlob(http, null),
            new("Stores content, and says its digest.",
                new Reply(StatusCodes.Status201Created, Content.Of<StoredBlob>(), "It is stored."))
            { Takes = Bytes, Problems = ProblemKind.Of(ProblemCode.WrongDigest) }),
        new("PUT", "artifacts/{**digest}", Rights.Upload, RoutePlace.Versioned, (api, http) => api.ListArtifact(http),
            new("Lists a stored manifest by its name.", Reply.Of<StoredBlob>())
            { Problems = ProblemKind.Of(ProblemCode.UnknownBlob, ProblemCode.Corrupt, ProblemCode.WrongDigest) }),
        new("GET", "openapi.json", Rights.Read, RoutePlace.Versioned, (_, http) => Describe(http),
            OpenApi.Route),
    ];

    static Task Describe(HttpContext http) => http.Write(Description.Value);

    /// <summary>Also in docs/openapi/server.json.</summary>
    public static readonly Lazy<Json> Description = new(() => OpenApi.Of("Stele server",
        "The ledger, its blobs and views of them. A token's rights open each route (stele token add).", Root, All,
        ProblemKind.Of(ProblemCode.BadRequest, ProblemCode.Unauthorized, ProblemCode.Forbidden, ProblemCode.Timeout,
            ProblemCode.TooLarge, ProblemCode.WrongHost, ProblemCode.TooMuchAtOnce, ProblemCode.Internal,
            ProblemCode.Busy, ProblemCode.Storage)));
}
