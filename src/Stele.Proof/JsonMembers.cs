using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Stele.Proof;

/// <summary>
/// The members of a JSON object, sorted by UTF-16 unit. One array, because most objects are small and are only walked
/// and written.
/// </summary>
#pragma warning disable CA1710 // "Dictionary" would say how, "members" says what.
public sealed class JsonMembers : IReadOnlyDictionary<string, Json>
#pragma warning restore CA1710
{
    internal static readonly JsonMembers None = new([]);

    static readonly Comparer<KeyValuePair<string, Json>> ByName =
        Comparer<KeyValuePair<string, Json>>.Create((x, y) => string.CompareOrdinal(x.Key, y.Key));

    readonly KeyValuePair<string, Json>[] _sorted;

    JsonMembers(KeyValuePair<string, Json>[] sorted) => _sorted = sorted;

    /// <summary>Takes the array over and sorts it, unless it is sorted as it is in canonical JSON.</summary>
    /// <exception cref="FormatException">A name stands twice.</exception>
    internal static JsonMembers Own(KeyValuePair<string, Json>[] members)
    {
        if (members.Length == 0) return None;
        if (!IsSorted(members)) Array.Sort(members, ByName);
        for (var i = 1; i < members.Length; i++)
            if (members[i - 1].Key == members[i].Key)
                throw new FormatException($"the key '{members[i].Key}' stands twice in one object");
        return new(members);
    }

    static bool IsSorted(KeyValuePair<string, Json>[] members)
    {
        for (var i = 1; i < members.Length; i++) if (string.CompareOrdinal(members[i - 1].Key, members[i].Key) > 0)
            return false;
        return true;
    }

    internal ReadOnlySpan<KeyValuePair<string, Json>> Sorted => _sorted;

    public int Count => _sorted.Length;
    public IEnumerable<string> Keys => _sorted.Select(m => m.Key);
    public IEnumerable<Json> Values => _sorted.Select(m => m.Value);
    public Json this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);
    public bool ContainsKey(string key) => TryGetValue(key, out _);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Json value)
    {
        int low = 0, high = _sorted.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            var order = string.CompareOrdinal(_sorted[middle].Key, key);
            if (order == 0)
            {
                value = _sorted[middle].Value;
                return true;
            }
            if (order < 0) low = middle + 1;
            else high = middle;
        }
        value = null;
        return false;
    }

    public IEnumerator<KeyValuePair<string, Json>> GetEnumerator() =>
        ((IEnumerable<KeyValuePair<string, Json>>)_sorted).GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
