using System.Formats.Asn1;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class EcdsaTests(ITestOutputHelper output)
{
    static readonly BigInteger Order =
        BigInteger.Parse("0FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", NumberStyles.HexNumber,
            CultureInfo.InvariantCulture);

    [Fact]
    public void C2sp_wycheproof_accepts_exactly_the_valid_low_s_ones()
    {
        using var json = JsonDocument.Parse(
            File.ReadAllBytes(Assert.Single(Vectors.Files("c2sp-wycheproof", "ecdsa_secp256r1_sha256_test.json"))));
        int accepted = 0, highS = 0, refused = 0;
        foreach (var group in json.RootElement.GetProperty("testGroups").EnumerateArray())
        {
            var key = PublicKey.FromSpki(Convert.FromHexString(group.GetProperty("publicKeyDer").GetString()!));
            foreach (var t in group.GetProperty("tests").EnumerateArray())
            {
                byte[] message = Convert.FromHexString(t.GetProperty("msg").GetString()!),
                    signature = Convert.FromHexString(t.GetProperty("sig").GetString()!);
                var valid = t.GetProperty("result").GetString() == "valid";
                var low = valid && S(signature) <= Order / 2;
                Assert.True(low == key.Verify(message, signature),
                    $"tcId {t.GetProperty("tcId")} {t.GetProperty("comment")}");
                if (low) accepted++;
                else if (valid) highS++;
                else refused++;
                if (valid && !low)
                {
                    // The same signature with s replaced by n − s is the one form that is taken.
                    var rs = new byte[64];
                    Raw(signature, rs);
                    Assert.True(key.Verify(message, EcdsaSignature.Encode(rs)));
                }
            }
        }
        Assert.Equal(json.RootElement.GetProperty("numberOfTests").GetInt32(), accepted + highS + refused);
        Assert.True(accepted > 0 && highS > 0 && refused > 0,
            $"{accepted} accepted, {highS} of high s, {refused} invalid");
        output.WriteLine(
            $"ecdsa_secp256r1_sha256_test.json, as envelopes are signed: {accepted} accepted, {highS} valid ones of high s refused and taken once normalised, {refused} invalid");
    }

    /// <summary>How others sign: either s, minimal DER or r ‖ s.</summary>
    [Theory]
    [InlineData("ecdsa_secp256r1_sha256_test.json", false)]
    [InlineData("ecdsa_secp256r1_sha256_p1363_test.json", true)]
    [InlineData("ecdsa_secp384r1_sha384_test.json", false)]
    [InlineData("ecdsa_secp521r1_sha512_test.json", false)]
    public void C2sp_wycheproof_keys_of_others(string file, bool raw)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("c2sp-wycheproof", file))));
        int accepted = 0, refused = 0;
        foreach (var group in json.RootElement.GetProperty("testGroups").EnumerateArray())
        {
            var key = EcdsaKey.FromSpki(Convert.FromHexString(group.GetProperty("publicKeyDer").GetString()!));
            Assert.Equal(group.GetProperty("sha").GetString()!.Replace("-", "", StringComparison.Ordinal),
                key.Hash.Name);
            foreach (var t in group.GetProperty("tests").EnumerateArray())
            {
                byte[] message = Convert.FromHexString(t.GetProperty("msg").GetString()!),
                    signature = Convert.FromHexString(t.GetProperty("sig").GetString()!);
                var valid = t.GetProperty("result").GetString() == "valid";
                Assert.True(
                    valid == (raw ? key.VerifyRaw(message, signature, key.Hash) : key.Verify(message, signature,
                        key.Hash)), $"tcId {t.GetProperty("tcId")} {t.GetProperty("comment")}");
                if (valid) accepted++;
                else refused++;
            }
        }
        Assert.Equal(json.RootElement.GetProperty("numberOfTests").GetInt32(), accepted + refused);
        Assert.True(accepted > 0 && refused > 0);
        output.WriteLine($"{file}: {accepted} accepted, {refused} refused");
    }

    [Fact]
    public void C2sp_specs_det_keygen_keys_are_read_and_verify_what_they_sign()
    {
        // How such a key is made from a seed is nothing that is done here; the keys themselves are used as others'
        // keys. P-224 is no curve of notes or bundles: refused.
        using var json =
            JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("c2sp-specs", "det-keygen-ecdsa.json"))));
        int used = 0, refused = 0;
        foreach (var k in json.RootElement.EnumerateArray())
        {
            using var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(Convert.FromBase64String(k.GetProperty("private_key_pkcs8").GetString()!), out _);
            if (k.GetProperty("curve").GetString() == "secp224r1")
            {
                Assert.Throws<FormatException>(() => EcdsaKey.FromSpki(key.ExportSubjectPublicKeyInfo()));
                refused++;
                continue;
            }
            var theirs = EcdsaKey.FromSpki(key.ExportSubjectPublicKeyInfo());
            var signature = key.SignData("message"u8, theirs.Hash, DSASignatureFormat.Rfc3279DerSequence);
            Assert.True(theirs.Verify("message"u8, signature, theirs.Hash));
            signature[^1] ^= 1;
            Assert.False(theirs.Verify("message"u8, signature, theirs.Hash));
            used++;
        }
        Assert.Equal((16, 5), (used, refused));
        output.WriteLine($"det-keygen-ecdsa.json: {used} keys used, {refused} on P-224 refused");
    }

    [Fact]
    public void Dsse_vector_is_raw_and_only_its_der_form_is_taken()
    {
        using var json =
            JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("dsse", "protocol-example.json"))));
        var root = json.RootElement;
        var key = root.GetProperty("key");
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Number(key, "x"), Y = Number(key, "y") },
        });
        var type = root.GetProperty("payloadType").GetString()!;
        var payload = Encoding.UTF8.GetBytes(root.GetProperty("serializedBodyUtf8").GetString()!);
        var message = Envelope.PreAuth(type, payload);
        Assert.Equal(root.GetProperty("paeUtf8").GetString(), Encoding.UTF8.GetString(message));
        Assert.Equal(root.GetProperty("envelope").GetProperty("payload").GetString(), Base64.Encode(payload));

        // DSSE names no encoding: its own vector is r ‖ s; an envelope here carries minimal DER and nothing else.
        var raw =
            Base64.Decode(root.GetProperty("envelope").GetProperty("signatures")[0].GetProperty("sig").GetString());
        var own = PublicKey.FromSpki(ecdsa.ExportSubjectPublicKeyInfo());
        Assert.True(ecdsa.VerifyData(message, raw, HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
        Assert.False(own.Verify(message, raw));
        Assert.True(own.Verify(message, EcdsaSignature.Encode(raw)));
        Assert.False(own.Verify(Envelope.PreAuth(type, [.. payload, 0]), EcdsaSignature.Encode(raw)));
        // PAE counts bytes, not characters.
        Assert.Equal("DSSEv1 2 é 3 abc", Encoding.UTF8.GetString(Envelope.PreAuth("é", "abc"u8)));
    }

    [Fact]
    public void Own_signatures_verify_and_no_bit_may_flip()
    {
        using var key = PrivateKey.Create();
        var signature = key.Sign("message"u8);
        Assert.True(key.Public.Verify("message"u8, signature));
        for (var bit = 0; bit < signature.Length * 8; bit++)
        {
            signature[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.False(key.Public.Verify("message"u8, signature));
            signature[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    static BigInteger S(byte[] der)
    {
        var sequence = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
        sequence.ReadInteger();
        return sequence.ReadInteger();
    }

    static void Raw(byte[] der, byte[] rs)
    {
        var sequence = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
        for (var i = 0; i < 2; i++)
        {
            var bytes = sequence.ReadInteger().ToByteArray(isUnsigned: true, isBigEndian: true);
            bytes.CopyTo(rs, 32 * i + 32 - bytes.Length);
        }
    }

    static byte[] Number(JsonElement of, string name)
    {
        var bytes = BigInteger.Parse(of.GetProperty(name).GetString()!, CultureInfo.InvariantCulture)
            .ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[32 - bytes.Length], .. bytes];
    }
}
