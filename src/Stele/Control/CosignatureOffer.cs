using System.Text;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>
/// A node's cosignature on its way to the server, canonical JSON:
/// <c>{"key":vkey,"member":id,"note":note,"signature":base64}</c>. The note is the server's own, with the node's line.
/// The signature binds the cosigning key to the member, by one of the member's own keys over
/// <code>
/// stele cosigner v1
/// [leaf hash of genesis]
/// [member]
/// [vkey]
/// </code>
/// so that nobody cosigns in a node's name. Whether the cosignature counts is for its readers: their trust file says
/// so.
/// </summary>
sealed record CosignatureOffer(string Member, VerifierKey Key, string Note, byte[] Signature)
{
    public const int MaxBytes = 2 * Proof.Note.MaxBytes;

    public static CosignatureOffer Make(Digest ledger, string member, PrivateKey by, VerifierKey key, string note) =>
        new(member, key, note, by.Sign(Bound(ledger, member, key)));

    static byte[] Bound(Digest ledger, string member, VerifierKey key) =>
        Encoding.UTF8.GetBytes($"stele cosigner v1\n{ledger}\n{member}\n{key}\n");

    public Json ToJson() =>
        Json.Object(("key", Key.ToString()), ("member", Member), ("note", Note),
            ("signature", Base64.Encode(Signature)));

    /// <exception cref="FormatException">Not such an offer.</exception>
    public static CosignatureOffer Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxBytes);
        if (!Base64.TryDecode(j["signature"].AsString, out var signature))
            throw new FormatException("the signature is not base64");
        var offer = new CosignatureOffer(j["member"].AsString, VerifierKey.Parse(j["key"].AsString), j["note"].AsString,
            signature);
        return offer.ToJson().Equals(j)
            ? offer
            : throw new FormatException("it has members that such an offer does not have");
    }

    /// <summary>
    /// The cosignature, if the offer is by a node of this ledger and its line is good; else null and why not.
    /// </summary>
    public Cosignature? Judge(State state, out string error)
    {
        error = "no node of this ledger says that this is its key";
        if (!state.Members.TryGetValue(Member, out var member) || !member.Has(RoleName.Node)) return null;
        if (!member.Keys.Any(k => !state.IsRevoked(k.Id) && k.Verify(Bound(state.Ledger, Member, Key), Signature)))
            return null;
        error = "the note does not carry a good cosignature by that key";
        var note = Proof.Note.Parse(Note);
        return note.Signatures.FirstOrDefault(Key.IsNamedBy) is { } line
            ? Cosignature.Verify(line, note.Text, Key)
            : null;
    }
}
