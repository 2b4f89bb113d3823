using System.Collections.Immutable;

namespace Stele.Proof.Governance;

/// <summary>
/// Payload digests admitted so far, and the entry of each. A view of a column that only grows: a state sees those of
/// the entries before it, and those that were made from it and are not in the column.
/// </summary>
public sealed class Identities
{
    /// <summary>More than this many in a view are looked through for those that came into the column meanwhile.
    /// </summary>
    const int Few = 256;

    readonly IdentityColumn _column;
    readonly ImmutableDictionary<Digest, long> _own;   // also what the column got since

    Identities(IdentityColumn column, ImmutableDictionary<Digest, long> own, long count) =>
        (_column, _own, Count) = (column, own, count);

    internal Identities(IdentityColumn column) : this(column, ImmutableDictionary<Digest, long>.Empty, column.Count) { }

    /// <summary>None, for a state that no replay keeps.</summary>
    public static Identities Empty { get; } = new(new IdentityColumn());

    /// <summary>One for each entry.</summary>
    public long Count { get; }

    public bool TryGetValue(Digest identity, out long entry) =>
        _own.TryGetValue(identity, out entry) || _column.Find(identity) is { } found && (entry = found) < Count;

    /// <summary>The same with the next entry's.</summary>
    public Identities Add(Digest identity)
    {
        var own = _own;
        if (own.Count >= Few && _column.Count > 0)
            own = own.Where(i => i.Value >= _column.Count).ToImmutableDictionary();
        return new(_column, own.Add(identity, Count), Count + 1);
    }

    /// <summary>The same as a view of the column of a replay, which takes in what it does not have.</summary>
    internal Identities In(IdentityColumn column)
    {
        foreach (var (identity, _) in _own.Where(i => i.Value >= column.Count).OrderBy(i => i.Value))
            column.Add(identity);
        return new(column, ImmutableDictionary<Digest, long>.Empty, Count);
    }

    /// <summary>The view of a state of that many entries.</summary>
    internal Identities At(long count) => new(_column, ImmutableDictionary<Digest, long>.Empty, count);
}
