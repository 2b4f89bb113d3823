using System.Security.Cryptography;

namespace Stele.Proof;

/// <summary>
/// Someone else's ECDSA public key on P-256, P-384 or P-521, as the notes of other logs are signed with. Unlike
/// <see cref="PublicKey"/>, which judges what enters a ledger, it takes either of the two values of s, for others do
/// not normalise it; the encoding is as strict: SubjectPublicKeyInfo with an uncompressed point, signatures in minimal
/// DER or as r ‖ s.
/// </summary>
public sealed class EcdsaKey
{
    static readonly (string Prefix, ECCurve Curve, int Size, HashAlgorithmName Hash)[] Curves =
    [
        ("3059301306072A8648CE3D020106082A8648CE3D03010703420004", ECCurve.NamedCurves.nistP256, 32,
            HashAlgorithmName.SHA256),
        ("3076301006072A8648CE3D020106052B8104002203620004", ECCurve.NamedCurves.nistP384, 48,
            HashAlgorithmName.SHA384),
        ("30819B301006072A8648CE3D020106052B810400230381860004", ECCurve.NamedCurves.nistP521, 66,
            HashAlgorithmName.SHA512),
    ];

    readonly byte[] _spki;
    readonly ECCurve _curve;
    readonly int _size;

    // Importing costs more than verifying; a thread that takes the spare has it alone.
    ECDsa? _spare;

    EcdsaKey(ReadOnlySpan<byte> spki, ECCurve curve, int size, HashAlgorithmName hash)
    {
        (_spki, _curve, _size, Hash) = (spki.ToArray(), curve, size, hash);
        _spare = Import();
    }

    /// <summary>SubjectPublicKeyInfo DER.</summary>
    public ReadOnlySpan<byte> Spki => _spki;

    /// <summary>The hash that goes with the curve: as long as its numbers.</summary>
    public HashAlgorithmName Hash { get; }

    /// <exception cref="FormatException">Not such a key, or a point off the curve.</exception>
    public static EcdsaKey FromSpki(ReadOnlySpan<byte> spki)
    {
        foreach (var (prefix, curve, size, hash) in Curves)
        {
            var start = Convert.FromHexString(prefix);
            if (spki.Length != start.Length + 2 * size || !spki.StartsWith(start)) continue;
            try
            {
                return new EcdsaKey(spki, curve, size, hash);
            }
            catch (CryptographicException e)
            {
                throw new FormatException("the public key is not a point on its curve", e);
            }
        }
        throw new FormatException(
            "not an ECDSA public key on P-256, P-384 or P-521 (SubjectPublicKeyInfo, uncompressed point)");
    }

    /// <summary>Whether it is a signature in minimal DER.</summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> der, HashAlgorithmName hash)
    {
        Span<byte> rs = stackalloc byte[2 * _size];
        return TryDecode(der, rs) && VerifyRaw(message, rs, hash);
    }

    /// <summary>Whether it is a signature as r ‖ s, each as long as the curve's numbers (IEEE P1363).</summary>
    public bool VerifyRaw(ReadOnlySpan<byte> message, ReadOnlySpan<byte> rs, HashAlgorithmName hash)
    {
        if (rs.Length != 2 * _size) return false;
        var key = Interlocked.Exchange(ref _spare, null) ?? Import();
        try
        {
            return key.VerifyData(message, rs, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        finally
        {
            Interlocked.Exchange(ref _spare, key)?.Dispose();
        }
    }

    ECDsa Import() => ECDsa.Create(new ECParameters
    {
        Curve = _curve,
        Q = new ECPoint { X = _spki[^(2 * _size)..^_size], Y = _spki[^_size..] }
    });

    /// <summary>DER SEQUENCE of two positive minimal INTEGERs that fit, and nothing after it.</summary>
    static bool TryDecode(ReadOnlySpan<byte> der, Span<byte> rs)
    {
        if (der.Length < 2 || der[0] != 0x30) return false;
        // A length of 128 and more takes a byte of its own, and only then may.
        var header = der[1] == 0x81 ? 3 : 2;
        if (der.Length < header || (header == 3 && der[2] < 0x80) || der[header - 1] != der.Length - header)
            return false;
        var rest = der[header..];
        var size = rs.Length / 2;
        return EcdsaSignature.Integer(ref rest, rs[..size]) && EcdsaSignature.Integer(ref rest, rs[size..])
            && rest.IsEmpty;
    }
}
