using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Mortgage.Check;

/// <summary>
/// The report: <code>{"counts":{…},"groups":{"no":{…},…},"metrics":{…}}</code> in RFC 8785 form; a group has its counts
/// and metrics side by side. Counts are integers; a metric is a double rounded to 12 significant digits, or
/// <c>{"undefined":"reason"}</c>.
/// </summary>
internal static class Report
{
    public static byte[] Write(IReadOnlyList<Outcome> outcomes, Parameters parameters, ulong seed)
    {
        var groups = new SortedDictionary<string, List<Outcome>>(StringComparer.Ordinal)
        {
            [parameters.Protected] = [],
            [parameters.Reference] = [],
        };
        foreach (var outcome in outcomes)
        {
            if (!groups.TryGetValue(outcome.Group, out var group))
            {
                groups[outcome.Group] = group = [];
            }

            group.Add(outcome);
        }

        var protectedGroup = groups[parameters.Protected];
        var referenceGroup = groups[parameters.Reference];
        var metrics = Metrics.Performance(outcomes);
        foreach (var (name, metric) in Metrics.Fairness(protectedGroup, referenceGroup))
        {
            metrics[name] = metric;
        }

        (metrics["approval_ratio_low"],
            metrics["approval_ratio_high"]) = new Bootstrap(seed).ApprovalRatio(protectedGroup, referenceGroup);

        return Encoding.UTF8.GetBytes(Object([
            ("counts", Object(Members(Metrics.Counts(outcomes)))),
            ("groups",
                Object(groups.Select(g =>
                    (g.Key, Object(Members(Metrics.Counts(g.Value)).Concat(Members(Metrics.Performance(g.Value)))))))),
            ("metrics", Object(Members(metrics))),
        ]));
    }

    private static IEnumerable<(string Name, string Json)> Members<T>(SortedDictionary<string, T> members)
        where T : struct => members.Select(m => (m.Key, FormattableString.Invariant($"{m.Value}")));

    private static string Object(IEnumerable<(string Name, string Json)> members) =>
        "{" + string.Join(',',
            members.OrderBy(m => m.Name, StringComparer.Ordinal).Select(m => $"\"{Plain(m.Name)}\":{m.Json}")) + "}";

    private static string Plain(string name) =>
        name.All(c => char.IsAsciiLetterOrDigit(c) || c is ' ' or '_' or '-' or '.')
            ? name
            : throw new InvalidDataException($"a group's name must be plain ASCII: {name}");
}
