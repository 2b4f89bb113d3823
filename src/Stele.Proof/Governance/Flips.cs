using System.Collections.Immutable;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>How what was judged once compares with what another policy makes of it. Names are permanent.</summary>
public enum Flip
{
    /// <summary>Let through as it was, or refused as it was.</summary>
    Same,
    /// <summary>It was let through, and would be refused.</summary>
    Refused,
    /// <summary>It was refused, and would be let through.</summary>
    Allowed,
    /// <summary>Let through or refused as before, but otherwise: masked or not, held or denied.</summary>
    Altered,
    /// <summary>It depends on what is not held any more.</summary>
    Undecidable,
}

/// <summary>One act or decision that was judged again.</summary>
/// <param name="Of"><c>entry N</c>, or a decision's id.</param>
/// <param name="Was">What came of it.</param>
/// <param name="WasRule">The rule that it rested on, where one is named.</param>
/// <param name="Now">What would; null where nobody can say.</param>
/// <param name="Open">The rules that can't be asked, where that leaves it undecidable.</param>
public sealed record Rejudged(string Of, long Time, RuledOutcome Was, string? WasRule, RuledOutcome? Now,
    string? Rule, string? Message, ImmutableArray<string> Open)
{
    public Flip Flip => Now is null ? Flip.Undecidable : (Refuses(Was), Refuses(Now.Value)) switch
    {
        (false, true) => Flip.Refused,
        (true, false) => Flip.Allowed,
        _ => Was == Now ? Flip.Same : Flip.Altered,
    };

    /// <summary>
    /// The rules that a flip is to be laid to: that which would refuse it, that which refused it, or those that can't
    /// be asked.
    /// </summary>
    public IEnumerable<string> Rules => Flip switch
    {
        Flip.Refused or Flip.Altered => [Rule ?? WasRule ?? ""],
        Flip.Allowed => [WasRule ?? ""],
        Flip.Undecidable => Open.IsEmpty ? [""] : Open.Distinct(StringComparer.Ordinal),
        _ => [],
    };

    static bool Refuses(RuledOutcome outcome) => outcome is RuledOutcome.Deny or RuledOutcome.Hold;

    public Json ToJson() => Json.Object(
        ("of", Of), ("time", Time), ("flip", Flip.ToString().ToLowerInvariant()), ("was", Would.Outcomes[Was]),
        ("wasRule", Text(WasRule)), ("now", Now is { } now ? Json.Of(Would.Outcomes[now]) : null),
        ("rule", Text(Rule)), ("message", Text(Message)),
        ("open", Open.IsEmpty ? null : Json.Array(Open.Select(Json.Of))));

    public static Rejudged FromJson(Json j) =>
        new(j["of"].AsString, Names.Time(j["time"]), Would.Outcomes.Parse(j["was"]), j.Find("wasRule")?.AsString,
        j.Find("now") is { } n ? Would.Outcomes.Parse(n) : null, j.Find("rule")?.AsString, j.Find("message")?.AsString,
        j.Find("open") is { } o ? [.. o.AsArray.Select(r => r.AsString)] : []);

    static Json? Text(string? s) => s is null ? null : Json.Of(s);
}

/// <summary>
/// What a policy would have changed, counted:
/// <c>{"allowed","altered","flips":[…],"more","refused","rules":{rule:{"allowed"?,"altered"?,"refused"?,"undecidable"?}},"same","undecidable"}</c>.
/// The counts are of all; listed are the flips in order, and no more than <see cref="MaxListed"/>.
/// </summary>
public sealed class Flips
{
    public const int MaxListed = 100_000;

    readonly long[] _counts = new long[5];
    readonly SortedDictionary<string, long[]> _rules = new(StringComparer.Ordinal);
    readonly List<Rejudged> _listed = [];

    public long this[Flip flip] => _counts[(int)flip];

    public long All => _counts.Sum();

    /// <summary>What is not the same, in order.</summary>
    public IReadOnlyList<Rejudged> Listed => _listed;

    /// <summary>How many more there are than are listed.</summary>
    public long More { get; private set; }

    /// <summary>By rule: how many flips are to be laid to it.</summary>
    public IEnumerable<(string Rule, long Refused, long Allowed, long Altered, long Undecidable)> Rules =>
        _rules.Select(r => (r.Key, r.Value[1], r.Value[2], r.Value[3], r.Value[4]));

    public void Add(Rejudged rejudged)
    {
        var flip = rejudged.Flip;
        _counts[(int)flip]++;
        if (flip == Flip.Same) return;
        foreach (var rule in rejudged.Rules) Of(rule)[(int)flip]++;
        if (_listed.Count < MaxListed) _listed.Add(rejudged);
        else More++;
    }

    public void Add(Flips other)
    {
        for (var i = 0; i < _counts.Length; i++) _counts[i] += other._counts[i];
        foreach (var (rule, counts) in other._rules)
            for (var i = 0; i < counts.Length; i++) Of(rule)[i] += counts[i];
        var room = Math.Max(0, MaxListed - _listed.Count);
        _listed.AddRange(other._listed.Take(room));
        More += other.More + Math.Max(0, other._listed.Count - room);
    }

    long[] Of(string rule) => _rules.TryGetValue(rule, out var counts) ? counts : _rules[rule] = new long[5];

    public Json ToJson() => Json.Object(
        ("same", this[Flip.Same]), ("refused", this[Flip.Refused]), ("allowed", this[Flip.Allowed]),
        ("altered", this[Flip.Altered]), ("undecidable", this[Flip.Undecidable]),
        ("rules", Json.Object(_rules.Select(r => KeyValuePair.Create(r.Key, Json.Object(Named(r.Value)))))),
        ("flips", Json.Array(_listed.Select(f => f.ToJson()))), ("more", More));

    static IEnumerable<KeyValuePair<string, Json>> Named(long[] counts) =>
        Enum.GetValues<Flip>().Where(f => counts[(int)f] > 0)
            .Select(f => KeyValuePair.Create(f.ToString().ToLowerInvariant(), Json.Of(counts[(int)f])));

    public static Flips FromJson(Json j)
    {
        var flips = new Flips { More = j["more"].AsInt };
        foreach (var flip in Enum.GetValues<Flip>())
            flips._counts[(int)flip] = j[flip.ToString().ToLowerInvariant()].AsInt;
        foreach (var (rule, counts) in j["rules"].AsObject)
            foreach (var flip in Enum.GetValues<Flip>())
                if (counts.Find(flip.ToString().ToLowerInvariant()) is { } n) flips.Of(rule)[(int)flip] = n.AsInt;
        flips._listed.AddRange(j["flips"].AsArray.Take(MaxListed).Select(Rejudged.FromJson));
        return flips;
    }
}
