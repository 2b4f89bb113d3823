using System.CommandLine;
using Stele.Cli;
using Stele.Proof;

namespace Stele.Tests.Stories;

/// <summary>What holds for every verb, of those that are and those to come.</summary>
public sealed class HelpTests
{
    static IEnumerable<(string[] Path, Verb Verb)> Verbs()
    {
        IEnumerable<(string[], Verb)> Below(string[] path, Verb verb) =>
            verb.Verbs.SelectMany(v => Below([.. path, v.Name], v)).Prepend((path, verb));
        return Cli.Verbs.All.SelectMany(v => Below([v.Name], v));
    }

    static async Task<(int Code, string Output, string Error)> Type(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Cli.Verbs.Run(args, new Stage(TimeProvider.System, output, error),
            TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }

    [Fact]
    public async Task Every_verb_has_help_in_prose_on_standard_output()
    {
        foreach (var (path, verb) in Verbs())
        {
            var name = string.Join(' ', path);
            var (code, output, error) = await Type([.. path, "--help"]);
            Assert.Equal((name, 0, ""), (name, code, error));
            Assert.All(output.Split('\n'),
                line => Assert.True(line.Length <= 100, $"{name}: a line of {line.Length}: {line}"));
            if (verb.Run is not null) Assert.StartsWith($"stele {name}", output, StringComparison.Ordinal);
            // Prose: a sentence that ends, below the usage.
            var prose = verb.Run is null ? verb.Help : string.Join("\n\n", verb.Help.Split("\n\n").Skip(1));
            Assert.True(prose.Contains(". ", StringComparison.Ordinal) || prose.TrimEnd().EndsWith('.'),
                $"{name} has no prose");
            Assert.False(string.IsNullOrWhiteSpace(verb.Summary), name);
            if (verb.Run is not null)
                Assert.Contains($"Needs {verb.Needs.Split(' ')[0]}", output, StringComparison.Ordinal);
        }
    }

    /// <summary>What is to be typed or written keeps its lines; everything else is wrapped.</summary>
    [Fact]
    public async Task Examples_keep_their_lines()
    {
        var examples = Verbs()
            .SelectMany(v =>
                v.Verb.Help.Split("\n\n").Where(p => p.Split('\n')
                    .Any(l => l.StartsWith("    ", StringComparison.Ordinal))).Select(p => (v.Path, p))).ToArray();
        Assert.NotEmpty(examples);
        foreach (var (path, example) in examples)
        {
            Assert.All(example.Split('\n'), line => Assert.StartsWith("    ", line, StringComparison.Ordinal));
            Assert.Contains(example, (await Type([.. path, "--help"])).Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_flag_says_what_it_is_and_stands_in_the_usage()
    {
        // The tour's flags are explained in its prose.
        foreach (var (path, verb) in Verbs().Where(v => v.Path[0] != "tour"))
            foreach (var option in verb.Shape.OfType<Option>())
            {
                Assert.False(string.IsNullOrWhiteSpace(option.Description),
                    $"{string.Join(' ', path)} {option.Name} has no description");
                Assert.True(verb.Help.Split("\n\n")[0].Contains(option.Name, StringComparison.Ordinal),
                    $"{option.Name} does not stand in the usage of {string.Join(' ', path)}");
            }
    }

    /// <summary>Anyone who signs needs a role, and the list of verbs says which.</summary>
    [Fact]
    public void Every_verb_that_signs_names_its_role()
    {
        foreach (var (path, verb) in Verbs().Where(v => v.Verb.Needs.StartsWith("the role ", StringComparison.Ordinal)))
            Assert.Contains($"({verb.Needs.Split(' ')[2]}s)", verb.Summary, StringComparison.Ordinal);
        string[] signing = ["member add", "member remove", "system add", "policy freeze", "policy set",
            "policy promote", "policy remove", "policy sign", "freeze", "run", "release", "check", "approve",
            "approve withdraw", "waive", "waiver withdraw", "deploy", "rollback", "log open", "log lost", "log close",
            "reconcile", "erase", "retention set", "retention run", "retention floor", "hold place", "hold release",
            "attest", "attest withdraw"];
        Assert.Equal(signing.Order(StringComparer.Ordinal),
            Verbs().Where(v => v.Verb.Needs.StartsWith("the role ", StringComparison.Ordinal))
                .Select(v => string.Join(' ', v.Path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_verb_refuses_what_it_does_not_know()
    {
        foreach (var (path, verb) in Verbs().Where(v => v.Verb.Run is not null))
        {
            var (code, output, error) = await Type([.. path, "--frobnicate"]);
            Assert.Equal((string.Join(' ', path), 2, ""), (string.Join(' ', path), code, output));
            Assert.StartsWith($"stele: error: stele {string.Join(' ', path)} has no flag --frobnicate\nstele: hint: ",
                error, StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// In a home that is connected to nothing every verb but those that need nothing fails with one JSON value, and
    /// nothing is made.
    /// </summary>
    [Fact]
    public async Task Every_verb_answers_json_with_one_value()
    {
        using var scratch = new Scratch();
        var file = scratch.File("file", "x");
        foreach (var (path, verb) in Verbs().Where(v => v.Verb.Run is not null
            && v.Path[0] is not ("up" or "tour" or "init") && string.Join(' ', v.Path) is not "key new"))
        {
            var arguments = verb.Shape.OfType<Argument>().Where(a => a.Arity.MinimumNumberOfValues > 0)
                .Select(a => a.ValueType == typeof(long) ? "1" : a.Name is "file" or "pipeline" ? file : "a/b");
            var (code, output, _) = await Type([.. path, .. arguments, "--json", "--home", scratch.At("home"), "--data",
                scratch.At("data")]);
            var json = CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(output), 1 << 20);
            if (code != 0)
                Assert.Equal((string.Join(' ', path), code), (string.Join(' ', path), (int)json["exit"].AsInt));
            Assert.Equal([file], Directory.GetFileSystemEntries(scratch.Path));
        }
    }

    [Fact]
    public async Task Without_arguments_help_is_printed()
    {
        var (code, output, error) = await Type();
        Assert.Equal((0, ""), (code, error));
        foreach (var verb in Cli.Verbs.All) Assert.Contains($"\n  {verb.Name} ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_verb_nearly_typed_is_suggested()
    {
        Assert.Equal((2, "", "stele: error: there is no verb 'staus'\nstele: hint: did you mean stele status?\n"),
            await Type("staus"));
        Assert.Equal((2, "", "stele: error: there is no verb 'zzzzzz'\nstele: hint: stele --help\n"),
            await Type("zzzzzz"));
        Assert.Equal(
            (2, "", "stele: error: there is no verb 'member ad'\nstele: hint: did you mean stele member add?\n"),
            await Type("member", "ad"));
    }
}
