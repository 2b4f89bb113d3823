using System.Diagnostics;

namespace Stele.Bench;

/// <summary>What one run of a side came to: its number, and others worth a column (latencies, bytes).</summary>
sealed record Sample(double Value, params (string Column, double Value)[] More);

/// <summary>One thing that is measured.</summary>
/// <param name="Limit">The name of the side whose number this one is held against; null for a limit itself.</param>
sealed record Side(string Name, string Unit, string? Limit, Func<Task<Sample>> Measure);

/// <summary>
/// Measures sides against each other on a machine that is not quiet. Every round runs every side once, forwards and
/// backwards in turn, so that what disturbs the machine for a second disturbs them alike; a side's ratio to its limit
/// is taken within each round. What is told is the median over the rounds, with the least and the greatest.
/// </summary>
sealed class Rounds(string name, string about)
{
    public const int Count = 5, Least = 3;

    readonly List<Side> _sides = [];
    readonly List<(string Name, string Unit, Func<IReadOnlyDictionary<string, Sample>, double> Of)> _derived = [];

    /// <summary>No round but the first <see cref="Least"/> is begun after this.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the disk is brought to rest before each run.</summary>
    public bool Disk { get; init; }

    /// <summary>Puts away what the sides share.</summary>
    public Func<Task> End { get; init; } = () => Task.CompletedTask;

    public void Limit(string side, string unit, Func<Task<Sample>> measure) =>
        _sides.Add(new(side, unit, null, measure));

    public void Add(string side, string unit, string? limit, Func<Task<Sample>> measure)
    {
        if (limit is not null && _sides.All(s => s.Name != limit))
            throw new ArgumentException($"no side is called '{limit}'");
        _sides.Add(new(side, unit, limit, measure));
    }

    /// <summary>A number computed from one round's samples.</summary>
    public void Derive(string row, string unit, Func<IReadOnlyDictionary<string, Sample>, double> of) =>
        _derived.Add((row, unit, of));

    /// <summary>
    /// Leaves only the sides whose names hold the text, and what they are held against; and no derived number.
    /// </summary>
    public void Only(string text)
    {
        var kept = _sides.Where(s => s.Name.Contains(text, StringComparison.OrdinalIgnoreCase)).ToArray();
        _sides.RemoveAll(s => !kept.Contains(s) && kept.All(k => k.Limit != s.Name));
        _derived.Clear();
    }

    public async Task<Table> Run(Action<string> progress)
    {
        var began = Stopwatch.GetTimestamp();
        // The first run of each side is for the compiler, the page cache and the sockets: not counted.
        foreach (var side in _sides) await Once(side, 0, progress);
        var rounds = new List<Dictionary<string, Sample>>();
        while (rounds.Count < Count && (rounds.Count < Least || Stopwatch.GetElapsedTime(began) < Budget))
        {
            var round = new Dictionary<string, Sample>(StringComparer.Ordinal);
            foreach (var side in rounds.Count % 2 == 0 ? _sides : Enumerable.Reverse(_sides))
                round[side.Name] = await Once(side, rounds.Count + 1, progress);
            rounds.Add(round);
        }

        var rows = _sides.Select(side =>
            new Row(side.Name, side.Unit, Spread.Of(rounds.Select(r => r[side.Name].Value)), side.Limit,
            side.Limit is { } limit ? Spread.Of(rounds.Select(r => r[side.Name].Value / r[limit].Value)) : null,
            [.. rounds[0][side.Name].More
                .Select((m, i) => (m.Column, Spread.Of(rounds.Select(r => r[side.Name].More[i].Value))))]));
        var derived = _derived.Select(d => new Row(d.Name, d.Unit, Spread.Of(rounds.Select(d.Of)), null, null, []));
        return new Table(name, about, rounds.Count, Stopwatch.GetElapsedTime(began), [.. rows, .. derived]);
    }

    async Task<Sample> Once(Side side, int round, Action<string> progress)
    {
        progress(round == 0 ? $"{name}: warming up: {side.Name}" : $"{name}: round {round} of {Count}: {side.Name}");
        GC.Collect();
        GC.WaitForPendingFinalizers();
        if (Disk) Machine.Sync();
        return await side.Measure();
    }
}

/// <summary>The median of some numbers, the least and the greatest.</summary>
readonly record struct Spread(double Median, double Min, double Max)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return new(sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2, sorted[0],
            sorted[^1]);
    }
}
