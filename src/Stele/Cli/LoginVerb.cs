using System.CommandLine;
using Stele.Proof;

namespace Stele.Cli;

static class LoginVerb
{
    public static Verb Verb => new("login", "connect this home to a server", """
        stele login URL [--token - | --token-file FILE] --trust FILE [--gateway URL] [--node-token - | --node-token-file FILE]

        Remembers the server and the token (mode 0600): on standard input, in a file, or in STELE_TOKEN; in a command line everybody on
        the machine could read it, and pins the ledger that the trust file names. Get the trust file from someone you
        trust, not from the server: it is what everything you see is checked against. Makes a key if this home has none. Nothing is
        remembered before the server has shown that ledger.
        """,
        [
            new Argument<string>("url"),
            new Option<string>("--token") { HelpName = "-", Description =
                "read a token of the server on standard input; the one remembered unless given so, in a file, or in "
                + "STELE_TOKEN" },
            new Option<string>("--token-file") { HelpName = "FILE", Description =
                "a file with a token of the server, from the person who runs it (stele token add NAME --out FILE)" },
            new Option<string>("--trust")
            {
                HelpName = "FILE",
                Description = "the trust file of the ledger; the one pinned here unless given"
            },
            new Option<string>("--gateway")
            {
                HelpName = "URL",
                Description = "a node's gateway, for decisions, receipts and packs"
            },
            new Option<string>("--node-token") { HelpName = "-", Description =
                "read a token of that node on standard input, after that of the server; or in STELE_NODE_TOKEN" },
            new Option<string>("--node-token-file") { HelpName = "FILE", Description =
                "a file with a token of that node, from the person who runs it (stele token add NAME --node --right "
                + "logs --out FILE)" },
        ], Run);

    static async Task<int> Run(Call call)
    {
        var home = Home.Open(call.HomePath);
        var address = Address(call, call.Need("url"));
        var gateway = call.Get<string>("--gateway") is { } given ? Address(call, given) : null;
        var trust = call.Get<string>("--trust") is { } file
            ? Parsing.Trust(file)
            : home.Trust ?? throw call.Wrong("which ledger? no trust file is pinned here",
                "--trust FILE, as someone you trust gave it to you");
        var token = Secrets.Given(call, "--token", "STELE_TOKEN") ?? home.Token
            ?? throw call.Wrong("no token is given, and none is remembered here",
            "--token-file FILE; the person who runs the server makes one: stele token add NAME");
        var nodeToken = Secrets.Given(call, "--node-token", "STELE_NODE_TOKEN");
        home.MayPin(trust);
        await using var desk = await Desk.Connect(call, home, address, token, trust);
        // It answered, and what it shows is that ledger: now it is remembered.
        home.Pin(trust);
        if (!home.Keys.Contains(home.KeyName)) home.NewKey(home.KeyName).Dispose();
        home.Set(("server", address.ToString()), ("token", token));
        if (gateway is not null) home.Set(("gateway", gateway.ToString()));
        if (nodeToken is not null) home.Set(("nodeToken", nodeToken));
        var known = desk.State.Members.ContainsKey(home.Member!);
        call.Terminal.Result(Json.Object(("server", address.ToString()), ("member", home.Member!),
            ("size", desk.State.Size), ("known", known)), () =>
        {
            call.Terminal.Line(
                $"connected to {address}: {desk.State.Origin}, {desk.State.Size} entries, verified and folded here");
            if (known) return;
            using var key = home.Key();
            call.Terminal.Note(
                $"You may read. To act, an owner registers you with: stele member add --member {home.Member} --key "
                + $"{key.Public} --role ROLE");
        });
        return 0;
    }

    static Uri Address(Call call, string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            && address.Host.Length > 0
            ? address
            : throw call.Wrong($"'{text}' is not an address", "as in http://127.0.0.1:7070");
}
