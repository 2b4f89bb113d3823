using System.Text;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class CosignatureTests
{
    const string Text = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

    static (VerifierKey Key, Func<byte[], byte[]> Sign) Witness(string name, NoteKeyType type = NoteKeyType.Cosignature)
    {
        var seed = Encoding.ASCII.GetBytes(name.PadRight(32)[..32]);
        return (new VerifierKey(name, type, ReferenceEd25519.PublicKey(seed)),
            message => ReferenceEd25519.Sign(seed, message));
    }

    [Fact]
    public void An_answer_is_read_for_one_key()
    {
        var (w1, w2) = (Witness("witness.example.com/w1"), Witness("witness.example.com/w2"));
        var (one, two) = (w1.Key.Sign(Text, w1.Sign, 1679315147), w2.Key.Sign(Text, w2.Sign, 1679315148));
        var later = w1.Key.Sign(Text, w1.Sign, 1679315149);
        var bad = one with { Bytes = one.Bytes.SetItem(20, (byte)(one.Bytes[20] ^ 1)) };

        Assert.Equal(CosignatureTrust.Verified, Cosignature.Read($"{two}{one}{later}", Text, w1.Key, out var read));
        Assert.Equal((w1.Key, 1679315147), (read!.Key, read.Time));
        Assert.Equal(one.ToString(), read.Line.ToString());
        Assert.Equal(CosignatureTrust.NoKnownKey, Cosignature.Read(two.ToString(), Text, w1.Key, out read));
        Assert.Null(read);
        Assert.Equal(CosignatureTrust.BadSignature, Cosignature.Read($"{one}{bad}", Text, w1.Key, out read));
        Assert.Null(read);
        foreach (var malformed in new[] { "", "\n", one.ToString()[..^1], one + "\n", "x" + one, $"{one}{Text}",
            "— \n" })
            Assert.Equal(CosignatureTrust.Malformed, Cosignature.Read(malformed, Text, w1.Key, out _));
        Assert.Equal(CosignatureTrust.Malformed,
            Cosignature.Read(string.Concat(Enumerable.Repeat(one, Note.MaxSignatures + 1)), Text, w1.Key, out _));

        // Of another checkpoint, or of something that is none, it is no cosignature.
        Assert.Equal(CosignatureTrust.BadSignature,
            Cosignature.Read(one.ToString(), Text.Replace("log", "lag", StringComparison.Ordinal), w1.Key, out _));
        Assert.Equal(CosignatureTrust.BadSignature,
            Cosignature.Read(w1.Key.Sign("hello\n", w1.Sign, 1).ToString(), "hello\n", w1.Key, out _));
        // A log's own signature is none either, no matter whose key it is.
        var log = Witness("example.com/log", NoteKeyType.Ed25519);
        Assert.Equal(CosignatureTrust.BadSignature,
            Cosignature.Read(log.Key.Sign(Text, log.Sign).ToString(), Text, log.Key, out _));
    }

    [Fact]
    public void No_bit_of_a_cosignature_may_flip()
    {
        var witness = Witness("witness.example.com/w1");
        var line = witness.Key.Sign(Text, witness.Sign, 1679315147);
        Assert.NotNull(Cosignature.Verify(line, Text, witness.Key));
        for (var bit = 0; bit < line.Bytes.Length * 8; bit++)
            Assert.Null(
                Cosignature.Verify(line with { Bytes = line.Bytes.SetItem(bit / 8,
                    (byte)(line.Bytes[bit / 8] ^ 1 << bit % 8)) }, Text, witness.Key));
        Assert.Null(Cosignature.Verify(line with { Bytes = line.Bytes[..^1] }, Text, witness.Key));
        Assert.Null(Cosignature.Verify(line with { Bytes = line.Bytes.Add(0) }, Text, witness.Key));
        Assert.Null(Cosignature.Verify(line with { Bytes = line.Bytes[..7] }, Text, witness.Key));
        Assert.Throws<ArgumentOutOfRangeException>(() => witness.Key.Sign(Text, witness.Sign, -1));
    }
}
