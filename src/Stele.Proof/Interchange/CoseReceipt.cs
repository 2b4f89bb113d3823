using System.Collections.Immutable;

namespace Stele.Proof.Interchange;

/// <summary>The signature algorithms of COSE (RFC 9053) that are written and read here.</summary>
public enum CoseAlgorithm { Es256 = -7, EdDsa = -8 }

/// <summary>
/// A COSE receipt (RFC 9942) for an RFC 9162 tree with SHA-256, which is the ledger's own: a COSE_Sign1 (tag 18) whose
/// payload, the tree's root, is left out; the verifier computes the root from the proof, so that proof and signature
/// stand or fall together. The sizes are not signed: where two trees give a proof the same shape, a receipt may name
/// either.
/// <code>
/// 18([ protected: {1: alg, 4: kid, 15: {1: issuer}, 395: 1},
///      unprotected: {396: {-1: [ &lt;&lt;[size, index, [hash…]]&gt;&gt; ]}}       inclusion
///                 | {396: {-2: [ &lt;&lt;[old size, new size, [hash…]]&gt;&gt; ]}}    consistency
///      payload: nil, signature ])
/// </code>
/// </summary>
public sealed class CoseReceipt
{
    public const int MaxBytes = 64 * 1024;
    public const string MediaType = "application/scitt-receipt+cose";
    const int Sign1 = 18, Algorithm = 1, KeyIdLabel = 4, CwtClaims = 15, IssuerClaim = 1, Vds = 395, Vdp = 396,
        Rfc9162Sha256 = 1, InclusionLabel = -1, ConsistencyLabel = -2, MaxPath = 64;

    readonly byte[] _protected;

    CoseReceipt(byte[] header, long label, long first, long second, ImmutableArray<Digest> path,
        byte[] signature) =>
        (_protected, IsInclusion, First, Second, Path, Signature) = (header, label == InclusionLabel, first, second,
            path, [.. signature]);

    public CoseAlgorithm SignatureAlgorithm { get; private set; }
    public ImmutableArray<byte> KeyId { get; private set; } = [];
    public string? Issuer { get; private set; }

    /// <summary>Whether it proves that a leaf is in a tree, and not that one tree extends another.</summary>
    public bool IsInclusion { get; }
    long First { get; }
    long Second { get; }

    /// <summary>The tree's size; of the newer one where it is about two.</summary>
    public long Size => IsInclusion ? First : Second;

    /// <summary>The leaf's place, for an inclusion.</summary>
    public long Index => Second;

    /// <summary>The older tree's size, for a consistency.</summary>
    public long OldSize => First;
    public ImmutableArray<Digest> Path { get; }
    public ImmutableArray<byte> Signature { get; }

    /// <summary>
    /// Makes the receipt that a leaf stands in a tree, with a function that signs as the algorithm wants: r ‖ s, or
    /// Ed25519.
    /// </summary>
    public static CoseReceipt Inclusion(CoseAlgorithm algorithm, ReadOnlySpan<byte> keyId, string issuer, long index,
        long size, IEnumerable<Digest> path, Digest root, Func<byte[], byte[]> sign) =>
        Make(algorithm, keyId, issuer, InclusionLabel, size, index, path, root, sign);

    /// <summary>Makes the receipt that one tree extends another.</summary>
    public static CoseReceipt Consistency(CoseAlgorithm algorithm, ReadOnlySpan<byte> keyId, string issuer,
        long oldSize, long size, IEnumerable<Digest> path, Digest root, Func<byte[], byte[]> sign) =>
        Make(algorithm, keyId, issuer, ConsistencyLabel, oldSize, size, path, root, sign);

    static CoseReceipt Make(CoseAlgorithm algorithm, ReadOnlySpan<byte> keyId, string issuer, long label,
        long first, long second, IEnumerable<Digest> path, Digest root, Func<byte[], byte[]> sign)
    {
        var header = new CborWriter().Map(4).Int(Algorithm).Int((int)algorithm).Int(KeyIdLabel).Bytes(keyId)
            .Int(CwtClaims).Map(1).Int(IssuerClaim).Text(issuer).Int(Vds).Int(Rfc9162Sha256).Encode();
        return new(header, label, first, second, [.. path], sign(ToBeSigned(header, root)))
        {
            SignatureAlgorithm = algorithm,
            KeyId = [.. keyId],
            Issuer = issuer
        };
    }

    /// <summary>Sig_structure of RFC 9052 §4.4.</summary>
    static byte[] ToBeSigned(byte[] header, Digest root) =>
        new CborWriter().Array(4).Text("Signature1").Bytes(header).Bytes([]).Bytes(root.ToArray()).Encode();

    public byte[] Encode()
    {
        var proof = new CborWriter().Array(3).Int(First).Int(Second).Array(Path.Length);
        foreach (var hash in Path) proof.Bytes(hash.ToArray());
        return new CborWriter().Tag(Sign1).Array(4).Bytes(_protected)
            .Map(1).Int(Vdp).Map(1).Int(IsInclusion ? InclusionLabel : ConsistencyLabel).Array(1).Bytes(proof.Encode())
            .Null().Bytes(Signature.AsSpan()).Encode();
    }

    /// <summary>Invariant: what is accepted encodes to the same bytes.</summary>
    /// <exception cref="FormatException">Not a receipt of this kind with exactly one proof.</exception>
    public static CoseReceipt Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxBytes)
            throw new FormatException($"a receipt of {bytes.Length} bytes; at most {MaxBytes} are read");
        var reader = new CborReader(bytes);
        if (reader.Tag() != Sign1) throw new FormatException("not a COSE_Sign1 (tag 18)");
        if (reader.Array() != 4) throw new FormatException("a COSE_Sign1 has four parts");
        var header = reader.Bytes().ToArray();
        if (reader.Map() != 1 || reader.Int() != Vdp || reader.Map() != 1)
            throw new FormatException("a receipt's unprotected header holds its proofs (396) alone");
        var label = reader.Int();
        if (label is not (InclusionLabel or ConsistencyLabel))
            throw new FormatException($"a proof of the kind {label} is neither inclusion (-1) nor consistency (-2)");
        if (reader.Array() != 1) throw new FormatException("want exactly one proof");
        var proof = new CborReader(reader.Bytes());
        if (!reader.TryNull()) throw new FormatException("a receipt's payload is detached");
        var signature = reader.Bytes().ToArray();
        if (!reader.AtEnd) throw new FormatException("bytes after the receipt");

        if (proof.Array() != 3) throw new FormatException("a proof has three parts");
        var (first, second, count) = (proof.Int(), proof.Int(), proof.Array());
        if (first < 0 || second < 0 || count > MaxPath) throw new FormatException("a proof beyond any tree");
        var path = ImmutableArray.CreateBuilder<Digest>(count);
        for (; count > 0; count--) path.Add(Digest.From(proof.Bytes()));
        if (!proof.AtEnd) throw new FormatException("bytes after the proof");

        var receipt = new CoseReceipt(header, label, first, second, path.ToImmutable(), signature);
        receipt.ReadHeader(header);
        return receipt;
    }

    void ReadHeader(byte[] header)
    {
        var reader = new CborReader(header);
        var (seen, structure, algorithm) = (new HashSet<long>(), 0L, 0L);
        for (var n = reader.Map(); n > 0; n--)
        {
            var label = reader.Int();
            if (!seen.Add(label)) throw new FormatException($"the header {label} stands twice");
            switch (label)
            {
                case Algorithm: algorithm = reader.Int(); break;
                case KeyIdLabel: KeyId = [.. reader.Bytes()]; break;
                case Vds: structure = reader.Int(); break;
                case CwtClaims:
                    for (var claims = reader.Map(); claims > 0; claims--)
                        if (reader.Int() == IssuerClaim) Issuer = reader.Text();
                        else reader.Skip();
                    break;
                case 2: throw new FormatException("a critical header that is not understood");
                default: reader.Skip(); break;
            }
        }
        if (!reader.AtEnd) throw new FormatException("bytes after the protected header");
        if (structure != Rfc9162Sha256)
            throw new FormatException("a receipt of another kind of tree than RFC 9162 with SHA-256 (395: 1)");
        SignatureAlgorithm = algorithm is -7 or -8
            ? (CoseAlgorithm)algorithm
            : throw new FormatException(
                $"the algorithm {algorithm} is not one that is verified here (ES256 -7, EdDSA -8)");
    }

    /// <summary>Judges that a leaf stands in a tree whose root the key has signed.</summary>
    public static Verification VerifyInclusion(ReadOnlySpan<byte> receipt, ReadOnlySpan<byte> leaf, ForeignKey key,
        out Digest root)
    {
        var (bytes, hash, found) = (receipt.ToArray(), Merkle.Leaf(leaf), default(Digest));
        var verification = Verification.Of(j =>
        {
            var r = Parse(bytes);
            if (!r.IsInclusion)
                throw new FaultException(Fault.Unsupported, "the receipt is about two trees, not about an entry");
            if (Proofs.InclusionRoot(r.Index, r.Size, hash, r.Path.AsSpan()) is not { } computed)
                throw new FaultException(Fault.Log, "the receipt's proof does not fit its tree");
            r.Signed(computed, key, j);
            found = computed;
            j.Note(
                $"the entry is leaf {r.Index} of the tree with the root {computed}. That it has {r.Size} leaves is "
                + $"the receipt's word: only the root is signed.");
        });
        root = found;
        return verification;
    }

    /// <summary>Judges that a tree extends one that is known, and that the key has signed its root.</summary>
    public static Verification VerifyConsistency(ReadOnlySpan<byte> receipt, long oldSize, Digest oldRoot,
        ForeignKey key, out Digest root)
    {
        var (bytes, found) = (receipt.ToArray(), default(Digest));
        var verification = Verification.Of(j =>
        {
            var r = Parse(bytes);
            if (r.IsInclusion)
                throw new FaultException(Fault.Unsupported, "the receipt is about an entry, not about two trees");
            if (r.OldSize != oldSize)
                throw new FaultException(Fault.Log, $"the receipt starts from a tree of {r.OldSize}, not of {oldSize}");
            if (Proofs.ConsistencyRoot(r.OldSize, r.Size, oldRoot, r.Path.AsSpan()) is not { } computed)
                throw new FaultException(Fault.Log, "the receipt's proof does not lead from the known tree");
            r.Signed(computed, key, j);
            found = computed;
            j.Note($"the tree of {r.OldSize} is the beginning of the tree of {r.Size} with the root {computed}.");
        });
        root = found;
        return verification;
    }

    void Signed(Digest root, ForeignKey key, Verification j)
    {
        var message = ToBeSigned(_protected, root);
        var good = SignatureAlgorithm == CoseAlgorithm.EdDsa
            ? key.Kind == ForeignKeyKind.Ed25519 && key.Verify(message, Signature.AsSpan())
            : key.Kind == ForeignKeyKind.P256 && Signature.Length == 64 && key.VerifyFixed(message, Signature.AsSpan());
        if (!good) throw new FaultException(Fault.Signature, "the receipt is not signed by this key, or not for this");
        j.Note($"signed by the {key}{(Issuer is null ? "" : $" as '{Issuer}'")}.");
    }
}
