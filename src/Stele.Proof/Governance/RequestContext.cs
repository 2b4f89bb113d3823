using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// What the rules see of one request apart from its body and what the ledger says: canonical JSON
/// <c>{"method","path","query","roles":[…],"time"}</c>. A node keeps it sealed with the bodies and the leaf commits to
/// it, so that a decision can be decided again exactly, for as long as its keys are there.
/// </summary>
/// <param name="Roles">The principal's, as they were then.</param>
/// <param name="Time">
/// When the rules were asked, milliseconds since 1970 UTC; the leaf's own time is that of the record.
/// </param>
public sealed record RequestContext(string Method, string Path, string Query, ImmutableArray<string> Roles, long Time)
{
    public const int MaxBytes = 256 * 1024;

    public byte[] Encode() =>
        Json.Object(("method", Method), ("path", Path), ("query", Query), ("roles", Json.Array(Roles.Select(Json.Of))),
            ("time", Time)).ToBytes();

    /// <summary>Invariant: what is accepted encodes to the identical bytes.</summary>
    /// <exception cref="FormatException">Not such a context in canonical form.</exception>
    public static RequestContext Parse(ReadOnlySpan<byte> utf8) =>
        CanonicalJson.ParseRecord(utf8, MaxBytes, j => new RequestContext(
        j["method"].AsString, j["path"].AsString, j["query"].AsString,
        [.. j["roles"].AsArray.Select(r => Names.Label(r))], Names.Time(j["time"])), c => c.Encode(),
            _ => "the context has members that a context does not have");

    /// <summary>The request as rules see it: <c>{"body"?,"method","path","query","size"}</c>.</summary>
    public Json Request(Json? body, long size) =>
        Json.Object(("method", Method), ("path", Path), ("query", Query), ("size", size), ("body", body));
}
