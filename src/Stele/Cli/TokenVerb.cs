using System.Collections.Immutable;
using System.CommandLine;
using Stele.Control;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class TokenVerb
{
    static Option<bool> OfNode => new("--node") { Description = "of the node here, not of the server" };

    public static Verb Verb => Verb.Group("token", "who may read a server or a node, and upload or erase there", """
        A token opens a server or a node, as far as its rights go. It lets nobody act in the ledger: what acts is a statement signed by a
        member's key. Tokens are kept by name, as digests alone. A running server or node sees a change within a second.
        """,
        new("add", "make a token for someone", """
            stele token add NAME [--right RIGHT]... [--node] [--out FILE]

            Rights of a server: read (ledger and blobs), upload (blobs), submit (signed statements); all three unless given.
            Rights of a node, which must be given: logs (its status, decision logs, receipts), bodies (what was asked and answered; each
            opening is recorded), erase (plan and carry out what owners order), administer (see who opened bodies).

            The token is printed once, or written to a new file that only you can read. Give it to NAME, for a server together with
            DATA/trust.json: stele login URL --token-file FILE --trust FILE; one of a node goes into --node-token-file.
            """,
            [
                new Argument<string>("name"),
                new Option<string[]>("--right") { HelpName = "RIGHT", Description =
                    "what it lets its holder do: read, upload, submit; with --node: logs, bodies, erase, administer; "
                    + "once for each" },
                OfNode, Secrets.Out,
            ], Add) { Needs = Verb.Machine },
        new("list", "which tokens there are, with their rights", """
            stele token list

            Names, rights and digests, of the server and of the node here; the tokens themselves are not kept.
            """, [], List) { Needs = Verb.Machine },
        new("remove", "take a token away", """
            stele token remove NAME [--node]

            It opens nothing any more. What its holder signed stays valid; to take that away too: stele member remove.
            """, [new Argument<string>("name"), OfNode], Remove) { Needs = Verb.Machine });

    static Task<int> Add(Call call)
    {
        var name = Parsing.Label(call.Need("name"), "a token");
        var file = File(call);
        var node = call.Get<bool>("--node");
        if (node && (name is Access.OwnName or Access.LocalName
            || Names.IsMember(name))) throw call.Wrong($"'{name}' is not a name for a token of a node: it stands for "
            + $"something else in the node's records", "another name");
        var rights = Parsing.Rights(call, node ? TokenOf.Node : TokenOf.Server);
        Secrets.Free(call);
        var token = TokenFile.Add(file, new TokenHolder(name, default, rights))
            ?? throw new CliError($"there is a token '{name}' already",
                $"another name; or first: stele token remove {name}{(node ? " --node" : "")}");
        var next = node ? "stele login URL --node-token-file FILE"
            : $"stele login URL --token-file FILE --trust {new ServerFolder(call.DataHere).Trust}";
        Secrets.Give(call, "token", token, Json.Object(("name", name),
            ("rights", Json.Array(rights.Names().Select(Json.Of)))), $"Connect with: {next}");
        return Task.FromResult(0);
    }

    static Task<int> List(Call call)
    {
        var server = new ServerFolder(call.DataHere);
        var ofServer = server.IsFounded || !Directory.Exists(NodeOf(call).Path) ? TokenFile.All(File(call)) : [];
        var ofNode = TokenFile.All(NodeOf(call).Principals).RemoveAll(h => h.Has(Rights.Decide));
        call.Terminal.Result(Json.Object(("tokens", Tokens(ofServer)), ("node", Tokens(ofNode))), () =>
            call.Terminal.Table([.. ofServer.Select(t => Row(t, "")), .. ofNode.Select(t => Row(t, "node: "))], ""));
        return Task.FromResult(0);

        static string[] Row(TokenHolder t, string of) => [t.Name, of + string.Join(", ", t.Rights.Names()),
            t.Digest.ToString()];
        static Json Tokens(IEnumerable<TokenHolder> all) =>
            Json.Array(all.Select(t => Json.Object(("name", t.Name), ("digest", t.Digest),
                ("rights", Json.Array(t.Rights.Names().Select(Json.Of))))));
    }

    static Task<int> Remove(Call call)
    {
        var name = call.Need("name");
        if (!TokenFile.Remove(File(call), name)) throw new CliError($"no token '{name}'", "stele token list");
        call.Terminal.Result(Json.Object(("name", name), ("removed", true)),
            () => call.Terminal.Line($"removed token {name}: it opens nothing any more"));
        return Task.FromResult(0);
    }

    static NodeFolder NodeOf(Call call) => NodeFolder.In(call.DataHere);

    static string File(Call call)
    {
        if (call.Get<bool>("--node")) return PrincipalVerb.File(call);
        var folder = new ServerFolder(call.DataHere);
        return folder.IsFounded ? folder.Tokens : throw new CliError($"no server was founded in {folder.Data}",
            "run this on the server's machine, with the folder it runs from: --data DIR");
    }
}
