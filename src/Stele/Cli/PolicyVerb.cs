using System.CommandLine;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class PolicyVerb
{
    static Argument<string> OneFile => new("file") { Description = "a policy in YAML" };

    public static Verb Verb => Verb.Group("policy", "write, try and put policies in force", """
        A policy is a list of CEL rules in YAML, with their tests. It is compiled to canonical JSON; the digest of that is what is in
        force, and all that any judge reads. Every policy in force for a scope must pass: the ledger's own, the system's, the environment's.

        While you write one, nothing but the file is needed:

            stele policy test FILE      do its rules do what its tests say?
            stele policy lint FILE      what was probably not meant?
            stele policy explain FILE   what does it demand, in plain words?
            stele policy fmt FILE       in the one layout
            stele policy diff OLD NEW   which rules change, and does it loosen anything?

        Then `freeze` it, or `set` it for a scope. A policy whose own tests fail is refused, by every judge.
        """,
        new("test", "run a policy's own tests", """
            stele policy test FILE|DIGEST [--set NAME=VALUE]...

            Each test gives part of an input, and says what some rules make of it; what it leaves out is empty. A FILE is compiled here and
            nothing of it is sent; ${NAME} that --set does not give is made up, as a digest. A DIGEST is fetched from the server.
            Exit code 0: every rule came out as expected. 1: one did not, or the policy does not compile.

                tests:
                  - name: an unequal model is refused
                    on: deploy
                    input: { checks: { fairness: [ { metrics: { approval_ratio: 0.7 } } ] } }
                    expect: { four-fifths: failed }

            Outcomes are passed, failed or error for rules about acts on the ledger; deny, hold, mask, allow or silent for rules about
            requests; alert or silent for monitoring.
            """, [new Argument<string>("file|digest"), Sets.Option], PolicyDraft.Test) { Needs = Verb.Nothing },
        new("lint", "what in a policy was probably not meant", """
            stele policy lint FILE [--set NAME=VALUE]...

            Definitions and checks that nothing uses; rules without a test, a message or a control, or that no test
            shows both ways; rules that read nothing, or inputs that their action does not have; rules that pass where
            nothing is there to look at; comparisons of a request that another spelling in capitals slips by; names that
            hide others or look alike; characters that are invisible, or that reorder what is read. Each with its place.
            Exit code 0: nothing to remark. 1: something is.
            """, [OneFile, Sets.Option], PolicyDraft.Lint) { Needs = Verb.Nothing },
        new("explain", "what a policy demands, in plain words", """
            stele policy explain FILE|DIGEST|SCOPE [--set NAME=VALUE]...

            Rule by rule: when it is asked, what must hold, which controls it serves, which tests show it. A SCOPE is one of
            `stele policy list`, and means the policy in force there; it is fetched from the server, as a DIGEST is.
            """, [new Argument<string>("file|digest"), Sets.Option], PolicyDraft.Explain) { Needs = Verb.Nothing },
        new("diff", "which rules differ between two policies, and whether that loosens", """
            stele policy diff FROM TO [--set NAME=VALUE]...

            FROM and TO are files, digests or scopes. Rules are compared by their ids and by what they judge: order, layout and
            descriptions don't count, and a definition counts where it is used. Severities, controls and the policy's name do, as waivers are
            judged by those. What can't be told counts as looser. Exit code 0: TO is at least as strict. 1: it loosens something, and each
            reason is listed.
            """, [new Argument<string>("from"), new Argument<string>("to"), Sets.Option], PolicyDraft.Diff) { Needs = Verb.Nothing },
        new("fmt", "lay a policy's YAML out in the one way", """
            stele policy fmt FILE [--write | --check]

            Keys in the order in which one reads them, two spaces, short lists on one line, an empty line between rules. Comments stay where
            they are; words, quotes and the lines of expressions too. Prints the file unless --write is given. Never changes what it means.
            """, [OneFile, new Option<bool>("--write") { Description = "write it back to the file" }, new Option<bool>("--check") { Description = "only say whether it is laid out so; exit code 1 if not" }], PolicyDraft.Format) { Needs = Verb.Nothing },
        new("freeze", "compile a policy and freeze it (builders)", """
            stele policy freeze FILE [--set NAME=VALUE]...

            Prints the digest of the compiled policy, and states its origin (you). ${NAME} in the file is replaced; the digest of a
            check goes in that way. A CEL error is shown with its line and a caret.
            """, [new Argument<string>("file"), Sets.Option], FreezeIt) { Needs = "the role builder" },
        PolicyRollout.Set, PolicyRollout.Promote, PolicyRollout.Remove, PolicyRollout.Sign, PolicyRollout.List,
        PolicyRollout.Status,
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
        var text = await PolicyText.Read(call, file);
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Builder);
        var (artifact, policy) = await PolicySource.Freeze(desk.Blobs, file, text, Sets.Of(call, desk), call.Stop);
        await desk.Origin(artifact, policy.Name, Origin.Freeze, Json.Object(("kind", "policy")));
        call.Terminal.Result(Json.Object(("policy", policy.Digest), ("artifact", artifact),
            ("rules", policy.Rules.Length)),
            () => call.Terminal.Line($"policy {policy.Name}  {policy.Digest}  {Rules(policy.Rules.Length)}"));
        return 0;
    }

    static string Rules(int n) => n == 1 ? "1 rule" : $"{n} rules";

    /// <summary>A policy out of a file or bundle, compiled here, or by its digest.</summary>
    internal static async Task<Policy> Read(Call call, Desk desk, string given) =>
        PolicyText.Is(given) ? PolicySource.Compile(given, await PolicyText.Read(call, given), Sets.Of(call, desk))
            : Policy.Parse(desk.Small(Parsing.Digest(given, "a policy")) ?? throw new CliError(
                $"the server has no policy {given}", "stele policy list shows which are in force"));

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
