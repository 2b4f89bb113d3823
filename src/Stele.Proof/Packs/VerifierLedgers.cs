using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// A ledger itself, as its server or its folder shows it: what a monitor looks at again and again.
public sealed partial class Verifier
{
    /// <summary>
    /// Judges a ledger in the layout of C2SP tlog-tiles: its newest checkpoint, every entry out of its bundles, folded
    /// again as far as the documents that they name are to be had, and whether all of it extends what was remembered.
    /// Steps: 1 the checkpoint · 2 the entries, from 0 · 3 whose it is · 4 one history · 5 explanations.
    /// </summary>
    /// <param name="read">
    /// A resource by its path below the log: <c>checkpoint</c>, <c>tile/entries/000.p/7</c>; null when it is not there.
    /// Asked from several threads.
    /// </param>
    /// <param name="find">A document by its digest; null when it is not to be had.</param>
    /// <param name="remembered">What an earlier look gave; null the first time.</param>
    public static LedgerSight Look(Func<string, byte[]?> read, Func<Digest, byte[]?> find, Trust? trust,
        LedgerMemory? remembered, Action<string>? progress = null)
    {
        var verifier = new Verifier(Stream.Null, trust, null, progress);
        var (report, memory, fork) = (verifier._report, (LedgerMemory?)null, (Fork?)null);
        try
        {
            (memory, fork) = verifier.Look(read, find, remembered);
        }
        catch (FormatException e)
        {
            report.Find("ledger-malformed", "ledger", e.Message);
        }
        // Invariant: nothing that was not judged is ever remembered as seen.
        return new(report, report.Findings.Count == 0 && report.Stopped is null ? memory : null, fork);
    }

    /// <summary>How often a document was asked for and is not served.</summary>
    long _withheld;

    (LedgerMemory? Memory, Fork? Fork) Look(
        Func<string, byte[]?> read, Func<Digest, byte[]?> find, LedgerMemory? remembered)
    {
        // 1. What it says of itself. Nothing of it is believed before a key has signed for it.
        var note = Utf8.GetString(read("checkpoint") ?? throw new FormatException("there is no checkpoint"));
        var claimed = Checkpoint.Parse(Note.Parse(note).Text);
        if (claimed.Size == 0) throw new FormatException("the ledger has no entries");
        var before = remembered is null ? null : Checkpoint.Parse(Note.Parse(remembered.Checkpoint).Text);

        // 2. Every entry, hashed and folded; what an earlier checkpoint covered, compared on the way.
        var served = find;
        find = digest =>
        {
            var bytes = served(digest);
            if (bytes is null) Interlocked.Increment(ref _withheld);
            return bytes;
        };
        var (replay, frontier, first, then) =
            (new Replay(new Documents(find)), new Frontier(), (Digest?)null, (Digest?)null);
        var folding = new Folding(replay, _report, MissingDocument.Stops);
        foreach (var bundle in Bundles(read, claimed.Size))
        {
            var entries = folding.Read(bundle.Length, i => bundle[i]);
            for (var i = 0; i < bundle.Length; i++)
            {
                folding.Add(frontier.Size, entries[i]);
                var leaf = Merkle.Leaf(bundle[i]);
                first ??= leaf;
                frontier = frontier.Add(leaf);
                if (frontier.Size == before?.Size) then = frontier.Root;
            }
            _progress?.Invoke($"{Number(frontier.Size)} of {Number(claimed.Size)} entries");
        }
        folding.End(frontier.Size);

        // 3. Whose it is.
        var state = replay.State;
        if (state.Size == 0)
        {
            if (_report.Stopped is null) throw new FormatException("the ledger has no genesis that folds");
            Unfounded(note, "checkpoint", frontier.Size, frontier.Root, first!.Value);
            return (null, null);
        }
        var key = VerifierKey.Parse(folding.LogKeyAt(claimed.Size));
        var checkpoint = Signed(note, key.ToString(), "checkpoint", frontier.Size, frontier.Root,
            "the entries that are served: an entry was changed, dropped, added or moved");
        Authenticate(folding, replay, note, null);
        _report.Note(
            $"ledger '{state.Origin}': {frontier.Size} entries hashed, {state.Size} of them folded again by fold "
            + $"version {state.FoldVersion}.");
        var memory = new LedgerMemory(state.Ledger, note);
        if (checkpoint is null) return (memory, null);

        // 4. One history.
        Fork? fork = null;
        if (remembered is not null && before is not null)
        {
            if (remembered.Genesis != state.Ledger)
                _report.Find("ledger-other", "genesis",
                    $"the ledger that is remembered begins with {remembered.Genesis}");
            else if (!Checkpoint.TryOpen(
                remembered.Checkpoint, VerifierKey.Parse(folding.LogKeyAt(before.Size)), out _,
                out var error)) _report.Find("checkpoint-signature", "what is remembered", error);
            else if (before.Size > claimed.Size)
                _report.Find("ledger-shrunk", "checkpoint",
                    $"it covers {claimed.Size} entries; its key signed {before.Size} before. What is "
                    + $"remembered:\n{remembered.Checkpoint}What is shown now:\n{note}");
            else if (then != before.Root)
            {
                // The tiles give the root that the new checkpoint signs, or there was a finding above; so the two
                // checkpoints exclude each other.
                try
                {
                    fork = new Fork(remembered.Checkpoint, note, then!.Value, before.Size == claimed.Size
                        ? []
                        : [.. Proofs.Consistency(before.Size, claimed.Size, Subtrees(read, claimed.Size))]);
                    if (!fork.Holds(key)) fork = null;
                }
                catch (FormatException)
                {
                    // The accused may withhold tiles; the finding stands without them.
                }
                const string seen = "the ledger that is shown does not extend the one that its key signed before: ";
                if (fork is not null) _report.Find("ledger-forked",
                    "checkpoint", seen + "two histories under one key", FindingKind.Fraud);
                else _report.Find("ledger-forked", "checkpoint", seen +
                    "its tiles do not prove which, and are not those of its checkpoint");
            }
            else _report.Note($"it extends the {before.Size} entries that were seen before.");
        }

        // 5. Explanations.
        Explanations(replay, find, MissingDocument.Stops);
        if (replay.Entries.Any(f => f.Statement is Observation))
            _report.Fact(Basis.NodeWord, "what ran: what observations say is the word of their nodes.");
        _report.Note("not promised: an operator may have withheld or reordered statements before they were admitted, " +
            "and may show " +
            "others another ledger, unless witnesses cosigned it.");
        return (memory, fork);
    }

    /// <summary>The entries, a bundle at a time; some are asked for ahead.</summary>
    static IEnumerable<byte[][]> Bundles(Func<string, byte[]?> read, long size)
    {
        var under = new Queue<Task<byte[][]>>();
        for (long next = 0, count = (size + Tile.Full - 1) / Tile.Full; next < count || under.Count > 0;)
        {
            while (next < count && under.Count < 8)
            {
                var tile = new Tile(Tile.Entries, next, Tile.WidthAt(size, Tile.Entries, next));
                under.Enqueue(Task.Run(() => Tile.DecodeBundle(Resource(read, tile), tile.Width)));
                next++;
            }
            yield return under.Dequeue().GetAwaiter().GetResult();
        }
    }

    static Func<int, long, Digest> Subtrees(Func<string, byte[]?> read, long size) => (level, index) =>
    {
        var tile = Tile.Holding(level, index, size);
        return Tile.Subtree(level, index, Tile.Decode(Resource(read, tile), tile.Width));
    };

    /// <summary>A tile or bundle; where the partial one is gone, what its full one begins with.</summary>
    static byte[] Resource(Func<string, byte[]?> read, Tile tile)
    {
        if (read(tile.Path) is { } bytes) return bytes;
        if (!tile.IsPartial || read(new Tile(tile.Level, tile.Index).Path) is not { } full)
            throw new FormatException($"{tile.Path} is not served");
        if (tile.Level != Tile.Entries && full.Length != Tile.Full * Digest.Size)
            throw new FormatException(
                $"{tile.Path}: its full tile has {full.Length} bytes, not {Tile.Full * Digest.Size}");
        return tile.Level != Tile.Entries
            ? full[..(tile.Width * Digest.Size)]
            : Tile.EncodeBundle(Tile.DecodeBundle(full, Tile.Full)[..tile.Width]);
    }
}
