using System.CommandLine;
using Stele.Control.Views;
using Stele.Proof;

namespace Stele.Cli;

static class DiffVerb
{
    public static Verb Verb => new("diff", "what changed between two releases", """
        stele diff FROM TO [--all]

        Component by component and figure by figure: what was added, removed or changed, how well each is known, how they run, and what
        was measured of them by the same check. What is not listed is the same, byte for byte.
        """, [new Argument<string>("from"), new Argument<string>("to"), new Option<bool>("--all") { Description = "list what is the same, too" }], async call =>
    {
        await using var desk = await Desk.Open(call);
        var (from, to) = (desk.Release(call.Need("from")), desk.Release(call.Need("to")));
        var diff = Diff.Of(desk.State, desk.Small, from, to);
        var all = call.Get<bool>("--all");
        call.Terminal.Result(diff, () =>
        {
            var t = call.Terminal;
            t.Line($"{from.Name} {from.Digest.Short} → {to.Name} {to.Digest.Short}");
            var components = diff["components"].AsArray;
            t.Table(components.Where(c => all || c["change"].AsString != "same").Select(c => new[]
            {
                c["change"].AsString, c["role"].AsString, c["name"].AsString,
                $"{Short(c.Find("from"))} → {Short(c.Find("to"))}", c.Find("toStrength")?.AsString ?? "",
            }));
            t.Line(
                $"  {components.Count(c => c["change"].AsString == "same")} of {components.Length} components are "
                + $"the same bytes");
            if (diff["policy"]["change"].AsString != "same") t.Line($"  policy {diff["policy"]["change"].AsString}");
            foreach (var change in diff["run"].Find("changes")?.AsArray ?? [])
                t.Line($"  run.{change["member"].AsString}: {change["from"]} → {change["to"]}");
            foreach (var check in diff["checks"].AsArray)
            {
                t.Line($"  check {check["check"].AsDigest.Short}");
                t.Table(
                    check["figures"].AsArray
                        .Where(f => all
                            || (f["change"].AsString != "same"
                                && f["name"].AsString.StartsWith("metrics.", StringComparison.Ordinal)))
                        .Select(f => new[] { f["name"].AsString, Figure(f.Find("from")), "→", Figure(f.Find("to")) }),
                    "    ");
            }
        });
        return 0;
    });

    static string Short(Json? digest) => digest?.AsDigest.Short ?? "(none)";
    static string Figure(Json? j) => j is null ? "–" : j.Kind is JsonKind.Double or JsonKind.Int ? Desk.Number(j)
        : j.ToString();
}
