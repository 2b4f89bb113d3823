using System.Globalization;
using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>A witness: what it signs, what it refuses, and what it remembers.</summary>
public sealed class WitnessTests : IDisposable
{
    readonly Ledgers _ledgers = new();
    readonly string _folder;

    public WitnessTests() => _folder = _ledgers.At("witness");

    public void Dispose() => _ledgers.Dispose();

    Witness Open(string name = "witness.example/w1", TimeProvider? time = null) =>
        Witness.Open(_folder, name, [_ledgers.Signer.Key], time ?? TimeProvider.System);

    /// <summary>Leaves of a history: the first some are the ledger's own, what follows is this branch's.</summary>
    static Digest[] Leaves(string branch, int common, int size) =>
        [.. Enumerable.Range(0, size)
            .Select(i => Merkle.Leaf(Encoding.UTF8.GetBytes(i < common ? $"{i}" : $"{branch} {i}")))];

    string Note(Digest[] leaves, int size) =>
        _ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, size, Merkle.Root(leaves.Take(size))).Text).ToString();

    static Digest[] Proof(Digest[] leaves, int from, int to) =>
        from == 0 || from == to ? [] : Proofs.Consistency(from, to,
            (level, index) => Merkle.Root(leaves.Skip((int)(index << level)).Take(1 << level)));

    string Request(Digest[] leaves, int from, int to) =>
        new WitnessRequest(from, [.. Proof(leaves, from, to)], Stele.Proof.Note.Parse(Note(leaves, to))).ToString();

    static WitnessAnswer Ask(Witness witness, string request) => witness.AddCheckpoint(Encoding.UTF8.GetBytes(request));

    static (WitnessRefusal, long?) Refusal(WitnessAnswer answer) =>
        Assert.IsType<WitnessAnswer.Refused>(answer) is var r ? (r.Refusal, r.Size) : default;

    /// <summary>The cosignature verifies over that checkpoint, now.</summary>
    static void Good(Witness witness, WitnessAnswer answer, string note)
    {
        var lines = Assert.IsType<WitnessAnswer.Cosigned>(answer).Lines;
        Assert.Equal(NoteTrust.Verified,
            Stele.Proof.Note.Parse(note + lines).Verify([.. witness.Keys], out var verified));
        Assert.All(verified, v => Assert.InRange(v.Time, DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 60,
            DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1));
        Assert.Equal(witness.Keys.Count, verified.Length);
    }

    [Fact]
    public void It_follows_a_log_from_any_size_to_any_larger_and_signs_the_same_again()
    {
        using var witness = Open();
        Assert.Equal((UnixFileMode)0x180, File.GetUnixFileMode(Path.Combine(_folder, "key")));
        var leaves = Leaves("a", 100, 100);
        var at = 0;
        foreach (var size in (int[])[0, 0, 1, 1, 2, 7, 8, 8, 9, 64, 65, 100])
        {
            Good(witness, Ask(witness, Request(leaves, at, size)), Note(leaves, size));
            at = size;
        }
        var hex = Digest.Of(Encoding.UTF8.GetBytes(Ledgers.Origin)).Hex;
        var latest = Stele.Proof.Note.Parse(witness.Latest(hex)!);
        Assert.Equal(NoteTrust.Verified, latest.Verify([_ledgers.Signer.Key, .. witness.Keys], out var verified));
        Assert.Equal(2, verified.Length);
        Assert.Equal(100, Checkpoint.Parse(latest.Text).Size);
        Assert.Null(witness.Latest(new string('0', 64)));
    }

    [Fact]
    public void Every_reason_to_refuse_is_one_of_its_own()
    {
        using var witness = Open();
        var leaves = Leaves("a", 20, 20);
        Ask(witness, Request(leaves, 0, 5));
        var good = Request(leaves, 5, 9);
        using var other = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 7));
        using var stranger = NoteSigner.Parse(Ledgers.KeyText("example.com/other", 1));
        var text = new Checkpoint(Ledgers.Origin, 9, Merkle.Root(leaves.Take(9))).Text;
        string With(Note note) => new WitnessRequest(5, [.. Proof(leaves, 5, 9)], note).ToString();

        foreach (var bad in (string[])["", "\n", "old 5", "old 5\n\n", good[1..],
            good.Replace("old 5", "old 05", StringComparison.Ordinal), good.Replace("old 5", "old -5",
                StringComparison.Ordinal), good.Replace("old 5", "old  5", StringComparison.Ordinal),
            good[..^1], good.Replace("old 5\n", "old 5\nAAAA\n", StringComparison.Ordinal), good.Replace("\n\n",
                "\r\n\r\n", StringComparison.Ordinal),
            "old 5\n" + string.Concat(Enumerable.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 64)) + "\n"
                + Note(leaves, 9), new string('x', WitnessRequest.MaxBytes + 1)])
            Assert.Equal((WitnessRefusal.Malformed, null), Refusal(Ask(witness, bad)));
        Assert.Equal((WitnessRefusal.Malformed, null),
            Refusal(witness.AddCheckpoint([0xff, .. Encoding.UTF8.GetBytes(good)])));
        Assert.Equal((WitnessRefusal.Malformed, null),
            Refusal(Ask(witness,
                With(_ledgers.Signer.Sign(text.Replace("\n9\n", "\n09\n", StringComparison.Ordinal))))));
        Assert.Equal((WitnessRefusal.UnknownLog, null),
            Refusal(Ask(witness,
                With(stranger.Sign(text.Replace(Ledgers.Origin, "example.com/other", StringComparison.Ordinal))))));
        Assert.Equal((WitnessRefusal.NotSigned, null), Refusal(Ask(witness, With(other.Sign(text)))));
        var line = _ledgers.Signer.Sign(text).Signatures[0];
        Assert.Equal((WitnessRefusal.BadSignature, null),
            Refusal(Ask(witness,
                With(new Note(text, line with { Bytes = line.Bytes.SetItem(9, (byte)(line.Bytes[9] ^ 1)) })))));
        Assert.Equal((WitnessRefusal.OldIsLarger, null),
            Refusal(Ask(witness, good.Replace("old 5", "old 10", StringComparison.Ordinal))));
        foreach (var old in (int[])[0, 4, 6, 9])
            Assert.Equal((WitnessRefusal.OtherSize, 5),
                Refusal(Ask(witness, good.Replace("old 5", $"old {old}", StringComparison.Ordinal))));
        Assert.Equal((WitnessRefusal.OtherSize, 5), Refusal(Ask(witness, Request(leaves, 0, 4))));
        Assert.Equal((WitnessRefusal.Inconsistent, null),
            Refusal(Ask(witness, new WitnessRequest(5, [], _ledgers.Signer.Sign(text)).ToString())));
        Assert.Equal((WitnessRefusal.Inconsistent, null),
            Refusal(Ask(witness,
                new WitnessRequest(5, [.. Proof(leaves, 5, 9).Reverse()], _ledgers.Signer.Sign(text)).ToString())));
        Assert.Equal((WitnessRefusal.Inconsistent, null),
            Refusal(Ask(witness,
                new WitnessRequest(5, [Digest.Of([])], Stele.Proof.Note.Parse(Note(leaves, 5))).ToString())));
        Assert.Equal((WitnessRefusal.NotEmpty, null),
            Refusal(Ask(witness,
                new WitnessRequest(0, [],
                    _ledgers.Signer.Sign(
                        $"{Ledgers.Origin}\n0\n{Base64.Encode(Digest.Of("x"u8).ToArray())}\n")).ToString())));
        Good(witness, Ask(witness, good), Note(leaves, 9));   // nothing of all that moved it
    }

    /// <summary>Everything about a part of a tree but the signature itself, which only ML-DSA-44 gives.</summary>
    [Fact]
    public void A_part_of_a_tree_is_cosigned_only_under_a_tree_that_was()
    {
        using var witness = Open();
        var leaves = Leaves("a", 14, 14);
        Ask(witness, Request(leaves, 0, 14));
        var latest = witness.Latest(Digest.Of(Encoding.UTF8.GetBytes(Ledgers.Origin)).Hex)!;
        var proof = Subtrees.Consistency(8, 13, 14,
            (level, index) => Merkle.Root(leaves.Skip((int)(index << level)).Take(1 << level)));
        string Asked(string range = "subtree 8 13", Digest? hash = null, Digest[]? by = null, string? note = null) =>
            $"{range}\n{string.Concat(((Digest[])[hash ?? Merkle.Root(leaves[8..13]), .. by ?? proof]).Select(h => Base64.Encode(h.ToArray()) + "\n"))}\n{note ?? latest}";
        WitnessAnswer Sign(string request) => witness.SignSubtree(Encoding.UTF8.GetBytes(request));

        var answer = Assert.IsType<WitnessAnswer.Cosigned>(Sign(Asked()));
        Assert.Equal(witness.SignsSubtrees, answer.Lines.Length > 0);
        if (witness.SignsSubtrees)
            Assert.True(Cosignature.VerifySubtree(NoteSignature.ParseLines(answer.Lines)[0], Ledgers.Origin, 8, 13,
                Merkle.Root(leaves[8..13]), witness.Keys[1]));
        foreach (var range in (string[])["subtree 8 15", "subtree 7 13", "subtree 8", "subtree 13 8", "subtree 08 13",
            "old 3", ""]) Assert.Equal((WitnessRefusal.Malformed, null), Refusal(Sign(Asked(range))));
        Assert.Equal((WitnessRefusal.Inconsistent, null), Refusal(Sign(Asked(hash: Digest.Of([])))));
        Assert.Equal((WitnessRefusal.Inconsistent, null), Refusal(Sign(Asked(by: proof[1..]))));
        Assert.Equal((WitnessRefusal.NotSigned, null), Refusal(Sign(Asked(note: Note(leaves, 14)))));
        using var stranger = NoteSigner.Parse(Ledgers.KeyText("example.com/other", 1));
        Assert.Equal((WitnessRefusal.UnknownLog, null),
            Refusal(
                Sign(Asked(note: stranger.Sign(new Checkpoint("example.com/other", 14, Merkle.Root(leaves)).Text)
                    .ToString()))));
    }

    [Fact]
    public void The_first_checkpoint_takes_no_proof()
    {
        using var witness = Open();
        var leaves = Leaves("a", 9, 9);
        Assert.Equal((WitnessRefusal.Inconsistent, null),
            Refusal(Ask(witness,
                new WitnessRequest(0, [leaves[0]], Stele.Proof.Note.Parse(Note(leaves, 9))).ToString())));
        Good(witness, Ask(witness, Request(leaves, 0, 9)), Note(leaves, 9));
    }

    [Fact]
    public void It_never_signs_a_second_history_and_keeps_what_convicts()
    {
        Digest[] one = Leaves("one", 10, 40), two = Leaves("two", 10, 40);
        using (var witness = Open())
        {
            Ask(witness, Request(one, 0, 20));
            // What anyone can bring, honest checkpoints without their proofs, proves nothing, and takes no room from
            // what does.
            for (var size = 21; size <= 40; size++)
                Assert.Equal((WitnessRefusal.Inconsistent, null),
                    Refusal(Ask(witness,
                        new WitnessRequest(20, [], Stele.Proof.Note.Parse(Note(one, size))).ToString())));
            Assert.Equal(16, witness.Evidence.Count(e => !e.Proven));
            Assert.DoesNotContain(witness.Evidence, e => e.Proven);
            Assert.Equal((WitnessRefusal.Fork, null), Refusal(Ask(witness, Request(two, 20, 20))));
            var (origin, file, _) = Assert.Single(witness.Evidence, e => e.Proven);
            Assert.Equal(Ledgers.Origin, origin);
            Assert.StartsWith("fork-", Path.GetFileName(file), StringComparison.Ordinal);
        }
        // It remembers across its own end, and the evidence still convicts.
        using (var witness = Open())
        {
            Assert.Equal((WitnessRefusal.Fork, null), Refusal(Ask(witness, Request(two, 20, 20))));
            Assert.Equal((WitnessRefusal.OtherSize, 20), Refusal(Ask(witness, Request(two, 0, 40))));
            Assert.Contains(witness.Evidence,
                e => e.Proven
                    && Checkpoint.TryOpen(File.ReadAllText(e.File), _ledgers.Signer.Key, out var forked, out _)
                    && forked.Size == 20 && forked.Root == Merkle.Root(two.Take(20)));
            Good(witness, Ask(witness, Request(one, 20, 40)), Note(one, 40));
        }
    }

    /// <summary>
    /// Anyone can ask for the last checkpoint again: that costs no signature and no write until the cosignature has
    /// aged.
    /// </summary>
    [Fact]
    public void The_same_checkpoint_has_the_same_cosignature_for_some_seconds()
    {
        var time = new Control.ManualTime(DateTimeOffset.UtcNow);
        var leaves = Leaves("a", 9, 9);
        string Lines(Witness witness, int from, int to) =>
            Assert.IsType<WitnessAnswer.Cosigned>(Ask(witness, Request(leaves, from, to))).Lines;
        string first;
        using (var witness = Open(time: time))
        {
            first = Lines(witness, 0, 5);
            var record = Directory.GetFiles(_folder, "checkpoint", SearchOption.AllDirectories).Single();
            var written = File.GetLastWriteTimeUtc(record);
            time.Pass(TimeSpan.FromSeconds(9));
            Assert.Equal(first, Lines(witness, 5, 5));
            Assert.Equal(written, File.GetLastWriteTimeUtc(record));
            time.Pass(TimeSpan.FromSeconds(1));
            var second = Lines(witness, 5, 5);
            Assert.NotEqual(first, second);
            Assert.Contains(second, File.ReadAllText(record), StringComparison.Ordinal);
            Assert.NotEqual(second, Lines(witness, 5, 9));
        }
    }

    [Fact]
    public void A_damaged_memory_is_not_taken_for_none()
    {
        var leaves = Leaves("a", 9, 9);
        using (var witness = Open()) Ask(witness, Request(leaves, 0, 9));
        var record = Directory.GetFiles(_folder, "checkpoint", SearchOption.AllDirectories).Single();
        var text = File.ReadAllText(record);
        foreach (var damaged in (string[])["", text[..^1], text.Replace("\n9\n", "\n8\n", StringComparison.Ordinal),
            Note(leaves, 9)])
        {
            File.WriteAllText(record, damaged);
            Assert.Contains("must not sign", Assert.Throws<IOException>(() => Open()).Message,
                StringComparison.Ordinal);
        }
        File.WriteAllText(record, text);
        using (var first = Open())
            Assert.Contains("open in another process", Assert.Throws<LockedException>(() => Open()).Message,
                StringComparison.Ordinal);
        Assert.Throws<IOException>(() => Open("another.name"));
    }

    /// <summary>
    /// Two operators with one key race, each claiming that its history is the one that goes on. Whatever is signed lies
    /// on one line.
    /// </summary>
    [Fact]
    public async Task Of_two_histories_that_race_it_signs_one()
    {
        using var witness = Open();
        var branches = (Digest[][])[Leaves("one", 3, 60), Leaves("two", 3, 60)];
        Ask(witness, Request(branches[0], 0, 3));
        var signed = new System.Collections.Concurrent.ConcurrentBag<(int Branch, int Size)>();
        var known = 3;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
        {
            var branch = worker % 2;
            for (var i = 0; i < 60; i++)
            {
                var old = Volatile.Read(ref known);
                if (old >= 60) break;
                switch (Ask(witness, Request(branches[branch], old, old + 1)))
                {
                    case WitnessAnswer.Cosigned: signed.Add((branch, old + 1)); Volatile.Write(ref known, old + 1);
                    break;
                    case WitnessAnswer.Refused { Size: { } size }: Volatile.Write(ref known, (int)size); break;
                }
            }
        })));
        Assert.NotEmpty(signed);
        Assert.Single(signed.Select(s => s.Branch).Distinct());
        Assert.Equal(signed.Count, signed.Select(s => s.Size).Distinct().Count());
    }

    [Fact]
    public void A_request_that_is_read_is_written_the_same()
    {
        var leaves = Leaves("a", 33, 33);
        var text = Request(leaves, 17, 33);
        Assert.Equal(text, WitnessRequest.Parse(Encoding.UTF8.GetBytes(text)).ToString());
        Assert.Equal(17, long.Parse(text.Split('\n')[0][4..], CultureInfo.InvariantCulture));
    }
}
