using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>A founding owner: a member id and its public keys.</summary>
public sealed record Founder(string Member, ImmutableArray<PublicKey> Keys);

/// <summary>
/// Entry 0. Fixes what everything after rests on; its leaf hash is the ledger's id. Its subject is the digest of the
/// log's verifier key.
/// </summary>
public sealed record GenesisStatement(
    string Origin, int FoldVersion, ImmutableArray<Founder> Owners, int Threshold, PublicKey RecoveryKey,
    PublicKey ServerKey, string LogKey) : Statement
{
    public override string Kind => "genesis";
    public override ImmutableArray<Subject> Subjects => [new Subject(DigestOf(LogKey))];

    internal override Json Body => Json.Object(
        ("origin", Origin),
        ("foldVersion", FoldVersion),
        ("owners",
            Json.Array(Owners.Select(o =>
                Json.Object(("member", o.Member), ("keys", Json.Array(o.Keys.Select(k => Json.Of(k.ToString())))))))),
        ("threshold", Threshold),
        ("recoveryKey", RecoveryKey.ToString()),
        ("serverKey", ServerKey.ToString()),
        ("logKey", LogKey));

    internal static GenesisStatement Read(Parts h)
    {
        var p = h.Predicate;
        return new(
            p["origin"].AsString, Names.Small(p["foldVersion"]),
            [.. p["owners"].AsArray.Select(o => new Founder(Names.Member(o["member"]),
                [.. o["keys"].AsArray.Select(k => PublicKey.Parse(k.AsString))]))],
            Names.Small(p["threshold"]), PublicKey.Parse(p["recoveryKey"].AsString),
            PublicKey.Parse(p["serverKey"].AsString), p["logKey"].AsString)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
