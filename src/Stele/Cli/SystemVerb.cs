using System.Collections.Immutable;
using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class SystemVerb
{
    public static Verb Verb => Verb.Group("system", "declare governed AI systems and their environments", """
        A system is what is governed: a name, an owner who answers for it, a risk class, and the environments where its releases run.
        """,
        new("add", "declare a system, or change it (owners)", """
            stele system add NAME --env ENV... [--risk minimal|limited|high] [--owner MEMBER] [--stale-after SECONDS] [--observation-gap SECONDS]

            States the system's whole set of environments from this entry on. --stale-after: how old the newest checkpoint may be
            before a node stops serving (unlimited unless set). --observation-gap: the longest allowed silence between observations.
            """,
            [new Argument<string>("name"), new Option<string[]>("--env"), new Option<string>("--risk"), new Option<string>("--owner"), new Option<long?>("--stale-after"), new Option<long?>("--observation-gap"), new Option<bool>("--node-return")], Add),
        new("list", "what is governed", """
            stele system list
            """, [], List));

    static async Task<int> Add(Call call)
    {
        await using var desk = await Desk.Open(call);
        var name = call.Need("name");
        var environments = call.Get<string[]>("--env") ?? [];
        if (environments.Length == 0) throw new CliError("a system needs an environment", $"stele system add {name} --env prod", CliError.Usage);
        var terms = environments.Select(e => new EnvironmentTerms(e, call.Get<long?>("--stale-after") * 1000, call.Get<long?>("--observation-gap") * 1000, call.Get<bool>("--node-return"))).ToImmutableArray();
        var present = desk.State.Systems.TryGetValue(name, out var s) ? s.Entry : (long?)null;
        return await desk.Submit(new SystemStatement(name, present, call.Get<string>("--owner") ?? desk.Home.Member ?? throw new CliError("no --owner, and this home has no member", "stele key new"),
            call.Get<string>("--risk") ?? "high", terms)
        { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now }, $"{(present is null ? "declared" : "changed")} system {name} with {string.Join(", ", environments.Select(e => $"{name}/{e}"))}");
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var systems = desk.State.Systems.Values.ToArray();
        call.Terminal.Result(
            Json.Object(("systems", Json.Array(systems.Select(s => Json.Object(("system", s.Name), ("risk", s.Risk), ("owner", s.Owner), ("environments", Json.Array(s.Environments.Select(e => e.ToJson())))))))),
            () => call.Terminal.Table(systems.Select(s => new[] { s.Name, s.Risk + " risk", "owner " + s.Owner[..8] + "…", string.Join(", ", s.Environments.Select(e => e.Name)) })));
        return 0;
    }
}
