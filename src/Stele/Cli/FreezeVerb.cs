using System.CommandLine;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class FreezeVerb
{
    public static Verb Verb => new("freeze", "freeze a file, a folder or an environment under a digest (builders)", """
        stele freeze PATH --kind KIND --name NAME [--origin URL] [--licence ID] [--note NAME=TEXT]...
        stele freeze --environment dotnet|dotnet-sdk|native|python [PROGRAM] --name NAME [--also PATH]... [--library SONAME]...

        Makes an OCI artifact of the bytes, uploads what the server does not have, and states where it comes from: frozen as found, so
        its origin is a claim of yours until something better is stated. The same bytes and words give the same digest on any machine.
        Kinds: model dataset code pipeline prompt tools config policy report.

        An environment is the closure of a program and all it loads: its runtime, and every shared library that the loader would find
        (ELF), plus what is loaded at run time (--also, --library). It becomes the root of a sandbox, with nothing else in it. dotnet is
        the .NET runtime of this machine; dotnet-sdk has the C# compiler too.
        """,
        [
            new Argument<string>("path") { Arity = ArgumentArity.ZeroOrOne }, new Option<string>("--kind"), new Option<string>("--name"), new Option<string>("--origin") { HelpName = "URL" },
            new Option<string>("--licence") { HelpName = "ID" }, new Option<string[]>("--note") { HelpName = "NAME=TEXT" }, new Option<string>("--environment"),
            new Option<string[]>("--also") { HelpName = "PATH" }, new Option<string[]>("--library") { HelpName = "SONAME" },
        ], Run);

    static async Task<int> Run(Call call)
    {
        await using var desk = await Desk.Open(call);
        var name = call.Need("--name");
        if (!Names.IsLabel(name)) throw new CliError($"'{name}' is not an artifact's name", "a-z, 0-9, '.', '_' and '-'", CliError.Usage);
        var notes = (call.Get<string[]>("--note") ?? []).Select(n => n.Split('=', 2) is [var k, var v] ? KeyValuePair.Create(k, v) : throw new CliError($"'{n}' is not NAME=TEXT", null, CliError.Usage));
        var about = new About(name, call.Get<string>("--origin"), call.Get<string>("--licence"), System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, notes));
        call.Terminal.Progress($"freezing {name}");

        Digest digest;
        var kind = "environment";
        try
        {
            if (call.Get<string>("--environment") is { } recipe) digest = await Closure(call, recipe).Freeze(desk.Blobs, about, call.Stop);
            else
            {
                kind = call.Need("--kind");
                if (!Artifacts.Kinds.Contains(kind)) throw new CliError($"'{kind}' is not a kind", $"one of: {string.Join(" ", Artifacts.Kinds)}", CliError.Usage);
                digest = await Freeze.Path(desk.Blobs, call.Need("path"), kind, about, call.Stop);
            }
        }
        catch (BlobException e)
        {
            throw new CliError(e.Message);
        }
        var entry = await desk.Origin(digest, name, Origin.Freeze, Json.Object(
            ("kind", kind), ("origin", about.Origin is null ? null : Json.Of(about.Origin)), ("licence", about.Licence is null ? null : Json.Of(about.Licence))));
        call.Terminal.Result(Json.Object(("name", name), ("kind", kind), ("digest", digest), ("entry", entry is { } n ? Json.Of(n) : null)),
            () => call.Terminal.Line($"{kind} {name}  {digest}  {Terminal.Dim(entry is { } n ? $"entry {n}" : "its origin is stated already")}"));
        return 0;
    }

    static EnvironmentClosure Closure(Call call, string recipe)
    {
        var also = call.Get<string[]>("--also") ?? [];
        var closure = recipe switch
        {
            "dotnet" => Recipes.Dotnet(),
            "dotnet-sdk" => Recipes.Dotnet(compiler: true),
            "native" => Recipes.Native(call.Need("path")),
            "python" => Recipes.Python(call.Get<string>("path") ?? "/usr/bin/python3"),
            _ => throw new CliError($"no recipe '{recipe}'", "dotnet, dotnet-sdk, native or python", CliError.Usage),
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
