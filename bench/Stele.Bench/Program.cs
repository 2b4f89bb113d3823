using System.Diagnostics;
using System.Globalization;
using Stele.Bench;
using Stele.Proof;

// Stele.Bench [NAME…] [--row TEXT] [--json]: measures, and with --json also writes out/bench/NAME.json.
const string Usage =
    "usage: Stele.Bench [append] [big] [admission] [verify] [cel] [gateway] [replay] [growth] [--row TEXT] [--json]";

if (args is [Idlers.Verb]) return Idlers.Burn();
if (args is [Upstream.Verb, var socket]) return await Upstream.Serve(socket);

if (args is [Measured.Verb, var command, .. var rest]) return Measured.Run(command, rest);

(string Name, Func<Scratch, Task<Rounds>> Make)[] benches =
[
    ("append", s => Task.FromResult(AppendBench.Make(s))), ("big", BigBench.Make),
    ("admission", s => Task.FromResult(AdmissionBench.Make(s))), ("verify", s => Task.FromResult(VerifyBench.Make(s))),
    ("cel", _ => Task.FromResult(CelBench.Make(Root()))), ("gateway", GatewayBench.Make), ("replay", ReplayBench.Make),
    ("growth", s => GrowthBench.Make(s, Root(), Progress)),
];

var json = args.Contains("--json");
var row = Array.IndexOf(args, "--row") is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
var chosen = args.Where((a, i) => a is not ("--json" or "--row") && (i == 0 || args[i - 1] != "--row")).ToArray();
if (chosen.FirstOrDefault(c => benches.All(b => b.Name != c)) is { } unknown)
{
    Console.Error.WriteLine($"bench: error: there is no '{unknown}'\n{Usage}");
    return 2;
}

// Where the working copy's results go; the bench's own files too, so that its disk is the one measured.
var output = Path.Combine(Root(), "out", "bench");
Directory.CreateDirectory(output);

var began = Stopwatch.GetTimestamp();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"{DateTimeOffset.UtcNow:yyyy-MM-dd HH:mm} UTC, {Environment.ProcessorCount} processors, .NET {Environment.Version}, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]} at the start"));
Console.WriteLine(
    "A number alone says little on a machine that others share: trust the ratios, each taken against a limit measured in the same round.\n");
using (var scratch = new Scratch(Path.Combine(output,
    string.Create(CultureInfo.InvariantCulture, $"run.{Environment.ProcessId}"))))
    foreach (var (name, make) in benches.Where(b => chosen.Length == 0 || chosen.Contains(b.Name)))
    {
        Progress($"{name}: making ready");
        var rounds = await make(scratch);
        if (row is not null) rounds.Only(row);
        Table table;
        try
        {
            table = await rounds.Run(Progress);
        }
        finally
        {
            await rounds.End();
        }
        Progress("");
        Console.WriteLine(table.Text());
        if (json)
            File.WriteAllBytes(Path.Combine(output, name + ".json"),
                table.ToJson().With("time", DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()).ToBytes());
    }
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"{Stopwatch.GetElapsedTime(began).TotalSeconds:0} s in all{(json ? $"; as JSON in {output}" : "")}"));
return 0;

// The working copy that the program was built in; elsewhere the current folder.
static string Root()
{
    var root = new DirectoryInfo(AppContext.BaseDirectory);
    while (root is not null && !File.Exists(Path.Combine(root.FullName, "stele.slnx"))) root = root.Parent;
    return (root ?? new DirectoryInfo(Environment.CurrentDirectory)).FullName;
}

// One line that is written over, on a terminal; nothing elsewhere.
static void Progress(string what)
{
    if (!Console.IsOutputRedirected) Console.Write($"\r\e[K{what}");
}
