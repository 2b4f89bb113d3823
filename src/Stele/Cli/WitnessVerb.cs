using System.CommandLine;
using System.Net;
using Stele.Api;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Cli;

static class WitnessVerb
{
    public static Verb Verb => new("witness", "watch over other people's ledgers, and cosign them", """
        stele witness [--name NAME] [--log VKEY]... [--trust FILE]... [--port N] [--listen ADDRESS] [--dialect main|v1.0.0]

        A ledger's operator could show different people different histories. A witness makes that impossible to hide: it remembers the
        largest tree that it has seen of each log, cosigns only what is proved to extend that, and never signs two histories of one log.
        Run one for somebody whose key you do not hold, on a machine that they do not run. It speaks C2SP tlog-witness, so any log that does
        can use it. The first time it makes its key, under NAME, in DATA/witness. Never restore that folder from a backup: a witness that
        lost its memory begins again, with another name. Ctrl-C stops it.
        """,
        [
            new Option<string>("--name")
            {
                HelpName = "NAME",
                Description = "what it is called in cosignatures, as in witness.example/w1; needed the first time"
            },
            new Option<string[]>("--log")
            {
                HelpName = "VKEY",
                Description = "the verifier key of a log to witness, name+id+base64; its name is the log's origin"
            },
            new Option<string[]>("--trust")
            {
                HelpName = "FILE",
                Description = "the same, taken from a ledger's trust file"
            },
            new Option<int>("--port")
            {
                DefaultValueFactory = _ => 7090,
                HelpName = "N",
                Description = "7090 unless given, 0 for any free one"
            },
            new Option<string>("--listen")
            {
                DefaultValueFactory = _ => "127.0.0.1",
                HelpName = "ADDRESS",
                Description = "the loopback interface unless given; it speaks plain HTTP, so put a TLS proxy before it"
            },
            new Option<string>("--dialect")
            {
                DefaultValueFactory = _ => "main",
                HelpName = "main|v1.0.0",
                Description =
                    "which edition of tlog-witness: a second tree of one size is answered 422 in main and 409 in v1.0.0"
            },
        ], Run) { Needs = "a data folder and a free port; no server and no role" };

    static async Task<int> Run(Call call)
    {
        // signals are heard from the first wait on: everyone who is told that it is up can rely on them
        await Task.Yield();
        var folder = Path.Combine(call.Data, "witness");
        var name = call.Get<string>("--name");
        if (name is null && !Witness.IsMade(folder))
            throw call.Wrong("a new witness needs a name", "as in stele witness --name witness.example/w1 --log VKEY");
        var dialect = call.Get<string>("--dialect") switch
        {
            "main" => WitnessDialect.Main,
            "v1.0.0" => WitnessDialect.V1_0_0,
            var other => throw call.Wrong($"--dialect takes main or v1.0.0, not '{other}'")
        };
        if (!IPAddress.TryParse(call.Get<string>("--listen"), out var listen))
            throw call.Wrong($"'{call.Get<string>("--listen")}' is not an IP address");
        var port = call.Get<int>("--port");
        if (port is < 0 or > 65535) throw call.Wrong("a port is 0 to 65535");
        Parsing.Descriptors(UpVerb.FewestDescriptors);
        VerifierKey[] logs = [.. (call.Get<string[]>("--log") ?? []).Select(LogKey),
            .. (call.Get<string[]>("--trust") ?? []).Select(f => Parsing.Trust(f).Key)];
        if (logs.Length == 0)
            throw call.Wrong("which logs are to be witnessed?",
                "--log VKEY, or --trust FILE; as often as there are logs");

        var t = call.Terminal;
        using var witness = Witness.Open(folder, name, logs, call.Clock);
        await using var host = await WitnessHost.Start(witness, listen, port, dialect, call.Clock, said =>
            t.Report(said));
        t.Result(Json.Object(
            ("address", host.Address.ToString()), ("folder", folder),
            ("keys", Json.Array(witness.Keys.Select(k => Json.Of(k.ToString())))),
            ("logs", Json.Array(witness.Origins.Select(Json.Of))),
            ("evidence",
                Json.Array(witness.Evidence
                    .Select(e => Json.Object(("origin", e.Origin), ("file", e.File), ("proven", e.Proven)))))), () =>
        {
            t.Line($"witness  {host.Address}");
            foreach (var key in witness.Keys) t.Line($"key      {key}");
            foreach (var origin in witness.Origins) t.Line($"log      {origin}");
            t.Line($"policy   witness {Label(witness)} {witness.Keys[0]} {host.Address}");
            foreach (var (origin, file, proven) in witness.Evidence)
                t.Line(proven
                    ? Terminal.Red($"FORK     {origin} signed another tree of a size that was cosigned before: {file}")
                    : $"unproven {origin} signed a checkpoint that came without a good proof that it extends what "
                        + $"was cosigned: {file}");
            t.Note($"Operators of a log put the policy line into a file, and under it: quorum {Label(witness)}; "
                + "then: stele up --witnesses FILE. Readers count the key: stele trust add KEY");
        });
        call.Stage.Output.Flush();
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, call.Stop);
        }
        catch (OperationCanceledException) { }
        return 0;
    }

    /// <summary>A short name for policy files.</summary>
    static string Label(Witness witness) =>
        witness.Keys[0].Name.Split('/')[^1] is { Length: > 0 } last and not "none" ? last : "witness";

    static VerifierKey LogKey(string text)
    {
        try
        {
            return VerifierKey.Parse(text);
        }
        catch (FormatException e)
        {
            throw new CliError($"'{text}' is not a log's key: {e.Message}",
                "a line name+id+base64: as \"key\" in the ledger's trust file, or give that file: --trust FILE",
                CliError.Usage);
        }
    }
}
