using Stele.Proof.Packs;
using Stele.Tests.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Tamper;

public sealed class TamperTests(ITestOutputHelper output)
{
    public static TheoryData<int, string> Attacks()
    {
        var data = new TheoryData<int, string>();
        for (var i = 0; i < Matrix.All.Length; i++) data.Add(i, Matrix.All[i].Name);
        return data;
    }

    [Theory]
    [MemberData(nameof(Attacks))]
    public void Is_detected_by_name(int index, string name)
    {
        var attack = Matrix.All[index];
        var (bytes, trust) = attack.Make();
        var report = attack.Kind == "pack"
            ? Verifier.Verify(new MemoryStream(bytes), trust)
            : ReceiptVerifier.Verify(bytes, trust);
        Assert.True(report.Result is VerifyResult.Failed or VerifyResult.FraudProven, $"{name}: not detected");
        Assert.True(attack.Expected.Any(e => report.Findings.Any(f => Matches(f, e))),
            $"{name}: want {string.Join(" or ", attack.Expected)}, found {string.Join(" | ", report.Findings.Take(5))}");
    }

    /// <summary>A finding's name, or name and the beginning of its message.</summary>
    static bool Matches(Finding finding, string expected) =>
        finding.Name == expected || (expected.Split(": ", 2) is [var name, var code] && finding.Name == name
            && finding.Message.StartsWith(code + ":", StringComparison.Ordinal));

    [Fact]
    public void There_are_at_least_two_hundred_and_no_two_are_named_alike()
    {
        output.WriteLine($"{Matrix.All.Length} attacks");
        Assert.True(Matrix.All.Length >= 200);
        Assert.Empty(Matrix.All.GroupBy(a => a.Name).Where(g => g.Count() > 1).Select(g => g.Key));
    }

    /// <summary>The same through the program that auditors run: every 40th, and some that trust turns on.</summary>
    [Fact]
    public void Stele_verify_says_no_with_its_exit_code()
    {
        using var box = new VerifyProgram(Mortgage.Founded());
        var sample =
            Matrix.All
                .Where((a, i) => i % 40 == 7
                    || a.Name is "operator: approving one's own release with a second key"
                        or "operator: the server approves" or "finder: leaves the decision log out"
                        or "operator: a waiver that has expired since").ToList();
        Assert.True(sample.Count >= 20, $"{sample.Count}");
        foreach (var attack in sample)
        {
            var (bytes, trust) = attack.Make();
            var (code, told, _) = box.Run(attack.Kind, box.Write("forged", bytes), "--trust",
                box.Write("trust", trust.ToJson().ToBytes()));
            Assert.True(code is 1 or 6, $"{attack}: exit {code}\n{told}");
            Assert.Contains(attack.Expected, e => told.Contains($"  {e.Split(": ")[0]}: ", StringComparison.Ordinal));
        }
        output.WriteLine($"{sample.Count} attacks through stele-verify");
    }

    /// <summary>
    /// Whatever is in a pack, the judge ends with a report. An exception that escapes would let one bad byte silence
    /// it.
    /// </summary>
    [Fact]
    public void No_damage_stops_the_judge()
    {
        var random = new Random(11);
        var world = Mortgage.Lived().World;
        for (var i = 0; i < Rounds; i++)
        {
            var f = Forgery.Of(world);
            var parts = f.Entries.Concat(f.Documents.Values).Concat(f.Logs.Values.SelectMany(l => l.Leaves)).ToList();
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                var part = parts[random.Next(parts.Count)];
                var copy = (byte[])part.Clone();
                copy[random.Next(copy.Length)] = (byte)random.Next(256);
                Replace(f, part, copy);
            }
            if (random.Next(2) == 0) f.Resign();
            Verifier.Verify(new MemoryStream(f.Write()), i % 3 == 0 ? null : world.Trust);
        }
    }

    const int Rounds = 60;

    static void Replace(Forgery f, byte[] part, byte[] by)
    {
        if (f.Entries.IndexOf(part) is >= 0 and var i) f.Entries[i] = by;
        foreach (var (name, content) in f.Documents.ToList()) if (content == part) f.Documents[name] = by;
        foreach (var log in f.Logs.Values) if (log.Leaves.IndexOf(part) is >= 0 and var j) log.Leaves[j] = by;
    }
}
