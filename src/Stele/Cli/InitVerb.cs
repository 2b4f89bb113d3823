using System.CommandLine;
using Stele.Control;
using Stele.Proof.Decisions;

namespace Stele.Cli;

static class InitVerb
{
    public static Verb Verb => new("init", "found a ledger in a data folder", """
        stele init [--origin NAME]

        Makes the server's keys, the log's key and genesis, signed by your key (made if you have none), and writes DATA/trust.json. Your key and
        the recovery key lie in your own home, not in the data folder: move the recovery key (keys/recovery.pem) to a place off this
        machine. `stele up` does all this by itself the first time.
        """, [new Option<string>("--origin") { HelpName = "NAME", Description = "the ledger's name in all that it signs, as in ledger.example.org/ai; made up unless given" }], async call =>
    {
        var folder = new ServerFolder(call.Data);
        if (folder.IsFounded) throw new CliError($"a ledger was founded in {call.Data} already", "start it: stele up");
        var trust = await Found(call, folder, Home.Open(call.HomePath), call.Get<string>("--origin"));
        call.Terminal.Result(trust.ToJson(), () =>
        {
            call.Terminal.Line($"founded {trust.Origin}");
            call.Terminal.Line($"genesis {trust.Genesis}");
            call.Terminal.Line($"trust file {folder.Trust}");
            call.Terminal.Note(MoveRecovery(call));
        });
        return 0;
    }) { Needs = Verb.Nothing };

    internal static string MoveRecovery(Call call) =>
        $"Move {System.IO.Path.Combine(call.HomePath, "keys", "recovery.pem")} to a place off this machine: it "
        + $"restores the owners if their keys are lost.";

    /// <summary>Founds a ledger with the home's key as its first owner; the home pins it and gets a token.</summary>
    internal static async Task<Trust> Found(Call call, ServerFolder folder, Home home, string? origin)
    {
        if (home.Trust is { } other)
            throw new CliError($"this home pins another ledger already ({other.Origin})",
                "use another home for a new ledger: --home DIR");
        if (!home.Keys.Contains(home.KeyName)) home.NewKey(home.KeyName).Dispose();
        using var key = home.Key();
        var founded = await Founding.Found(folder, key, home.Member!, origin ?? Founding.NewOrigin(), call.Clock);
        using (founded.Recovery) home.Store("recovery", founded.Recovery);
        home.Pin(founded.Trust);
        home.Set(("token", founded.Token));
        return founded.Trust;
    }
}
