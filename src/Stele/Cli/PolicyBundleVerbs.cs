using System.CommandLine;
using Stele.Build;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Cli;

/// <summary>Below <c>stele policy</c>: what comes with the program, policies and controls.</summary>
static class PolicyBundleVerbs
{
    public static Verb Bundle => Verb.Group("bundle", "ready-made policies to start from", """
        Plain policies that come with the program, with their tests. Put one in force as it is (stele policy set bundle:NAME), or write it to
        a file and make it yours: a bundle is a beginning, and none of it is legal advice.
        """,
        new("list", "which there are, and what they are for", """
            stele policy bundle list

            Each with what it is for, and the parameters that --set takes; those without a value must be set.
            """, [], List) { Needs = Verb.Nothing },
        new("show", "a bundle's text", """
            stele policy bundle show NAME

            The file itself: its head says what its parameters are, its end has the examples that it is tested with.
            """, [new Argument<string>("name")], Show) { Needs = Verb.Nothing },
        new("write", "write a bundle to a file, to change it", """
            stele policy bundle write NAME [DIR] [--force]

            Writes DIR/NAME.yaml; into the present folder unless DIR is given. A file that is there and differs stays as it is, but with --force.
            """, [new Argument<string>("name"), new Argument<string>("dir") { Arity = ArgumentArity.ZeroOrOne }, new Option<bool>("--force") { Description = "overwrite a file that differs" }], Write) { Needs = Verb.Nothing });

    public static Verb Controls => new("controls", "controls of laws, standards and frameworks that rules can name", """
        stele policy controls [CATALOGUE]

        The catalogues that come with the program; of one, every control: its number, a title in our words, and how it can be met: by a rule
        (machine), by a person's word (attestation), by either. Nothing of this is legal advice.
        """, [new Argument<string>("catalogue") { Arity = ArgumentArity.ZeroOrOne }], ListControls) { Needs = Verb.Nothing };

    static Task<int> List(Call call)
    {
        var bundles = ReadyMade.Names.Select(n => (Name: n, About: ReadyMade.About(n))).ToArray();
        call.Terminal.Result(
            Json.Object(
                ("bundles",
                    Json.Array(bundles.Select(b => Json.Object(("name", b.Name), ("description", b.About.Description),
                        ("parameters", Parameters(b.About.Parameters))))))),
            () =>
            {
                foreach (var (name, (description, parameters)) in bundles)
                {
                    call.Terminal.Line($"{Terminal.Bold(name)}  {description}");
                    call.Terminal.Table(parameters.Select(p => new[] { p.Name,
                        p.Default is null ? "(must be set)" : p.Default.Length == 0 ? "(none)" : p.Default }), "    ");
                }
                call.Terminal.Line(Terminal.Dim(
                    "stele policy bundle show NAME; stele policy set bundle:NAME --for SYSTEM --set NAME=VALUE"));
            });
        return Task.FromResult(0);
    }

    static Json Parameters(IReadOnlyList<(string Name, string? Default)> parameters) =>
        Json.Array(parameters.Select(p =>
            Json.Object(("name", p.Name), ("default", p.Default is null ? null : Json.Of(p.Default)))));

    static Task<int> Show(Call call)
    {
        var name = call.Need("name");
        var text = PolicyText.Bundle(name);
        var (description, parameters) = ReadyMade.About(name);
        call.Terminal.Result(Json.Object(("name", name), ("description", description),
            ("parameters", Parameters(parameters)), ("text", text)), () =>
            { foreach (var line in text.TrimEnd('\n').Split('\n')) call.Terminal.Line(line); });
        return Task.FromResult(0);
    }

    static Task<int> Write(Call call)
    {
        var name = call.Need("name");
        var text = PolicyText.Bundle(name);
        var folder = call.Get<string>("dir") ?? ".";
        if (!Directory.Exists(folder))
            throw call.Wrong(File.Exists(folder)
                ? $"{folder} is a file, not a folder"
                : $"there is no folder {folder}");
        var file = Path.Combine(folder, name + ".yaml");
        if (Directory.Exists(file)) throw call.Wrong($"{file} is a folder");
        var same = File.Exists(file) && File.ReadAllText(file) == text;
        if (!same && File.Exists(file) && !call.Get<bool>("--force"))
            throw new CliError($"{file} is there, and is something else",
                "write it to another folder, or overwrite it: --force");
        if (!same) Files.Write(Path.GetFullPath(file), text);
        call.Terminal.Result(Json.Object(("file", file), ("done", same ? "nothing: it is so already" : "written")),
            () => call.Terminal.Line(PrintedLine.Join("  ", same ? [$"{file} is just so already"]
                : [file, Terminal.Dim($"next: stele policy set {file} --for SYSTEM")])));
        return Task.FromResult(0);
    }

    static Task<int> ListControls(Call call)
    {
        if (call.Get<string>("catalogue") is not { } name)
        {
            call.Terminal.Result(
                Json.Object(
                    ("catalogues",
                        Json.Array(ReadyMade.AllCatalogues.Select(c => Json.Object(("name", c.Name), ("title", c.Title),
                            ("caveat", c.Caveat), ("controls", c.Controls.Length)))))),
                () =>
                    call.Terminal.Table(ReadyMade.AllCatalogues
                        .Select(c => new[] { c.Name, $"{c.Controls.Length} controls", c.Title }), ""));
            return Task.FromResult(0);
        }
        var catalogue = Catalogue(name);
        call.Terminal.Result(
            Json.Object(("name", catalogue.Name), ("title", catalogue.Title), ("caveat", catalogue.Caveat),
                ("controls", Json.Array(catalogue.Controls.Select(c => Json.Object(
                ("control", catalogue.Reference(c)), ("title", c.Title), ("met", Build.Catalogue.MetNames[(int)c.Met]),
                ("note", c.Note)))))),
            () =>
            {
                call.Terminal.Line($"{Terminal.Bold(catalogue.Title)}. {catalogue.Caveat}");
                call.Terminal.Table(catalogue.Controls
                    .Select(c => new[] { catalogue.Reference(c), Build.Catalogue.MetNames[(int)c.Met], c.Title }), "");
            });
        return Task.FromResult(0);
    }

    public static Catalogue Catalogue(string name) =>
        ReadyMade.Catalogue(name) ?? throw new CliError($"there is no catalogue '{name}'",
            $"these come with the program: {string.Join(", ", ReadyMade.CatalogueNames)}", CliError.Usage);
}
