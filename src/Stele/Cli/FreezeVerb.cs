using System.CommandLine;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class FreezeVerb
{
    public static Verb Verb => new("freeze", "freeze a file, a folder or a runtime under a digest (builders)", """
        stele freeze PATH --kind KIND --name NAME [--origin URL] [--licence ID] [--note NAME=TEXT]...
        stele freeze --runtime RECIPE [PROGRAM] --name NAME [--also PATH]... [--library SONAME]...

        Makes an OCI artifact of the bytes, uploads what the server does not have, and states where it comes from:
        frozen as found, so its origin is a claim of yours until something better is stated. The same bytes and words
        give the same digest on any machine.
        Kinds: model dataset code pipeline prompt tools config policy report.

        A runtime is the closure of a program and all it loads: its interpreter, and every shared library that the
        loader would find (ELF). It becomes the root of a sandbox, with nothing else in it. Formats call its kind
        environment; --environment is the option's older name. RECIPE: dotnet is the .NET runtime of this machine;
        dotnet-sdk has the C# compiler too; python is Python 3 with its library; native is any PROGRAM.
        """,
        [
            new Argument<string>("path") { Arity = ArgumentArity.ZeroOrOne },
            new Option<string>("--kind") { HelpName = "KIND", Description = "what it is; one of the kinds above" },
            new Option<string>("--name")
            {
                HelpName = "NAME",
                Description = "what others call it by: a-z, 0-9, '.', '_' and '-'"
            },
            new Option<string>("--origin") { HelpName = "URL", Description = "where you have it from" },
            new Option<string>("--licence")
            {
                HelpName = "ID",
                Description = "under which licence: an SPDX expression, as in CC0-1.0"
            },
            new Option<string[]>("--note")
            {
                HelpName = "NAME=TEXT",
                Description = "an annotation of the artifact; part of what its digest covers"
            },
            new Option<string>("--runtime", "--environment")
            {
                HelpName = "RECIPE",
                Description = "freeze a runtime: dotnet, dotnet-sdk, native or python"
            },
            new Option<string[]>("--also")
            {
                HelpName = "PATH",
                Description = "a file or folder that the runtime has, too"
            },
            new Option<string[]>("--library")
            {
                HelpName = "SONAME",
                Description = "a shared library that is loaded at run time, as in libssl.so.3"
            },
        ], Run) { Needs = "the role builder" };

    static async Task<int> Run(Call call)
    {
        var name = Parsing.Label(call.Need("--name"), "an artifact");
        var notes = (call.Get<string[]>("--note") ?? []).Select(n => n.Split('=', 2) is [{ Length: > 0 } k, var v]
            ? KeyValuePair.Create(k, v)
            : throw call.Wrong($"'{n}' is not NAME=TEXT")).ToArray();
        if (notes.DistinctBy(n => n.Key, StringComparer.Ordinal).Count() != notes.Length)
            throw call.Wrong("a note is given twice");
        var about = new About(name, call.Get<string>("--origin"), call.Get<string>("--licence"),
            System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, notes));
        if (about.Licence is { } licence && SpdxLicence.Objection(licence) is { } objection)
            throw call.Wrong(objection,
                "as in MIT, CC0-1.0, or Apache-2.0 OR MIT");
        if (about.Origin?.Length > SourceTerms.MaxFrom)
            throw call.Wrong($"--origin takes at most {SourceTerms.MaxFrom} characters");
        var recipe = call.Get<string>("--runtime");
        var kind = recipe is null ? FieldWords.Format(call.Need("--kind")) : "environment";
        if (!Artifacts.Kinds.Contains(kind) || (recipe is null && kind is "environment" or "release"))
            throw call.Wrong($"'{FieldWords.Shown(kind)}' is not a kind that is frozen from a path", kind switch
            {
                "environment" => "stele freeze --runtime RECIPE --name NAME",
                "release" => "stele release FILE makes one",
                _ => $"one of: {string.Join(" ", Artifacts.Kinds.Where(k => k is not ("environment" or "release")))}",
            });
        // What is not there is said before a server is asked.
        var path = recipe is "dotnet" or "dotnet-sdk" or "python" ? call.Get<string>("path") : call.Need("path");
        if (path is not null && !System.IO.Path.Exists(path)) throw call.Wrong($"nothing is at {path}");

        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Builder);
        call.Terminal.Progress($"freezing {name}");
        var digest = recipe is null
            ? await Freeze.Path(desk.Blobs, path!, kind, about, call.Stop)
            : await Closure(call, recipe).Freeze(desk.Blobs, about, call.Stop);
        var entry = await desk.Origin(digest, name, Origin.Freeze, Json.Object(
            ("kind", kind), ("origin", about.Origin is null ? null : Json.Of(about.Origin)),
            ("licence", about.Licence is null ? null : Json.Of(about.Licence))));
        call.Terminal.Result(Json.Object(("name", name), ("kind", kind), ("digest", digest),
            ("entry", entry is { } n ? Json.Of(n) : null)),
            () =>
                call.Terminal.Line(
                    $"{FieldWords.Shown(kind)} {name}  {digest}  "
                    + $"{Terminal.Dim(entry is { } n ? $"entry {n}" : "its origin is stated already")}"));
        return 0;
    }

    static EnvironmentClosure Closure(Call call, string recipe)
    {
        var also = call.Get<string[]>("--also") ?? [];
        var closure = recipe switch
        {
            "dotnet" => Recipes.Dotnet(),
            "dotnet-sdk" => Recipes.DotnetSdk(),
            "native" => Recipes.Native(call.Need("path")),
            "python" => Recipes.Python(call.Get<string>("path") ?? "/usr/bin/python3"),
            _ => throw call.Wrong($"no recipe '{recipe}'", "dotnet, dotnet-sdk, native or python"),
        };
        foreach (var path in also)
        {
            if (Directory.Exists(path)) closure.AddDirectory(path);
            else closure.AddFile(path);
        }
        foreach (var soname in call.Get<string[]>("--library") ?? []) closure.AddLibrary(soname);
        return closure;
    }
}
