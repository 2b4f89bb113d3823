using System.Collections.Immutable;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>One fact of a state, or that there is none, in one of its maps.</summary>
/// <param name="Map">The map's name in the state's form, or <c>deployed:PLACE</c> or <c>heads:PLACE</c> for the maps
/// within an environment's fact.</param>
sealed record OpenedFact(string Map, FactPath Path)
{
    public Json ToJson() => Path.ToJson().With("map", Map);
    public static OpenedFact FromJson(Json j) => new(j["map"].AsString, FactPath.FromJson(j));

    public static int Order(OpenedFact a, OpenedFact b) =>
        string.CompareOrdinal(a.Map, b.Map) is not 0 and var c ? c : string.CompareOrdinal(a.Path.Key, b.Path.Key);
}

/// <summary>
/// A part of a state whose digest a node signed: the form that is hashed, with each map of facts by its digest, and
/// paths from those digests to facts.
/// <code>{"entry":n,"facts":[{"key","map","other"?,"path":[hex…],"value"?}…],"form":{…}}</code>
/// Facts are sorted by map and key, in UTF-16 units; none stands twice.
/// </summary>
/// <param name="Entry">The anchor or observation in which a node signed the state's size and digest.</param>
sealed record StateOpening(long Entry, Json Form, ImmutableArray<OpenedFact> Facts)
{
    /// <summary>More facts are refused unread.</summary>
    public const int MaxFacts = 10_000;

    public Json ToJson() => Json.Object(
        ("entry", Entry), ("form", Form), ("facts", Json.Array(Facts.Select(f => f.ToJson()))));

    /// <exception cref="FormatException">Not one, or its facts are not in order.</exception>
    public static StateOpening FromJson(Json j)
    {
        var facts = j["facts"].AsArray;
        if (facts.Length > MaxFacts) throw new FormatException(
            $"a receipt opens at most {MaxFacts} facts of a state; this one says {facts.Length}");
        var opening = new StateOpening(Names.Entry(j["entry"]), j["form"], [.. facts.Select(OpenedFact.FromJson)]);
        for (var i = 1; i < opening.Facts.Length; i++)
            if (OpenedFact.Order(opening.Facts[i - 1], opening.Facts[i]) >= 0) throw new FormatException(
                "a state's facts are not in order of map and key, or one stands twice");
        return opening;
    }

    /// <summary>
    /// What was asked of a state, with the paths that prove it. That an empty map has no fact, its digest tells.
    /// </summary>
    public static StateOpening Of(State state, long entry, IEnumerable<(string Map, string Key)> asked)
    {
        var whole = new StateOpening(entry, StateDigest.FormOf(state),
            [.. asked.Distinct().Select(a => new OpenedFact(a.Map, StateDigest.PathTo(state, a.Map, a.Key)))
                .Order(Comparer<OpenedFact>.Create(OpenedFact.Order))]);
        return whole with { Facts =
            whole.Facts.RemoveAll(f => f.Path.Value is null && whole.DigestOf(f.Map) == Merkle.EmptyRoot) };
    }

    public OpenedFact? Find(string map, string key)
    {
        var (low, high) = (0, Facts.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var fact = Facts[middle];
            var order = string.CompareOrdinal(fact.Map, map) is not 0 and var c ? c
                : string.CompareOrdinal(fact.Path.Key, key);
            if (order == 0) return fact;
            if (order < 0) low = middle + 1;
            else high = middle - 1;
        }
        return null;
    }

    /// <summary>
    /// The digest of a map: in the form, or in the environment's fact that it is a part of. Null = it is not shown.
    /// </summary>
    public Digest? DigestOf(string map)
    {
        var at = map.IndexOf(':', StringComparison.Ordinal);
        if (at < 0) return Form.Find(map) is { Kind: JsonKind.String } d ? d.AsDigest : null;
        return Find("environments", map[(at + 1)..])?.Path.Value?.Find(map[..at]) is { Kind: JsonKind.String } inner
            ? inner.AsDigest : null;
    }

    /// <summary>The facts whose path does not lead to their map's digest.</summary>
    public IEnumerable<OpenedFact> Misleading =>
        Facts.Where(f => DigestOf(f.Map) is not { } digest || f.Path.Root != digest);

    /// <summary>Whether a key has no value in a map: as a path shows, or because the map is empty.</summary>
    public bool Lacks(string map, string key) =>
        Find(map, key) is { } fact ? fact.Path.Value is null : DigestOf(map) == Merkle.EmptyRoot;
}
