using System.Security.Cryptography;
using Stele.Proof;

namespace Stele.Blobs;

/// <summary>
/// Reads forward, and gives out the last piece, and the end, only if everything has the digest. What is smaller than a
/// piece
/// is given out wholly or not at all.
/// Invariant: who got as many bytes as the blob has got the blob.
/// </summary>
sealed class VerifiedStream(Stream inner, Digest expected) : ForwardStream
{
    /// <summary>How much is held back at most, in bytes.</summary>
    public const int Piece = 64 * 1024;

    readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    byte[] _held = [], _next = [];
    int _from, _count, _ahead;     // of the piece that is held; and how much is read of the one after it
    bool _ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty) return 0;
        if (_from == _count && !await Advance(cancellationToken)) return 0;
        var n = Math.Min(buffer.Length, _count - _from);
        _held.AsMemory(_from, n).CopyTo(buffer);
        _from += n;
        return n;
    }

    /// <summary>Goes on to the next piece; false: there is none, and all before it was the blob.</summary>
    async ValueTask<bool> Advance(CancellationToken stop)
    {
        if (_ended) return Take();
        if (_next.Length == 0)
        {
            (_held, _next) = (new byte[Piece], new byte[Piece]);
            await Read(stop);
        }
        Take();
        // The piece after it must be seen to begin, or the end of all: nothing is given out before.
        if (!_ended) await Read(stop);
        return _count > 0;
    }

    bool Take()
    {
        (_held, _next) = (_next, _held);
        (_from, _count, _ahead) = (0, _ahead, 0);
        return _count > 0;
    }

    /// <summary>Reads a whole piece, or up to the end, which is judged.</summary>
    async ValueTask Read(CancellationToken stop)
    {
        while (_ahead < Piece)
        {
            var n = await inner.ReadAsync(_next.AsMemory(_ahead), stop);
            if (n == 0)
            {
                Judge();
                return;
            }
            _hash.AppendData(_next, _ahead, n);
            _ahead += n;
        }
    }

    void Judge()
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        _hash.GetCurrentHash(hash);
        _ended = Digest.From(hash) == expected;
        if (_ended) return;
        (_from, _count, _ahead) = (0, 0, 0);   // nor is what is held given out to who asks again
        throw new BlobException(BlobError.Corrupt,
            $"blob {expected} is corrupt: its content has digest {Digest.From(hash)}");
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
