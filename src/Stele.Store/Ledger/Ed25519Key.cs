using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Stele.Ledger;

/// <summary>
/// An Ed25519 private key inside the system's libcrypto, the library that .NET's own cryptography stands on. It signs;
/// verifying is managed code in Stele.Proof.
/// </summary>
sealed unsafe class Ed25519Key : IDisposable
{
    public const int SeedSize = 32;
    const int TypeEd25519 = 1087;   // EVP_PKEY_ED25519 = NID_ED25519

    static readonly nint Library = Load();
    static readonly delegate* unmanaged<int, nint, byte*, nuint, nint> NewRawPrivateKey =
        (delegate* unmanaged<int, nint, byte*, nuint, nint>)Export("EVP_PKEY_new_raw_private_key");
    static readonly delegate* unmanaged<nint, byte*, nuint*, int> GetRawPublicKey =
        (delegate* unmanaged<nint, byte*, nuint*, int>)Export("EVP_PKEY_get_raw_public_key");
    static readonly delegate* unmanaged<nint, void> FreeKey = (delegate* unmanaged<nint, void>)Export("EVP_PKEY_free");
    static readonly delegate* unmanaged<nint> NewContext = (delegate* unmanaged<nint>)Export("EVP_MD_CTX_new");
    static readonly delegate* unmanaged<nint, void> FreeContext =
        (delegate* unmanaged<nint, void>)Export("EVP_MD_CTX_free");
    static readonly delegate* unmanaged<nint, nint, nint, nint, nint, int> SignInit =
        (delegate* unmanaged<nint, nint, nint, nint, nint, int>)Export("EVP_DigestSignInit");
    static readonly delegate* unmanaged<nint, byte*, nuint*, byte*, nuint, int> DigestSign =
        (delegate* unmanaged<nint, byte*, nuint*, byte*, nuint, int>)Export("EVP_DigestSign");

    nint _key;

    /// <exception cref="CryptographicException">The library would not take the seed.</exception>
    public Ed25519Key(ReadOnlySpan<byte> seed)
    {
        if (seed.Length != SeedSize) throw new ArgumentException("an Ed25519 seed has 32 bytes");
        fixed (byte* s = seed) _key = NewRawPrivateKey(TypeEd25519, 0, s, SeedSize);
        if (_key == 0) throw new CryptographicException("libcrypto does not make an Ed25519 key");
        Public = new byte[32];
        nuint length = 32;
        fixed (byte* p = Public)
            if (GetRawPublicKey(_key, p, &length) != 1 || length != 32)
                throw new CryptographicException("libcrypto does not give the public key");
    }

    public byte[] Public { get; }

    public byte[] Sign(byte[] message)
    {
        ObjectDisposedException.ThrowIf(_key == 0, this);
        var signature = new byte[64];
        var context = NewContext();
        try
        {
            nuint length = 64;
            fixed (byte* m = message, s = signature)
                if (context == 0 || SignInit(context, 0, 0, 0, _key) != 1
                    || DigestSign(context, s, &length, m, (nuint)message.Length) != 1 || length != 64)
                    throw new CryptographicException("libcrypto does not sign with Ed25519");
            return signature;
        }
        finally
        {
            FreeContext(context);
        }
    }

    static nint Load()
    {
        if (NativeLibrary.TryLoad("libcrypto.so.3", out var library)
            || NativeLibrary.TryLoad("libcrypto.so.1.1", out library)) return library;
        throw new DllNotFoundException(
            "neither libcrypto.so.3 nor libcrypto.so.1.1 is installed; .NET's own cryptography needs it too (Debian: "
            + "libssl3)");
    }

    static nint Export(string name) => NativeLibrary.GetExport(Library, name);

    ~Ed25519Key() => Dispose();

    public void Dispose()
    {
        var key = Interlocked.Exchange(ref _key, 0);
        if (key != 0) FreeKey(key);
        GC.SuppressFinalize(this);
    }
}
