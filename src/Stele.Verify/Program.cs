// stele-verify: judges an audit pack or a receipt offline. It reads the files it is given and nothing else, and writes to the terminal alone.
using System.Globalization;
using System.Reflection;
using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;

const int Usage = 2;
const string Help = """
    stele-verify pack FILE [--trust FILE] [--min-size N] [--not-older-than TIME] [--receipt FILE] [--json]
    stele-verify receipt FILE [--trust FILE] [--against FILE] [--json]
    stele-verify --version | --help

    Judges, offline, what a Stele ledger's operator hands out. An audit pack holds the whole ledger: every entry is
    folded again, every verdict and refusal is executed again, every decision log is held to what the ledger anchors.
    A receipt holds one decision and its chain of custody.

      --trust FILE           The trust file that the ledger's owners gave you themselves, not with the pack: it pins the
                             ledger's genesis and key, and the witnesses that count. Without one the best there is to
                             say is "consistent, unauthenticated".
      --min-size N           Fail if the ledger's checkpoint covers fewer than N entries: a shorter ledger than one that
                             you have seen before hides something.
      --not-older-than TIME  Fail unless a trusted witness cosigned at or after TIME, as 2026-11-22T00:00:00Z.
      --receipt FILE         A receipt that you hold: fail if the pack's decision log contradicts it.
      --against FILE         A second receipt of the same log: fail if the two prove that its node signed two histories.
      --json                 The result as one line of JSON on standard output.

    Exit code: 0 complete; 1 failed: something was tampered with, damaged or is missing; 2 asked wrongly, or a file
    can't be read; 3 consistent, but unauthenticated; 4 complete but for gaps that are declared (lost or erased records,
    a receipt that is not anchored yet).
    """;

Console.OutputEncoding = new UTF8Encoding(false);
try
{
    return Run(args);
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    return Fail(e.Message, "check the path, and that you may read it");
}

static int Run(string[] args)
{
    var (files, options, json) = (new List<string>(), new Dictionary<string, string>(StringComparer.Ordinal), false);
    for (var i = 0; i < args.Length; i++)
    {
        switch (args[i])
        {
            case "--help" or "-h":
                Console.WriteLine(Help);
                return 0;
            case "--version":
                Console.WriteLine($"stele-verify {Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}");
                return 0;
            case "--json": json = true; break;
            case "--trust" or "--min-size" or "--not-older-than" or "--receipt" or "--against":
                if (i + 1 == args.Length) return Fail($"{args[i]} wants a value", "stele-verify --help");
                if (!options.TryAdd(args[i], args[++i])) return Fail($"{args[i - 1]} is given twice", "stele-verify --help");
                break;
            case ['-', _, ..]: return Fail($"there is no option '{args[i]}'", "stele-verify --help");
            default: files.Add(args[i]); break;
        }
    }
    if (files is not [var verb, var file]) return Fail(files.Count < 2 ? "say what to verify" : $"one file at a time; '{files[2]}' is one too many", "stele-verify pack FILE --trust FILE");
    if (options.Keys.FirstOrDefault(o => o != "--trust" && (verb == "pack") == (o == "--against")) is { } stray) return Fail($"{stray} is not for '{verb}'", "stele-verify --help");

    Trust? trust = null;
    if (options.TryGetValue("--trust", out var path))
        try
        {
            trust = Trust.Parse(Read(path, 64 * 1024));
        }
        catch (FormatException e)
        {
            return Fail($"{path} is not a trust file: {e.Message}", "use the trust.json that the ledger's owners gave you");
        }

    switch (verb)
    {
        case "pack":
            long minSize = 0;
            if (options.TryGetValue("--min-size", out var n) && !long.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out minSize)) return Fail($"--min-size wants a number of entries, not '{n}'", "stele-verify --help");
            long? notOlder = null;
            if (options.TryGetValue("--not-older-than", out var t))
            {
                if (!DateTimeOffset.TryParse(t, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return Fail($"--not-older-than wants a time, not '{t}'", "write it as 2026-11-22T00:00:00Z");
                notOlder = time.ToUnixTimeMilliseconds();
            }
            Receipt? held = null;
            if (options.TryGetValue("--receipt", out var paper))
                try
                {
                    held = Receipt.Parse(Read(paper, Receipt.MaxBytes));
                }
                catch (FormatException e)
                {
                    return Fail($"{paper} is not a receipt: {e.Message}", "stele receipt makes one");
                }
            using (var pack = File.OpenRead(file)) return Tell(Verifier.Verify(pack, trust, minSize, notOlder, held), json);
        case "receipt":
            var bytes = Read(file, Receipt.MaxBytes);
            var report = ReceiptVerifier.Verify(bytes, trust);
            if (options.TryGetValue("--against", out var other) && report.Result != VerifyResult.Failed) report = ReceiptVerifier.Against(report, bytes, Read(other, Receipt.MaxBytes));
            return Tell(report, json);
        default:
            return Fail($"'{verb}' can't be verified: a pack or a receipt can", "stele-verify pack FILE --trust FILE");
    }
}

static int Tell(VerifyReport report, bool json)
{
    if (json)
    {
        Console.WriteLine(report.ToJson());
        return (int)report.Result;
    }
    Console.WriteLine(report.Result switch
    {
        VerifyResult.Complete => "complete: everything is there and agrees",
        VerifyResult.Unauthenticated => "consistent, unauthenticated: no trust file says whose ledger this is",
        VerifyResult.DeclaredGaps => "complete, but for gaps that are declared",
        _ => $"FAILED: {report.Findings.Count} finding{(report.Findings.Count == 1 ? "" : "s")}",
    });
    foreach (var finding in report.Findings) Console.WriteLine($"  {finding}");
    if (report.Notes.Count > 0) Console.WriteLine("checked:");
    foreach (var note in report.Notes) Console.WriteLine($"  {note}");
    return (int)report.Result;
}

static byte[] Read(string path, int most)
{
    using var file = File.OpenRead(path);
    if (file.Length > most) throw new IOException($"{path} has {file.Length} bytes; at most {most} are read");
    var bytes = new byte[file.Length];
    file.ReadExactly(bytes);
    return bytes;
}

static int Fail(string error, string hint)
{
    Console.Error.WriteLine($"stele-verify: error: {error}");
    Console.Error.WriteLine($"stele-verify: hint: {hint}");
    return Usage;
}
