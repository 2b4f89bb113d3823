using System.Collections.Immutable;

namespace Stele.Proof.Governance;

public sealed partial record State
{
    /// <summary>Keeps all of the state that is not kept yet, and tells how to find it again. Identities are the
    /// replay's to keep.</summary>
    internal Json Save(INodes nodes) => Json.Object([.. Header, KeyValuePair.Create("maps",
        Json.Object(StateForms.Maps.Select(m => KeyValuePair.Create(m.Name, m.Save(this, nodes)))))]);

    IEnumerable<KeyValuePair<string, Json>> Header => Json.Object(
        ("fold", FoldVersion), ("size", Size), ("time", Time), ("ledger", Ledger), ("seen", Seen), ("origin", Origin),
        ("threshold", Threshold), ("recoveryKey", RecoveryKey is { } r ? Json.Of(r.ToString()) : null),
        ("serverKey", ServerKey is { } s ? Json.Of(s.ToString()) : null),
        ("logKeys", Json.Array(LogKeys.Select(k => Json.Object(("fromSize", k.FromSize), ("key", k.Key))))),
        ("fallen", Json.Array(Fallen.Order().Select(Json.Of)))).AsObject;

    /// <summary>
    /// All that is kept of a state, line by line: two states whose lines are the same are the same.
    /// </summary>
    internal IEnumerable<string> KeptLines() => Header.Select(h => $"{h.Key} {h.Value}")
        .Concat(StateForms.Maps.SelectMany(m => m.Lines(this).Select(line => $"{m.Name} {line}")));

    /// <summary>The state that was kept. Its facts are read when they are asked for.</summary>
    /// <exception cref="FormatException">This is no state.</exception>
    internal static State Load(Json saved, INodes nodes) => StateForms.Maps.Aggregate(new State
    {
        FoldVersion = (int)saved["fold"].AsInt, Size = saved["size"].AsInt, Time = saved["time"].AsInt,
        Ledger = saved["ledger"].AsDigest, Seen = saved["seen"].AsDigest, Origin = saved["origin"].AsString,
        Threshold = (int)saved["threshold"].AsInt,
        RecoveryKey = saved.Find("recoveryKey") is { } r ? PublicKey.Parse(r.AsString) : null,
        ServerKey = saved.Find("serverKey") is { } s ? PublicKey.Parse(s.AsString) : null,
        LogKeys = [.. saved["logKeys"].AsArray.Select(k => (k["fromSize"].AsInt, k["key"].AsString))],
        Fallen = [.. saved["fallen"].AsArray.Select(e => e.AsInt)],
    }, (state, map) => map.Load(state, saved["maps"][map.Name], nodes));
}
