using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Hands the fold the small documents that statements name by digest: policies, release documents and manifests, reports. Whatever <paramref name="find"/> returns is believed only if its digest is right.
/// </summary>
/// <param name="find">The bytes of a blob, or null when it is not to be had; it may return null for anything over 1 MiB.</param>
public sealed class Documents(Func<Digest, byte[]?> find)
{
    readonly Lock _lock = new();
    readonly SortedSet<Digest> _read = [];
    readonly Dictionary<Digest, Policy> _policies = [];

    public static readonly Documents None = new(_ => null);

    /// <summary>Every document handed out so far; a pack must carry these.</summary>
    public IReadOnlyCollection<Digest> Read
    {
        get { lock (_lock) return _read.ToArray(); }
    }

    public byte[]? Find(Digest digest)
    {
        var bytes = find(digest);
        if (bytes is null || bytes.Length > Artifacts.MaxDocument || Digest.Of(bytes) != digest) return null;
        lock (_lock) _read.Add(digest);
        return bytes;
    }

    /// <summary>A compiled policy, parsed once; null when it is not at hand.</summary>
    /// <exception cref="FormatException">The document is not a policy.</exception>
    public Policy? Policy(Digest digest)
    {
        lock (_lock) if (_policies.TryGetValue(digest, out var known)) return known;
        if (Find(digest) is not { } bytes) return null;
        var policy = Governance.Policy.Parse(bytes);
        lock (_lock) return _policies[digest] = policy;
    }
}

/// <summary>A document that the state rests on is not at hand: the store lost it, so nothing can be judged.</summary>
sealed class DocumentMissingException(string message) : Exception(message);
