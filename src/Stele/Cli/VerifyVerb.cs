using System.CommandLine;
using Stele.Proof.Packs;

namespace Stele.Cli;

static class VerifyVerb
{
    public static Verb Verb => new("verify", "verify a pack or a receipt offline", """
        stele verify pack FILE [--trust FILE] [--min-size N] [--not-older-than TIME]
        stele verify receipt FILE [--trust FILE] [--min-size N] [--not-older-than TIME]

        The same judge as stele-verify. With no trust file at all, the best there is to say is "consistent, unauthenticated". Exit codes:
        0 complete, limits named; 1 failed: contradicted; 2 usage error; 3 consistent but unauthenticated;
        4 gaps that the ledger itself declares; 5 an early receipt: not anchored yet;
        6 fraud is proven; 7 stopped at an entry: what follows is not judged.
        """,
        [
            new Argument<string>("what"), new Argument<string>("file"),
            new Option<string>("--trust")
            {
                HelpName = "FILE",
                Description = "whose ledger it must be; the one that this home pins unless given"
            },
            new Option<long>("--min-size")
            {
                HelpName = "N",
                Description = "a ledger with fewer entries fails: it was cut"
            },
            new Option<string>("--not-older-than")
            {
                HelpName = "TIME",
                Description =
                    "fails unless a witness that the trust file names cosigned then or later, as 2026-01-31T12:00:00Z"
            },
        ], Run) { Needs = Verb.Nothing };

    static async Task<int> Run(Call call)
    {
        var what = call.Need("what");
        if (what is not ("pack" or "receipt"))
            throw call.Wrong($"'{what}' can't be verified", "stele verify pack FILE, or stele verify receipt FILE");
        var file = call.NeedFile("file");
        var trust = call.Get<string>("--trust") is { } given ? Parsing.Trust(given) : Home.Open(call.HomePath).Trust;
        var notOlder = call.Get<string>("--not-older-than") is { } text ? Parsing.Time(text, "--not-older-than")
            : (long?)null;
        call.Terminal.Progress($"verifying {file}");
        VerifyReport report;
        if (what == "receipt")
            report = ReceiptVerifier.Verify(await File.ReadAllBytesAsync(file, call.Stop), trust,
                call.Get<long>("--min-size"), notOlder);
        else await using (var pack = File.OpenRead(file))
            report = await Task.Run(() => Verifier.Verify(pack, trust, call.Get<long>("--min-size"), notOlder),
                call.Stop).WaitAsync(call.Stop);
        call.Terminal.Result(report.ToJson(), () =>
        {
            foreach (var line in report.Lines())
                call.Terminal.Line(line.Part switch
                {
                    ReportPart.Headline when report.Headline == Headline.Complete => Terminal.Green(line.Text),
                    ReportPart.Headline when report.Findings.Count > 0 => Terminal.Red(line.Text),
                    ReportPart.Headline or ReportPart.Limit => Terminal.Yellow(line.Text),
                    ReportPart.Finding => Terminal.Red(line.Text),
                    _ => line.Text,
                });
        });
        return (int)report.Result;
    }
}
