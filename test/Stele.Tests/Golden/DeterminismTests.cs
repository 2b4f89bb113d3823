using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using System.Text;
using Cel;
using Cel.Values;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Golden;

/// <summary>
/// The same bytes whatever machine judges: the product's own binary as processes of their own, each in other
/// circumstances (culture, globalisation library, time zone, number of processors, garbage collector, compiler), gives
/// the same verdicts, packs, states, reports and explanations from the same pack.
/// </summary>
public sealed class DeterminismTests
{
    public const string Variable = "STELE_TEST_DETERMINISM";

    static readonly Kept World = Kept.All().Last();
    static readonly byte[] Pack = World.World.Pack();
    static readonly Lazy<string> Here = new(() => Judged(Pack).ToString());

    public static TheoryData<string, string, string> Circumstances => new()
    {
        // What the culture writes 1234.5 as, the hours of its zone from UTC and the processors show that the
        // circumstances are those.
        { "tr-TR", "1234,5 5.75 1 workstation",
            "LC_ALL=tr_TR.UTF-8 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0 DOTNET_SYSTEM_GLOBALIZATION_PREDEFINED_CULTURES_ONLY=0 TZ=Asia/Kathmandu DOTNET_PROCESSOR_COUNT=1" },
        { "ar-SA", "1234٫5 -3.5 2 server",
            "LC_ALL=ar_SA.UTF-8 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0 DOTNET_SYSTEM_GLOBALIZATION_PREDEFINED_CULTURES_ONLY=0 TZ=America/St_Johns DOTNET_PROCESSOR_COUNT=2 DOTNET_gcServer=1" },
        { "de-DE", "1234,5 0 2 workstation",
            "LC_ALL=de_DE.UTF-8 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0 DOTNET_SYSTEM_GLOBALIZATION_PREDEFINED_CULTURES_ONLY=0 TZ=UTC DOTNET_PROCESSOR_COUNT=2 DOTNET_TieredPGO=0 DOTNET_TieredCompilation=0" },
        { "", "1234.5 12.75 1 workstation",
            "LC_ALL=tr_TR.UTF-8 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 TZ=Pacific/Chatham DOTNET_PROCESSOR_COUNT=1 DOTNET_ReadyToRun=0 DOTNET_TC_QuickJitForLoops=0" },
        { "", "1234.5 0 2 workstation",
            "LC_ALL=C DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 TZ=UTC DOTNET_PROCESSOR_COUNT=2 DOTNET_EnableHWIntrinsic=0" },
    };

    [Theory]
    [MemberData(nameof(Circumstances))]
    public async Task Bytes_are_the_same_everywhere(string culture, string shown, string environment)
    {
        using var scratch = new Scratch();
        var file = scratch.At("pack.zip");
        File.WriteAllBytes(file, Pack);
        var start = new ProcessStartInfo(Environment.ProcessPath is { } p && Path.GetFileName(p) == "dotnet"
            ? p
            : "dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "stele.dll")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8
        };
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(DeterminismTests).Assembly.Location;
        foreach (var name in start.Environment.Keys.Where(k => k is "LANG" or "LANGUAGE"
            || k.StartsWith("LC_", StringComparison.Ordinal)).ToList()) start.Environment.Remove(name);
        foreach (var setting in environment.Split(' '))
            start.Environment[setting[..setting.IndexOf('=', StringComparison.Ordinal)]] =
                setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..];
        start.Environment[Variable] = file;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5)))
        {
            process.Kill();
            Assert.Fail("it did not end in time");
        }
        Assert.True(process.ExitCode == 0, await errors);
        var lines = (await output).Split('\n');
        // Where the system lacks the library of cultures, or zones, the circumstances can't be made.
        if (lines[0] != $"{culture} {shown}" && !HasCultures)
            Assert.Skip($"the system has no cultures or zones to try: {lines[0]}");
        Assert.Equal($"{culture} {shown}", lines[0]);
        Assert.Equal(Here.Value, lines[1]);
    }

    static bool HasCultures =>
        Directory.Exists("/usr/share/zoneinfo/Asia")
        && Directory.EnumerateFiles("/usr/lib", "libicuuc.so*", new EnumerationOptions
    {
        RecurseSubdirectories = true,
        IgnoreInaccessible = true
    }).Any();

    /// <summary>What one judge makes of a pack, in the order of its layers, as one line of canonical JSON.</summary>
    static Json Judged(byte[] pack)
    {
        var parts = UnpackedWorld.Of(pack);
        var report = Verifier.Verify(new MemoryStream(pack), null);
        var explained =
            parts.Replay.Entries
                .Where(f => f.Judgement is { Rules.IsEmpty: false } || f.Statement is Stele.Proof.Statements.Verdict)
                .Select(f => Reexecuted.Of(parts.Replay, parts.Find, f.Index)).ToList();
        return Json.Object(
            ("pack", Digest.Of(parts.Pack())), ("state", StateDigest.Of(parts.Replay.State)),
            ("payloads", GoldenFolder.Payloads(parts.Replay, parts.Find)), ("report", report.ToJson()),
            ("explained",
                Json.Array(explained.Where(e => e.Explanation is not null)
                    .Select(e => Json.Of(Digest.Of(e.Explanation!.ToJson().ToBytes()))))),
            ("lines",
                Json.Array(explained.Where(e => e.Explanation is not null)
                    .SelectMany(e => ExplanationLines.Of(e.Explanation!)).Select(l => Json.Of(l.Line)))),
            ("texts",
                Json.Array(
                    Texts.Select(t =>
                        Json.Of(CelProgram.Compile(t, Declared).Eval(Bound, 100_000) is var r && r.Error is { } e
                            ? e.Message
                            : $"{r.Value} {r.Cost}")))));
    }

    // Where a culture, a zone or a table of characters would be seen.
    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["i"] = CelType.String,
        ["t"] = CelType.Timestamp,
        ["d"] = CelType.Double
    };
    static readonly Dictionary<string, CelValue> Bound = new()
    {
        ["i"] = CelValue.String("TITLE tıtle İI ß Σς"),
        ["t"] = CelValue.Timestamp(1_700_000_000),
        ["d"] = CelValue.Double(1234.5)
    };

    static readonly string[] Texts =
    [
        "i.lowerAscii()", "i.upperAscii()", "'%d|%f|%e|%s|%.2f'.format([-1234567, d, d, d, 0.005])",
        "string(d) + string(-1.5e300) + string(t) + string(duration('3661.5s'))", "double('1234.5') == d",
        "double('1.234,5')", "int('١٢٣')", "t.getHours() * 100 + t.getDayOfWeek()", "t.getHours('05:45')",
        "string(timestamp('2024-02-29T23:59:59.5Z') + duration('24h'))",
        "['i', 'I', 'ı', 'İ', 'a', 'ä', 'z'].map(x, x < 'i')",
        "i.matches('(?i)title')", "i.matches('(?i)^TITLE TITLE')", "i.split(' ')", "'a\\u00e4' == 'a\\u0061\\u0308'",
        "size('\\U0001F600')", "i.indexOf('I')", "{'b': 1, 'a': 2}", "0.1 + 0.2", "1.0 / 3.0", "math.round(2.5)",
        "d > 1234.4 && d < 1234.6",
    ];

    /// <summary>The child: says in what circumstances it is, then what it makes of the pack.</summary>
    internal static void Run(string file)
    {
        using var output = Console.OpenStandardOutput();
        var zone = TimeZoneInfo.Local.GetUtcOffset(new DateTimeOffset(2024, 6, 1, 0, 0, 0, TimeSpan.Zero))
            - (TimeZoneInfo.Local.IsDaylightSavingTime(new DateTimeOffset(2024, 6, 1, 0, 0, 0, TimeSpan.Zero))
                ? TimeSpan.FromHours(1)
                : TimeSpan.Zero);
        var circumstances =
            $"{CultureInfo.CurrentCulture.Name} {1234.5.ToString(CultureInfo.CurrentCulture)} {zone.TotalHours.ToString(CultureInfo.InvariantCulture)} {Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)} {(GCSettings.IsServerGC ? "server" : "workstation")}";
        output.Write(Encoding.UTF8.GetBytes($"{circumstances}\n{Judged(File.ReadAllBytes(file))}\n"));
    }
}
