using System.Text.Json;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Proof;

namespace Stele.Tests.Ledger;

public sealed class NoteSignerTests
{
    [Fact]
    public void Signs_gos_golden_note()
    {
        var suite = JsonDocument.Parse(
            File.ReadAllBytes(Path.Combine(Vectors.Dir("golang-mod-sumdb"), "signed-note.json"))).RootElement;
        var keys = suite.GetProperty("keys");
        foreach (var c in suite.GetProperty("sign").EnumerateArray())
        {
            var key = keys.GetProperty(c.GetProperty("skey").GetString()!);
            using var signer = NoteSigner.Parse(key.GetProperty("testOnlySkey").GetString()!);
            Assert.Equal(key.GetProperty("vkey").GetString(), signer.Key.ToString());
            Assert.Equal(c.GetProperty("want").GetString(), signer.Sign(c.GetProperty("text").GetString()!).ToString());
        }
    }

    [Fact]
    public void Resigns_tesseras_checkpoints()
    {
        var dir = Vectors.Dir("tessera-testdata");
        var keys = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(dir, "keys.json"))).RootElement;
        using var signer = NoteSigner.Parse(keys.GetProperty("testOnlyLogSkey").GetString()!);
        for (var n = 0; n <= 15; n++)
        {
            var note = File.ReadAllText(Path.Combine(dir, "log", $"checkpoint.{n}"));
            Assert.Equal(note, signer.Sign(Note.Parse(note).Text).ToString());
        }
    }

    [Fact]
    public void Libcrypto_and_the_reference_agree()
    {
        for (byte i = 0; i < 5; i++)
        {
            var seed = Enumerable.Repeat(i, 32).ToArray();
            using var key = new Ed25519Key(seed);
            Assert.Equal(ReferenceEd25519.PublicKey(seed), key.Public);
            var signature = key.Sign([i, 7]);
            Assert.Equal(ReferenceEd25519.Sign(seed, [i, 7]), signature);
            Assert.True(Ed25519.Verify(key.Public, [i, 7], signature));
        }
    }

    [Fact]
    public void A_witness_cosigns_and_signs_nothing_else()
    {
        var dir = Directory.CreateTempSubdirectory("stele-key").FullName;
        try
        {
            using var log = NoteSigner.Create(Path.Combine(dir, "log.key"), "example.com/log");
            using var made = NoteSigner.Create(Path.Combine(dir, "witness.key"), "witness.example.com/w1",
                NoteKeyType.Cosignature);
            using var witness = NoteSigner.Open(Path.Combine(dir, "witness.key"));
            Assert.Equal((made.Key, NoteKeyType.Cosignature), (witness.Key, witness.Key.Type));

            var note = log.Sign(new Checkpoint("example.com/log", 1, Merkle.Leaf("a"u8)).Text);
            var line = witness.Cosign(note, 1679315147);
            Assert.Equal(CosignatureTrust.Verified,
                Cosignature.Read(line.ToString(), note.Text, witness.Key, out var read));
            Assert.Equal(new Cosignature(witness.Key, 1679315147,
                NoteSignature.ParseLines(line.ToString())[0]) with { Line = read!.Line }, read);
            Assert.Equal(NoteTrust.Verified,
                Note.Parse(note.With(line).ToString()).Verify([log.Key, witness.Key], out var verified));
            Assert.Equal([0, 1679315147], verified.Select(v => v.Time));

            Assert.Throws<InvalidOperationException>(() => witness.Sign(note.Text));
            Assert.Throws<InvalidOperationException>(() => log.Cosign(note, 1));
            Assert.Throws<FormatException>(() => witness.Cosign(new Note("no checkpoint\n", line), 1));
            Assert.Throws<ArgumentOutOfRangeException>(() => witness.Cosign(note, 0));
        }
        finally
        {
            Directory.Delete(dir, recursive: true);
        }
    }

    [Fact]
    public void Where_platform_has_ml_dsa_a_witness_cosigns_with_it()
    {
        if (!MlDsa44Key.IsSupported)
        {
            // The seed is good; the platform is what is missing, and it is said.
            Assert.Contains("OpenSSL 3.5",
                Assert.Throws<PlatformNotSupportedException>(() => new MlDsa44Key(new byte[32])).Message,
                StringComparison.Ordinal);
            Assert.Skip(
                "this platform's libcrypto has no ML-DSA (OpenSSL 3.5 and later have it): nothing here can sign with it; MlDsa44Tests verify");
        }
        var seed = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();
        using var key = new MlDsa44Key(seed);
        Assert.Equal(new ReferenceMlDsa44(seed).PublicKey, key.Public);
        var typed = new VerifierKey("witness.example.com/w1", NoteKeyType.SubtreeCosignature, key.Public);
        using var witness = NoteSigner.Parse($"PRIVATE+KEY+{typed.Name}+{typed.Id:x8}+{Base64.Encode([6, .. seed])}");
        var text = new Checkpoint("example.com/log", 1, Merkle.Leaf("a"u8)).Text;
        Assert.Equal(1679315147, Cosignature.Verify(witness.Cosign(new Note(text), 1679315147), text, typed)!.Time);
        Assert.True(Cosignature.VerifySubtree(witness.CosignSubtree("example.com/log", 8, 13, Merkle.Leaf("a"u8)),
            "example.com/log", 8, 13, Merkle.Leaf("a"u8), typed));
    }

    [Fact]
    public void Key_files_are_private_and_not_overwritten()
    {
        var dir = Directory.CreateTempSubdirectory("stele-key").FullName;
        try
        {
            var path = Path.Combine(dir, "keys", "log.key");
            using var made = NoteSigner.Create(path, "example.com/log");
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            using var read = NoteSigner.Open(path);
            Assert.Equal(made.Key, read.Key);
            Assert.Equal(made.Sign("text\n").ToString(), read.Sign("text\n").ToString());
            Assert.Equal(NoteTrust.Verified, Note.Parse(read.Sign("text\n").ToString()).Verify([made.Key], out _));
            Assert.Throws<IOException>(() => NoteSigner.Create(path, "example.com/log"));
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.GroupRead);
            Assert.Throws<IOException>(() => NoteSigner.Open(path));
        }
        finally
        {
            Directory.Delete(dir, recursive: true);
        }
    }

    [Fact]
    public void Other_texts_are_no_key()
    {
        var good = Ledgers.KeyText("a", 1);
        NoteSigner.Parse(good).Dispose();
        foreach (var bad in new[] { "", "PRIVATE+KEY+", good[..^4], good + "AAAA",
            good.Replace("+a+", "+b+", StringComparison.Ordinal), good["PRIVATE+KEY+".Length..] })
            Assert.Throws<FormatException>(() => NoteSigner.Parse(bad));
    }
}
