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
        new("freeze", "compile a policy and freeze it (builders)", """
            stele policy freeze FILE [--set NAME=VALUE]...

            Prints the digest of the compiled policy, and states its origin (you). ${NAME} in the file is replaced; the digest of a
            check goes in that way. A CEL error is shown with its line and a caret.
            """, [new Argument<string>("file"), Sets.Option], FreezeIt) { Needs = "the role builder" },
        PolicyRollout.Set, PolicyRollout.Promote, PolicyRollout.Remove, PolicyRollout.Sign, PolicyRollout.List, PolicyRollout.Status,
        new("show", "the rules of a policy", """
            stele policy show DIGEST|FILE [--set NAME=VALUE]...

            Each rule: what it judges and what it requires. A FILE is compiled here, and nothing of it is sent: this is how a policy is
            tried while it is written.
            """, [new Argument<string>("digest|file"), Sets.Option], Show),
        PolicyReplayVerb.Verb, PolicyBundleVerbs.Bundle, PolicyBundleVerbs.Controls, PolicyCoverageVerb.Verb);

    static async Task<int> FreezeIt(Call call)
    {
        var file = call.Need("file");
        if (!PolicyText.Is(file)) file = call.NeedFile("file");
        var text = await PolicyText.Read(file, call.Stop);
        await using var desk = await Desk.Open(call);
        desk.Hold("builder");
        var (artifact, policy) = await PolicySource.Freeze(desk.Blobs, file, text, Sets.Of(call, desk), call.Stop);
        await desk.Origin(artifact, policy.Name, Origin.Freeze, Json.Object(("kind", "policy")));
        call.Terminal.Result(Json.Object(("policy", policy.Digest), ("artifact", artifact), ("rules", policy.Rules.Length)), () => call.Terminal.Line($"policy {policy.Name}  {policy.Digest}  {Rules(policy.Rules.Length)}"));
        return 0;
    }

    static string Rules(int n) => n == 1 ? "1 rule" : $"{n} rules";

    /// <summary>A policy out of a file or bundle, compiled here, or by its digest.</summary>
    internal static async Task<Policy> Read(Call call, Desk desk, string given) =>
        PolicyText.Is(given) ? PolicySource.Compile(given, await PolicyText.Read(given, call.Stop), Sets.Of(call, desk))
            : Policy.Parse(desk.Small(Given.Digest(given, "a policy")) ?? throw new CliError($"the server has no policy {given}", "stele policy list shows which are in force"));

    static async Task<int> Show(Call call)
    {
        var given = call.Need("digest|file");
        await using var desk = await Desk.Open(call);
        var policy = await Read(call, desk, given);
        call.Terminal.Result(policy.ToJson().With("digest", policy.Digest), () =>
        {
            call.Terminal.Line($"policy {policy.Name}  {policy.Digest}  {Rules(policy.Rules.Length)}");
            foreach (var (name, check) in policy.Checks) call.Terminal.Line($"  check {name}  {check}");
            foreach (var rule in policy.Rules)
            {
                call.Terminal.Line($"  {Terminal.Bold(rule.Id)}  on {string.Join(", ", rule.On)}");
                foreach (var line in rule.Expr.TrimEnd().Split('\n')) call.Terminal.Line($"    {line}");
            }
        });
        return 0;
    }
}
