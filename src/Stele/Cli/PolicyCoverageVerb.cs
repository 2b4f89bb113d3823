using System.CommandLine;
using Stele.Build;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Cli;

static class PolicyCoverageVerb
{
    public static Verb Verb =>
        new("coverage", "which controls are checked by rules, which by people's words, which are open", """
        stele policy coverage [--system SYSTEM[/ENV]] [--catalogue CATALOGUE]

        For each control: the rules in force that check it, the people who gave their word on it and until when, or neither. A system's control
        is met when it is met in every environment, for every release that is routed to there. A rule that was waived for what runs checks
        nothing, nor does one that demands a person's word. With a catalogue, every control of it; without, the totals of all.
        """,
        [
            new Option<string>("--system")
            {
                HelpName = "SYSTEM[/ENV]",
                Description = "a system, or one environment of it; every system unless given"
            },
            new Option<string>("--catalogue")
            {
                HelpName = "CATALOGUE",
                Description = $"one of {string.Join(", ", ReadyMade.CatalogueNames)}"
            },
        ], Run);

    static async Task<int> Run(Call call)
    {
        Catalogue? only = call.Get<string>("--catalogue") is { } name ? PolicyBundleVerbs.Catalogue(name) : null;
        await using var desk = await Desk.Open(call);
        var (system, environment) = Parsing.Scope(call.Get<string>("--system"), desk.State);
        var systems = system is null ? desk.State.Systems.Keys : [system];
        var all = systems.SelectMany(s => (only is null
            ? ReadyMade.AllCatalogues
            : [only]).Select(c => Coverage.Of(desk.State, PolicyOf, c, s, environment, call.Now))).ToArray();
        var strays = all.SelectMany(c => Coverage.Strays(desk.State, PolicyOf, c.Catalogue, c.System, environment))
            .Distinct(StringComparer.Ordinal).ToArray();
        call.Terminal.Result(Json.Object(("coverage", Json.Array(all.Select(c => c.ToJson()))),
            ("unknown", Json.Array(strays.Select(Json.Of)))), () =>
        {
            if (all.Length == 0)
                call.Terminal.Line(
                    "no system is declared yet; an owner does: stele system add NAME --env prod --stale-after 24h");
            if (only is null) Totals(call.Terminal, all);
            else foreach (var coverage in all) Print(call.Terminal, coverage);
            foreach (var stray in strays)
                call.Terminal.Line(
                    $"a rule in force names {stray}, and there is no such control: "
                    + $"{Terminal.Yellow("it covers nothing")}");
        });
        return 0;

        Policy? PolicyOf(Digest digest) =>
            desk.Replay.Documents.Policy(digest) ?? (desk.Small(digest) is { } bytes ? Policy.Parse(bytes) : null);
    }

    static string Place(Coverage c) => c.Environment is null ? c.System : State.Place(c.System, c.Environment);

    static void Totals(Terminal t, Coverage[] all)
    {
        t.Table(all.Select(c => new[]
        {
            Place(c), c.Catalogue.Name, $"{c.Rows.Length} controls",
            $"{c.Count(ControlStatus.Checked)} checked by rules",
            $"{c.Count(ControlStatus.Attested)} by people's words", $"{c.Count(ControlStatus.Lapsed)} lapsed",
            $"{c.Count(ControlStatus.Open)} open",
        }), "");
        if (all.Length > 0)
            t.Line(Terminal.Dim(
                "control by control: stele policy coverage --catalogue CATALOGUE. None of this is legal advice."));
    }

    static void Print(Terminal t, Coverage c)
    {
        t.Line($"{Terminal.Bold(Place(c))}  {c.Catalogue.Title}. {c.Catalogue.Caveat}");
        foreach (var row in c.Rows)
        {
            var standing = ViewJson.Name(row.Status).PadRight(8);
            t.Line(
                $"  {(row.Status switch { ControlStatus.Checked or ControlStatus.Attested => Terminal.Green(standing), ControlStatus.Lapsed => Terminal.Yellow(standing), _ => standing })}  {c.Catalogue.Reference(row.Control)}  {row.Control.Title}");
            foreach (var rules in row.Rules.GroupBy(r => (r.Policy, r.Name, r.Rule, r.Demands, r.Waived)))
                t.Line(
                    $"            {(rules.Key.Demands ? "a word is demanded by" : "checked by")} rule "
                    + $"{rules.Key.Rule} of {rules.Key.Name} {rules.Key.Policy.Short} in "
                    + $"{string.Join(", ", rules.Select(r => r.Place).Distinct())}{(rules.Key.Waived is { } w ? $": waived in entry {w}, and so not checked" : "")}");
            foreach (var word in row.Words)
                t.Line(
                    $"            {word.By.Member[..8]}… gave their word until "
                    + $"{Terminal.Time(word.Attestation.Expires!.Value)}{Of(word)}, entry {word.By.Entry}");
            foreach (var word in row.Last)
                t.Line(
                    $"            {word.By.Member[..8]}… gave their word until "
                    + $"{Terminal.Time(word.Attestation.Expires!.Value)}{Of(word)}, entry {word.By.Entry}: it counts "
                    + $"no longer");
        }
        t.Line(
            $"  {c.Count(ControlStatus.Checked)} checked by rules, {c.Count(ControlStatus.Attested)} by people's "
            + $"words, "
            + $"{c.Count(ControlStatus.Lapsed)} lapsed, {c.Count(ControlStatus.Open)} open, of {c.Rows.Length}");
    }

    static string Of(AttestationFact word) => word.Attestation.Release is { } r ? $" for release {r.Short}" : "";
}
