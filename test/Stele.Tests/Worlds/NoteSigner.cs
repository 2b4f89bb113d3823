using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Stele.Proof;

namespace Stele.Tests.Worlds;

/// <summary>An Ed25519 note key of a world: signs through libcrypto, from a seed made of its name.</summary>
sealed partial class NoteSigner
{
    readonly byte[] _seed;

    public NoteSigner(string name, NoteKeyType type = NoteKeyType.Ed25519, string secret = "")
        : this(name, type, SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"a test's key: {name} {type} {secret}")))
    {
    }

    NoteSigner(string name, NoteKeyType type, byte[] seed)
    {
        _seed = seed;
        var pkey = Open();
        var length = (nuint)32;
        var bytes = new byte[32];
        if (EVP_PKEY_get_raw_public_key(pkey, bytes, ref length) != 1)
            throw new InvalidOperationException("libcrypto gave no public key");
        EVP_PKEY_free(pkey);
        Key = new VerifierKey(name, type, bytes);
    }

    public VerifierKey Key { get; }

    /// <summary>The key as a log's key file has it.</summary>
    public string Secret => $"PRIVATE+KEY+{Key.Name}+{Key.Id:x8}+{Base64.Encode([1, .. _seed])}";

    /// <summary>The same secret under another name.</summary>
    public NoteSigner As(string name) => new(name, Key.Type, _seed);

    /// <summary>A signed checkpoint of the log whose key this is.</summary>
    public string Checkpoint(long size, Digest root) => Sign(new Note(new Checkpoint(Key.Name, size, root).Text));

    public string Sign(Note note, long time = 0) => note.With(Key.Sign(note.Text, Raw, time)).ToString();

    byte[] Raw(byte[] message)
    {
        var pkey = Open();
        var context = EVP_MD_CTX_new();
        var signature = new byte[64];
        var length = (nuint)64;
        var ok = EVP_DigestSignInit(context, 0, 0, 0, pkey) == 1
            && EVP_DigestSign(context, signature, ref length, message, (nuint)message.Length) == 1;
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(pkey);
        return ok ? signature : throw new InvalidOperationException("libcrypto did not sign");
    }

    nint Open() => EVP_PKEY_new_raw_private_key(1087, 0, _seed, 32);   // NID_ED25519

    [LibraryImport("libcrypto.so.3")]
    private static partial nint EVP_PKEY_new_raw_private_key(int type, nint engine, byte[] key, nuint length);
    [LibraryImport("libcrypto.so.3")]
    private static partial int EVP_PKEY_get_raw_public_key(nint pkey, byte[] key, ref nuint length);
    [LibraryImport("libcrypto.so.3")] private static partial void EVP_PKEY_free(nint pkey);
    [LibraryImport("libcrypto.so.3")] private static partial nint EVP_MD_CTX_new();
    [LibraryImport("libcrypto.so.3")] private static partial void EVP_MD_CTX_free(nint context);
    [LibraryImport("libcrypto.so.3")]
    private static partial int EVP_DigestSignInit(nint context, nint pctx, nint type, nint engine, nint pkey);
    [LibraryImport("libcrypto.so.3")]
    private static partial int EVP_DigestSign(nint context, byte[] signature, ref nuint length, byte[] message,
        nuint messageLength);
}
