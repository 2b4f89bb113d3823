namespace Cel.Values;

/// <summary>
/// The entries of a map value in their own order. Keys that are equal numbers are one key, whatever their type.
/// </summary>
internal sealed class CelMap
{
    /// <summary>From this many entries on, an index is built; below, scanning is faster.</summary>
    const int Indexed = 9;

    public readonly CelValue[] Keys;
    public readonly CelValue[] Values;
    public readonly Extent Extent;
    readonly Dictionary<CelValue, int>? _index;

    CelMap(CelValue[] keys, CelValue[] values, Dictionary<CelValue, int>? index)
    {
        Keys = keys;
        Values = values;
        _index = index;
        var (within, names) = (Extent.Above(values), Extent.Above(keys));
        Extent = new Extent(within.Depth, within.Weight + names.Weight, within.Values + names.Values);
    }

    public int Count => Keys.Length;

    /// <summary>False with the bad key if one is there twice or can't be a key. Takes the arrays over.</summary>
    public static bool TryCreate(CelValue[] keys, CelValue[] values, out CelMap map, out CelValue bad)
    {
        map = null!;
        bad = default;
        var index = keys.Length >= Indexed ? new Dictionary<CelValue, int>(keys.Length) : null;
        for (var i = 0; i < keys.Length; i++)
        {
            if (IsKey(keys[i].Kind) && (index is null ? Scan(keys, i, in keys[i]) < 0 : index.TryAdd(keys[i], i)))
                continue;
            bad = keys[i];
            return false;
        }
        map = new CelMap(keys, values, index);
        return true;
    }

    public static bool IsKey(CelKind kind) => kind is CelKind.String or CelKind.Int or CelKind.UInt or CelKind.Bool;

    public bool TryGet(in CelValue key, out CelValue value)
    {
        var i = -1;
        if (!IsKey(key.Kind) && key.Kind != CelKind.Double) i = -1;
        else if (_index is null) i = Scan(Keys, Keys.Length, in key);
        else if (!_index.TryGetValue(key, out i)) i = -1;
        value = i < 0 ? default : Values[i];
        return i >= 0;
    }

    /// <summary>The fast path of <c>m.field</c>.</summary>
    public bool TryGet(string key, out CelValue value)
    {
        if (_index is not null) return TryGet(CelValue.ValidString(key), out value);
        for (var i = 0; i < Keys.Length; i++)
        {
            if (Keys[i].Kind != CelKind.String) continue;
            var candidate = Keys[i].RawString;
            if (!ReferenceEquals(candidate, key) && !string.Equals(candidate, key)) continue;
            value = Values[i];
            return true;
        }
        value = default;
        return false;
    }

    static int Scan(CelValue[] keys, int count, in CelValue key)
    {
        var left = long.MaxValue;
        for (var i = 0; i < count; i++)
            if (Equality.Equal(in keys[i], in key, ref left)) return i;
        return -1;
    }

    public IEnumerable<KeyValuePair<CelValue, CelValue>> Entries()
    {
        for (var i = 0; i < Keys.Length; i++) yield return new(Keys[i], Values[i]);
    }
}
