using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Hands the fold the small documents that statements name by digest: policies, release documents and manifests, reports. Whatever <paramref name="find"/> returns is believed only if its digest is right.
/// </summary>
/// <param name="find">The bytes of a blob, or null when it is not to be had; it may return null for anything over 1 MiB.</param>
public sealed class Documents(Func<Digest, byte[]?> find)
{
    readonly SortedSet<Digest> _read = [];

    public static readonly Documents None = new(_ => null);

    /// <summary>Every document handed out so far; a pack must carry these.</summary>
    public IReadOnlyCollection<Digest> Read => _read;

    public byte[]? Find(Digest digest)
    {
        var bytes = find(digest);
        if (bytes is null || bytes.Length > Artifacts.MaxDocument || Digest.Of(bytes) != digest) return null;
        _read.Add(digest);
        return bytes;
    }
}
