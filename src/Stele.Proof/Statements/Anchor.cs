using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// A node ties its decision log to the ledger: the log's signed checkpoint (a C2SP note), the consistency proof from
/// the previous anchor's tree (empty for the first), how many leaves of each kind it holds, the ledger size and state
/// digest the node had folded, and what its gateway has counted (null: nothing that it could vouch for).
/// </summary>
public sealed record Anchor(string Log, string Checkpoint, ImmutableArray<Digest> Proof, long Opens, long Closes,
    long Wholes, long Size, Digest State, GatewayCount? Gateway = null) : Statement
{
    public override string Kind => "anchor";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("log", Log), ("checkpoint", Checkpoint), ("proof", Json.Array(Proof.Select(d => Json.Of(d.Hex)))),
        ("opens", Opens), ("closes", Closes), ("wholes", Wholes), ("size", Size), ("state", State),
        ("gateway", Gateway?.ToJson()));

    internal static Anchor Read(Parts h)
    {
        var p = h.Predicate;
        return new(p["log"].AsString, p["checkpoint"].AsString,
            [.. p["proof"].AsArray.Select(d => Digest.ParseHex(d.AsString))],
            Names.Entry(p["opens"]), Names.Entry(p["closes"]), Names.Entry(p["wholes"]), Names.Entry(p["size"]),
            p["state"].AsDigest, p.Find("gateway") is { } g ? GatewayCount.FromJson(g) : null)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
