using System.Security.Cryptography;
using Stele.Proof;

namespace Stele.Blobs;

/// <summary>Reads forward and refuses to end unless everything it gave out has the digest.</summary>
sealed class VerifiedStream(Stream inner, Digest expected) : ForwardStream
{
    readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    bool _ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var n = await inner.ReadAsync(buffer, cancellationToken);
        Took(buffer.Span[..n], ended: n == 0 && buffer.Length > 0);
        return n;
    }

    void Took(ReadOnlySpan<byte> bytes, bool ended)
    {
        if (!ended)
        {
            _hash.AppendData(bytes);
            return;
        }
        if (_ended) return;
        Span<byte> hash = stackalloc byte[Digest.Size];
        _hash.GetCurrentHash(hash);
        if (Digest.From(hash) != expected) throw new BlobException(BlobError.Corrupt, $"blob {expected} is corrupt: its content has digest {Digest.From(hash)}");
        _ended = true;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            _hash.Dispose();
        }
        base.Dispose(disposing);
    }
}
