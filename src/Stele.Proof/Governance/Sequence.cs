using System.Collections;
using System.Collections.Immutable;

namespace Stele.Proof.Governance;

/// <summary>A persistent list that only grows, in parts: what is asked for is read, as in <see cref="FactMap{K,V}"/>.
/// </summary>
#pragma warning disable CA1710 // "List" would say that it can be changed.
public sealed class Sequence<T> : IReadOnlyList<T>
#pragma warning restore CA1710
{
    /// <summary>Items of a part: adding one copies so many at most.</summary>
    const int Part = 32;

    readonly FactMap<long, ImmutableArray<T>> _parts;

    Sequence(FactMap<long, ImmutableArray<T>> parts, int count) => (_parts, Count) = (parts, count);

    public static Sequence<T> Empty { get; } = new(FactMap<long, ImmutableArray<T>>.Create(), 0);

    public int Count { get; }

    public T this[int index] => (uint)index < (uint)Count ? _parts[index / Part][index % Part]
        : throw new ArgumentOutOfRangeException(nameof(index));

    public Sequence<T> Add(T item)
    {
        ImmutableArray<T> part = Count % Part == 0 ? [] : _parts[Count / Part];
        return new(_parts.SetItem(Count / Part, part.Add(item)), Count + 1);
    }

    /// <summary>
    /// How many items stand before the first one for which it does not hold, where it holds for none after that; else
    /// the first crossing that halving finds, the same for everyone.
    /// </summary>
    public int CountWhile(Func<T, bool> holds)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (holds(this[middle])) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    public IEnumerator<T> GetEnumerator() => From(0).GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The items from one on.</summary>
    public IEnumerable<T> From(int first)
    {
        for (var part = first / Part; part * Part < Count; part++)
        {
            var items = _parts[part];
            for (var i = Math.Max(first - part * Part, 0); i < items.Length; i++) yield return items[i];
        }
    }

    /// <summary>The items before one, the newest first.</summary>
    public IEnumerable<T> Before(int past)
    {
        for (var i = past - 1; i >= 0;)
            for (var items = _parts[i / Part]; i >= 0;)
            {
                yield return items[i % Part];
                if (i-- % Part == 0) break;
            }
    }

    internal Json Save(FactForm<long, ImmutableArray<T>> form, INodes nodes) =>
        Json.Object(("count", Count), ("parts", _parts.Save(form, nodes)));

    internal static Sequence<T> Load(Json saved, FactForm<long, ImmutableArray<T>> form, INodes nodes) =>
        new(FactMap<long, ImmutableArray<T>>.Load(saved["parts"], form, nodes), checked((int)saved["count"].AsInt));

    /// <summary>The form of a sequence's parts, by that of an item.</summary>
    internal static FactForm<long, ImmutableArray<T>> FormOf(Func<T, Json> write, Func<Json, T> read) => new(
        Comparer<long>.Default, key => FactPath.EntryOf(key) ?? throw new FormatException($"'{key}' is no part"), null,
        (items, _) => Json.Array(items.Select(write)), (_, j, _) => [.. j.AsArray.Select(read)]);
}
