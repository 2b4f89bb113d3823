using System.Globalization;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Tests.Golden;
using Stele.Tests.Tamper;
using Stele.Tests.Worlds;

namespace Stele.Tests.Whole;

/// <summary>
/// A verifier that was written from docs/spec alone, in another language, and shares no code with ours: Python's
/// standard library and the openssl command. What ours takes it takes, with the same exit code, and it refuses a sample
/// of what ours refuses. It has no CEL, and says so.
/// </summary>
[Collection(WholeCollection.Name)]
public sealed class SecondVerifierTests(TourWorld tour, ITestOutputHelper output)
{
    static readonly string Program = Path.Combine(Repository.Root, "test", "second-verifier", "second_verifier.py");

    static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    static string? On(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(p => Path.Combine(p, program))
            .FirstOrDefault(File.Exists);

    static async Task<Ran> Run(string kind, string file, string trust)
    {
        foreach (var needed in new[] { "python3", "openssl" }) if (On(needed) is null)
            Assert.Skip($"{needed} is not installed");
        return await Programs.Run(On("python3")!, [Program, kind, file, "--trust", trust], Timeout);
    }

    async Task Same(int code, string kind, string file, string trust)
    {
        var ran = await Run(kind, file, trust);
        Assert.True(ran.Code == code,
            $"{kind} {Path.GetFileName(file)}: exit {ran.Code}, ours {code}\n{ran.Output}\n{ran.Error}");
        output.WriteLine(
            $"{kind} {Path.GetFileName(file)}: exit {code} in {ran.Took.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s");
    }

    [Fact]
    public async Task It_verifies_the_tours_pack_and_receipt()
    {
        tour.Tour.Succeeded();
        foreach (var (kind, file) in new[] { ("pack", tour.Pack), ("receipt", tour.Receipt) })
        {
            var ours = await Programs.Run(Programs.Verify, [kind, file, "--trust", tour.Trust], Timeout);
            await Same(ours.Code, kind, file, tour.Trust);
        }
        Assert.Contains("CEL", (await Run("receipt", tour.Receipt, tour.Trust)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_comes_to_the_same_of_what_is_kept()
    {
        foreach (var world in new[] { "plain", "eventful" })
        {
            var folder = GoldenFolder.Of(1, world);
            var (trust, expected) = (Path.Combine(folder, "trust.json"),
                CanonicalJson.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "expected.json"),
                    TestContext.Current.CancellationToken), 1 << 20));
            await Same((int)expected["result"].AsInt, "pack", Path.Combine(folder, "pack.zip"), trust);
            foreach (var (name, code) in expected["receipts"].AsObject) await Same((int)code.AsInt, "receipt",
                Path.Combine(folder, $"receipt-{name}.json"), trust);
            var second = Path.Combine(GoldenFolder.Root, "receipts", "layout-2", world);
            foreach (var file in Directory.GetFiles(second, "receipt-*.json").Order(StringComparer.Ordinal))
                await Same(int.Parse(Path.GetFileNameWithoutExtension(file).Split('-')[^1],
                    CultureInfo.InvariantCulture), "receipt", file, Path.Combine(second, "trust.json"));
        }
    }

    /// <summary>Attacks that are told by what CEL evaluates alone are none of its business.</summary>
    [Fact]
    public async Task It_refuses_a_sample_of_what_ours_refuses()
    {
        using var scratch = new Scratch();
        var sample =
            Matrix.All
                .Where((a, i) => i % 37 == 5
                    && a.Expected.All(e => !e.Contains("policy-failed", StringComparison.Ordinal)
                        && !e.Contains("check-missing", StringComparison.Ordinal))).ToList();
        Assert.True(sample.Count >= 20, $"{sample.Count} attacks");
        foreach (var attack in sample)
        {
            var (bytes, trust) = attack.Make();
            var (file, trusted) = (scratch.At("forged"), scratch.At("trust.json"));
            await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
            await File.WriteAllBytesAsync(trusted, trust.ToJson().ToBytes(), TestContext.Current.CancellationToken);
            var ran = await Run(attack.Kind, file, trusted);
            Assert.True(ran.Code is (int)VerifyResult.Failed or (int)VerifyResult.FraudProven,
                $"{attack.Name}: exit {ran.Code}\n{ran.Output}\n{ran.Error}");
        }
        output.WriteLine($"{sample.Count} attacks refused");
    }
}
