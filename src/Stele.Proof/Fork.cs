using System.Collections.Immutable;

namespace Stele.Proof;

/// <summary>
/// The proof that one key signed two histories of one log: two of its checkpoints that no tree joins, as canonical
/// JSON.
/// <code>
/// {"first":note,"proof":[hex…],"root":hex,"second":note,"version":1}
/// </code>
/// The first is not larger than the second. The proof shows that the second extends a tree of the first's size with
/// <c>root</c>, which is not the first's. At one size nothing need be shown: <c>root</c> is the second's own, and the
/// proof is empty.
/// </summary>
public sealed record Fork(string First, string Second, Digest Root, ImmutableArray<Digest> Proof)
{
    public const int Version = 1, MaxBytes = 4 * Note.MaxBytes;

    /// <summary>Whether it convicts the log with this key.</summary>
    public bool Holds(VerifierKey logKey) =>
        Checkpoint.TryOpen(First, logKey, out var first, out _)
        && Checkpoint.TryOpen(Second, logKey, out var second, out _)
        && first.Size > 0 && Root != first.Root
        && Proofs.VerifyConsistency(first.Size, second.Size, Root, second.Root, Proof.AsSpan());

    public Json ToJson() =>
        Json.Object(("version", Version), ("first", First), ("second", Second), ("root", Root.Hex),
            ("proof", Json.Array(Proof.Select(h => Json.Of(h.Hex)))));

    /// <summary>Invariant: what is accepted is written again byte for byte.</summary>
    /// <exception cref="FormatException">
    /// Not such a proof in canonical form. Whether it holds is another question.
    /// </exception>
    public static Fork Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxBytes);
        if (j["version"].AsInt != Version)
            throw new FormatException($"fork version {j["version"].AsInt} is not known here");
        var fork = new Fork(j["first"].AsString, j["second"].AsString, Digest.ParseHex(j["root"].AsString),
            [.. j["proof"].AsArray.Select(h => Digest.ParseHex(h.AsString))]);
        return fork.ToJson().Equals(j) ? fork : throw new FormatException("it has members that a fork does not have");
    }
}
