using System.CommandLine;
using Stele.Control;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Cli;

/// <summary>Verbs that set things up: init, login, principal.</summary>
static class HomeVerbs
{
    public static Verb Init => new("init", "found a ledger in a data folder", """
        stele init [--origin NAME]

        Makes the server's keys, the log's key and genesis, signed by your key (made if you have none), and writes DATA/trust.json. Your key and
        the recovery key lie in your own home, not in the data folder: move the recovery key (keys/recovery.pem) to a place off this
        machine. `stele up` does all this by itself the first time.
        """, [new Option<string>("--origin") { HelpName = "NAME" }], async call =>
    {
        var folder = new ServerFolder(call.Data);
        if (folder.IsFounded) throw new CliError($"a ledger was founded in {call.Data} already", "start it: stele up");
        var trust = await Found(call, folder, Home.Open(call.HomePath), call.Get<string>("--origin"));
        call.Terminal.Result(trust.ToJson(), () =>
        {
            call.Terminal.Line($"founded {trust.Origin}");
            call.Terminal.Line($"genesis {trust.Genesis}");
            call.Terminal.Line($"trust file {folder.Trust}");
            call.Terminal.Note($"Move {System.IO.Path.Combine(call.HomePath, "keys", "recovery.pem")} to a place off this machine: it restores the owners if their keys are lost.");
        });
        return 0;
    });

    /// <summary>Founds a ledger with the home's key as its first owner; the home pins it and gets a token.</summary>
    internal static async Task<Trust> Found(Call call, ServerFolder folder, Home home, string? origin)
    {
        if (home.Trust is { } other) throw new CliError($"this home pins another ledger already ({other.Origin})", "use another home for a new ledger: --home DIR");
        if (!home.Keys.Contains(home.KeyName)) home.NewKey(home.KeyName).Dispose();
        using var key = home.Key();
        var founded = await Founding.Found(folder, key, home.Member!, origin ?? Founding.NewOrigin(), call.Clock);
        using (founded.Recovery) home.Store("recovery", founded.Recovery);
        home.Pin(founded.Trust);
        home.Set(("token", founded.Token));
        return founded.Trust;
    }

    public static Verb Login => new("login", "connect this home to a server", """
        stele login URL --token TOKEN --trust FILE

        Remembers the server and the token (mode 0600), and pins the ledger that the trust file names. Get the trust file from someone you
        trust, not from the server: it is what everything you see is checked against. Makes a key if this home has none.
        """, [new Argument<string>("url"), new Option<string>("--token"), new Option<string>("--trust") { HelpName = "FILE" }, new Option<string>("--gateway") { HelpName = "URL" }, new Option<string>("--node-token")], async call =>
    {
        var home = Home.Open(call.HomePath);
        var url = call.Need("url");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https")) throw new CliError($"'{url}' is not an address", "as in http://127.0.0.1:7070", CliError.Usage);
        var file = call.Get<string>("--trust");
        if (file is null && home.Trust is null) throw new CliError("which ledger? no trust file is pinned here", "--trust FILE, as someone you trust gave it to you", CliError.Usage);
        if (file is not null)
        {
            if (!File.Exists(file)) throw new CliError($"there is no file {file}", null, CliError.Usage);
            home.Pin(Trust.Parse(await File.ReadAllBytesAsync(file, call.Stop)));
        }
        if (!home.Keys.Contains(home.KeyName)) home.NewKey(home.KeyName).Dispose();
        home.Set(("server", address.ToString()));
        if (call.Get<string>("--token") is { } token) home.Set(("token", token));
        if (call.Get<string>("--gateway") is { } gateway) home.Set(("gateway", gateway));
        if (call.Get<string>("--node-token") is { } nodeToken) home.Set(("nodeToken", nodeToken));
        await using var desk = await Desk.Open(call);
        call.Terminal.Result(Json.Object(("server", address.ToString()), ("member", home.Member!), ("size", desk.State.Size), ("known", desk.State.Members.ContainsKey(home.Member!))), () =>
        {
            call.Terminal.Line($"connected to {address}: {desk.State.Origin}, {desk.State.Size} entries, verified and folded here");
            if (!desk.State.Members.ContainsKey(home.Member!))
            {
                using var key = home.Key();
                call.Terminal.Note($"An owner registers you with: stele member add --member {home.Member} --key {key.Public} --role ROLE");
            }
        });
        return 0;
    });

    public static Verb Principal => Verb.Group("principal", "who may ask a gateway for decisions", """
        A principal is whoever calls the gateway: a pseudonym, a token and roles that rules look at. The list lies with the node, not in the
        ledger; leaves name the pseudonym alone.
        """,
        new Verb("add", "make a principal and its token", """
            stele principal add --role ROLE...

            On the node's own machine. Prints the token once; only its digest is kept.
            """, [new Option<string[]>("--role")], async call =>
        {
            var file = NodeOf(call).Principals;
            var (id, token) = Principals.Add(file, call.Get<string[]>("--role") ?? []);
            call.Terminal.Result(Json.Object(("principal", id), ("token", token)), () =>
            {
                call.Terminal.Line($"principal {id}");
                call.Terminal.Line($"token     {token}");
            });
            await Task.CompletedTask;
            return 0;
        }));

    static NodeFolder NodeOf(Call call)
    {
        var path = Home.Open(call.HomePath).Data is { } data && call.Get<string>("--data") is null ? data : call.Data;
        var folder = new NodeFolder(System.IO.Path.Combine(path, "node"));
        return Directory.Exists(folder.Path) ? folder : throw new CliError($"there is no node in {path}", "run this on the node's machine: --data DIR");
    }
}
