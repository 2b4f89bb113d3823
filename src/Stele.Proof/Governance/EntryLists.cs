using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Which entries are of a kind, which observations are of a place, and which refusals of an envelope: lists of entries'
/// numbers, in order, that only grow. Who looks for an entry of a kind reads those, not the ledger.
/// </summary>
sealed class EntryLists
{
    static readonly FactForm<long, ImmutableArray<long>> Numbers =
        Sequence<long>.FormOf(Json.Of, j => j.AsInt);

    static readonly FactForm<string, Sequence<long>> Form = new(StringComparer.Ordinal, name => name, null,
        (list, nodes) => list.Save(Numbers, nodes), (_, j, nodes) => Sequence<long>.Load(j, Numbers, nodes));

    readonly FactMap<string, Sequence<long>> _lists;

    EntryLists(FactMap<string, Sequence<long>> lists) => _lists = lists;

    public static EntryLists Empty { get; } =
        new(FactMap<string, Sequence<long>>.Create(StringComparer.Ordinal));

    public static string Observations(string system, string environment) =>
        $"observation {State.Place(system, environment)}";

    public static string Refusals(Digest envelope) => $"refusal {envelope}";

    public Sequence<long> this[string name] =>
        _lists.TryGetValue(name, out var list) ? list : Sequence<long>.Empty;

    public EntryLists Add(long index, Statement statement)
    {
        var lists = With(_lists, statement.Kind, index);
        return new(statement switch
        {
            Observation o => With(lists, Observations(o.System, o.Environment), index),
            Refusal r => With(lists, Refusals(r.Envelope), index),
            _ => lists,
        });
    }

    static FactMap<string, Sequence<long>> With(FactMap<string, Sequence<long>> lists, string name, long index) =>
        lists.SetItem(name, (lists.TryGetValue(name, out var list) ? list : Sequence<long>.Empty).Add(index));

    /// <summary>All of them, line by line, as far as they name the first <paramref name="size"/> entries.</summary>
    public IEnumerable<string> Lines(long size) =>
        from list in _lists
        let entries = list.Value.TakeWhile(e => e < size)
        where entries.Any()
        select $"{list.Key} {string.Join(' ', entries)}";

    public Json Save(INodes nodes) => _lists.Save(Form, nodes);

    /// <exception cref="FormatException">This names no lists.</exception>
    public static EntryLists Load(Json saved, INodes nodes) =>
        new(FactMap<string, Sequence<long>>.Load(saved, Form, nodes));
}
