using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class CanonicalJsonTests
{
    const int Max = 1 << 20;

    [Theory]
    [InlineData("arrays")]
    [InlineData("french")]
    [InlineData("structures")]
    [InlineData("unicode")]
    [InlineData("values")]
    [InlineData("weird")]
    public void Rfc8785_documents(string name)
    {
        var dir = Vectors.Dir("jcs-rfc8785");
        var want = Convert.FromHexString(string.Concat(File.ReadAllText(Path.Combine(dir, "outhex", name + ".txt"))
            .Where(c => !char.IsWhiteSpace(c))));
        var got = CanonicalJson.Parse(File.ReadAllBytes(Path.Combine(dir, "input", name + ".json")), Max).ToBytes();
        Assert.Equal(Encoding.UTF8.GetString(want), Encoding.UTF8.GetString(got));
        Assert.Equal(want, got);
        Assert.Equal(want, CanonicalJson.ParseCanonical(want, Max).ToBytes());
    }

    [Fact]
    public void Every_rfc8785_document_is_listed() =>
        Assert.Equal(["arrays", "french", "structures", "unicode", "values", "weird"],
            Vectors.Files("jcs-rfc8785", "*.json").Where(f => Path.GetFileName(Path.GetDirectoryName(f)) == "input")
                .Select(Path.GetFileNameWithoutExtension));

    /// <summary>
    /// The generated number file of the RFC's test suite, up to a million lines: each prefix must hash to what the
    /// suite lists.
    /// </summary>
    [Fact]
    public void Numbers_as_ecma_script_prints_them()
    {
        using var json =
            JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("jcs-rfc8785", "numbers.json"))));
        foreach (var sample in json.RootElement.GetProperty("samples").EnumerateArray())
            Assert.Equal(sample[1].GetString(),
                Written(ulong.Parse(sample[0].GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));

        var wanted = json.RootElement.GetProperty("sha256OfFirstNLines").EnumerateObject()
            .ToDictionary(p => int.Parse(p.Name, CultureInfo.InvariantCulture), p => p.Value.GetString());
        var fixedOnes = json.RootElement.GetProperty("staticU64Hex").EnumerateArray()
            .Select(h => ulong.Parse(h.GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        int lines = 0, compared = 0;
        foreach (var bits in fixedOnes.Concat(Series()).Take(1_000_000))
        {
            hash.AppendData(Encoding.ASCII.GetBytes($"{bits:x},{Written(bits)}\n"));
            if (!wanted.TryGetValue(++lines, out var want)) continue;
            Assert.True(want == Convert.ToHexStringLower(hash.GetCurrentHash()), $"the first {lines} lines differ");
            compared++;
        }
        Assert.Equal(4, compared);

        static IEnumerable<ulong> Series()
        {
            for (ulong i = 0; i < 2000; i++) yield return 0x0010000000000000 + i;
            var block = new byte[32];
            for (;;)
            {
                block = SHA256.HashData(block);
                for (var i = 0; i < 32; i += 8)
                {
                    var bits = BinaryPrimitives.ReadUInt64LittleEndian(block.AsSpan(i));
                    var d = BitConverter.UInt64BitsToDouble(bits);
                    if (d != 0 && double.IsFinite(d)) yield return bits;
                }
            }
        }

        static string Written(ulong bits) => Json.Of(BitConverter.UInt64BitsToDouble(bits)).ToString();
    }

    [Fact]
    public void In_toto_examples_survive_the_round_trip()
    {
        var files = Vectors.Files("in-toto-attestation", "*")
            .Where(f => Path.GetFileName(Path.GetDirectoryName(f)) == "valid-json").ToArray();
        Assert.Equal(14, files.Length);   // the suite's note says 15; it holds 14
        foreach (var file in files)
        {
            var parsed = CanonicalJson.Parse(File.ReadAllBytes(file), Max);
            var canonical = parsed.ToBytes();
            var again = CanonicalJson.ParseCanonical(canonical, Max);
            Assert.Equal(parsed, again);
            Assert.Equal(canonical, again.ToBytes());
            // The values are those that an independent parser sees.
            Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(File.ReadAllBytes(file)).RootElement,
                JsonDocument.Parse(canonical).RootElement), file);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"a\":1,\"\\u0061\":2}")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\udc00\\ud800\"")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("1e999")]
    [InlineData("-1e999")]
    [InlineData("NaN")]
    [InlineData("01")]
    [InlineData("[1,]")]
    [InlineData("[1] 2")]
    [InlineData("[1]]")]
    [InlineData("// no\n1")]
    [InlineData("\"\u0001\"")]
    [InlineData("\ufeff1")]
    [InlineData("nul")]
    public void What_is_not_i_json_is_a_format_exception(string text) =>
        Assert.Throws<FormatException>(() => CanonicalJson.Parse(Encoding.UTF8.GetBytes(text), Max));

    [Fact]
    public void Invalid_utf8_and_depth_and_size_are_format_exceptions()
    {
        Assert.Throws<FormatException>(() => CanonicalJson.Parse([0x22, 0xff, 0x22], Max));
        Assert.Throws<FormatException>(() => CanonicalJson.Parse([0x22, 0xed, 0xa0, 0x80, 0x22], Max));
        Assert.Throws<FormatException>(() =>
            CanonicalJson.Parse([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d], Max));
        Assert.Throws<FormatException>(() => CanonicalJson.Parse("[[1]]"u8, 4));
        var deepest = new string('[', CanonicalJson.MaxDepth) + new string(']', CanonicalJson.MaxDepth);
        Assert.Equal(deepest, CanonicalJson.Parse(Encoding.ASCII.GetBytes(deepest), Max).ToString());
        Assert.Throws<FormatException>(() => CanonicalJson.Parse(Encoding.ASCII.GetBytes("[" + deepest + "]"), Max));
    }

    [Theory]
    [InlineData("{\"b\":1,\"a\":2}")]
    [InlineData("{ }")]
    [InlineData("1.0")]
    [InlineData("-0")]
    [InlineData("1E2")]
    [InlineData("\"\\u0041\"")]
    [InlineData("\"\\/\"")]
    [InlineData("9007199254740993")]
    [InlineData("[1]\n")]
    public void What_we_would_not_have_written_is_not_canonical(string text)
    {
        CanonicalJson.Parse(Encoding.UTF8.GetBytes(text), Max);
        Assert.Throws<FormatException>(() => CanonicalJson.ParseCanonical(Encoding.UTF8.GetBytes(text), Max));
    }
}
