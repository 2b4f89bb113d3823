using System.Diagnostics;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>The real stele-verify, as its own process.</summary>
public sealed class VerifyProgramTests
{
    static readonly Mortgage Lived = Mortgage.Lived();

    [Fact]
    public void A_good_pack_is_complete()
    {
        using var box = new VerifyProgram(Lived);
        var (code, output, error) = box.Run("pack", box.Write("pack.zip", Lived.World.Pack()), "--trust", box.Trust);
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("complete", output, StringComparison.Ordinal);
        (code, output, _) = box.Run("pack", box.Path("pack.zip"), "--trust", box.Trust, "--json", "--min-size", "10",
            "--not-older-than", "2026-01-01T00:00:00Z");
        Assert.Equal(0, code);
        Assert.Equal("complete-with-limits",
            CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(output), 1 << 20)["result"].AsString);
        Assert.Equal(3, box.Run("pack", box.Path("pack.zip")).Code);
        Assert.Equal(1, box.Run("pack", box.Path("pack.zip"), "--trust", box.Trust, "--min-size", "100000").Code);
        Assert.Equal(1, box.Run("pack", box.Path("pack.zip"), "--trust", box.Trust, "--not-older-than",
            "2100-01-01T00:00:00Z").Code);
    }

    [Fact]
    public void A_declared_gap_has_its_own_code()
    {
        var m = Mortgage.Lived();
        m.World.Add(World.EndLog(LogAction.Lost, m.Log.Origin), World.Owners);
        m.World.Logs.Clear();   // all of it
        using var box = new VerifyProgram(m);
        Assert.Equal(4, box.Run("pack", box.Write("pack.zip", m.World.Pack()), "--trust", box.Trust).Code);
    }

    [Fact]
    public void Receipts_are_judged_and_compared()
    {
        using var box = new VerifyProgram(Lived);
        var receipt = box.Write("receipt.json", Lived.Receipt(8).Encode());
        var (code, output, _) = box.Run("receipt", receipt, "--trust", box.Trust);
        Assert.Equal(0, code);
        Assert.Contains("answered: release 'v2'", output, StringComparison.Ordinal);
        Assert.Equal(5, box.Run("receipt", box.Write("early.json", Lived.Receipt(Lived.Log.Leaves.Count - 1).Encode()),
            "--trust", box.Trust).Code);
        Assert.Equal(0, box.Run("fraud", receipt, "--trust", box.Trust, "--receipt", receipt).Code);
        var fork = new DecisionLog(Lived.Log.Key);
        foreach (var leaf in Lived.Log.Leaves.Take(8)) fork.Add(Stele.Proof.Decisions.Decision.Parse(leaf));
        fork.Add(Lived.World.Decide() with { Status = 403 });
        (code, output, _) = box.Run("fraud", box.Write("fork.json", Lived.Receipt(8, fork).Encode()), "--trust",
            box.Trust, "--receipt", receipt);
        Assert.Equal(6, code);
        Assert.StartsWith("FRAUD PROVEN", output, StringComparison.Ordinal);
        Assert.Contains("  two-checkpoints: ", output, StringComparison.Ordinal);
        Assert.Contains("  other-leaf: ", output, StringComparison.Ordinal);
        (code, output, _) = box.Run("fraud", box.Path("fork.json"), "--trust", box.Trust, "--pack",
            box.Write("pack.zip", Lived.World.Pack()), "--json");
        Assert.Equal((6, "fraud-proven"),
            (code, CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(output), 1 << 20)["result"].AsString));
        Assert.Equal(1,
            box.Run("fraud", box.Write("bad.json", "{}"u8.ToArray()), "--trust", box.Trust, "--receipt", receipt).Code);
        Assert.Equal(4, box.Run("fraud", box.Path("early.json"), "--trust", box.Trust, "--receipt",
            box.Write("first.json", Lived.Receipt(4).Encode())).Code);
        Assert.Equal(6, box.Run("pack", box.Write("pack.zip", Lived.World.Pack()), "--trust", box.Trust, "--receipt",
            box.Path("fork.json")).Code);
        Assert.Equal(0, box.Run("pack", box.Path("pack.zip"), "--trust", box.Trust, "--receipt", receipt).Code);
    }

    /// <summary>The auditor's own program, with the pack alone: every sub-value, and the same bytes.</summary>
    [Fact]
    public void A_verdict_is_explained_and_made_again_from_the_pack_alone()
    {
        using var box = new VerifyProgram(Lived);
        var pack = box.Write("pack.zip", Lived.World.Pack());
        var refused =
            Lived.World.Replay.Entries.First(f => f.Statement is Stele.Proof.Statements.Verdict { Passed: false }).Index
                .ToString(System.Globalization.CultureInfo.InvariantCulture);
        var (code, output, error) = box.Run("verdict", pack, refused, "--trust", box.Trust);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains(
            "    e.metrics.approval_ratio >= 0.8                      false\n        e.metrics.approval_ratio                           0.731\n", output, StringComparison.Ordinal);
        Assert.Contains("executed again: the same ", output, StringComparison.Ordinal);
        Assert.EndsWith("the pack: complete, with limits: unanchored-decisions\n", output, StringComparison.Ordinal);
        (code, output, _) = box.Run("verdict", pack, refused, "--json");
        var json = CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(output), 1 << 20);
        Assert.Equal((3, true, 0.731), (code, json["reproduced"]["same"].AsBool,
            json["explained"]["rules"].AsArray[0]["values"].AsArray[0]["value"].AsDouble));
        Assert.Equal(0, box.Run("verdict", pack,
            Lived.DeployedV2.ToString(System.Globalization.CultureInfo.InvariantCulture), "--trust", box.Trust).Code);
        Assert.Equal(2, box.Run("verdict", pack, "99999").Code);

        var forged = Mortgage.Lived();
        var told = forged.World.Replay.Entries.Select(f => f.Statement).OfType<Stele.Proof.Statements.Verdict>()
            .First(v => !v.Passed);
        var entry = forged.World.Add(new Entry(forged.World.Now,
            Envelope.Sign((told with { Rules = told.Rules.RemoveAt(0) }).Encode(), World.Server.Key)));
        (code, output, _) = box.Run("verdict", box.Write("forged.zip", forged.World.Pack()),
            entry.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(1, code);
        Assert.Contains("OTHER BYTES", output, StringComparison.Ordinal);
        Assert.Contains("/predicate/https://stele.dev/verdict/v1/rules", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("pack")]
    [InlineData("pack nowhere.zip")]
    [InlineData("pack a b")]
    [InlineData("artifact a")]
    [InlineData("verdict a")]
    [InlineData("verdict a one")]
    [InlineData("verdict a 1 2")]
    [InlineData("pack a --trust")]
    [InlineData("pack a --trust nowhere.json")]
    [InlineData("pack a --frobnicate")]
    [InlineData("pack a --against b")]
    [InlineData("receipt a --against b")]
    [InlineData("receipt a --receipt b")]
    [InlineData("receipt a --min-size 3")]
    [InlineData("fraud a")]
    [InlineData("fraud a --receipt b")]
    [InlineData("fraud a --pack b --receipt c --trust d")]
    public void What_is_asked_wrongly_is_said_so(string arguments)
    {
        using var box = new VerifyProgram(Lived);
        var (code, output, error) = box.Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((2, ""), (code, output));
        Assert.Matches("^stele-verify: error: .+\nstele-verify: hint: .+\n$", error);
    }

    [Fact]
    public void Help_and_version_are_on_standard_output()
    {
        using var box = new VerifyProgram(Lived);
        Assert.Equal(0, box.Run("--help").Code);
        Assert.Contains("--min-size", box.Run("--help").Output, StringComparison.Ordinal);
        Assert.StartsWith("stele-verify ", box.Run("--version").Output, StringComparison.Ordinal);
    }
}

/// <summary>A folder with a trust file, and stele-verify to run in it.</summary>
sealed class VerifyProgram : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("stele-verify-").FullName;

    public VerifyProgram(Mortgage m) => Trust = Write("trust.json", m.World.Trust.ToJson().ToBytes());

    public string Trust { get; }
    public string Path(string name) => global::System.IO.Path.Combine(_folder, name);

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(Path(name), bytes);
        return Path(name);
    }

    public (int Code, string Output, string Error) Run(params string[] arguments) => RunWith(null, arguments);

    public (int Code, string Output, string Error) RunWith((string Name, string Value)? variable,
        params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder
        };
        start.ArgumentList.Add(global::System.IO.Path.Combine(AppContext.BaseDirectory, "stele-verify.dll"));
        foreach (var a in arguments) start.ArgumentList.Add(a);
        if (variable is { } v) start.Environment[v.Name] = v.Value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(60_000));
        return (process.ExitCode, output, error.Result);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
