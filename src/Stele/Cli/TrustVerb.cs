using System.CommandLine;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Cli;

static class TrustVerb
{
    static readonly Option<string> File = new("--file")
    {
        HelpName = "FILE",
        Description = "another trust file than the one that this home pins"
    };

    public static Verb Verb => Verb.Group("trust", "which ledger is pinned, and whose cosignatures count", """
        The trust file is what makes a verification yours: it names the ledger's first entry and key, and the witnesses that you believe to be
        independent of its operator. Only their cosignatures count; without any, nothing rules out a split view: others could be shown another ledger.
        """,
        new("show", "what a trust file says", """
            stele trust show [--file FILE]

            The ledger that is pinned, the witnesses that count, and how many of them it takes.
            """, [File], Show) { Needs = Verb.Nothing },
        new("add", "count a witness", """
            stele trust add VKEY [--quorum N] [--file FILE]

            VKEY is the witness's own key, name+id+base64, as stele witness prints it and stele status shows a node's; get it from the operator of
            the witness, not from the ledger's operator. A witness whose key the operator holds proves nothing.
            """, [new Argument<string>("vkey"), new Option<int?>("--quorum") { HelpName = "N", Description = "how many witnesses must have cosigned; as many as before unless given, at first 1" }, File], Add) { Needs = Verb.Nothing },
        new("remove", "count a witness no longer", """
            stele trust remove NAME [--quorum N] [--file FILE]

            NAME is the witness's, as stele trust show gives it.
            """, [new Argument<string>("name"), new Option<int?>("--quorum") { HelpName = "N", Description = "how many of those left must have cosigned; as many as before, or as are left, unless given" }, File], Remove) { Needs = Verb.Nothing });

    static (string Path, Trust Trust) Read(Call call)
    {
        var file = call.Get<string>("--file") ?? System.IO.Path.Combine(call.HomePath, "trust.json");
        if (call.Get<string>("--file") is null
            && !System.IO.File.Exists(file)) throw new CliError($"{call.HomePath} pins no ledger",
            "stele login URL --token-file FILE --trust FILE; or name a trust file: --file FILE");
        return (file, Parsing.Trust(file));
    }

    static Task<int> Show(Call call)
    {
        var (file, trust) = Read(call);
        call.Terminal.Result(trust.ToJson(), () => Print(call, file, trust));
        return Task.FromResult(0);
    }

    static void Print(Call call, string file, Trust trust)
    {
        call.Terminal.Line($"file     {file}");
        call.Terminal.Line($"ledger   {trust.Origin}");
        call.Terminal.Line($"genesis  {trust.Genesis}");
        call.Terminal.Line($"key      {trust.Key}");
        foreach (var witness in trust.Witnesses) call.Terminal.Line($"witness  {witness}");
        call.Terminal.Line(trust.Witnesses.IsEmpty
            ? "quorum   no witness: that others are shown another ledger, or that its end was cut off, is not excluded"
            : $"quorum   {trust.Quorum} of {trust.Witnesses.Length}");
    }

    static Task<int> Add(Call call)
    {
        var (file, trust) = Read(call);
        VerifierKey key;
        try
        {
            key = VerifierKey.Parse(call.Need("vkey"));
        }
        catch (FormatException e)
        {
            throw new CliError($"that is not a witness's key: {e.Message}",
                "a line name+id+base64, as stele witness prints it", CliError.Usage);
        }
        var quorum = call.Get<int?>("--quorum") ?? Math.Max(1, trust.Quorum);
        return Write(call, file, trust with
        {
            Witnesses = trust.Witnesses.Contains(key) ? trust.Witnesses : trust.Witnesses.Add(key),
            Quorum = quorum
        });
    }

    static Task<int> Remove(Call call)
    {
        var (file, trust) = Read(call);
        var left = trust.Witnesses.RemoveAll(w => w.Name == call.Need("name"));
        if (left.Length == trust.Witnesses.Length)
            throw new CliError($"no witness '{call.Need("name")}' counts there", "stele trust show");
        return Write(call, file, trust with
        {
            Witnesses = left,
            Quorum = call.Get<int?>("--quorum") ?? Math.Min(trust.Quorum, left.Length)
        });
    }

    static Task<int> Write(Call call, string file, Trust trust)
    {
        try
        {
            Trust.Parse(trust.ToJson().ToBytes());   // the file's own rules hold
        }
        catch (FormatException e)
        {
            throw new CliError($"that trust file would not do: {e.Message}",
                "stele trust show says what there is; --quorum N how many it takes", CliError.Usage);
        }
        Files.Write(file, Terminal.Indented(trust.ToJson()) + "\n");
        call.Terminal.Result(trust.ToJson(), () => Print(call, file, trust));
        return Task.FromResult(0);
    }
}
