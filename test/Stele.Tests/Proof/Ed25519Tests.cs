using System.Text;
using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class Ed25519Tests(ITestOutputHelper output)
{
    [Fact]
    public void Rfc8032_vectors()
    {
        // RFC 8032 §7.1, tests 1 to 3.
        (string Key, string Message, string Signature)[] tests =
        [
            ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
            ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
        ];
        foreach (var (key, message, signature) in tests)
        {
            byte[] k = Convert.FromHexString(key), m = Convert.FromHexString(message),
                s = Convert.FromHexString(signature);
            Assert.True(Verify(k, m, s));
            for (var bit = 0; bit < 64 * 8; bit++)
            {
                s[bit / 8] ^= (byte)(1 << bit % 8);
                Assert.False(Verify(k, m, s));
                s[bit / 8] ^= (byte)(1 << bit % 8);
            }
            for (var bit = 0; bit < 32 * 8; bit++)
            {
                k[bit / 8] ^= (byte)(1 << bit % 8);
                Assert.False(Verify(k, m, s));
                k[bit / 8] ^= (byte)(1 << bit % 8);
            }
            Assert.False(Verify(k, [.. m, 0], s));
        }
    }

    /// <summary>A key that comes often verifies by another way; both say the same.</summary>
    static bool Verify(byte[] key, byte[] message, byte[] signature)
    {
        var first = Ed25519.Verify(key, message, signature);
        for (var i = 0; i < 20; i++) Assert.Equal(first, Ed25519.Verify(key, message, signature));
        return first;
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        Assert.False(Verify(new byte[31], [], new byte[64]));
        Assert.False(Verify(new byte[32], [], new byte[63]));
        Assert.False(Verify(new byte[32], [], new byte[65]));
        Assert.False(Ed25519.IsPublicKey(new byte[32]));
    }

    /// <summary>What each flag of the CCTV set means under the strict rule.</summary>
    static readonly Dictionary<string, bool> Refused = new(StringComparer.Ordinal)
    {
        ["low_order_A"] = true,
        ["low_order_R"] = true,
        ["non_canonical_A"] = true,
        ["non_canonical_R"] = true,
        ["low_order_residue"] = true,           // the equation without the cofactor does not hold
        ["low_order_component_A"] = false,      // a mixed-order key signs and verifies like any other
        ["low_order_component_R"] = false,
        ["reencoded_k"] = false,                // says how k was computed; never stands without a non-canonical flag
    };

    [Fact]
    public void C2sp_cctv_under_the_strict_rule()
    {
        using var json =
            JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("c2sp-cctv", "ed25519vectors.json"))));
        var accepted = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var refused = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var total = 0;
        foreach (var v in json.RootElement.EnumerateArray())
        {
            var flags = v.GetProperty("flags") is { ValueKind: JsonValueKind.Array } f
                ? f.EnumerateArray().Select(x => x.GetString()!).ToArray()
                : [];
            var want = !flags.Any(x => Refused[x]);
            var got = Verify(Hex(v, "key"), Encoding.UTF8.GetBytes(v.GetProperty("msg").GetString()!),
                Hex(v, "sig"));
            Assert.True(want == got, $"vector {v.GetProperty("number")} with {string.Join(' ', flags)}: want {want}");
            foreach (var flag in flags)
                (got ? accepted : refused)[flag] = (got ? accepted : refused).GetValueOrDefault(flag) + 1;
            total++;
        }
        Assert.Equal(914, total);
        output.WriteLine(
            $"ed25519vectors.json: {total}; accepted {string.Join(", ", accepted)}; refused {string.Join(", ", refused)}");
        // Every flag that refuses has no accepted vector; the others have both.
        Assert.Equal(["low_order_component_A", "low_order_component_R"], accepted.Keys);
        Assert.Equal(Refused.Keys.Order(StringComparer.Ordinal), refused.Keys);
    }

    [Fact]
    public void C2sp_wycheproof()
    {
        using var json =
            JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("c2sp-wycheproof", "ed25519_test.json"))));
        var total = 0;
        foreach (var group in json.RootElement.GetProperty("testGroups").EnumerateArray())
        {
            var key = Hex(group.GetProperty("publicKey"), "pk");
            foreach (var t in group.GetProperty("tests").EnumerateArray())
            {
                Assert.True(
                    (t.GetProperty("result").GetString() == "valid") == Verify(key, Hex(t, "msg"), Hex(t,
                        "sig")), $"tcId {t.GetProperty("tcId")} {t.GetProperty("comment")} {t.GetProperty("flags")}");
                total++;
            }
        }
        Assert.Equal(json.RootElement.GetProperty("numberOfTests").GetInt32(), total);
        output.WriteLine($"ed25519_test.json: {total}");
    }

    static byte[] Hex(JsonElement of, string name) => Convert.FromHexString(of.GetProperty(name).GetString()!);
}
