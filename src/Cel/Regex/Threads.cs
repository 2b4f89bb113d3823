namespace Cel.Regex;

/// <summary>
/// A set of instructions in the order they came, with constant time for everything; cleared without touching memory.
/// </summary>
internal sealed class Threads(int instructions)
{
    readonly int[] _dense = new int[instructions];
    readonly int[] _sparse = new int[instructions];

    public int Count { get; private set; }

    public int this[int i] => _dense[i];

    public ReadOnlySpan<int> All => _dense.AsSpan(0, Count);

    /// <summary>False if it was there.</summary>
    public bool Add(int instruction)
    {
        var at = _sparse[instruction];
        if (at < Count && _dense[at] == instruction) return false;
        _sparse[instruction] = Count;
        _dense[Count++] = instruction;
        return true;
    }

    public void Clear() => Count = 0;
}
