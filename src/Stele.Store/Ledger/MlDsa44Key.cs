using System.Security.Cryptography;

namespace Stele.Ledger;

/// <summary>
/// An ML-DSA-44 private key inside the platform's own library, for signing must run in constant time. Verifying is
/// managed code in Stele.Proof.
/// </summary>
sealed class MlDsa44Key : IDisposable
{
    readonly MLDsa _key;

    /// <exception cref="PlatformNotSupportedException">The platform's library does not know ML-DSA.</exception>
    /// <exception cref="CryptographicException">Not a seed of 32 bytes.</exception>
    public MlDsa44Key(ReadOnlySpan<byte> seed)
    {
        if (!IsSupported)
            throw new PlatformNotSupportedException(
                "this system's libcrypto does not know ML-DSA; OpenSSL 3.5 and later do. Ed25519 cosigns everywhere");
        _key = MLDsa.ImportMLDsaPrivateSeed(MLDsaAlgorithm.MLDsa44, seed);
        Public = _key.ExportMLDsaPublicKey();
    }

    public static bool IsSupported => MLDsa.IsSupported;

    public byte[] Public { get; }

    /// <summary>
    /// Pure ML-DSA with the empty context, hedged: the same message never gives the same signature twice.
    /// </summary>
    public byte[] Sign(byte[] message) => _key.SignData(message);

    public void Dispose() => _key.Dispose();
}
