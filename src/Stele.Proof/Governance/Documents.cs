using System.Collections.Concurrent;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Hands the fold the small documents that statements name by digest: policies, release documents and manifests,
/// reports. Whatever <paramref name="find"/> returns is believed only if its digest is right.
/// </summary>
/// <param name="find">
/// The bytes of a blob, or null when it is not to be had; it may return null for anything over 1 MiB.
/// </param>
public sealed class Documents(Func<Digest, byte[]?> find)
{
    Action<Digest>? _told;
    Documents? _compiled;

    /// <summary>
    /// Policies are kept compiled as long as their canonical forms have so many bytes, and as many again of those that
    /// were asked for before them: what statements name that are refused must not pile up.
    /// </summary>
    const long MaxCompiled = 8 * 1024 * 1024;

    readonly Lock _lock = new();
    volatile ConcurrentDictionary<Digest, Policy> _young = [], _old = [];
    long _weight;

    public static readonly Documents None = new(_ => null);

    /// <summary>The same documents, in an object that tells which of them it is asked for.</summary>
    internal Documents Telling(Action<Digest> told) => new(find) { _told = told, _compiled = _compiled ?? this };

    public byte[]? Find(Digest digest)
    {
        _told?.Invoke(digest);
        var bytes = find(digest);
        return bytes is null || bytes.Length > Artifacts.MaxDocument || Digest.Of(bytes) != digest ? null : bytes;
    }

    /// <summary>A compiled policy; null when it is not at hand.</summary>
    /// <exception cref="FormatException">The document is not a policy.</exception>
    public Policy? Policy(Digest digest)
    {
        if (_compiled is { } compiled)
        {
            _told?.Invoke(digest);
            return compiled.Policy(digest);
        }
        if (_young.TryGetValue(digest, out var known)) return known;
        if (!_old.TryGetValue(digest, out known))
        {
            if (Find(digest) is not { } bytes) return null;
            known = Governance.Policy.Parse(bytes);
        }
        lock (_lock)
        {
            if (_weight > MaxCompiled) (_old, _young, _weight) = (_young, [], 0);
            if (_young.TryAdd(digest, known)) _weight += known.Size;
        }
        return known;
    }
}

/// <summary>A document that the state rests on is not at hand: the store lost it, so nothing can be judged.</summary>
sealed class DocumentMissingException(string message) : Exception(message);
