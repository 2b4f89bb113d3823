using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Tamper;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>
/// Ledgers and packs in which something can't be judged: they say where judging stopped, and never that all of it
/// agrees; and nothing hides behind the halt.
/// </summary>
public sealed class HaltTests
{
    static readonly Mortgage Lived = Mortgage.Lived();
    static World W => Lived.World;
    static readonly Trust Unwitnessed = W.Trust with { Witnesses = [], Quorum = 0 };

    /// <summary>A ledger as a server shows it: its checkpoint and its one bundle.</summary>
    static LedgerSight Look(IReadOnlyList<byte[]> entries, Func<Digest, byte[]?> find, Trust? trust = null,
        LedgerMemory? remembered = null, string? checkpoint = null)
    {
        checkpoint ??= W.Key.Checkpoint(entries.Count, Merkle.Root(entries.Select(e => Merkle.Leaf(e))));
        var bundle = new Tile(Tile.Entries, 0, Tile.WidthAt(entries.Count, Tile.Entries, 0)).Path;
        return Verifier.Look(path =>
            path == "checkpoint" ? Encoding.UTF8.GetBytes(checkpoint) : path == bundle ? Tile.EncodeBundle(entries)
            : null, find, trust ?? Unwitnessed, remembered);
    }

    static Func<Digest, byte[]?> Without(Digest digest) => d => d == digest ? null : W.Find(d);

    /// <summary>Where the fold alone stops when a document is withheld; null: nowhere.</summary>
    static long? StopsAt(Func<Digest, byte[]?> find)
    {
        var replay = new Replay(new Documents(find));
        foreach (var entry in W.Entries) if (
            replay.Add(Entry.Parse(entry)) is not Outcome.Accepted) return replay.State.Size;
        return null;
    }

    [Fact]
    public void A_whole_ledger_is_complete_and_remembered()
    {
        var sight = Look(W.Entries, W.Find);
        Assert.Equal([], sight.Report.Findings.Select(f => f.ToString()));
        Assert.Null(sight.Report.Stopped);
        Assert.Equal(0, (int)sight.Report.Result);
        Assert.NotNull(sight.Memory);
    }

    /// <summary>
    /// Every document, withheld one at a time: what the fold needs stops it, and nothing is remembered; what only a
    /// refusal needs leaves that unexecuted.
    /// </summary>
    [Fact]
    public void A_document_that_is_withheld_stops_the_judging_there()
    {
        int stopped = 0, unexecuted = 0;
        foreach (var digest in W.Blobs.Keys)
        {
            var at = StopsAt(Without(digest));
            var sight = Look(W.Entries, Without(digest));
            var report = sight.Report;
            Assert.Equal([], report.Findings.Select(f => f.ToString()));
            if (at is { } entry)
            {
                stopped++;
                Assert.Equal((Headline.Stopped, 7, entry, HaltReason.DocumentMissing),
                    (report.Headline, (int)report.Result, report.Stopped!.Entry, report.Stopped.Reason));
                Assert.Contains($"entries {entry} to {W.Entries.Count - 1} are not judged", report.Sentence,
                    StringComparison.Ordinal);
                Assert.Contains(report.Notes, n => n.StartsWith($"unjudged: {W.Entries.Count - entry} entries, from " +
                    $"entry {entry} on", StringComparison.Ordinal));
                Assert.Null(sight.Memory);
                Assert.Equal((7, entry, "document-missing"),
                    (report.ToJson()["exit"].AsInt, report.ToJson()["stopped"]["entry"].AsInt,
                    report.ToJson()["stopped"]["code"].AsString));
            }
            else if (report.Limits.Any(l => l.Name == LimitName.NotExecuted)) unexecuted++;
        }
        Assert.InRange(stopped, 8, 100);
        Assert.InRange(unexecuted, 1, 100);
        // In a pack everything must be there.
        var f = Forgery.Of(W);
        f.Documents.Remove($"documents/{Lived.Policy.Hex}");
        Assert.Equal(1, (int)Verifier.Verify(new MemoryStream(f.Write()), W.Trust).Result);
    }

    /// <summary>What a monitor without a token sees.</summary>
    [Fact]
    public void A_log_without_documents_stops_at_its_first_policy()
    {
        var first = W.Replay.Entries.First(f => f.Statement is PolicyStatement).Index;
        foreach (var remembered in new[] { null, Look(W.Entries, W.Find).Memory })
        {
            var sight = Look(W.Entries, _ => null, remembered: remembered);
            Assert.Equal((7, first), ((int)sight.Report.Result, sight.Report.Stopped!.Entry));
            Assert.Null(sight.Memory);
            Assert.DoesNotContain("complete", sight.Report.Sentence, StringComparison.Ordinal);
        }
    }

    static Entry At(int index) => Entry.Parse(W.Entries[index]);

    static byte[] Signed(Statement statement, Person by, long? time = null) =>
        new Entry(time ?? W.Now, Envelope.Sign(statement.Encode(), by.Key)).Bytes;

    static T Here<T>(T statement) where T : Statement =>
        (T)(statement with { Ledger = W.State.Ledger, Issued = W.Now, Nonce = new string('f', 32) });

    /// <summary>
    /// What may stand behind a halt and is no entry of any ledger, by its name; and with which finding it is told.
    /// </summary>
    static IEnumerable<(string Name, byte[] Entry, string Finding)> Garbage()
    {
        var ok = Here(new Attestation(
            "eu-ai-act/14", World.Sys, null, null, W.Now + 1000, null, Digest.Of("why"u8)) { Nonce = "", Issued = 0 });
        yield return ("random bytes", [1, 2, 3, 4], "entry-malformed");
        yield return ("a word", "garbage"u8.ToArray(), "entry-malformed");
        yield return ("other JSON", "{\"a\":1}"u8.ToArray(), "entry-malformed");
        yield return ("an entry with a member more",
            Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(At(3).Bytes)[..^1] + ",\"x\":1}"), "entry-malformed");
        yield return ("a payload that is no statement",
            new Entry(W.Now, Envelope.Sign("{}"u8.ToArray(), World.Approver.Key)).Bytes, "entry-malformed");
        yield return ("a time before the last", Signed(ok, World.Approver, World.Start), "entry-refused");
        yield return ("a time a week on", Signed(ok, World.Approver, W.Now + 7 * Fold.MaxDelay), "entry-refused");
        yield return ("a time before its signer's",
            Signed(ok with { Issued = W.Now + 2 * Fold.MaxSkew }, World.Approver), "entry-refused");
        yield return ("another ledger's", Signed(ok with { Ledger = Digest.Of("other"u8) }, World.Approver),
            "entry-refused");
        yield return ("a genesis", new Entry(W.Now, At(0).Envelope).Bytes, "entry-refused");
        yield return ("a payload of before", new Entry(W.Now, At(2).Envelope).Bytes, "entry-repeated");
        yield return ("a payload that stands behind the halt", new Entry(W.Now, At(W.Entries.Count - 1).Envelope).Bytes,
            "entry-repeated");
        var good = At(W.Entries.Count - 1).Envelope;
        var forged = Envelope.Sign(ok.Encode(), World.Approver.Key);
        yield return ("another payload's signature",
            new Entry(W.Now, Envelope.Parse(
            forged.ToJson().With("signatures", Envelope.Sign(good.Payload, World.Approver.Key).ToJson()["signatures"])
            .ToBytes())).Bytes, "entry-refused");
    }

    public static TheoryData<string> AllGarbage => [.. Garbage().Select(g => g.Name)];

    /// <summary>
    /// Garbage at the end, and in the middle of what is not judged: a contradiction, and nothing is remembered.
    /// </summary>
    [Theory]
    [MemberData(nameof(AllGarbage))]
    public void Garbage_behind_a_halt_contradicts(string name)
    {
        var (_, garbage, finding) = Garbage().Single(g => g.Name == name);
        foreach (var at in new[] { W.Entries.Count, W.Entries.Count - 5 })
            foreach (var find in new Func<Digest, byte[]?>[] { _ => null, Without(Lived.Policy) })
            {
                List<byte[]> entries = [.. W.Entries];
                entries.Insert(at, garbage);
                var sight = Look(entries, find);
                Assert.Equal(1, (int)sight.Report.Result);
                Assert.Contains(sight.Report.Findings, f =>
                    f.Where == $"entry {at}" && f.Name == finding || f.Name == "entry-repeated");
                Assert.Null(sight.Memory);
                Assert.DoesNotContain("checked:", sight.Report.Lines().Select(l => l.Text));
            }
    }

    /// <summary>
    /// Who signed with a key that was not known by then can't be judged; that alone contradicts nothing.
    /// </summary>
    [Fact]
    public void A_stranger_behind_a_halt_is_unjudged()
    {
        var stranger = Signed(Here(World.EndLog(LogAction.Close, Lived.Log.Origin)), World.Stranger);
        var report = Look([.. W.Entries, stranger], _ => null).Report;
        Assert.Equal(7, (int)report.Result);
        Assert.Contains(report.Notes, n =>
            n.Contains("1 are signed by a key that no entry before", StringComparison.Ordinal));
    }

    /// <summary>
    /// A kind or a fold version of tomorrow stops the judging, in packs and in ledgers alike; garbage behind it is
    /// found all the same.
    /// </summary>
    [Fact]
    public void What_a_newer_verifier_may_know_stops_the_judging()
    {
        var unknown = Encoding.UTF8.GetString(Here(World.EndLog(LogAction.Close, Lived.Log.Origin)).Encode())
            .Replace("/statement/log/v1", "/statement/lottery/v1", StringComparison.Ordinal);
        var kind = new Entry(W.Now, Envelope.Sign(Encoding.UTF8.GetBytes(unknown), World.Owner.Key)).Bytes;
        var version = new Entry(W.Now,
            Envelope.Sign(Here(World.Protocol(State.CurrentFold + 1)).Encode(), [.. World.Owners.Select(o => o.Key)]))
            .Bytes;
        foreach (var (entry, reason) in new[] { (kind, HaltReason.UnknownKind),
            (version, HaltReason.UnknownFoldVersion) })
        {
            List<byte[]> entries = [.. W.Entries, entry];
            var f = Forgery.Of(W);
            f.Entries.Add(entry);
            foreach (var report in new[] { Look(entries, W.Find).Report,
                Verifier.Verify(new MemoryStream(f.Resign().Write()), Unwitnessed) })
            {
                Assert.Equal([], report.Findings.Select(x => x.ToString()));
                Assert.Equal((7, W.Entries.Count, reason),
                    ((int)report.Result, report.Stopped!.Entry, report.Stopped.Reason));
                Assert.Contains("a newer verifier may know it", report.Sentence, StringComparison.Ordinal);
            }
            // With a bad signature by a member it is no one's word.
            var bad = Entry.Parse(entry).Envelope.ToJson()
                .With("signatures", Envelope.Sign("other"u8.ToArray(), World.Owner.Key).ToJson()["signatures"]);
            Assert.Equal(1, (int)Look([.. W.Entries, new Entry(W.Now, Envelope.Parse(bad.ToBytes())).Bytes], W.Find)
                .Report.Result);
        }
        Assert.Equal(1, (int)Look([.. W.Entries, kind, .. new[] { "garbage"u8.ToArray() }], W.Find).Report.Result);
        // Formats of a version that is not known may be others.
        Assert.Equal(7, (int)Look([.. W.Entries, version, .. new[] { "garbage"u8.ToArray() }], W.Find).Report.Result);
    }

    /// <summary>Also behind a halt a witness's clock bounds the entries' times.</summary>
    [Fact]
    public void A_time_beyond_the_cosignature_is_found_behind_a_halt()
    {
        var late = Signed(Here(W.Observe(ObservedEvent.Started)), World.Node, W.Now + 1000L * Fold.MaxDelay);
        List<byte[]> entries = [.. W.Entries, late];
        var checkpoint = W.Witness.Sign(
            Note.Parse(W.Key.Checkpoint(entries.Count, Merkle.Root(entries.Select(e => Merkle.Leaf(e))))),
            W.Now / 1000);
        Assert.Contains(Look(entries, _ => null, W.Trust, checkpoint: checkpoint).Report.Findings, f =>
            f.Name == "time-after-cosignature");
        Assert.Equal(7, (int)Look(entries, _ => null).Report.Result);
    }

    /// <summary>
    /// The ledger's key may change behind a halt: owners said so with keys that were known, or the checkpoint is a
    /// stranger's.
    /// </summary>
    [Fact]
    public void A_new_key_of_the_ledger_is_believed_behind_a_halt_if_owners_signed_it()
    {
        var m = Mortgage.Lived();
        var next = new NoteSigner(World.Name, secret: "next");
        m.World.Add(World.LogKey(next, m.World.State.Size + 1), World.Owners);
        m.World.Add(m.World.Attest(World.Approver, "eu-ai-act/15"), World.Approver);
        string Under(NoteSigner key, IReadOnlyList<byte[]> entries) =>
            key.Checkpoint(entries.Count, Merkle.Root(entries.Select(e => Merkle.Leaf(e))));
        var trust = m.World.Trust with { Witnesses = [], Quorum = 0 };
        Assert.Equal(7, (int)Look(m.World.Entries, _ => null, trust, checkpoint: Under(next, m.World.Entries))
            .Report.Result);
        var own = new NoteSigner(World.Name, secret: "own");
        List<byte[]> forged = [.. W.Entries, Signed(Here(World.LogKey(own, W.State.Size + 1)), World.Stranger)];
        Assert.Contains(Look(forged, _ => null, checkpoint: Under(own, forged)).Report.Findings, f =>
            f.Name == "checkpoint-signature");
    }
}
