using System.Collections.Immutable;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>How a control stands. Names are permanent.</summary>
enum ControlStatus
{
    /// <summary>A rule in force checks it, everywhere that was asked about.</summary>
    Checked,

    /// <summary>Somebody's word stands on it, everywhere that was asked about.</summary>
    Attested,

    /// <summary>
    /// It was attested, and no word stands any more: over, or gone with its evidence or its member's role.
    /// </summary>
    Lapsed,

    /// <summary>Neither.</summary>
    Open,
}

/// <summary>A rule in force somewhere that names the control.</summary>
/// <param name="Demands">It demands a person's word on the control, and so does not check it.</param>
/// <param name="Waived">
/// The waiver that the place's head stands on, for this rule; a waived rule checks nothing there.
/// </param>
sealed record Checking(string Place, Digest Policy, string Name, string Rule, string Severity, bool Demands,
    long? Waived);

/// <summary>
/// Which controls of a catalogue are met for a system, and by what. A pure function of the state, the policies in
/// force, and a time.
/// <para>It is reckoned over targets: each environment asked about, with each release that its head routes to (or none
/// yet). A control that a machine can meet is <see cref="ControlStatus.Checked"/> when at each target a rule in force
/// names it: of the policies for that place that stand, or frozen in the release. A rule of a policy that asks for
/// people's words on the control (its <c>attestations</c>) demands that word and checks nothing; nor does a rule that
/// the place's head had waived. A control that people can meet is <see cref="ControlStatus.Attested"/> when at
/// each target a word counts. What can be met either way may be met here by one and there by the other.</para>
/// </summary>
sealed record Coverage(Catalogue Catalogue, string System, string? Environment, ImmutableArray<Coverage.Row> Rows)
{
    /// <param name="Last">The last words that were given on it and count no longer.</param>
    public sealed record Row(Build.Control Control, ControlStatus Status, ImmutableArray<Checking> Rules,
        ImmutableArray<AttestationFact> Words, ImmutableArray<AttestationFact> Last);

    /// <summary>A place with one release that it serves; without an environment, a system that has none.</summary>
    internal sealed record Target(string? Environment, ReleaseFact? Release);

    public int Count(ControlStatus standing) => Rows.Count(r => r.Status == standing);

    /// <param name="policy">A compiled policy by its digest; null when it is not at hand.</param>
    /// <exception cref="FormatException">A policy in force is not at hand.</exception>
    public static Coverage Of(State state, Func<Digest, Policy?> policy, Catalogue catalogue, string system,
        string? environment, long now)
    {
        var targets = Targets(state, system, environment).ToArray();
        var rules = targets.Select(t => RulesOf(state, policy, system, t).ToArray()).ToArray();
        return new(catalogue, system, environment, [.. catalogue.Controls.Select(control =>
        {
            var reference = catalogue.Reference(control);
            var naming = rules.Select(r =>
                r.Where(x => x.Controls.Contains(reference)).Select(x => x.Of(reference)).ToArray()).ToArray();
            var words = targets.Select(t =>
                Attestations.InForce(state, reference, system, t.Release?.Digest, now).ToArray()).ToArray();
            bool Checks(int i) =>
                control.Met != MetBy.Attestation && naming[i].Any(r => !r.Demands && r.Waived is null);
            bool Attests(int i) => control.Met != MetBy.Machine && words[i].Length > 0;
            var all = Enumerable.Range(0, targets.Length).ToArray();
            var counting = words.SelectMany(w => w).Select(w => w.By.Entry).ToHashSet();
            var last = control.Met == MetBy.Machine ? [] : Attestations.Last(state)
                .Where(a => a.Attestation.Control == reference && a.Attestation.System == system
                    && a.Attestation.Expires is not null && !counting.Contains(a.By.Entry)
                    && (a.Attestation.Release is not { } of || targets.Any(t => t.Release?.Digest == of)))
                .ToImmutableArray();
            var standing = all.All(Checks) ? ControlStatus.Checked : all.All(i => Checks(i) || Attests(i))
                ? ControlStatus.Attested : last.IsEmpty ? ControlStatus.Open : ControlStatus.Lapsed;
            return new Row(control, standing, [.. naming.SelectMany(n => n).Distinct()],
                [.. words.SelectMany(w => w).DistinctBy(w => w.By.Entry).OrderBy(w => w.By.Entry)], last);
        })]);
    }

    /// <summary>
    /// The references of rules in force to controls of this catalogue that it does not have: a misspelt one covers
    /// nothing.
    /// </summary>
    public static IEnumerable<string> Strays(State state, Func<Digest, Policy?> policy, Catalogue catalogue,
        string system, string? environment) =>
        Targets(state, system, environment).SelectMany(t => RulesOf(state, policy, system, t))
            .SelectMany(r => r.Controls)
            .Where(c => c.StartsWith(catalogue.Name + "/", StringComparison.Ordinal)
                && catalogue.Controls.All(x => catalogue.Reference(x) != c)).Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal);

    internal static IEnumerable<Target> Targets(State state, string system, string? environment)
    {
        string?[] environments = environment is not null
            ? [environment]
            : [.. state.Systems[system].Environments.Select(e => e.Name)];
        foreach (var name in environments.Length == 0 ? [null] : environments)
        {
            var routes = name is null ? [] : state.Environment(system, name).Head?.Routes ?? [];
            if (routes.IsEmpty) yield return new Target(name, null);
            foreach (var route in routes) yield return new Target(name, state.Releases[route.Release]);
        }
    }

    /// <summary>A rule in force at a target, not yet tied to one control.</summary>
    sealed record InForce(string Place, Policy Policy, Rule Rule, long? Waived)
    {
        public ImmutableArray<string> Controls => Rule.Controls;
        public Checking Of(string control) =>
            new(Place, Policy.Digest, Policy.Name, Rule.Id, Rule.Severity,
                Policy.Document.Attestations.Contains(control), Waived);
    }

    static IEnumerable<InForce> RulesOf(State state, Func<Digest, Policy?> policy, string system, Target target)
    {
        var place = target.Environment is null ? system : State.Place(system, target.Environment);
        var waived = (target.Environment is null ? null : state.Environment(system,
            target.Environment).Head)?.Waivers.Select(w => (Entry: w, state.Waivers[w].Waiver))
            .Where(w => w.Waiver.Release == target.Release?.Digest).ToDictionary(w => (w.Waiver.Policy, w.Waiver.Rule),
                w => w.Entry);
        var asked = state.PolicyFacts(system, target.Environment).Where(state.Stands).Select(f => f.Policy!.Value)
            .Distinct().ToArray();
        foreach (var digest in asked)
            foreach (var rule in Found(digest)) yield return rule;
        // What is frozen in the release is asked about requests and while they are watched, never before an act is
        // admitted.
        if (target.Release?.Policy is { } own && !state.IsRevoked(own) && !asked.Contains(own))
            foreach (var rule in Found(own).Where(r => r.Rule.Occasion != Occasion.Admission)) yield return rule;

        IEnumerable<InForce> Found(Digest digest)
        {
            var found = policy(digest)
                ?? throw new FormatException($"the policy {digest}, in force for {place}, is not at hand");
            return found.Rules.Select(rule => new InForce(place, found, rule,
                waived is not null && waived.TryGetValue((digest, rule.Id), out var entry) ? entry : null));
        }
    }

    public Json ToJson() => ShownCoverage.Of(this).ToJson();
}

/// <summary>A <see cref="Coverage"/>, as it is shown.</summary>
sealed record ShownCoverage(string Catalogue, string Title, string Caveat, string System, string? Environment,
    CoverageTotals Totals, ImmutableArray<ShownControl> Controls) : IView
{
    public static ShownCoverage Of(Coverage c) => new(c.Catalogue.Name, c.Catalogue.Title, c.Catalogue.Caveat,
        c.System, c.Environment, new(c.Count(ControlStatus.Checked), c.Count(ControlStatus.Attested),
            c.Count(ControlStatus.Lapsed), c.Count(ControlStatus.Open), c.Rows.Length),
        [.. c.Rows.Select(r => ShownControl.Of(c, r))]);
}

/// <summary>How many controls stand how, of how many.</summary>
sealed record CoverageTotals(int Checked, int Attested, int Lapsed, int Open, int Controls) : IView;

/// <param name="Met">By whom it can be met: a machine, people, or either.</param>
/// <param name="Words">Those that count, and then the last that count no longer.</param>
sealed record ShownControl(string Control, string Title, string Met, string Note, ControlStatus Standing,
    ImmutableArray<ShownChecking> Rules, ImmutableArray<ShownWord> Words) : IView
{
    public static ShownControl Of(Coverage c, Coverage.Row r) => new(c.Catalogue.Reference(r.Control),
        r.Control.Title, Build.Catalogue.MetNames[(int)r.Control.Met], r.Control.Note, r.Status,
        [.. r.Rules.Select(x => new ShownChecking(x.Place, x.Policy, x.Name, x.Rule, x.Severity,
            x.Demands ? "demands" : "checks", x.Waived))],
        [.. r.Words.Select(w => ShownWord.Of(w, counts: true)), .. r.Last.Select(w => ShownWord.Of(w, counts: false))]);
}

/// <param name="Does">Whether the rule <c>checks</c> the control, or <c>demands</c> a person's word on it.</param>
/// <param name="Waived">The entry of the waiver by which it checks nothing there.</param>
sealed record ShownChecking(string Place, Digest Policy, string Name, string Rule, string Severity, string Does,
    long? Waived) : IView;
