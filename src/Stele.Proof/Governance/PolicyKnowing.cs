using System.Collections.Immutable;
using Cel;
using Cel.Values;

namespace Stele.Proof.Governance;

/// <summary>What a policy makes of a request of which not everything is known any more.</summary>
/// <param name="Known">What the rules say that read nothing but what is known.</param>
/// <param name="Open">The other rules that would have been asked: whether one of them lets the request through, nobody can say.</param>
public sealed record PartialRuling(Ruling Known, ImmutableArray<string> Open)
{
    /// <summary>Whether the request is refused, or let through, whatever the open rules say; null: that depends on them.</summary>
    public bool? Refuses => Known.Effect is Effect.Deny or Effect.Hold ? true : Open.IsEmpty ? false : null;

    /// <summary>What two policies come to together.</summary>
    public PartialRuling And(PartialRuling other) => new(Known.And(other.Known), Open.AddRange(other.Open));
}

// Deciding with gaps: for looking back at requests whose bodies were erased.
public sealed partial class Policy
{
    ImmutableDictionary<string, ImmutableHashSet<string>> _reads = ImmutableDictionary<string, ImmutableHashSet<string>>.Empty;

    /// <summary>
    /// Decides a request as <see cref="Decide"/> does, but asks only rules that read nothing unknown. What they deny or hold is refused, whatever the others would have said; where nothing is
    /// left open, it is let through. An open rule might also not evaluate, and so deny: none of them is without weight.
    /// </summary>
    /// <param name="input">With anything in the place of what is unknown.</param>
    /// <param name="unknown">Variables and their fields (<c>time</c>, <c>request.body</c>), and each variable whose fields are not all known (<c>request</c>).</param>
    public PartialRuling Decide(IReadOnlyDictionary<string, CelValue> input, IReadOnlyDictionary<string, long> waived, IReadOnlySet<string> unknown)
    {
        var left = JudgementLimit;
        var ruling = Ruling.Through;
        var open = ImmutableArray.CreateBuilder<string>();
        Compiled? unmet = null;
        bool allowed = false, perhaps = false;
        foreach (var c in _rules)
        {
            var rule = c.Rule;
            if (rule.Occasion != Occasion.Request) continue;
            if (waived.ContainsKey(rule.Id))
            {
                allowed |= rule.Effect == Effect.Allow;
                continue;
            }
            if (rule.Effect == Effect.Allow && allowed) continue;
            if (ReadBy(rule).Overlaps(unknown))
            {
                open.Add(rule.Id);
                perhaps |= rule.Effect == Effect.Allow;
                continue;
            }
            var (holds, failure) = Eval(c, input, ref left);
            if (failure is not null) ruling = ruling.And(Said(Effect.Deny, true));
            else if (rule.Effect == Effect.Allow)
            {
                allowed |= holds;
                if (!holds) unmet ??= c;
            }
            else if (rule.Effect == Effect.Require ? !holds : holds) ruling = ruling.And(Said(rule.Effect == Effect.Require ? Effect.Deny : rule.Effect) with { Fields = rule.Effect == Effect.Mask ? [.. rule.Fields] : Ruling.Through.Fields });

            // What a message reads may be unknown; then it is not computed.
            Ruling Said(Effect effect, bool error = false) =>
                new(effect, Digest, rule.Id, rule.Message is { } m && ReadBy(m).Overlaps(unknown) ? null : Say(c, failure, input, ref left), error);
        }
        if (unmet is not null && !allowed && !perhaps) ruling = ruling.And(new Ruling(Effect.Deny, Digest, unmet.Rule.Id, "no rule allows it"));
        return new(ruling, open.ToImmutable());
    }

    ImmutableHashSet<string> ReadBy(Rule rule) => ReadBy(rule.Expr);

    /// <summary>What an expression may read, through the policy's definitions.</summary>
    ImmutableHashSet<string> ReadBy(string source)
    {
        if (_reads.TryGetValue(source, out var known)) return known;
        var found = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        var open = new Stack<string>([source]);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (open.TryPop(out var next))
            foreach (var read in Reads.Of(next))
            {
                found.Add(read);
                // A field of a definition is still that definition.
                var name = read.Split('.')[0];
                if (Document.Definitions.TryGetValue(name, out var definition) && seen.Add(name)) open.Push(definition);
            }
        var reads = found.ToImmutable();
        ImmutableInterlocked.TryAdd(ref _reads, source, reads);
        return reads;
    }
}
