using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class MlDsa44Tests(ITestOutputHelper output)
{
    static JsonElement Read(string suite, string file) =>
        JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files(suite, file)))).RootElement;

    static byte[] Hex(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? Convert.FromHexString(value.GetString()!)
            : [];

    [Fact]
    public void C2sp_wycheproof_verify()
    {
        var suite = Read("c2sp-wycheproof", "mldsa_44_verify_test.json");
        int accepted = 0, refused = 0;
        foreach (var group in suite.GetProperty("testGroups").EnumerateArray())
            foreach (var t in group.GetProperty("tests").EnumerateArray())
            {
                var valid = t.GetProperty("result").GetString() == "valid";
                Assert.True(valid == MlDsa44.Verify(Hex(group, "publicKey"), Hex(t, "msg"), Hex(t, "sig"),
                    Hex(t, "ctx")), $"tcId {t.GetProperty("tcId")} {t.GetProperty("comment")}");
                if (valid) accepted++;
                else refused++;
            }
        Assert.Equal(suite.GetProperty("numberOfTests").GetInt32(), accepted + refused);
        Assert.True(accepted > 0 && refused > 0);
        output.WriteLine($"mldsa_44_verify_test.json: {accepted} accepted, {refused} refused");
    }

    [Fact]
    public void C2sp_wycheproof_sign_seed()
    {
        // Nothing in the product signs in managed code; the signatures are what is verified here, and the reference
        // signer of these tests must make the same.
        var suite = Read("c2sp-wycheproof", "mldsa_44_sign_seed_test.json");
        int verified = 0, refused = 0, premade = 0;
        foreach (var group in suite.GetProperty("testGroups").EnumerateArray())
        {
            var seed = Hex(group, "privateSeed");
            var publicKey = Hex(group, "publicKey");
            var signer = seed.Length == 32 ? new ReferenceMlDsa44(seed) : null;
            if (signer is not null) Assert.Equal(publicKey, signer.PublicKey);
            foreach (var t in group.GetProperty("tests").EnumerateArray())
            {
                var id = $"tcId {t.GetProperty("tcId")} {t.GetProperty("comment")}";
                var context = Hex(t, "ctx");
                if (t.GetProperty("result").GetString() != "valid")
                {
                    // A seed of another length or a context over 255 bytes: there is no signature to look at.
                    Assert.True(signer is null || context.Length > 255, id);
                    Assert.False(MlDsa44.Verify(publicKey, Hex(t, "msg"), Hex(t, "sig"), context), id);
                    refused++;
                    continue;
                }
                if (t.GetProperty("flags").EnumerateArray().Any(f => f.GetString() == "Internal"))
                {
                    // Signs a digest made elsewhere: the message is not given, so nothing that takes messages can check
                    // it.
                    Assert.False(t.TryGetProperty("msg", out _), id);
                    premade++;
                    continue;
                }
                Assert.True(MlDsa44.Verify(publicKey, Hex(t, "msg"), Hex(t, "sig"), context), id);
                Assert.Equal(Hex(t, "sig"),
                    signer!.Sign(Hex(t, "msg"), context, t.TryGetProperty("rnd", out _) ? Hex(t, "rnd") : null));
                verified++;
            }
        }
        Assert.Equal(suite.GetProperty("numberOfTests").GetInt32(), verified + refused + premade);
        Assert.True(verified > 0 && refused > 0);
        output.WriteLine(
            $"mldsa_44_sign_seed_test.json: {verified} signed by the reference and verified, {refused} refused, {premade} without a message (external μ) not applicable");
    }

    [Fact]
    public void C2sp_cctv_accumulated_over_100_keys()
    {
        // The set has sums over 100, 10,000 and 60,000,000 keys; the reference signer is made to be plain and takes
        // milliseconds a signature, so the first one is what is held here.
        var suite = Read("c2sp-cctv", "ml-dsa-accumulated.json");
        const int Keys = 100;
        var seeds = Shake128.HashData([], 32 * Keys);
        var all = new List<byte>();
        for (var i = 0; i < Keys; i++)
        {
            var signer = new ReferenceMlDsa44(seeds[(32 * i)..(32 * i + 32)]);
            var signature = signer.Sign([]);
            Assert.True(MlDsa44.Verify(signer.PublicKey, [], signature));
            Assert.False(MlDsa44.Verify(signer.PublicKey, [0], signature));
            all.AddRange(signer.PublicKey);
            all.AddRange(signature);
        }
        Assert.Equal(suite.GetProperty("digestHexByIterations").GetProperty("ML-DSA-44").GetProperty("100").GetString(),
            Convert.ToHexStringLower(Shake128.HashData(all.ToArray(), 32)));
        output.WriteLine($"ml-dsa-accumulated.json: {Keys} keys and signatures");
    }

    [Fact]
    public void No_bit_may_flip_in_the_challenge_the_hints_and_every_twentieth_byte_of_the_rest()
    {
        var signer = new ReferenceMlDsa44(SHA256.HashData("a key"u8));
        var signature = signer.Sign("message"u8.ToArray());
        Assert.True(MlDsa44.Verify(signer.PublicKey, "message"u8, signature));
        foreach (var at in Enumerable.Range(0, signature.Length).Where(at => at < 32 || at >= signature.Length - 84
            || at % 20 == 0)) Assert.False(MlDsa44.Verify(signer.PublicKey, "message"u8, Flipped(signature, at)));
        foreach (var at in Enumerable.Range(0, signer.PublicKey.Length).Where(at => at < 32 || at % 20 == 0))
            Assert.False(MlDsa44.Verify(Flipped(signer.PublicKey, at), "message"u8, signature));
        Assert.False(MlDsa44.Verify(signer.PublicKey, "massage"u8, signature));
        Assert.False(MlDsa44.Verify(signer.PublicKey, "message"u8, signature, "context"u8));
        Assert.False(MlDsa44.Verify(signer.PublicKey, "message"u8, signature.AsSpan(1)));
        Assert.False(MlDsa44.Verify(signer.PublicKey.AsSpan(1), "message"u8, signature));
        Assert.True(MlDsa44.Verify(signer.PublicKey, "message"u8, signer.Sign("message"u8.ToArray(), [1, 2]), [1, 2]));

        static byte[] Flipped(byte[] bytes, int at)
        {
            var copy = (byte[])bytes.Clone();
            copy[at] ^= (byte)(1 << at % 8);
            return copy;
        }
    }

    [Fact]
    public void Torchwood_witness_checkpoint()
    {
        var suite = Read("torchwood-witness", "add-checkpoint-mldsa44.json");
        var text = suite.GetProperty("logVkey").GetString()!;
        var key = VerifierKey.Parse(text);
        Assert.Equal((NoteKeyType.SubtreeCosignature, text), (key.Type, key.ToString()));
        var body = suite.GetProperty("request").GetProperty("body").GetString()!;
        var signed = body[(body.IndexOf("\n\n", StringComparison.Ordinal) + 2)..];
        Assert.Equal(112, key.Message(Note.Parse(signed).Text).Length);
        Assert.Equal(CheckpointTrust.Verified, Checkpoint.Open(signed, key, out var checkpoint));
        Assert.Equal(("example.com/mldsa-log", 1), (checkpoint!.Origin, checkpoint.Size));
        Assert.Equal(0, Cosignature.Verify(Assert.Single(Note.Parse(signed).Signatures), checkpoint.Text, key)!.Time);
        Assert.NotEqual(CheckpointTrust.Verified,
            Checkpoint.Open(signed.Replace("\n1\n", "\n2\n", StringComparison.Ordinal), key, out _));
    }

    [Fact]
    public void Cosignatures_of_trees_and_subtrees()
    {
        var signer = new ReferenceMlDsa44(SHA256.HashData("a witness"u8));
        var key = new VerifierKey("witness.example.com/w1", NoteKeyType.SubtreeCosignature, signer.PublicKey);
        Assert.Equal(key, VerifierKey.Parse(key.ToString()));
        byte[] Sign(byte[] message) => signer.Sign(message);
        var (root, other) = (Merkle.Leaf("a"u8), Merkle.Leaf("b"u8));
        var text = new Checkpoint("example.com/log", 5, root).Text;
        var line = key.Sign(text, Sign, 1679315147);
        Assert.Equal(8 + 2420, line.Bytes.Length);
        Assert.Equal(1679315147, Cosignature.Verify(line, text, key)!.Time);
        Assert.Equal("subtree/v1\n\0"u8.ToArray(), key.Message(text, 7)[..12]);
        Assert.Equal(new VerifierKey(key.Name, NoteKeyType.SubtreeCosignature, signer.PublicKey).Id, key.Id);

        // It names its signer: the same key under another name has signed nothing. It does not cover extension lines.
        var alias = new VerifierKey("witness.example.com/w2", NoteKeyType.SubtreeCosignature, signer.PublicKey);
        Assert.Null(Cosignature.Verify(line with { Name = alias.Name, Id = alias.Id }, text, alias));
        Assert.NotNull(Cosignature.Verify(line, text + "an extension\n", key));
        Assert.Null(Cosignature.Verify(line, new Checkpoint("example.com/log", 6, root).Text, key));
        Assert.Null(Cosignature.Verify(line, new Checkpoint("example.com/log", 5, other).Text, key));
        Assert.Null(Cosignature.Verify(line with { Bytes = line.Bytes.SetItem(7, 1) }, text, key));
        var log = new VerifierKey("example.com/log", NoteKeyType.SubtreeCosignature, signer.PublicKey);
        var extended = new Checkpoint("example.com/log", 5, root, "an extension").Text;
        Assert.Equal(CheckpointTrust.Verified,
            Checkpoint.Open(new Note(extended, log.Sign(extended, Sign)).ToString(), log, out var opened));
        Assert.Empty(opened!.Extensions);

        // Without a time it may be the answer to a question about any part: it is by the key, but no witness's word.
        var timeless = new Note(text, key.Sign(text, Sign, 0));
        Assert.Equal(NoteTrust.Verified, timeless.Verify([key], out _));
        Assert.Equal(NoteTrust.NoKnownKey, timeless.VerifyCosigned([key], out var counted));
        Assert.Empty(counted);
        Assert.Equal(NoteTrust.Verified, new Note(text, line).VerifyCosigned([key], out counted));
        Assert.Single(counted);
        Assert.Equal(CosignatureTrust.BadSignature,
            Cosignature.Read(timeless.ToString().AsSpan(text.Length + 1), text, key, out _));

        var part = new NoteSignature(key.Name, key.Id,
            [0, 0, 0, 0, 0, 0, 0, 0, .. Sign(Cosignature.SubtreeMessage(key.Name, 0, "example.com/log", 8, 13, root))]);
        Assert.True(Cosignature.VerifySubtree(part, "example.com/log", 8, 13, root, key));
        Assert.False(Cosignature.VerifySubtree(part, "example.com/log", 8, 14, root, key));
        Assert.False(Cosignature.VerifySubtree(part, "example.com/log", 0, 13, root, key));
        Assert.False(Cosignature.VerifySubtree(part, "example.com/lag", 8, 13, root, key));
        Assert.False(Cosignature.VerifySubtree(part, "example.com/log", 8, 13, other, key));
        Assert.False(Cosignature.VerifySubtree(part with { Bytes = part.Bytes.SetItem(7, 1) }, "example.com/log", 8, 13,
            root, key));
        Assert.False(Cosignature.VerifySubtree(part, new string('a', 256), 8, 13, root, key));
        Assert.Throws<FormatException>(() => Cosignature.SubtreeMessage(key.Name, 1, "example.com/log", 8, 13, root));
        // An Ed25519 key can't sign parts.
        var ed25519 = new VerifierKey(key.Name, NoteKeyType.Cosignature, ReferenceEd25519.PublicKey(new byte[32]));
        Assert.False(Cosignature.VerifySubtree(part with { Id = ed25519.Id }, "example.com/log", 8, 13, root, ed25519));
    }

    [Fact]
    public void Shake_is_the_platforms()
    {
        if (!Shake128.IsSupported)
            Assert.Skip("this platform has no SHAKE to compare with; the signatures above stand on it");
        for (var length = 0; length < 700; length += 7)
        {
            var data = Enumerable.Range(0, length).Select(i => (byte)(i * 31)).ToArray();
            byte[] ours = new byte[500], theirs = Shake128.HashData(data, 500);
            var shake = Shake.Of128().Absorb(data.AsSpan(0, length / 3)).Absorb(data.AsSpan(length / 3));
            shake.Squeeze(ours.AsSpan(0, 7));
            shake.Squeeze(ours.AsSpan(7));
            Assert.Equal(theirs, ours);
            Shake.Of256().Absorb(data).Squeeze(ours);
            Assert.Equal(Shake256.HashData(data, 500), ours);
        }
    }
}
