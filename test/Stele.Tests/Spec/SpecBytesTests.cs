using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Golden;
using Stele.Tests.Worlds;

namespace Stele.Tests.Spec;

/// <summary>The worked bytes of <c>docs/spec</c>: each has the digest that is stated, parses, and is written again byte
/// for byte; and they are what they say of one another.</summary>
public sealed class SpecBytesTests
{
    static byte[] Golden(string world, string file) => File.ReadAllBytes(Path.Combine(GoldenFolder.Of(1, world), file));

    static readonly Lazy<UnpackedWorld> Plain = new(() => UnpackedWorld.Of(Golden("plain", "pack.zip"))), Eventful =
        new(() => UnpackedWorld.Of(Golden("eventful", "pack.zip")));

    static byte[] Block(string page, string name) => SpecPage.Read(page).Block(name).Bytes;

    public static TheoryData<string, string> All => [.. SpecPage.Names.SelectMany(p =>
        SpecPage.Read(p).Blocks.Select(b => (p, b.Name)))];

    [Theory]
    [MemberData(nameof(All))]
    public void Digests_are_as_stated(string page, string name)
    {
        var block = SpecPage.Read(page).Block(name);
        if (block.Sha256 is { } digest) Assert.Equal(digest, Digest.Of(block.Bytes));
        if (block.Leaf is { } leaf) Assert.Equal(leaf, Merkle.Leaf(block.Bytes));
        if (block.Bytes is [(byte)'{', ..]) Assert.Equal(block.Bytes,
            CanonicalJson.ParseCanonical(block.Bytes, 1 << 20).ToBytes());
    }

    [Fact]
    public void Most_blocks_state_their_digest()
    {
        var blocks = SpecPage.Names.SelectMany(p => SpecPage.Read(p).Blocks).ToList();
        Assert.True(blocks.Count > 35);
        Assert.Equal(["checkpoint", "low-order", "preauth", "share-principal"],
            blocks.Where(b => b.Sha256 is null).Select(b => b.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_kind_has_a_payload_that_is_written_again()
    {
        var found = new HashSet<string>();
        var kept = Plain.Value.Replay.Entries.Concat(Eventful.Value.Replay.Entries)
            .Select(e => Digest.Of(e.Entry.Envelope.Payload)).ToHashSet();
        var genuine = 0;
        foreach (var block in SpecPage.Read("statements").Blocks)
        {
            var statement = StatementKinds.Parse(block.Bytes);
            Assert.True(block.Name == statement.Kind || block.Name.StartsWith(statement.Kind + "-",
                StringComparison.Ordinal), $"{block.Name} is a {statement.Kind}");
            Assert.Equal(block.Bytes, statement.Encode());
            if (kept.Contains(Digest.Of(block.Bytes))) genuine++;
            found.Add(statement.Kind);
        }
        Assert.Equal(24, found.Count);
        Assert.True(genuine > 20, $"{genuine} payloads are of the ledgers that the page names");
    }

    [Fact]
    public void The_example_entry_is_signed_as_the_page_says()
    {
        var page = SpecPage.Read("ledger");
        var entry = Entry.Parse(page.Block("entry-0").Bytes);
        Assert.Equal(page.Block("entry-0").Bytes, entry.Bytes);
        Assert.Equal(Plain.Value.Replay.Entries[0].Entry.Bytes, entry.Bytes);
        Assert.IsType<Outcome.Accepted>(Fold.Apply(State.Empty, entry, Documents.None));
        Assert.Contains($"`{entry.Envelope.Signatures[0].KeyId.Hex}`", page.Text, StringComparison.Ordinal);
        var message = Envelope.PreAuth(Envelope.PayloadType, entry.Envelope.Payload);
        Assert.Contains($"of its {message.Length} bytes", Regex.Replace(page.Text, "\\s+", " "),
            StringComparison.Ordinal);
        var shown = Encoding.UTF8.GetString(page.Block("preauth").Bytes).TrimEnd('\n').Split(" …\n… ");
        Assert.StartsWith(shown[0], Encoding.UTF8.GetString(message), StringComparison.Ordinal);
        Assert.EndsWith(shown[1], Encoding.UTF8.GetString(message), StringComparison.Ordinal);
    }

    [Fact]
    public void The_example_tree_has_its_hashes()
    {
        var leaves = Plain.Value.Replay.Entries.Take(3).Select(e => e.Entry.LeafHash).ToArray();
        var rows = SpecPage.Read("ledger").Table("Tree", "what", "hash")
            .Rows.ToDictionary(r => r[0], r => Digest.ParseHex(SpecTable.Words(r[1])[0]));
        Assert.Equal(new Dictionary<string, Digest>
        {
            ["leaf 0"] = leaves[0], ["leaf 1"] = leaves[1], ["leaf 2"] = leaves[2], ["node of leaves 0 and 1"] =
                Merkle.Node(leaves[0], leaves[1]), ["tree of 3"] = Merkle.Root(leaves),
        }, rows);
        Assert.Contains($"SHA-256(\"\") = {Merkle.EmptyRoot.Hex}", SpecPage.Read("ledger").Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_example_checkpoint_is_signed_and_witnessed()
    {
        var trust = Trust.Parse(Block("pack", "trust"));
        Assert.Equal(Golden("plain", "trust.json"), Block("pack", "trust"));
        var note = Encoding.UTF8.GetString(Block("ledger", "checkpoint"));
        Assert.Equal(CheckpointTrust.Verified, Checkpoint.Open(note, trust.Key, out var checkpoint));
        Assert.Equal(Plain.Value.Replay.Entries.Count, checkpoint!.Size);
        Assert.Equal(NoteTrust.Verified, Note.Parse(note).VerifyCosigned(trust.Witnesses, out _));
        foreach (var key in trust.Witnesses.Append(trust.Key)) Assert.Contains($"`{key.Id:x8}`",
            SpecPage.Read("ledger").Text, StringComparison.Ordinal);
        Assert.Equal(trust.Genesis, Merkle.Leaf(Block("ledger", "entry-0")));
    }

    [Fact]
    public void Keys_of_low_order_are_the_eight_that_are_refused()
    {
        var keys = Block("ledger", "low-order").Chunk(32).ToArray();
        Assert.Equal(8, keys.Select(Convert.ToHexString).Distinct().Count());
        Assert.All(keys, k => Assert.False(Ed25519.IsPublicKey(k)));
        // Of order 1, 2 or 4: y is 1, −1 or 0. Of order 8: doubled, y is 0, which comes to dy⁴ + 2y² − 1 = 0. Each in
        // its canonical form.
        var p = (BigInteger.One << 255) - 19;
        var d = (p - 121665) * BigInteger.ModPow(121666, p - 2, p) % p;
        foreach (var key in keys)
        {
            var y = new BigInteger([.. key[..31], (byte)(key[31] & 0x7f)], isUnsigned: true);
            Assert.True(y < p);
            Assert.True(y.IsZero || y.IsOne || y == p - 1
                || ((d * BigInteger.ModPow(y, 4, p) + 2 * y * y - 1) % p).IsZero);
            if (y.IsOne || y == p - 1) Assert.Equal(0, key[31] & 0x80);
        }
    }

    [Fact]
    public void The_state_after_genesis_has_the_form_shown()
    {
        var genesis = Assert.IsType<Outcome.Accepted>(Fold.Apply(State.Empty, Entry.Parse(Block("ledger", "entry-0")),
            Documents.None)).Next;
        Assert.Equal(StateDigest.Of(genesis), Digest.Of(Block("fold", "state-1")));
        // The fact that comes first by its path.
        var (key, owner) = genesis.KeyOwners.OrderBy(o => Digest.Of(Encoding.UTF8.GetBytes(o.Key.ToString())))
            .Select(o => (o.Key, o.Value)).First();
        Assert.Equal(Json.Object(("key", key), ("value", owner)).ToBytes(), Block("fold", "state-fact"));
    }

    [Fact]
    public void What_an_approver_was_shown_is_the_document_of_the_page()
    {
        var approval = Assert.IsType<Approval>(Plain.Value.Replay.Entries[23].Statement);
        Assert.Equal(approval.Shown, Digest.Of(Block("fold", "shown")));
    }

    [Fact]
    public void What_a_verdict_rests_on_is_the_input_of_the_page()
    {
        var verdict = Assert.IsType<Verdict>(Plain.Value.Replay.Entries[25].Statement);
        Assert.Equal(verdict.Input, Digest.Of(Block("fold", "policy-input")));
    }

    [Fact]
    public void Documents_and_leaves_are_written_again()
    {
        Assert.Equal(Block("decisions", "decision"), Decision.Parse(Block("decisions", "decision")).Encode());
        Assert.Equal(Block("decisions", "commitment"), Commitment.To("input", new byte[32], "{}"u8).ToJson().ToBytes());
        var document = ReleaseDocument.Parse(Block("decisions", "release-document"));
        Assert.Equal(Block("decisions", "release-document"), document.ToJson().ToBytes());
        Assert.Equal(document.Digest, CanonicalJson.ParseCanonical(Block("decisions", "manifest"),
            1 << 20)["config"]["digest"].AsDigest);
        Assert.NotEmpty(Report.Parse(Block("decisions", "report")).Metrics.AsObject);
        Assert.Equal(JsonKind.Object, CanonicalJson.ParseCanonical(Block("encoding", "json-order"), 1000).Kind);
    }

    [Fact]
    public void The_example_zip_has_the_one_layout()
    {
        var bytes = Block("pack", "zip");
        var member = Assert.Single(Zip.Read(new MemoryStream(bytes)));
        Assert.Equal("hi"u8.ToArray(), Zip.Content(new MemoryStream(bytes), member));
        var written = new MemoryStream();
        var writer = new Zip.Writer(written);
        writer.Add("a", "hi"u8);
        writer.Finish();
        Assert.Equal(written.ToArray(), bytes);
    }

    [Fact]
    public void The_example_principal_falls_into_the_shares_that_are_named()
    {
        var page = SpecPage.Read("policy");
        var from = int.Parse(Regex.Match(page.Text, "is of every share from\\s+(\\d+)\\s+on").Groups[1].Value,
            System.Globalization.CultureInfo.InvariantCulture);
        var candidate = ((PolicyStatement)StatementKinds.Parse(Block("statements", "policy"))).Policy!.Value;
        var principal = Encoding.UTF8.GetString(Block("policy", "share-principal"));
        Assert.Equal(Enumerable.Range(from, 101 - from),
            Enumerable.Range(0, 101).Where(s => PolicyStatement.FallsInto(s, candidate, principal)));
    }
}
