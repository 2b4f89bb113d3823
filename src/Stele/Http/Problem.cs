using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Http;

/// <summary>
/// Why a server did not do what it was asked, where it is not the fold that refused (that is <see
/// cref="RefusalCode"/>). A closed set; names are permanent.
/// </summary>
enum ProblemCode
{
    /// <summary>The request's own shape: a number that is none, a parameter missing.</summary>
    BadRequest,
    /// <summary>No token, or not one of this server's.</summary>
    Unauthorized,
    /// <summary>A known token, without the right that this needs.</summary>
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// <summary>No blob has this digest here.</summary>
    UnknownBlob,
    /// <summary>The content does not have the digest or length that was announced.</summary>
    WrongDigest,
    TooLarge,
    /// <summary>A stored blob is damaged.</summary>
    Corrupt,
    /// <summary>The member had more refusals than are recorded in a minute.</summary>
    RateLimited,
    /// <summary>A cosignature that is not by a node of this ledger, or not on a checkpoint of it.</summary>
    NotANode,
    /// <summary>The queue is full.</summary>
    Busy,
    /// <summary>The clock is behind the ledger, or jumped.</summary>
    Clock,
    /// <summary>The server is stopping, or its ledger failed.</summary>
    Stopped,
    /// <summary>The server's disk is full, read-only or broken; nothing of the request was kept.</summary>
    Storage,
    /// <summary>The request did not come in time.</summary>
    Timeout,
    /// <summary>The Host header names no host that this server answers for.</summary>
    WrongHost,
    /// <summary>One client sends more at once than is held for one.</summary>
    TooMuchAtOnce,
    /// <summary>A bug. The server's log has more.</summary>
    Internal,
    /// <summary>Seen by a client alone: nobody answers there.</summary>
    Unreachable,
    /// <summary>Seen by a client alone: the answer is not one that a server of ours gives.</summary>
    BadAnswer,
}

/// <summary>
/// What went wrong, as the API says it and a client shows it: a <see cref="ProblemDocument"/> with <c>rules</c> and
/// <c>refusal</c> where there are any.
/// <paramref name="Rules"/>: every rule's outcome, where a policy judged. <paramref name="Refusal"/>: the entry in
/// which the refusal is recorded, where it is.
/// </summary>
sealed record Problem(int Status, string Code, string Message, string Hint, ImmutableArray<RuleOutcome> Rules,
    long? Refusal = null)
{
    public const string MediaType = ProblemDocument.MediaType;

    /// <summary>Answers with more than this are not read as problems.</summary>
    public const int MaxBytes = 1 << 20;

    static readonly Dictionary<ProblemCode, (string Name, int Status, string Hint)> Table = new()
    {
        [ProblemCode.BadRequest] = ("bad-request", 400, "see the message; the API's pages say what each address takes"),
        [ProblemCode.Unauthorized] = ("unauthorized", 401,
            "send 'Authorization: Bearer TOKEN'; the token is in the folder of the member who founded the server: "
            + "stele login"),
        [ProblemCode.Forbidden] = ("forbidden", 403,
            "use a token that has it: stele token add NAME --right RIGHT, on the server's machine"),
        [ProblemCode.NotFound] = ("not-found", 404, "check the address; stele status shows what there is"),
        [ProblemCode.MethodNotAllowed] = ("method-not-allowed", 405, "that address takes other methods"),
        [ProblemCode.UnknownBlob] = ("unknown-blob", 404, "upload it first, or check the digest"),
        [ProblemCode.WrongDigest] = ("wrong-digest", 422,
            "the content changed on the way or was announced wrongly; send it again under its own digest"),
        [ProblemCode.TooLarge] = ("too-large", 413,
            "put large content in a blob; split what is larger than a blob may be"),
        [ProblemCode.Corrupt] = ("corrupt", 500,
            "the server's copy is damaged: run stele fsck there and upload the blob again"),
        [ProblemCode.RateLimited] = ("rate-limited", 429, "wait a minute; then send what the message asks for"),
        [ProblemCode.NotANode] = ("not-a-node", 403,
            "an owner gives a node its role: stele member add --role node@SYSTEM/ENV"),
        [ProblemCode.Busy] = ("busy", 503, "send it again in a moment: nothing was recorded"),
        [ProblemCode.Clock] = ("clock", 503, "set the server's clock right, then restart the server"),
        [ProblemCode.Stopped] = ("stopped", 503,
            "look at the server's own log, restart it, and send again: a statement that got in will not get in twice"),
        [ProblemCode.Storage] = ("storage", 507, "the server's operator has to see to its disk; then send it again"),
        [ProblemCode.Timeout] = ("timeout", 408, "send it again, faster or in smaller parts"),
        [ProblemCode.WrongHost] = ("wrong-host", 421,
            "ask for localhost, 127.0.0.1 or [::1] with the server's own port; "
            + "other names are given to it when it is started: stele up --host NAME"),
        [ProblemCode.TooMuchAtOnce] = ("too-much-at-once", 429, "wait for answers before you send more"),
        [ProblemCode.Internal] = ("internal", 500, "this is a bug: the server's own log says more"),
        [ProblemCode.Unreachable] = ("unreachable", 503, "check the address, and that the server runs: stele up"),
        [ProblemCode.BadAnswer] = ("bad-answer", 502,
            "check the address: something else than a stele server answers there"),
    };

    public static Problem Of(ProblemCode code, string message) => new(Table[code].Status, Table[code].Name,
        message, Table[code].Hint, []);

    public static Problem Of(RefusalCode code, string message) => new(code.Status(), code.Name(), message, code.Hint(),
        []);

    public static Problem Of(Outcome.Refused refused, long? refusal = null) =>
        new(refused.Code.Status(), refused.Code.Name(), refused.Message, refused.Code.Hint(), refused.Judgement?.Rules
            ?? [], refusal);

    public static Problem Of(BlobException e) => Of(
        e.Error switch
        {
            BlobError.Unknown => ProblemCode.UnknownBlob,
            BlobError.Corrupt => ProblemCode.Corrupt,
            BlobError.WrongDigest => ProblemCode.WrongDigest,
            BlobError.TooLarge => ProblemCode.TooLarge,
            _ => ProblemCode.BadRequest,
        }, e.Message);

    /// <summary>
    /// Whether the rules judged it: sent again as it is, it will be refused again, unless the world moves. Otherwise it
    /// is not known to be wrong, and may be sent again later.
    /// </summary>
    public bool IsJudgement => Refusals.TryParse(Code, out _);

    /// <summary>Whether this is that problem.</summary>
    public bool Is(ProblemCode code) => Code == Table[code].Name;

    /// <summary>Of 405: the methods that the address takes, as the header Allow lists them.</summary>
    public string? Allow { get; init; }

    /// <summary>405, for an address that takes these methods alone.</summary>
    public static ProblemException MethodNotAllowed(HttpContext http, string allow) =>
        new(Of(ProblemCode.MethodNotAllowed,
        $"{http.Request.Path} takes {allow}, not {http.Request.Method}") with { Allow = allow });

    /// <summary>After how many seconds it may be worth to ask again; null: waiting alone changes nothing.</summary>
    public int? RetryAfter
    {
        get => field ?? (Status is StatusCodes.Status429TooManyRequests ? Is(ProblemCode.TooMuchAtOnce) ? 1 : 60
            : Is(ProblemCode.Busy) ? 1 : null);
        init;
    }

    public Json ToJson() => ProblemDocument.Of(Status, Code, Message, Hint,
        ("rules", Rules.IsDefaultOrEmpty ? null : Json.Array(Rules.Select(r => r.ToJson()))),
            ("refusal", Refusal is { } n ? Json.Of(n) : null));

    /// <exception cref="FormatException">Not a problem.</exception>
    public static Problem FromJson(int status, Json j) => new(
        status, j["code"].AsString, j["message"].AsString, j["hint"].AsString,
        j.Find("rules") is { } rules ? [.. rules.AsArray.Select(RuleOutcome.FromJson)] : [], j.Find("refusal") is { } n
            ? Names.Entry(n) : null);
}

/// <summary>What a request ends with where it is answered by a problem: a server's own, or a gateway's.</summary>
abstract class AnsweredException(Problem problem) : Exception(problem.Message)
{
    public Problem Problem { get; } = problem;
}

/// <summary>A problem on its way to the caller.</summary>
sealed class ProblemException(Problem problem) : AnsweredException(problem)
{
    public ProblemException(ProblemCode code, string message) : this(Problem.Of(code, message)) { }
}
