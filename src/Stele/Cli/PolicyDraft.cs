using System.Collections.Immutable;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Cli;

/// <summary>
/// What the verbs do that work on a policy while it is written. A FILE needs no server, and parameters that are not
/// given are made up; a DIGEST is fetched from the server.
/// </summary>
static class PolicyDraft
{
    /// <summary>A policy by its file, its digest, or the scope it is in force for.</summary>
    static async Task<Policy> Read(Call call, string given)
    {
        if (PolicyText.Is(given)) return PolicySource.Draft(given, await PolicyText.Read(call, given),
            Sets.Plain(call));
        if (!Digest.TryParse(given, out _) && Path.GetExtension(given) is ".yaml" or ".yml")
            throw call.Wrong($"there is no file {given}");
        await using var desk = await Desk.Open(call);
        var digest = desk.State.Policies.TryGetValue(given, out var fact) && fact.Policy is { } inForce ? inForce
            : Digest.TryParse(given, out var d) ? d
            : throw call.Wrong($"'{given}' is neither a file, nor a digest, nor a scope with a policy in force",
                "stele policy list shows the scopes");
        return Policy.Parse(desk.Small(digest)
            ?? throw new CliError($"the server has no policy {given}", "stele policy list shows which are in force"));
    }

    public static async Task<int> Test(Call call)
    {
        var policy = await Read(call, call.Need("file|digest"));
        var trials = policy.Try();
        var failed = trials.Where(t => !t.Passed).ToArray();
        var untested = policy.Rules.Where(r => trials.All(t => t.Rule != r.Id)).Select(r => r.Id).ToArray();
        call.Terminal.Result(
            Json.Object(("policy", policy.Name), ("passed", failed.Length == 0),
                ("trials", Json.Array(trials.Select(t => Json.Object(
                ("test", t.Test.Name), ("on", t.Test.On), ("rule", t.Rule), ("expected", t.Expected), ("got", t.Got),
                ("message", t.Message is null ? null : Json.Of(t.Message)))))),
                ("untested", Json.Array(untested.Select(Json.Of)))),
            () =>
            {
                var t = call.Terminal;
                foreach (var test in policy.Document.Tests)
                {
                    var of = trials.Where(x => x.Test == test).ToArray();
                    t.Line(
                        $"  {(of.All(x => x.Passed) ? Terminal.Green("passed") : Terminal.Red("FAILED"))}  "
                        + $"{test.Name}  {Terminal.Dim($"on {test.On}")}");
                    foreach (var trial in of.Where(x => !x.Passed))
                    {
                        t.Line($"          {trial.Rule} should be {trial.Expected}, and is {trial.Got}");
                        foreach (var line in (trial.Message ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
                            t.Line($"            {line}");
                    }
                }
                t.Line(policy.Document.Tests.IsEmpty
                    ? $"policy {policy.Name} has no tests"
                    : $"{policy.Document.Tests.Length - failed.Select(x => x.Test).Distinct().Count()} of "
                        + $"{Tests(policy.Document.Tests.Length)} passed, {trials.Length - failed.Length} of "
                        + $"{trials.Length} outcomes as expected");
                if (untested.Length > 0) t.Line($"without a test: {string.Join(", ", untested)}");
            });
        return failed.Length == 0 ? 0 : CliError.Failed;
    }

    static string Tests(int n) => n == 1 ? "1 test" : $"{n} tests";

    public static async Task<int> Lint(Call call)
    {
        var file = call.NeedFile("file");
        var text = await YamlText.Read(file, call.Stop);
        var (remarks, policy) = PolicySource.Lint(file, text, Sets.Plain(call));
        call.Terminal.Result(
            Json.Object(("policy", policy.Name),
                ("remarks",
                    Json.Array(remarks.Select(r => Json.Object(("code", r.Remark.Code), ("line", r.Line),
                        ("column", r.Column), ("message", r.Remark.Message)))))),
            () =>
            {
                foreach (var (remark, line, column) in remarks) call.Terminal.Line(
                    $"{file}:{line}:{column}: {remark.Message}  {Terminal.Dim($"({remark.Code})")}");
                call.Terminal.Line(remarks.IsEmpty
                    ? $"policy {policy.Name}: nothing to remark"
                    : $"policy {policy.Name}: {(remarks.Length == 1 ? "1 remark" : $"{remarks.Length} remarks")}");
            });
        return remarks.IsEmpty ? 0 : CliError.Failed;
    }

    public static async Task<int> Explain(Call call)
    {
        var policy = await Read(call, call.Need("file|digest"));
        var words = PolicyWords.Of(policy);
        call.Terminal.Result(
            Json.Object(("policy", policy.Name), ("digest", policy.Digest),
                ("rules", Json.Array(policy.Rules.Select(r => r.ToJson().With("says", PolicyWords.Of(r)))))),
            () => { foreach (var line in words) call.Terminal.Line(line); });
        return 0;
    }

    public static async Task<int> Diff(Call call)
    {
        var (from, to) = (await Read(call, call.Need("from")), await Read(call, call.Need("to")));
        var change = PolicyChange.Between(from.Document, to.Document);
        static Json Ids(ImmutableArray<string> ids) => Json.Array(ids.Select(Json.Of));
        call.Terminal.Result(
            Json.Object(("from", from.Digest), ("to", to.Digest), ("added", Ids(change.Added)),
                ("removed", Ids(change.Removed)), ("changed", Ids(change.Changed)), ("loosens", change.Loosens),
                ("loosening", Ids(change.Loosening))),
            () =>
            {
                var t = call.Terminal;
                foreach (var id in change.Added) Show('+', id, to);
                foreach (var id in change.Removed) Show('-', id, from);
                foreach (var id in change.Changed)
                {
                    Show('-', id, from);
                    Show('+', id, to);
                }
                t.Line(change.IsNothing ? from.Digest == to.Digest ? "the same policy" : "nothing is judged differently"
                    : change.Loosens ? Terminal.Red("it loosens:") : Terminal.Green("it does not loosen anything"));
                foreach (var why in change.Loosening) t.Line($"  {why}");

                void Show(char sign, string id, Policy of)
                {
                    var rule = of.Rules.First(r => r.Id == id);
                    t.Line(
                        $"{sign} {Terminal.Bold(id)}  on {string.Join(", ", rule.On)}: {rule.Effect.Name()}  "
                        + $"{Terminal.Dim(rule.Severity)}{(rule.Controls.IsEmpty ? "" : $"  serves {string.Join(", ", rule.Controls)}")}");
                    foreach (var line in rule.Expr.TrimEnd().Split('\n')) t.Line($"{sign}     {line}");
                    foreach (var name in of.DefinitionsOf(id))
                        t.Line(
                            $"{sign}     {Terminal.Dim($"where {name} is {of.Document.Definitions[name].TrimEnd().ReplaceLineEndings(" ")}")}");
                }
            });
        return change.Loosens ? CliError.Failed : 0;
    }

    public static async Task<int> Format(Call call)
    {
        var file = call.NeedFile("file");
        var text = await YamlText.Read(file, call.Stop);
        var formatted = PolicyLayout.Format(file, text);
        if (call.Get<bool>("--check"))
        {
            call.Terminal.Result(Json.Object(("file", file), ("formatted", formatted == text)),
                () => call.Terminal.Line(formatted == text
                    ? $"{file} is laid out as it should be"
                    : $"{file} is not laid out as it should be: stele policy fmt {file} --write"));
            return formatted == text ? 0 : CliError.Failed;
        }
        if (call.Get<bool>("--write"))
        {
            if (formatted != text) Disk.Files.Write(file, System.Text.Encoding.UTF8.GetBytes(formatted));
            call.Terminal.Result(Json.Object(("file", file), ("changed", formatted != text)),
                () => call.Terminal.Line(formatted == text
                    ? $"{file} is laid out as it should be already"
                    : $"{file} has a new layout"));
            return 0;
        }
        // What is printed is a file that others read: escaped it would be another.
        if (!call.Terminal.Json && new YamlText(file, formatted).Hidden()
            .FirstOrDefault() is { Message: { } hidden } at)
            throw new CliError($"{file}:{at.Line}:{at.Column}: {hidden}",
                $"with it the file is not printed; stele policy fmt {file} --write writes it back as it is");
        call.Terminal.Result(Json.Object(("file", file), ("text", formatted)), () =>
        {
            foreach (var line in formatted.TrimEnd('\n').Split('\n')) call.Terminal.Line(line);
        });
        return 0;
    }
}
