namespace Stele.Gateway;

/// <summary>
/// Why a request got no answer of a release: who is to blame, and whether it was recorded. A closed set; names are
/// permanent.
/// </summary>
enum GatewayError
{
    // Before anything was decided; not recorded.

    /// <summary>No token, or nobody's.</summary>
    Unauthenticated,
    /// <summary>A known token, without the right that this needs, or for other environments.</summary>
    Forbidden,
    /// <summary>No such address: not <c>/system/environment/…</c>, or not an environment of this node.</summary>
    NotFound,
    /// <summary>Not an HTTP JSON request: another content type, or a body that is not JSON.</summary>
    BadRequest,
    TooLarge,
    /// <summary>
    /// The environment is not being served: halted, revoked, not deployed yet, without its decision log.
    /// </summary>
    NotServing,
    /// <summary>What runs is not, or may not be, what was deployed.</summary>
    Drifted,
    /// <summary>The newest checkpoint is older than the environment allows.</summary>
    Stale,
    /// <summary>A policy is not at hand, so nothing can be decided.</summary>
    Undecidable,

    // Recorded.

    /// <summary>A rule said no.</summary>
    Denied,
    /// <summary>A rule demands a person's approval, and this gateway can't wait for one yet.</summary>
    Held,
    /// <summary>The release did not answer, or answered too much.</summary>
    BadUpstream,
    UpstreamTimeout,
    /// <summary>The release was found changed while it answered.</summary>
    DriftedMeanwhile,
    /// <summary>
    /// The release answered, and what one principal or all have in flight left no room for it. What was asked was done:
    /// it is no refusal that may be asked again.
    /// </summary>
    Unkept,
    /// <summary>A bug of the gateway's own. Recorded where it was let through before.</summary>
    Internal,

    // The record itself failed.

    /// <summary>
    /// It could not be recorded, so its result is not given out. It may stand in the log nevertheless.
    /// </summary>
    Unrecorded,

    // Of the node's own pages.

    /// <summary>A legal hold forbids to erase it.</summary>
    OnHold,
    /// <summary>Owners did not order it so that the ledger would take it; nothing was destroyed.</summary>
    Unordered,
    /// <summary>The node has not folded as much of the ledger as was asked for.</summary>
    Behind,
}

/// <summary>What each error is to the client.</summary>
static class GatewayErrors
{
    public static (string Name, int Status, string Hint) Row(this GatewayError error) => error switch
    {
        GatewayError.Unauthenticated =>
            ("unauthenticated", 401, "send 'Authorization: Bearer TOKEN' with a principal's token"),
        GatewayError.Forbidden => ("forbidden", 403,
            "another token: stele token add NAME --node --right RIGHT on the node's machine; for a principal: stele "
            + "principal add --for SYSTEM/ENV"),
        GatewayError.NotFound => ("not-found", 404, "an address is /system/environment/ and the release's own path"),
        GatewayError.BadRequest => ("bad-request", 400, "send JSON, as application/json, or no body at all"),
        GatewayError.TooLarge => ("too-large", 413, "send less"),
        GatewayError.NotServing => ("not-serving", 503, "see the message; stele status says more"),
        GatewayError.Drifted => ("drifted", 503, "the node is healing itself; try again in a moment"),
        GatewayError.Stale => ("stale", 503, "this node has not heard from its server for too long"),
        GatewayError.Undecidable =>
            ("undecidable", 503, "this node lacks a document it needs; it fetches it when its server answers"),
        GatewayError.Denied => ("denied", 403, "see the rule; the decision's record names the policies"),
        GatewayError.Held =>
            ("held", 403,
                "a person must approve this, and the gateway can't wait for that yet: it was refused, and recorded "
                + "under the rule"),
        GatewayError.BadUpstream =>
            ("bad-upstream", 502, "the release is at fault; its operator finds the record by the decision's id"),
        GatewayError.UpstreamTimeout =>
            ("upstream-timeout", 504, "the release took too long; its operator finds the record by the decision's id"),
        GatewayError.DriftedMeanwhile =>
            ("drifted-meanwhile", 503, "the node is healing itself; try again in a moment"),
        GatewayError.Unkept => ("answer-not-kept", 502,
            "the release did what was asked: look before you ask again, and for less at once; its operator finds the "
            + "record by the decision's id"),
        GatewayError.Internal => ("internal", 500,
            "this is a fault of the gateway itself: tell its operator, with the decision's id if there is one"),
        GatewayError.OnHold =>
            ("on-hold", 409, "stele hold list shows the holds; owners release one: stele hold release ENTRY"),
        GatewayError.Unordered => ("unordered", 403,
            "owners at the threshold sign one statement, which is good for a day: stele erase --draft NEW, then "
            + "stele erase --sign FILE"),
        GatewayError.Behind => ("behind", 503, "the node catches up with its server; try again in a moment"),
        _ => ("unrecorded", 503, "nothing is answered that was not recorded; try again later"),
    };

    /// <summary>After how many seconds it may be worth to ask again; null: waiting alone changes nothing.</summary>
    public static int? RetryAfter(this GatewayError error) => error switch
    {
        GatewayError.Drifted or GatewayError.DriftedMeanwhile or GatewayError.Behind => 1,
        GatewayError.Undecidable or GatewayError.Unrecorded => 10,
        _ => null,
    };

    /// <summary>As it is answered.</summary>
    public static Problem Problem(this GatewayError error, string message)
    {
        var (name, status, hint) = error.Row();
        return new(status, name, message, hint, []) { RetryAfter = error.RetryAfter() };
    }

    /// <summary>
    /// It never fails: what has to be said is said, and what was decided is recorded, whatever a message has in it.
    /// </summary>
    public static byte[] Body(this GatewayError error, string message, string? rule = null)
    {
        var (name, status, hint) = error.Row();
        return Proof.CanonicalJson.EncodeShown(
            ProblemDocument.Of(status, name, message, hint, ("rule", rule is null ? null : Proof.Json.Of(rule))));
    }
}

/// <summary>A request that ends before anything was decided, or whose record failed.</summary>
sealed class GatewayException(GatewayError error, string message) : AnsweredException(error.Problem(message))
{
    public GatewayError Error { get; } = error;
}
