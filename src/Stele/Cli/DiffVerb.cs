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
        call.Terminal.Result(diff.ToJson(), () =>
        {
            var t = call.Terminal;
            t.Line($"{from.Name} {from.Digest.Short} → {to.Name} {to.Digest.Short}");
            t.Table(diff.Components.Where(c => all || c.Change != Change.Same).Select(c => new[]
            {
                ViewJson.Name(c.Change), c.Role, c.Name, $"{Short(c.From)} → {Short(c.To)}", c.ToStrength ?? "",
            }));
            t.Line(
                $"  {diff.Components.Count(c => c.Change == Change.Same)} of {diff.Components.Length} components are "
                + $"the same bytes");
            if (diff.Policy.Change != Change.Same) t.Line($"  policy {ViewJson.Name(diff.Policy.Change)}");
            foreach (var change in diff.Run.Changes ?? [])
                t.Line($"  run.{change.Member}: {change.From} → {change.To}");
            foreach (var check in diff.Checks)
            {
                t.Line($"  check {check.Check.Short}");
                t.Table(check.Figures.Where(f => all || (f.Change != Change.Same
                    && f.Name.StartsWith("metrics.", StringComparison.Ordinal)))
                    .Select(f => new[] { f.Name, Figure(f.From), "→", Figure(f.To) }), "    ");
            }
        });
        return 0;
    });

    static string Short(Digest? digest) => digest?.Short ?? "(none)";
    static string Figure(Json? j) => j is null ? "–" : j.Kind is JsonKind.Double or JsonKind.Int ? Desk.Number(j)
        : j.ToString();
}
