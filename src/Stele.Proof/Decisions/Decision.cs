using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Proof.Statements;

namespace Stele.Proof.Decisions;

/// <summary>
/// A salted commitment to a body that is kept elsewhere, encrypted: HMAC-SHA-256 under 32 random bytes, over the
/// field's domain and the body. Without the salt it says nothing.
/// </summary>
public sealed record Commitment(Digest Value, long Size)
{
    public const int SaltBytes = 32;

    /// <param name="field">
    /// Which body: <c>input</c>, <c>output</c>, …; part of what is committed to, so one can't stand for another.
    /// </param>
    public static Commitment To(string field, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, salt);
        hmac.AppendData(Encoding.UTF8.GetBytes($"stele.dev/body/{field}/v1\n"));
        hmac.AppendData(body);
        return new Commitment(Digest.From(hmac.GetHashAndReset()), body.Length);
    }

    public Json ToJson() => Json.Object(("commitment", Value.Hex), ("size", Size));
    public static Commitment FromJson(Json j) => new(Digest.ParseHex(j["commitment"].AsString), Names.Entry(j["size"]));
}

/// <summary>What rules make of a request. <see cref="Would.Outcomes"/> are its words.</summary>
public enum RuledOutcome { Allow, Deny, Mask, Hold }

/// <summary>
/// What would have come out with a candidate in the place of its scope's policy: allow, deny, mask or hold, the rule
/// that it rests on, and whose rule that is: the candidate's, or that of another policy.
/// </summary>
public sealed record Would(Digest Policy, RuledOutcome Outcome, string? Rule, Digest? RulePolicy = null)
{
    public static readonly Words<RuledOutcome> Outcomes = new("allow", "deny", "mask", "hold");

    /// <summary>Whether it would have been refused.</summary>
    public bool Refuses => Outcome is RuledOutcome.Deny or RuledOutcome.Hold;

    public Json ToJson() =>
        Json.Object(("policy", Policy), ("outcome", Outcomes[Outcome]), ("rule", Rule is null ? null : Json.Of(Rule)),
            ("rulePolicy", RulePolicy is { } p ? Json.Of(p) : null));

    public static Would FromJson(Json j)
    {
        var would = new Would(j["policy"].AsDigest, Outcomes.Parse(j["outcome"]),
            j.Find("rule") is { } r ? Names.Label(r) : null, j.Find("rulePolicy")?.AsDigest);
        return would.Rule is null == would.RulePolicy is null
            ? would
            : throw new FormatException("a rule is named with its policy");
    }
}

/// <summary>
/// What a leaf tells of an operation: that it was let through; how it ended (it names its open); both at once.
/// <see cref="Decision.Kinds"/> are its words.
/// </summary>
public enum DecisionKind { Open, Close, Whole }

/// <summary>
/// What came of a request: it was let through and answered; denied; held for a person's approval, and refused so far;
/// let through, and no answer of the release could be passed on. <see cref="Decision.Outcomes"/> are its words.
/// </summary>
public enum DecisionOutcome { Allow, Deny, Hold, Error }

/// <summary>
/// One leaf of a decision log, canonical JSON without anything personal. A decision's id is
/// <c>&lt;log origin&gt;/&lt;index of its open or whole leaf&gt;</c>.
/// </summary>
/// <param name="Time">Milliseconds since 1970 UTC, by the node's clock.</param>
/// <param name="Open">In a close: the index of the open it ends; null otherwise.</param>
/// <param name="Deployment">The ledger entry that put the release here.</param>
/// <param name="Strength">
/// How the release was known to be the one running: verified-at-load, attested, configured, unavailable.
/// </param>
/// <param name="ReleasePolicy">The policy frozen in the release; null if it has none.</param>
/// <param name="Policies">
/// Those that decided for this principal in addition to the release's own, the widest scope first: the ones in force,
/// or the candidate in one's place.
/// </param>
/// <param name="Rule">
/// The rule that denied or held; with allow and error the first that masked, were there values to mask or not; null
/// where no rule spoke. So outcome and rule tell what was ruled.
/// </param>
/// <param name="Principal">A random pseudonym.</param>
/// <param name="Operation">The route's name, never a path with data in it.</param>
/// <param name="Status">The status the client got.</param>
/// <param name="Duration">Microseconds from the request's arrival to this record.</param>
/// <param name="Size">The ledger size that the node had folded.</param>
/// <param name="Staleness">The age in milliseconds of the newest checkpoint the node had then.</param>
public sealed record Decision(
    DecisionKind Kind, long Time, long? Open, string System, string Environment, long Deployment, Digest Release,
    ObservedStrength Strength, Digest? ReleasePolicy, ImmutableArray<Digest> Policies,
    DecisionOutcome Outcome, string? Rule, string Principal, string Protocol, string Operation, int Status,
    Commitment? Input, Commitment? Output, long Duration, long Size, long Staleness)
{
    public static readonly Words<DecisionKind> Kinds = new("open", "close", "whole");
    public static readonly Words<DecisionOutcome> Outcomes = new("allow", "deny", "hold", "error");
    public const int MaxBytes = 16 * 1024;

    /// <summary>
    /// Whose rule <see cref="Rule"/> is: the release's own policy, or one of <see cref="Policies"/>. Rules have names
    /// within their policy alone.
    /// </summary>
    public Digest? RulePolicy { get; init; }

    /// <summary>
    /// What the rules saw of the request apart from its body, canonical JSON: with it, the body and the ledger anyone
    /// can decide again, and must come to the same.
    /// </summary>
    public Commitment? Context { get; init; }

    /// <summary>The body as it was forwarded, where a rule masked; <see cref="Input"/> is what was asked.</summary>
    public Commitment? Masked { get; init; }

    /// <summary>What candidates that did not decide would have made of it, by the scope, the widest first.</summary>
    public ImmutableArray<Would> Would { get; init; } = [];

    /// <summary>No decision is shorter: its members' names alone, a release and a principal take more.</summary>
    public const int MinBytes = 256;

    /// <summary>
    /// What is committed to of a field: <c>input</c>, <c>output</c>, <c>context</c> or <c>masked</c>.
    /// </summary>
    public Commitment? Committed(string field) => field switch
    {
        "input" => Input,
        "output" => Output,
        "context" => Context,
        "masked" => Masked,
        _ => null
    };

    public static string Id(string log, long index) =>
        string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"{log}/{index}");

    /// <summary>Splits a decision's id at its last slash.</summary>
    public static bool TryParseId(string id, out string log, out long index)
    {
        var slash = id.LastIndexOf('/');
        log = slash > 0 ? id[..slash] : "";
        index = -1;
        return slash > 0 && long.TryParse(id.AsSpan(slash + 1), global::System.Globalization.NumberStyles.None,
            global::System.Globalization.CultureInfo.InvariantCulture, out index) && Id(log, index) == id;
    }

    public Json ToJson() => Json.Object(
        ("context", Context?.ToJson()), ("masked", Masked?.ToJson()),
        ("would", Would.IsEmpty ? null : Json.Array(Would.Select(w => w.ToJson()))), ("kind", Kinds[Kind]),
        ("time", Time), ("open", Open is { } o ? Json.Of(o) : null), ("system", System), ("environment", Environment),
        ("deployment", Deployment), ("release", Release),
        ("strength", Dimension.Strengths[Strength]), ("releasePolicy", ReleasePolicy is { } p ? Json.Of(p) : null),
        ("policies", Json.Array(Policies.Select(Json.Of))), ("outcome", Outcomes[Outcome]),
        ("rule", Rule is null ? null : Json.Of(Rule)), ("rulePolicy", RulePolicy is { } of ? Json.Of(of) : null),
        ("principal", Principal), ("protocol", Protocol), ("operation", Operation), ("status", Status),
        ("input", Input?.ToJson()), ("output", Output?.ToJson()), ("duration", Duration), ("size", Size),
        ("staleness", Staleness));

    public byte[] Encode() => ToJson().ToBytes();

    /// <summary>Invariant: what is accepted encodes to the identical bytes.</summary>
    public static Decision Parse(ReadOnlySpan<byte> leaf) =>
        CanonicalJson.ParseRecord(leaf, MaxBytes, FromJson, d => d.Encode(),
            _ => "the decision has members that a decision does not have");

    static Decision FromJson(Json j)
    {
        var d = new Decision(
            Kinds.Parse(j["kind"]), Names.Time(j["time"]),
            j.Find("open") is { } o ? Names.Entry(o) : null, Names.Label(j["system"]), Names.Label(j["environment"]),
            Names.Entry(j["deployment"]), j["release"].AsDigest, Dimension.Strengths.Parse(j["strength"]),
            j.Find("releasePolicy")?.AsDigest, [.. j["policies"].AsArray.Select(p => p.AsDigest)],
            Outcomes.Parse(j["outcome"]), j.Find("rule") is { } r ? Names.Label(r) : null,
            Names.Member(j["principal"]), Names.Label(j["protocol"]), j["operation"].AsString,
            Names.Small(j["status"]), j.Find("input") is { } i ? Commitment.FromJson(i) : null,
            j.Find("output") is { } u ? Commitment.FromJson(u) : null,
            Names.Entry(j["duration"]), Names.Entry(j["size"]), j["staleness"].AsInt)
        {
            RulePolicy = j.Find("rulePolicy")?.AsDigest,
            Context = j.Find("context") is { } c ? Commitment.FromJson(c) : null,
            Masked = j.Find("masked") is { } m ? Commitment.FromJson(m) : null,
            Would = j.Find("would") is { } w ? [.. w.AsArray.Select(Decisions.Would.FromJson)] : [],
        };
        if ((d.Kind == DecisionKind.Close) != (d.Open is not null))
            throw new FormatException("a close, and only a close, names its open");
        if (d.Rule is null != d.RulePolicy is null) throw new FormatException("a rule is named with its policy");
        return d;
    }
}
