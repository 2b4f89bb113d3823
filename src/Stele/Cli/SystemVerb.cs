using System.Collections.Immutable;
using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class SystemVerb
{
    static readonly string[] Risks = ["minimal", "limited", "high"];

    public static Verb Verb => Verb.Group("system", "declare governed AI systems and their environments", """
        A system is what is governed: a name, an owner who answers for it, a risk class, and the environments where its releases run.
        """,
        new("add", "declare a system, or change it (owners)", """
            stele system add NAME --env ENV... --stale-after TIME|unlimited [--risk CLASS] [--owner MEMBER] [--observation-gap TIME|unlimited] [--node-return]

            States the system's whole set of environments from this entry on: for a system that is known, name all that it is to have.
            How long its records are kept stays as it was: stele retention set.

            A node that the server does not reach goes on serving what it knows; a halt or a revocation does not get to it. --stale-after
            is how long that may last: then it serves nothing until it has caught up.
            """,
            [
                new Argument<string>("name"),
                new Option<string[]>("--env")
                {
                    HelpName = "ENV",
                    Description = "an environment where its releases run, as in prod; once for each"
                },
                new Option<string>("--risk")
                {
                    HelpName = "CLASS",
                    Description = "minimal, limited or high; high unless given"
                },
                new Option<string>("--owner")
                {
                    HelpName = "MEMBER",
                    Description = "the member who answers for it; you unless given"
                },
                new Option<string>("--stale-after")
                {
                    HelpName = "TIME|unlimited",
                    Description =
                        "how old the newest checkpoint may be before a node stops serving: a number and a unit (s, "
                        + "m, h, d, w; seconds without one), as in 24h; or unlimited"
                },
                new Option<string>("--observation-gap")
                {
                    HelpName = "TIME|unlimited",
                    Description =
                        "the longest silence between observations that is not shown as such, as in 10m; no limit "
                        + "unless given"
                },
                new Option<bool>("--node-return") { Description =
                    "let the node itself return to the release before, when the present one fails" },
            ], Add) { Needs = "the role owner" },
        new("list", "what is governed", """
            stele system list

            Every system with its risk class, who answers for it, and its environments.
            """, [], List));

    static async Task<int> Add(Call call)
    {
        var name = Parsing.Label(call.Need("name"), "a system");
        var environments = (call.Get<string[]>("--env") ?? []).Select(e => Parsing.Label(e, "an environment"))
            .ToArray();
        if (environments.Length == 0)
            throw call.Wrong("a system needs an environment", $"stele system add {name} --env prod --stale-after 24h");
        if (environments.Distinct(StringComparer.Ordinal).Count() != environments.Length)
            throw call.Wrong("an environment is named twice");
        var risk = call.Get<string>("--risk") ?? "high";
        if (!Risks.Contains(risk)) throw call.Wrong($"--risk takes minimal, limited or high, not '{risk}'");
        long? Limit(string flag) => call.Get<string>(flag) is { } text ? Parsing.Limit(text, flag) : null;
        if (call.Get<string>("--stale-after") is null)
            throw call.Wrong("say how long a node may serve without news of the ledger: --stale-after TIME|unlimited",
                $"stele system add {name} --env {environments[0]} --stale-after 24h");
        var (stale, gap) = (Limit("--stale-after"), Limit("--observation-gap"));
        var declared = environments
            .Select(e => new EnvironmentTerms(e, stale, gap, call.Get<bool>("--node-return"))).ToImmutableArray();

        await using var desk = await Desk.Open(call);
        var owner = call.Get<string>("--owner") ?? desk.Member;
        if (desk.State.Systems.TryGetValue(name, out var s) && s.Owner == owner && s.Risk == risk
            && s.Environments.SequenceEqual(declared))
        {
            call.Terminal.Result(Json.Object(("entry", s.Entry), ("done", "nothing: it is so already")),
                () => call.Terminal.Line($"system {name} is just so already, since entry {s.Entry}"));
            return 0;
        }
        return await desk.Submit(new SystemStatement(name, s?.Entry, owner, risk, declared)
        {
            Retention = s?.Retention,
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        },
            $"{(s is null ? "declared" : "changed")} system {name} with "
            + $"{string.Join(", ", environments.Select(e => $"{name}/{e}"))}, "
            + (stale is { } limit
                ? $"stale after {Terminal.Lasting(limit)}"
                : "never stale: a node serves on without news"));
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var systems = desk.State.Systems.Values.ToArray();
        call.Terminal.Result(
            Json.Object(
                ("systems",
                    Json.Array(systems.Select(s => Json.Object(("system", s.Name), ("risk", s.Risk), ("owner", s.Owner),
                        ("environments", Json.Array(s.Environments.Select(e => e.ToJson())))))))),
            () =>
            {
                if (systems.Length == 0)
                    call.Terminal.Line(
                        "no system is declared yet; an owner does: stele system add NAME --env prod --stale-after 24h");
                call.Terminal.Table(systems.Select(s => new[] { s.Name, s.Risk + " risk", "owner " + s.Owner[..8] + "…",
                    string.Join(", ", s.Environments.Select(e => e.Name)) }));
            });
        return 0;
    }
}
