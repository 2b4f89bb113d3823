namespace Stele.Ledger;

/// <summary>Why a witness does not cosign. A closed set.</summary>
enum WitnessRefusal
{
    /// <summary>Not a request, or not a checkpoint.</summary>
    Malformed,
    /// <summary>No log of that origin is configured here.</summary>
    UnknownLog,
    /// <summary>No signature by a key that is configured for that log.</summary>
    NotSigned,
    /// <summary>A line names such a key, and its signature is wrong.</summary>
    BadSignature,
    /// <summary>The old size is larger than the checkpoint's.</summary>
    OldIsLarger,
    /// <summary>The old size is not what was cosigned last; the answer says what was.</summary>
    OtherSize,
    /// <summary>A size of 0 whose root is not that of the empty tree.</summary>
    NotEmpty,
    /// <summary>The proof does not lead from what was cosigned last to this checkpoint.</summary>
    Inconsistent,
    /// <summary>
    /// The log signed two trees of one size: nothing but a second history, or a log that lost its past.
    /// </summary>
    Fork,
}

/// <summary>
/// Which edition of tlog-witness a witness speaks. They differ in one status: a second tree of the size cosigned last
/// is 409 in v1.0.0 and 422 since.
/// </summary>
enum WitnessDialect
{
    Main,
    V1_0_0,
}

static class WitnessRefusals
{
    public static int Status(this WitnessRefusal refusal, WitnessDialect dialect) => refusal switch
    {
        WitnessRefusal.Malformed or WitnessRefusal.OldIsLarger => 400,
        WitnessRefusal.UnknownLog => 404,
        WitnessRefusal.NotSigned or WitnessRefusal.BadSignature => 403,
        WitnessRefusal.OtherSize => 409,
        WitnessRefusal.Fork => dialect == WitnessDialect.V1_0_0 ? 409 : 422,
        _ => 422,
    };

    /// <summary>As problem documents have it. Permanent.</summary>
    public static string Name(this WitnessRefusal refusal) => refusal switch
    {
        WitnessRefusal.Malformed => "malformed",
        WitnessRefusal.UnknownLog => "unknown-log",
        WitnessRefusal.NotSigned => "not-signed",
        WitnessRefusal.BadSignature => "bad-signature",
        WitnessRefusal.OldIsLarger => "old-is-larger",
        WitnessRefusal.OtherSize => "other-size",
        WitnessRefusal.NotEmpty => "not-empty",
        WitnessRefusal.Inconsistent => "inconsistent",
        _ => "fork",
    };

    public static string Hint(this WitnessRefusal refusal) => refusal switch
    {
        WitnessRefusal.Malformed or WitnessRefusal.OldIsLarger or WitnessRefusal.NotEmpty =>
            "send what C2SP tlog-witness says",
        WitnessRefusal.UnknownLog => "ask the witness's operator to add the log's key: stele witness --log VKEY",
        WitnessRefusal.NotSigned or WitnessRefusal.BadSignature => "send the checkpoint as the log signed it",
        WitnessRefusal.OtherSize => "send the proof from the size that the witness names",
        _ => "find out who signs with the log's key, and from which copy of the log",
    };
}

/// <summary>What a witness answers.</summary>
abstract record WitnessAnswer
{
    /// <summary>Recorded durably, and cosigned.</summary>
    /// <param name="Lines">One or more signature lines of a note.</param>
    public sealed record Cosigned(string Lines) : WitnessAnswer;

    /// <param name="Size">What was cosigned last; only with <see cref="WitnessRefusal.OtherSize"/>.</param>
    public sealed record Refused(WitnessRefusal Refusal, string Message, long? Size = null) : WitnessAnswer;
}
