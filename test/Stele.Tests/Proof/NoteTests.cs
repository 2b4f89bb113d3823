using System.Text;
using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class NoteTests(ITestOutputHelper output)
{
    static JsonElement Read(string suite, string file) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Vectors.Dir(suite), file))).RootElement;

    [Fact]
    public void Golang_mod_sumdb_open_cases()
    {
        var suite = Read("golang-mod-sumdb", "signed-note.json");
        var keys = suite.GetProperty("keys").EnumerateObject().ToDictionary(k => k.Name,
            k => VerifierKey.Parse(k.Value.GetProperty("vkey").GetString()!));
        foreach (var c in suite.GetProperty("open").EnumerateArray())
        {
            var name = c.GetProperty("name").GetString()!;
            var text = c.GetProperty("note").GetString()!;
            var known = c.GetProperty("known").EnumerateArray().Select(k => keys[k.GetString()!]).ToArray();
            if (name == "101 signatures")
            {
                Assert.Throws<FormatException>(() => Note.Parse(text));
                continue;
            }
            var note = Note.Parse(text);
            Assert.Equal(text, note.ToString());
            var trust = note.Verify(known, out var verified);
            if (c.GetProperty("ok").GetBoolean())
            {
                Assert.Equal(NoteTrust.Verified, trust);
                Assert.Equal(c.GetProperty("verified").EnumerateArray().Select(v => v.GetString()),
                    verified.Select(v => v.Key.Name));
            }
            else
            {
                Assert.Empty(verified);
                Assert.Equal(name switch
                {
                    "none known" => NoteTrust.NoKnownKey,
                    "corrupt signature of known key" => NoteTrust.BadSignature,
                    _ => throw new InvalidOperationException(name)
                }, trust);
            }
        }
    }

    [Fact]
    public void Golang_mod_sumdb_malformed_notes_and_keys()
    {
        var suite = Read("golang-mod-sumdb", "signed-note.json");
        Assert.Equal(7, suite.GetProperty("malformedBase64").GetArrayLength());
        foreach (var m in suite.GetProperty("malformedBase64").EnumerateArray())
            Assert.Throws<FormatException>(() => Note.Parse(Convert.FromBase64String(m.GetString()!)));
        // Go's own tile paths begin with the tiles' height, which C2SP's do not: another format, so none of them is a
        // path here.
        foreach (var p in Read("golang-mod-sumdb", "tlog.json").GetProperty("goTilePaths_heightInPath_notC2SP")
            .EnumerateArray().Where(p => p.TryGetProperty("L", out var level) && level.GetInt32() == 0))
            Assert.NotEqual(p.GetProperty("path").GetString(), new Tile(p.GetProperty("L").GetInt32(),
                p.GetProperty("N").GetInt64(), Math.Min(p.GetProperty("W").GetInt32(), 256)).Path);
        foreach (var bad in suite.GetProperty("badVkeys").EnumerateArray())
            Assert.Throws<FormatException>(() => VerifierKey.Parse(bad.GetString()!));
        foreach (var key in suite.GetProperty("keys").EnumerateObject())
        {
            var text = key.Value.GetProperty("vkey").GetString()!;
            Assert.Equal(text, VerifierKey.Parse(text).ToString());
            foreach (var wrong in new[] { text.ToUpperInvariant(), text + "=", text[..^1], "x" + text,
                text.Replace('+', ' '), text.Replace("+", "++", StringComparison.Ordinal) })
                Assert.Throws<FormatException>(() => VerifierKey.Parse(wrong));
        }
    }

    [Fact]
    public void Golang_mod_sumdb_tree_notes()
    {
        // Go's tree note has the checkpoint's layout with a fixed origin; a checkpoint takes any origin, so the first
        // bad one is bad for its origin alone.
        var suite = Read("golang-mod-sumdb", "tlog.json");
        var record = suite.GetProperty("recordHash");
        Assert.Equal(record.GetProperty("leafHashBase64").GetString(),
            Base64.Encode(Merkle.Leaf(Encoding.UTF8.GetBytes(record.GetProperty("dataUtf8").GetString()!)).ToArray()));
        var format = suite.GetProperty("treeFormat");
        var want = format.GetProperty("want").GetString()!;
        var checkpoint = Checkpoint.Parse(want);
        Assert.Equal((format.GetProperty("origin").GetString(), 123456789012, want),
            (checkpoint.Origin, checkpoint.Size, checkpoint.Text));
        var bad = format.GetProperty("bad").EnumerateArray().Select(b => b.GetString()!).ToArray();
        Assert.NotEqual(checkpoint.Origin, Checkpoint.Parse(bad[0]).Origin);
        foreach (var b in bad[1..]) Assert.Throws<FormatException>(() => Checkpoint.Parse(b));
    }

    [Fact]
    public void C2sp_specs_examples()
    {
        var suite = Read("c2sp-specs", "examples.json");
        var key = VerifierKey.Parse(suite.GetProperty("signedNote").GetProperty("vkey").GetString()!);
        var text = suite.GetProperty("signedNote").GetProperty("note").GetString()!;
        Assert.Equal(NoteTrust.Verified, Note.Parse(text).Verify([key], out var verified));
        Assert.Equal(key, Assert.Single(verified).Key);

        var checkpoint = suite.GetProperty("checkpointSyntaxOnly").GetString()!;
        var note = Note.Parse(checkpoint);
        Assert.Equal(checkpoint, note.ToString());
        Assert.Equal(["example.com/behind-the-sofa", "witness.example.com/w1"], note.Signatures.Select(s => s.Name));
        Assert.Equal(20852163, Checkpoint.Parse(note.Text).Size);

        foreach (var c in suite.GetProperty("tileIndexPaths").EnumerateArray())
            Assert.Equal("tile/3/" + c.GetProperty("path").GetString(),
                new Tile(3, c.GetProperty("n").GetInt64()).Path);
        foreach (var c in suite.GetProperty("tileSets").EnumerateArray())
            foreach (var p in c.EnumerateObject().Where(p => p.Name != "size"))
            {
                var level = p.Name[^1] - '0';
                var size = c.GetProperty("size").GetInt64() >> 8 * level;
                Assert.Equal(p.Value.GetInt64(), p.Name.StartsWith("full", StringComparison.Ordinal)
                    ? size / 256
                    : Tile.WidthAt(c.GetProperty("size").GetInt64(), level, size / 256));
            }
    }

    [Fact]
    public void Transparency_formats_keys()
    {
        var suite = Read("transparency-formats", "vkeys-and-policies.json");
        var keys = suite.GetProperty("vkeys");
        foreach (var (name, type) in new[] { ("ed25519_0x01", NoteKeyType.Ed25519),
            ("ecdsa_0x02_rekor_v1", NoteKeyType.Ecdsa), ("ed25519_cosignature_0x04", NoteKeyType.Cosignature) })
        {
            var text = keys.GetProperty(name).GetString()!;
            var key = VerifierKey.Parse(text);
            Assert.Equal((type, text), (key.Type, key.ToString()));
        }
        // Tree heads of certificate transparency logs (0x05) are no notes of this field, and nothing here reads them.
        // The ML-DSA key's id is not the one that its name and bytes give.
        Assert.Contains("0x05",
            Assert.Throws<FormatException>(() =>
                VerifierKey.Parse(keys.GetProperty("rfc6962_0x05").GetString()!)).Message, StringComparison.Ordinal);
        Assert.Contains("id is 31236897",
            Assert.Throws<FormatException>(() => VerifierKey.Parse(keys.GetProperty("mldsa44_cosignature_0x06")
                .GetString()!)).Message, StringComparison.Ordinal);
        var bad = suite.GetProperty("badVkeys").EnumerateArray().ToArray();
        foreach (var b in bad) Assert.Throws<FormatException>(() => VerifierKey.Parse(b.GetString()!));

        // The cosignature comes without its note; its time is where it should be.
        var cosignature = suite.GetProperty("cosignatureTimestamp");
        var line = Assert.Single(
            NoteSignature.ParseLines($"\u2014 remora.n621.de {cosignature.GetProperty("sigBase64").GetString()}\n"));
        Assert.True(Cosignature.TrySplit(line.Bytes.AsSpan(), out var time, out var signature));
        Assert.Equal((cosignature.GetProperty("unixSeconds").GetInt64(), 64), (time, signature.Length));
        output.WriteLine($"vkeys: 3 read, 2 refused (0x05 not read here; a wrong id), {bad.Length} bad ones refused");
    }

    [Fact]
    public void Notes_of_logs_that_sign_with_ecdsa()
    {
        foreach (var curve in new[] { System.Security.Cryptography.ECCurve.NamedCurves.nistP256,
            System.Security.Cryptography.ECCurve.NamedCurves.nistP384,
            System.Security.Cryptography.ECCurve.NamedCurves.nistP521 })
        {
            using var ecdsa = System.Security.Cryptography.ECDsa.Create(curve);
            var key = new VerifierKey("rekor.example.com", NoteKeyType.Ecdsa, ecdsa.ExportSubjectPublicKeyInfo());
            Assert.Equal(key, VerifierKey.Parse(key.ToString()));
            Assert.Equal(Digest.Of(key.PublicKey).Hex[..8], key.Id.ToString("x8"));
            // Rekor's first log adds the number of its tree to the origin, so its notes are no checkpoints of a log
            // with the key's name.
            var text = "rekor.example.com - 1193050959916656506\n1\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n";
            var note = new Note(text,
                key.Sign(text, m => ecdsa.SignData(m, System.Security.Cryptography.HashAlgorithmName.SHA256,
                    System.Security.Cryptography.DSASignatureFormat.Rfc3279DerSequence)));
            Assert.Equal(NoteTrust.Verified, Note.Parse(note.ToString()).Verify([key], out _));
            Assert.Equal(CheckpointTrust.WrongOrigin, Checkpoint.Open(note.ToString(), key, out _));
            Assert.Equal(NoteTrust.BadSignature,
                Note.Parse(note.ToString().Replace("\n1\n", "\n2\n", StringComparison.Ordinal)).Verify([key], out _));
        }
    }

    [Fact]
    public void Torchwood_witness_checkpoints()
    {
        // Signatures and proofs of the requests; what a witness answers to them is its own tests' matter.
        var suite = Read("torchwood-witness", "add-checkpoint-ed25519.json");
        var origin = suite.GetProperty("origin").GetString()!;
        var key = new VerifierKey(origin, NoteKeyType.Ed25519,
            Convert.FromHexString(suite.GetProperty("logPublicKeyHex").GetString()!));
        var roots = new Dictionary<long, Digest>();
        int good = 0, bad = 0, foreign = 0, proved = 0, unproved = 0;
        foreach (var step in suite.GetProperty("steps").EnumerateArray())
        {
            var body = step.GetProperty("body").GetString()!;
            var gap = body.IndexOf("\n\n", StringComparison.Ordinal);
            var lines = body[..gap].Split('\n');
            var trust = Checkpoint.Open(body[(gap + 2)..], key, out var checkpoint);
            switch (step.GetProperty("asserts")[0].GetString())
            {
                case var a when a!.Contains("invalid signature", StringComparison.Ordinal):
                    // Its base64 ends in stray bits, so the line is refused before there is a signature; with them
                    // cleared it is a bad one.
                    Assert.Equal(CheckpointTrust.Malformed, trust);
                    Assert.Equal(CheckpointTrust.BadSignature,
                        Checkpoint.Open(body[(gap + 2)..].Replace("6gx=", "6gw=", StringComparison.Ordinal), key,
                            out _));
                    bad++;
                    continue;
                case var a when a!.Contains("unknown log", StringComparison.Ordinal):
                    Assert.Equal(CheckpointTrust.NoKnownKey, trust);
                    foreign++;
                    continue;
            }
            Assert.Equal(CheckpointTrust.Verified, trust);
            good++;
            var old = long.Parse(lines[0]["old ".Length..]);
            var status = step.GetProperty("status").GetInt32();
            if (old > 0 && status != 409)
            {
                var consistent = Proofs.VerifyConsistency(old, checkpoint!.Size, roots[old], checkpoint.Root,
                    [.. lines[1..].Where(l => l != "").Select(l => Digest.From(Base64.Decode(l)))]);
                Assert.Equal(status == 200, consistent);
                if (consistent) proved++;
                else unproved++;
            }
            if (status == 200) roots[checkpoint!.Size] = checkpoint.Root;
        }
        Assert.Equal((7, 1, 1, 2, 2), (good, bad, foreign, proved, unproved));
        output.WriteLine(
            $"add-checkpoint-ed25519.json: {good} good signatures, {bad} bad, {foreign} of another log; {proved} proofs hold, {unproved} do not");
    }

    [Fact]
    public void Cosignatures_carry_a_time()
    {
        var witness = Signer("witness.example.com/w1", NoteKeyType.Cosignature);
        var text = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        var line = witness.Key.Sign(text, witness.Sign, 1679315147);
        Assert.Equal(72, line.Bytes.Length);
        Assert.Equal("cosignature/v1\ntime 1679315147\n" + text,
            Encoding.UTF8.GetString(witness.Key.Message(text, 1679315147)));
        var note = Note.Parse(new Note(text, line).ToString());
        Assert.Equal(NoteTrust.Verified, note.Verify([witness.Key], out var verified));
        Assert.Equal(1679315147, Assert.Single(verified).Time);
        // Another time, another signature.
        var moved = line.Bytes.SetItem(7, (byte)(line.Bytes[7] ^ 1));
        Assert.Equal(NoteTrust.BadSignature, new Note(text, line with { Bytes = moved }).Verify([witness.Key], out _));
        // A plain signature is no cosignature and the other way round: the ids differ.
        Assert.NotEqual(witness.Key.Id,
            new VerifierKey(witness.Key.Name, NoteKeyType.Ed25519, witness.Key.PublicKey).Id);
    }

    [Fact]
    public void No_byte_of_a_signed_note_may_change()
    {
        var signer = Signer("example.com/log", NoteKeyType.Ed25519);
        var text = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        var bytes = Encoding.UTF8.GetBytes(new Note(text, signer.Key.Sign(text, signer.Sign)).ToString());
        Assert.Equal(CheckpointTrust.Verified,
            Checkpoint.Open(Encoding.UTF8.GetString(bytes), signer.Key, out var checkpoint));
        Assert.Equal(0, checkpoint!.Size);
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.NotEqual(CheckpointTrust.Verified,
                Checkpoint.Open(Encoding.Latin1.GetString(bytes), signer.Key, out _));
            NoteTrust trust;
            try
            {
                trust = Note.Parse(bytes).Verify([signer.Key], out _);
            }
            catch (FormatException)
            {
                trust = NoteTrust.NoKnownKey;
            }
            Assert.NotEqual(NoteTrust.Verified, trust);
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Theory]
    [InlineData("\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]                 // no origin
    [InlineData("a\n00\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("a\n+1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("a\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("a\n1 \n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("a\n9223372036854775808\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("a\n0\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n")]                // not the empty root
    [InlineData("a\n1\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKl=\n")]                // stray bits
    [InlineData("a\n1\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk\n")]
    [InlineData("a\n1\nWqx3\n")]
    [InlineData("a\n1\n")]
    [InlineData("a\n1\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=")]
    [InlineData("a\n1\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n\n")]               // an empty extension
    public void Malformed_checkpoints(string text) => Assert.Throws<FormatException>(() => Checkpoint.Parse(text));

    [Fact]
    public void A_checkpoint_of_another_origin_is_refused()
    {
        var signer = Signer("example.com/log", NoteKeyType.Ed25519);
        var text = new Checkpoint("example.com/other", 1, Merkle.Leaf([])).Text;
        Assert.Equal(CheckpointTrust.WrongOrigin,
            Checkpoint.Open(new Note(text, signer.Key.Sign(text, signer.Sign)).ToString(), signer.Key, out _));
        var other = Signer("example.com/other", NoteKeyType.Ed25519);
        Assert.Equal(CheckpointTrust.NoKnownKey,
            Checkpoint.Open(new Note(text, signer.Key.Sign(text, signer.Sign)).ToString(), other.Key, out _));
        Assert.Equal(CheckpointTrust.Malformed, Checkpoint.Open(text, other.Key, out _));
    }

    [Fact]
    public void Extension_lines_are_kept()
    {
        var text = "a\n1\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\nfirst\nsecond\n";
        var checkpoint = Checkpoint.Parse(text);
        Assert.Equal(["first", "second"], checkpoint.Extensions);
        Assert.Equal(text, checkpoint.Text);
        var most = text + string.Concat(Enumerable.Repeat("x\n", Checkpoint.MaxExtensions - 2));
        Assert.Equal(most, Checkpoint.Parse(most).Text);
        Assert.Throws<FormatException>(() => Checkpoint.Parse(most + "x\n"));
    }

    static (VerifierKey Key, Func<byte[], byte[]> Sign) Signer(string name, NoteKeyType type)
    {
        var seed = Encoding.ASCII.GetBytes(name.PadRight(32)[..32]);
        return (new VerifierKey(name, type, ReferenceEd25519.PublicKey(seed)),
            message => ReferenceEd25519.Sign(seed, message));
    }
}
