using System;
using System.Collections.Generic;

namespace Mortgage.Check;

/// <summary>
/// How much chance is in the approval ratio: the middle 95 % of the ratios of 1,000 resamples, each group drawn with
/// replacement from itself. The seed is part of the check, so the interval is as reproducible as the ratio.
/// </summary>
internal sealed class Bootstrap
{
    private const int Resamples = 1000;

    private ulong _state;

    public Bootstrap(ulong seed) => _state = seed;

    public (Metric Low, Metric High) ApprovalRatio(IReadOnlyList<Outcome> protectedGroup,
        IReadOnlyList<Outcome> referenceGroup)
    {
        var ratios = new List<double>(Resamples);
        for (var i = 0; i < Resamples; i++)
        {
            var ratio = Metrics.Ratio(Resample(protectedGroup), Resample(referenceGroup));
            if (ratio.Value is not { } value)
            {
                var none = Metric.None("a resample has no ratio: " + ratio.Undefined);
                return (none, none);
            }

            ratios.Add(value);
        }

        ratios.Sort();
        return (Metric.Of(ratios[Resamples * 25 / 1000]), Metric.Of(ratios[(Resamples * 975 / 1000) - 1]));
    }

    private Outcome[] Resample(IReadOnlyList<Outcome> group)
    {
        var drawn = new Outcome[group.Count];
        for (var i = 0; i < drawn.Length; i++)
        {
            // The high half of a 64-bit product: uniform to within group.Count / 2^64.
            drawn[i] = group[(int)Math.BigMul(Next(), (ulong)group.Count, out _)];
        }

        return drawn;
    }

    /// <summary>SplitMix64 (Steele, Lea and Flood, 2014).</summary>
    private ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
