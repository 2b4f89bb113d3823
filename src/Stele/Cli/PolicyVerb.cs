using System.CommandLine;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class PolicyVerb
{
    public static Verb Verb => Verb.Group("policy", "compile, try and put policies in force", """
        A policy is a list of CEL rules in YAML. It is compiled to canonical JSON; the digest of that is what is in force, and all that
        any judge reads. Every policy in force for a scope must pass: the ledger's own, the system's, the environment's.
        """,
        new("freeze", "compile a policy and freeze it", """
            stele policy freeze FILE [--set NAME=VALUE]... [--name NAME]

            Prints the digest of the compiled policy, and states its origin (you). ${NAME} in the file is replaced; the digest of a
            check goes in that way. A CEL error is shown with its line and a caret.
            """, [new Argument<string>("file"), Sets.Option], async call =>
        {
            await using var desk = await Desk.Open(call);
            var (artifact, policy) = await PolicySource.Freeze(desk.Blobs, call.Need("file"), Sets.Of(call, desk), call.Stop);
            var entry = await desk.Origin(artifact, policy.Name, Origin.Freeze, Json.Object(("kind", "policy")));
            call.Terminal.Result(Json.Object(("policy", policy.Digest), ("artifact", artifact), ("rules", policy.Rules.Length)), () => call.Terminal.Line($"policy {policy.Name}  {policy.Digest}  {policy.Rules.Length} rules"));
            return 0;
        }),
        new("set", "put a policy in force for a scope (owners)", """
            stele policy set FILE|DIGEST --for SYSTEM[/ENV] [--set NAME=VALUE]...

            Without --for the scope is the whole ledger. A FILE is compiled and frozen first. The statement names the entry it
            replaces, so an old one can't be played again; the policies in force judge the change themselves.
            """, [new Argument<string>("policy"), new Option<string>("--for") { HelpName = "SCOPE" }, Sets.Option], Set),
        new("list", "which policies are in force where", """
            stele policy list
            """, [], List));

    static async Task<int> Set(Call call)
    {
        await using var desk = await Desk.Open(call);
        var given = call.Need("policy");
        var scope = call.Get<string>("--for")?.Split('/', 2) ?? [];
        Digest digest;
        var name = given;
        if (File.Exists(given))
        {
            var (_, policy) = await PolicySource.Freeze(desk.Blobs, given, Sets.Of(call, desk), call.Stop);
            (digest, name) = (policy.Digest, policy.Name);
        }
        else if (!Digest.TryParse(given, out digest)) throw new CliError($"'{given}' is neither a file nor a digest", "stele policy set FILE --for SYSTEM", CliError.Usage);
        var key = scope.Length == 0 ? "*" : string.Join('/', scope);
        var present = desk.State.Policies.TryGetValue(key, out var p) ? p.Entry : (long?)null;
        return await desk.Submit(new PolicyStatement(scope.ElementAtOrDefault(0), scope.ElementAtOrDefault(1), present, digest) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now },
            $"policy {name} {digest.Short} is in force for {(key == "*" ? "the whole ledger" : key)}");
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        call.Terminal.Result(
            Json.Object(("policies", Json.Array(desk.State.Policies.Select(p => Json.Object(("scope", p.Key), ("entry", p.Value.Entry), ("policy", p.Value.Policy is { } d ? Json.Of(d) : null)))))),
            () => call.Terminal.Table(desk.State.Policies.Select(p => new[] { p.Key, p.Value.Policy?.ToString() ?? "(none)", $"entry {p.Value.Entry}" })));
        return 0;
    }
}
