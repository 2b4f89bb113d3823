using System.Collections.Immutable;
using System.Text;

namespace Stele.Proof.Statements;

/// <summary>
/// What a statement is about: a digest and, where people want one, a label (never free text: it stands in a leaf
/// forever). in-toto matches subjects by digest alone.
/// </summary>
public sealed record Subject(Digest Digest, string? Name = null)
{
    public Json ToJson() =>
        Json.Object(("digest", Json.Object(("sha256", Digest.Hex))), ("name", Name is null ? null : Json.Of(Name)));
    public static Subject FromJson(Json j) =>
        new(Digest.ParseHex(j["digest"]["sha256"].AsString), j.Find("name") is { } n ? Names.Label(n) : null);
}

/// <summary>
/// An in-toto Statement v1, one of a closed set of kinds. Every statement says in <c>predicate.stele_act</c> which
/// ledger it belongs to (the leaf hash of entry 0; absent in genesis), a nonce, and when its signer issued it
/// (milliseconds since 1970 UTC).
/// </summary>
public abstract record Statement
{
    public const string Type = "https://in-toto.io/Statement/v1";
    public const string OwnTypes = "https://stele.dev/statement/";

    /// <summary>The leaf hash of the ledger's entry 0; null in genesis only.</summary>
    public Digest? Ledger { get; init; }

    /// <summary>128 random bits in lower-case hex, so that two like acts differ.</summary>
    public required string Nonce { get; init; }

    /// <summary>When the signer issued it, in milliseconds since 1970 UTC.</summary>
    public required long Issued { get; init; }

    public abstract string Kind { get; }
    public virtual string PredicateType => OwnTypes + Kind + "/v1";

    /// <summary>What the statement is about. Where no artifact exists it is the digest of genesis.</summary>
    public abstract ImmutableArray<Subject> Subjects { get; }

    internal abstract Json Body { get; }

    /// <summary>The ledger itself as a subject.</summary>
    protected ImmutableArray<Subject> Genesis =>
        [new Subject(Ledger ?? throw new FormatException("the statement does not name its ledger"))];

    /// <summary>The statement's identity: the SHA-256 of its payload.</summary>
    public Digest Identity => Digest.Of(Encode());

    public byte[] Encode()
    {
        var act = Json.Object(("issued", Issued), ("ledger", Ledger is { } l ? Json.Of(l) : null), ("nonce", Nonce));
        return Json.Object(
            ("_type", Type),
            ("predicate", Body.With("stele_act", act)),
            ("predicateType", PredicateType),
            ("subject", Json.Array(Subjects.Select(s => s.ToJson())))).ToBytes();
    }

    /// <summary>Invariant: what is accepted encodes to the identical bytes.</summary>
    /// <param name="readers">
    /// A kind's reader by its predicate type; null where no kind has that. The kinds' rows stand in a
    /// later room.
    /// </param>
    internal static Statement Parse(ReadOnlySpan<byte> payload, Func<string, Func<Parts, Statement>?> readers) =>
        CanonicalJson.ParseRecord(payload, Envelope.MaxPayload, j => FromJson(j, readers), s => s.Encode(),
            s => $"the {s.Kind} statement has members or values that its kind does not have");

    static Statement FromJson(Json json, Func<string, Func<Parts, Statement>?> readers)
    {
        if (json["_type"].AsString != Type) throw new FormatException($"_type is not {Type}");
        var predicate = json["predicate"];
        var act = predicate["stele_act"];
        var subjects = json["subject"].AsArray.Select(Subject.FromJson).ToImmutableArray();
        if (subjects.IsEmpty) throw new FormatException("a statement needs a subject");
        var nonce = act["nonce"].AsString;
        if (nonce.Length != 32 || !nonce.All(char.IsAsciiHexDigitLower))
            throw new FormatException("a nonce is 32 lower-case hex digits");
        var head = new Parts(act.Find("ledger")?.AsDigest, nonce, Names.Time(act["issued"]), predicate, subjects);
        var predicateType = json["predicateType"].AsString;
        return (readers(predicateType) ?? throw new UnknownKindException(predicateType))(head);
    }

    /// <summary>What every kind's reader gets.</summary>
    internal sealed record Parts(Digest? Ledger, string Nonce, long Issued, Json Predicate,
        ImmutableArray<Subject> Subjects);

    /// <summary>The digest of a text, as genesis names its log's verifier key.</summary>
    internal static Digest DigestOf(string text) => Digest.Of(Encoding.UTF8.GetBytes(text));
}

/// <summary>
/// A statement kind that this version does not know (some are reserved for later ones). A fold halts here, at the last
/// head it understood.
/// </summary>
public sealed class UnknownKindException(string predicateType)
    : Exception($"unknown statement kind '{(predicateType.Length <= 120 ? predicateType : predicateType[..120])}'");
