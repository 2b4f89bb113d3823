using System.Text;
using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class TlogProofTests(ITestOutputHelper output)
{
    static readonly Digest[] Leaves = [.. Enumerable.Range(0, 13).Select(i => Merkle.Leaf([(byte)i]))];

    static (VerifierKey Key, Func<byte[], byte[]> Sign) Signer(string name, NoteKeyType type)
    {
        var seed = Encoding.ASCII.GetBytes(name.PadRight(32)[..32]);
        return (new VerifierKey(name, type, ReferenceEd25519.PublicKey(seed)),
            message => ReferenceEd25519.Sign(seed, message));
    }

    static Digest Subtree(int level, long index) => Merkle.Root(Leaves.Skip((int)(index << level)).Take(1 << level));

    static readonly (VerifierKey Key, Func<byte[], byte[]> Sign) Log = Signer("example.com/log", NoteKeyType.Ed25519),
        W1 = Signer("example.com/w1", NoteKeyType.Cosignature), W2 = Signer("example.net/w2", NoteKeyType.Cosignature);

    static TlogProof Made(string? extra = null)
    {
        var text = new Checkpoint("example.com/log", 13, Merkle.Root(Leaves)).Text;
        var note = new Note(text, Log.Key.Sign(text, Log.Sign), W1.Key.Sign(text, W1.Sign, 1700000000),
            W2.Key.Sign(text, W2.Sign, 1700000001));
        return new TlogProof(5, [.. Proofs.Inclusion(5, 13, Subtree)], note.ToString(),
            extra is null ? default : [.. Encoding.UTF8.GetBytes(extra)]);
    }

    [Fact]
    public void Transparency_formats_proofs()
    {
        using var json = JsonDocument.Parse(
            File.ReadAllBytes(Assert.Single(Vectors.Files("transparency-formats", "tlog-proof.json"))));
        int written = 0, refused = 0;
        foreach (var c in json.RootElement.GetProperty("marshal").EnumerateArray())
        {
            var extra = c.TryGetProperty("extraBase64", out var e) ? Base64.Decode(e.GetString()) : [];
            var hashes = c.GetProperty("hashes").EnumerateArray()
                .Select(h => Digest.From(Base64.Decode(h.GetString())));
            var proof = new TlogProof(long.Parse(c.GetProperty("index").GetString()!), [.. hashes],
                c.GetProperty("checkpoint").GetString()!, [.. extra]);
            var want = c.GetProperty("want").GetString()!;
            Assert.Equal(want, proof.ToString());
            var read = TlogProof.Parse(Encoding.UTF8.GetBytes(want));
            Assert.Equal(want, read.ToString());
            Assert.Equal((proof.Index, proof.Checkpoint), (read.Index, read.Checkpoint));
            Assert.Equal(proof.Hashes, read.Hashes);
            Assert.Equal(proof.Extra, read.Extra);
            // What they end in is no checkpoint, which the verifier says.
            Assert.Equal(TlogProofTrust.BadCheckpoint,
                read.Verify(Leaves[5], WitnessPolicy.Of(Log.Key, [], 0), out var verdict));
            Assert.Equal(PolicyTrust.Malformed, verdict.Trust);
            written++;
        }
        foreach (var m in json.RootElement.GetProperty("malformed").EnumerateArray())
        {
            Assert.Throws<FormatException>(() => TlogProof.Parse(Encoding.UTF8.GetBytes(m.GetString()!)));
            refused++;
        }
        Assert.Equal((3, 7), (written, refused));
        output.WriteLine($"tlog-proof.json: {written} written and read, {refused} refused");
    }

    [Fact]
    public void A_proof_holds_under_its_policy_alone()
    {
        var proof = Made();
        Assert.Equal(TlogProofTrust.Verified,
            proof.Verify(Leaves[5], WitnessPolicy.Of(Log.Key, [W1.Key, W2.Key], 2), out var verdict));
        Assert.Equal(13, verdict.Checkpoint!.Size);
        Assert.Equal([1700000000, 1700000001], verdict.Cosigners.Select(c => c.Time));
        Assert.Equal(TlogProofTrust.Verified,
            proof.Verify(Leaves[5], WitnessPolicy.Of(null, [W1.Key], 1), out _, Log.Key));
        Assert.Equal(TlogProofTrust.NotIncluded, proof.Verify(Leaves[6], WitnessPolicy.Of(Log.Key, [], 0), out _));
        (PolicyTrust Why, WitnessPolicy Policy)[] refused =
        [
            (PolicyTrust.UnknownLog, WitnessPolicy.Of(null, [W1.Key], 1)),
            (PolicyTrust.UnknownLog, WitnessPolicy.Of(Signer("example.com/lag", NoteKeyType.Ed25519).Key, [], 0)),
            (PolicyTrust.TooFewWitnesses,
                WitnessPolicy.Of(Log.Key, [W1.Key, W2.Key, Signer("w3", NoteKeyType.Cosignature).Key], 3)),
        ];
        foreach (var (why, policy) in refused)
        {
            Assert.Equal(TlogProofTrust.BadCheckpoint, proof.Verify(Leaves[5], policy, out verdict));
            Assert.Equal((why, null), (verdict.Trust, verdict.Checkpoint));
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("extra data")]
    public void Whatever_parses_is_written_again_and_no_byte_may_flip(string? extra)
    {
        var policy = WitnessPolicy.Of(Log.Key, [W1.Key, W2.Key], 2);
        var bytes = Encoding.UTF8.GetBytes(Made(extra).ToString());
        Assert.Equal(TlogProofTrust.Verified, TlogProof.Parse(bytes).Verify(Leaves[5], policy, out _));
        // The extra data is nobody's promise: a change in it may be read, and then it is what was read.
        var unsigned = extra is null
            ? 0..0
            : (Range)("c2sp.org/tlog-proof@v1\nextra ".Length..("c2sp.org/tlog-proof@v1\nextra ".Length + 16));
        var parsed = 0;
        // Every byte of the proof's own lines; of the note, whose bytes have their own test, every third.
        var note = bytes.AsSpan().IndexOf("\n\n"u8);
        for (var at = 0; at < bytes.Length; at += at <= note + 1 ? 1 : 3)
        {
            var bit = 8 * at + at % 8;
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            try
            {
                var read = TlogProof.Parse(bytes);
                parsed++;
                Assert.Equal(bytes, Encoding.UTF8.GetBytes(read.ToString()));
                var holds = read.Verify(Leaves[5], policy, out _) == TlogProofTrust.Verified;
                Assert.Equal(bit / 8 >= unsigned.Start.Value && bit / 8 < unsigned.End.Value, holds);
            }
            catch (FormatException)
            {
            }
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
        Assert.True(parsed > 0);
    }

    [Fact]
    public void Other_forms_are_refused()
    {
        var good = Made("x").ToString();
        TlogProof.Parse(Encoding.UTF8.GetBytes(good));
        string[] bad =
        [
            "", good[1..], "\n" + good, good.Replace("\n", "\r\n", StringComparison.Ordinal), good.Replace("index 5",
                "index 05", StringComparison.Ordinal), good.Replace("index 5", "index +5", StringComparison.Ordinal),
            good.Replace("index 5", "index 9223372036854775808", StringComparison.Ordinal), good.Replace("index 5",
                "index 5 ", StringComparison.Ordinal), good.Replace("extra eA==", "extra ", StringComparison.Ordinal),
            good.Replace("extra eA==", "extra eB==", StringComparison.Ordinal), good.Replace("extra eA==\nindex 5",
                "index 5\nextra eA==", StringComparison.Ordinal), good.Replace("@v1", "@v2", StringComparison.Ordinal),
            good[..(good.IndexOf("\n\n", StringComparison.Ordinal) + 2)],
            good[..good.IndexOf("\n\n", StringComparison.Ordinal)],
            good.Replace("index 5\n",
                "index 5\n" + string.Concat(Enumerable.Repeat("rzFuy5Go7nrpkhBwKy1HWPMM3eO/YePY54fXRoH5Cm4=\n", 64)),
                StringComparison.Ordinal),
        ];
        foreach (var b in bad) Assert.Throws<FormatException>(() => TlogProof.Parse(Encoding.UTF8.GetBytes(b)));
        Assert.Throws<FormatException>(() => TlogProof.Parse([.. Encoding.UTF8.GetBytes(good), 0xFF]));
        Assert.Throws<FormatException>(() => TlogProof.Parse(new byte[TlogProof.MaxBytes + 1]));
        Assert.Throws<FormatException>(() => new TlogProof(-1, [], "x\n"));
        Assert.Throws<FormatException>(() => new TlogProof(0, [], "x\n", [.. new byte[TlogProof.MaxExtra + 1]]));
    }
}
