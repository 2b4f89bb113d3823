using System.CommandLine;
using Stele.Control;
using Stele.Proof;

namespace Stele.Cli;

static class TokenVerb
{
    public static Verb Verb => Verb.Group("token", "who may read a server and upload to it", """
        A token opens a server: reading, and uploading blobs. It lets nobody act: what acts is a statement signed by a member's key. Tokens
        are kept by name, as digests alone. A running server sees a change within a second.
        """,
        new("add", "make a token for someone", """
            stele token add NAME

            Prints the token once. Give it to NAME together with DATA/trust.json, for: stele login URL --token TOKEN --trust FILE.
            """, [new Argument<string>("name")], Add) { Needs = Verb.Machine },
        new("list", "which tokens there are", """
            stele token list

            Names and digests; the tokens themselves are not kept.
            """, [], List) { Needs = Verb.Machine },
        new("remove", "take a token away", """
            stele token remove NAME

            It opens nothing any more. What its holder signed stands as before; to take that away too: stele member remove.
            """, [new Argument<string>("name")], Remove) { Needs = Verb.Machine });

    static Task<int> Add(Call call)
    {
        var folder = Folder(call);
        var name = Given.Label(call.Need("name"), "a token");
        if (Tokens.All(folder.Tokens).Any(t => t.Name == name)) throw new CliError($"there is a token '{name}' already", $"another name; or first: stele token remove {name}");
        var token = Tokens.Add(folder.Tokens, name);
        call.Terminal.Result(Json.Object(("name", name), ("token", token)), () =>
        {
            call.Terminal.Line($"token {token}");
            call.Terminal.Note($"It is shown this once. With it and {folder.Trust}: stele login URL --token TOKEN --trust FILE");
        });
        return Task.FromResult(0);
    }

    static Task<int> List(Call call)
    {
        var all = Tokens.All(Folder(call).Tokens);
        call.Terminal.Result(Json.Object(("tokens", Json.Array(all.Select(t => Json.Object(("name", t.Name), ("digest", t.Digest)))))), () => call.Terminal.Table(all.Select(t => new[] { t.Name, t.Digest.ToString() }), ""));
        return Task.FromResult(0);
    }

    static Task<int> Remove(Call call)
    {
        var name = call.Need("name");
        if (!Tokens.Remove(Folder(call).Tokens, name)) throw new CliError($"no token '{name}'", "stele token list");
        call.Terminal.Result(Json.Object(("name", name), ("removed", true)), () => call.Terminal.Line($"removed token {name}: it opens nothing any more"));
        return Task.FromResult(0);
    }

    static ServerFolder Folder(Call call)
    {
        var folder = new ServerFolder(call.DataHere);
        return folder.IsFounded ? folder : throw new CliError($"no server was founded in {folder.Data}", "run this on the server's machine, with the folder it runs from: --data DIR");
    }
}
