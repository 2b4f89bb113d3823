using System.Globalization;
using Stele.Blobs;
using Stele.Control;
using Stele.Disk;
using Stele.Host;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// Inspects a node's folder: its identity, its replica of the ledger, its blobs, each decision log with what was sealed
/// next to it, its outbox. Reads alone, unless told to repair.
/// </summary>
static class NodeFsck
{
    /// <param name="trust">The ledger that it follows.</param>
    public static void Check(NodeFolder folder, Trust trust, Findings found, CancellationToken stop)
    {
        found.Read(FolderFormat.FileOf(folder.Path), () => $"{FolderFormat.Of(folder.Path)}");
        found.Read(folder.MemberKey, () => PrivateKey.FromPem(File.ReadAllText(folder.MemberKey)))?.Dispose();
        found.Read(folder.MemberId, () => Names.IsMember(File.ReadAllText(folder.MemberId).Trim())
            ? ""
            : throw new FormatException("not a member id"));
        if (File.Exists(folder.Token)) found.Read(folder.Token, () =>
            Token.IsWellFormed(File.ReadAllText(folder.Token).Trim()) ? "" : throw new FormatException("not a token"));
        if (File.Exists(folder.Principals)) found.Read(folder.Principals, () =>
            (object)TokenFile.All(folder.Principals));
        if (File.Exists(folder.Reads)) found.Journal(folder.Reads, () => BodyReads.Scan(folder.Reads, (_, _) => { }));

        if (File.Exists(folder.CosignerKey))
            found.Read(folder.CosignerKey, () => NoteSigner.Open(folder.CosignerKey))?.Dispose();

        // A node that never reached its server has no replica yet.
        var replica = Replica.StoreIn(folder.Replica);
        var stated = new HashSet<Digest>();
        var fold = Directory.Exists(folder.State) ? new FoldedAgain(Documents(folder)) : null;
        if (Directory.Exists(replica.Place)) found.Log(replica, trust.Key, (index, bytes) =>
        {
            stop.ThrowIfCancellationRequested();
            if (ListOf(bytes) is { } list) stated.Add(list);
            fold?.Stops(bytes);     // whether entries fold is the server's fsck to say
            if (index == 0 && Merkle.Leaf(bytes) != trust.Genesis)
                found.WrongRecord(replica, "begins with another genesis than the trust file pins");
        });
        found.Wrong(folder.Blobs, BlobStore.Check(folder.Blobs, () => Interlocked.Increment(ref found.Blobs), stop));
        fold?.Check(Kept(folder), trust, found);
        var erasures = Erasures(folder, found).ToList();
        foreach (var log in Logs(folder)) CheckLog(folder, log, erasures, stated, found, stop);
        foreach (var file in OfLogs(folder))
            if (!Directory.Exists(Path.Combine(folder.Logs, Path.GetFileName(file))))
                found.Wrong(file, "of no decision log that is here");
        if (File.Exists(folder.Outbox))
            found.Journal(folder.Outbox,
                () => Outbox.Scan(folder.Outbox, problem => found.Wrong(folder.Outbox, problem)));
    }

    static KeptFold Kept(NodeFolder folder) => new(folder.State, folder.StateKey, FoldFrom.Snapshot);

    static Func<Digest, byte[]?> Documents(NodeFolder folder) =>
        SmallDocuments.In(Path.Combine(folder.Blobs, "blobs", "sha256"));

    /// <summary>The list that an entry states the erasure of. Whether the entry stands is for the fold to say, of which
    /// the replica's own checks are.</summary>
    static Digest? ListOf(byte[] entry)
    {
        try
        {
            return StatementKinds.Parse(Entry.Parse(entry).Envelope.Payload) is Erasure e ? e.List : null;
        }
        catch (Exception e) when (e is FormatException or UnknownKindException)
        {
            return null;
        }
    }

    /// <summary>Every erasure that was begun here.</summary>
    static IEnumerable<ErasureRecord> Erasures(NodeFolder folder, Findings found)
    {
        if (!Directory.Exists(folder.Erasures)) yield break;
        foreach (var file in Directory.EnumerateFiles(folder.Erasures).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(file);
            if (name.EndsWith(".plan", StringComparison.Ordinal)) found.Read(file, () =>
                PlannedErasure.Parse(File.ReadAllBytes(file)));
            if (name.EndsWith(".order", StringComparison.Ordinal)) found.Read(file, () =>
                Envelope.Parse(File.ReadAllBytes(file)));
            if (name.Length == 2 * Digest.Size && found.Read(file, () =>
                ErasureRecord.Parse(File.ReadAllBytes(file))) is { } record) yield return record;
        }
    }

    /// <exception cref="IOException">The node runs.</exception>
    public static void Repair(NodeFolder folder, Trust trust, Findings found)
    {
        var replica = Replica.StoreIn(folder.Replica);
        if (Directory.Exists(replica.Place)) found.Repair(replica, trust.Key, null);
        var checkedNow = new Findings(folder.Path);
        Check(folder, trust, checkedNow, default);
        FoldedAgain.Repair(Kept(folder), checkedNow, found);
        foreach (var done in BlobStore.Repair(folder.Blobs))
            found.Did(Path.Combine(folder.Blobs, done[..done.IndexOf(':')]), done[(done.IndexOf(':') + 2)..]);
        foreach (var log in Logs(folder))
        {
            try
            {
                using var signer = NoteSigner.Open(Path.Combine(log, "key"));
                found.Repair(NodeFolder.LogStoreIn(log), signer.Key, signer);
            }
            catch (Exception e) when (e is FormatException or FileNotFoundException) { } // said when it is checked
        }
    }

    static string[] Logs(NodeFolder folder) =>
        Directory.Exists(folder.Logs)
            ? [.. Directory.EnumerateDirectories(folder.Logs).Order(StringComparer.Ordinal)]
            : [];

    static IEnumerable<string> OfLogs(NodeFolder folder) =>
        new[] { folder.Bodies(""), folder.KeyTable("") }.Select(p => Path.GetDirectoryName(p)!).Where(Directory.Exists)
        .SelectMany(Directory.EnumerateFiles).Where(f => Digest.TryParseHex(Path.GetFileName(f), out _))
        .Order(StringComparer.Ordinal);

    /// <summary>
    /// A decision log, and that every body that is sealed next to it is the one that its leaf commits to.
    /// </summary>
    static void CheckLog(NodeFolder folder, string log, List<ErasureRecord> erasures, HashSet<Digest> stated,
        Findings found, CancellationToken stop)
    {
        var keyFile = Path.Combine(log, "key");
        if (found.Read(keyFile, () => NoteSigner.Open(keyFile)) is not { } signer) return;
        using var _ = signer;
        var origin = signer.Key.Name;
        if (NodeFolder.NameOf(origin) != Path.GetFileName(log))
            found.Wrong(keyFile, $"signs for {origin}, whose folder has another name");

        var committed = new Dictionary<(long, string), Commitment>();
        var store = NodeFolder.LogStoreIn(log);
        found.Log(store, signer.Key, (index, bytes) =>
        {
            stop.ThrowIfCancellationRequested();
            found.Decisions++;
            try
            {
                var decision = Decision.Parse(bytes);
                foreach (var field in SealedBodies.Fields) if (decision.Committed(field) is { } commitment)
                    committed[(index, field)] = commitment;
            }
            catch (FormatException e)
            {
                found.WrongRecord(store, $"leaf {index} is no decision: {e.Message}");
            }
        });

        var begins = Pruning.FloorOf(store);
        if (begins.Begins > 0)
            found.Remark(log,
                $"begins at {begins.Begins}: what was below was "
                + $"{(begins.Cold.Moved is [{ From: var from }, ..] ? $"moved, from {from} on" : "pruned")}");
        var (keys, erased, lost) = (new Dictionary<long, DecisionKeys>(), new HashSet<long>(), new HashSet<long>());
        // Leaves alone: the journal also has checkpoints.
        var size = committed.Count == 0 ? 0 : committed.Keys.Max(c => c.Item1) + 1;
        var (table, bodies) = (folder.KeyTable(origin), folder.Bodies(origin));
        if (committed.Count > 0 && !File.Exists(table))
            found.Wrong(table, "not there: without it no body can be opened");
        if (File.Exists(table)) found.Journal(table, () => KeyTable.Scan(table, keys, erased, lost));
        foreach (var index in erased)
            if (keys.ContainsKey(index))
                found.Wrong(table, $"the keys of decision {index}, which were erased, are there");

        // Keys are destroyed by what the ledger states, or is about to.
        var unstated = erasures.Where(e => e.Log == origin && !stated.Contains(e.List.Root)).ToList();
        foreach (var e in unstated.Where(e => e.Indices.All(erased.Contains)))
            found.Remark(table, new UnstatedErasure(origin, e.List.Root, e.Indices.Length, false).Words);
        var listed = erasures.Where(e => e.Log == origin).SelectMany(e => e.Indices).ToHashSet();
        if (erased.Count(i => !listed.Contains(i)) is > 0 and var unlisted)
            found.Wrong(table,
                $"the keys of {unlisted} {(unlisted == 1 ? "decision" : "decisions")} were destroyed, and no erasure "
                + $"lists {(unlisted == 1 ? "it" : "them")}: nobody ordered it by the ledger");

        // Of two bodies of a decision the later one counts: a crash left the first without a leaf.
        var seen = new Dictionary<(long, string), bool>();
        var newestBody = -1L;
        if (committed.Keys.Any(c => keys.ContainsKey(c.Item1)) && !File.Exists(bodies))
            found.Wrong(bodies, "not there, and its keys are");
        if (File.Exists(bodies)) found.Journal(bodies, () => SealedBodies.Scan(bodies, origin, index =>
        {
            newestBody = Math.Max(newestBody, index);
            return keys.GetValueOrDefault(index);
        }, (index, field, body) =>
        {
            stop.ThrowIfCancellationRequested();
            if (committed.TryGetValue((index, field), out var commitment))
                seen[(index, field)] = body is not null
                    && Commitment.To(field, keys[index].Salt(field), body) == commitment;
        }));
        foreach (var ((index, field), whole) in seen.OrderBy(s => s.Key.Item1))
            if (!whole) found.Wrong(bodies, $"the {field} of decision {index} is not what its leaf commits to");

        // What is not here was pruned or moved (and is no leaf of the log's), erased, or lost in a crash. The node
        // writes down what a crash left incomplete at its next opening; until then it is what the log ends with.
        var crashed = File.Exists(table) && File.Exists(bodies);
        var accounted = (File.Exists(folder.Accounted(origin)) ? found.Read(folder.Accounted(origin), () =>
            Accounted.Read(folder.Accounted(origin))!) : null) ?? Accounted.None(table, size);
        var newestKey = keys.Keys.Concat(erased).Concat(lost).DefaultIfEmpty(-1).Max();
        bool IsAtEnd(long index, long newest) => crashed && index >= accounted.TailOf(newest, begins.Begins, size);
        var absent = committed.Keys.Select(c => c.Item1).Distinct().Where(i => !erased.Contains(i)
            && !lost.Contains(i)).ToList();
        var keyless = absent.Where(i => !keys.ContainsKey(i)).ToLookup(i => IsAtEnd(i, newestKey));
        var bodiless = committed.Keys.Where(c => keys.ContainsKey(c.Item1) && !lost.Contains(c.Item1)
            && !seen.ContainsKey(c)).Select(c => c.Item1).Distinct().ToLookup(i => IsAtEnd(i, newestBody));
        if (lost.Count(i => i >= begins.Begins) is > 0 and var taken) found.Remark(table,
            $"a crash left {Decisions(taken)} incomplete: their clients were never answered");
        if (keyless[true].Union(bodiless[true]).Count() is > 0 and var ending) found.Remark(table,
            $"the log ends with {Decisions(ending)} that are being written, or that a crash left incomplete: their "
            + "clients were not answered");
        // What was recorded before this build accounted for it can have been lost in a crash that nobody noted.
        var (missing, before) = Split(keyless[false]);
        var (stripped, strippedBefore) = Split(bodiless[false]);
        if (before.Count > 0) found.Remark(table,
            $"the keys of {Decisions(before.Count)} before {accounted.From} are missing ({Listed(before)}); the build "
            + "that recorded them did not note what a crash took");
        if (strippedBefore.Count > 0) found.Remark(bodies,
            $"bodies of {Decisions(strippedBefore.Count)} before {accounted.From} are missing "
            + $"({Listed(strippedBefore)}), and their keys are here; the build that recorded them did not note what a "
            + "crash took");
        if (missing.Count > 0) found.Wrong(table,
            $"the keys of {Decisions(missing.Count)} are missing ({Listed(missing)}), and nothing says why: no erasure "
            + "lists them and no crash took them; owners who know why state it: stele erase DECISION");
        if (stripped.Count > 0) found.Wrong(bodies,
            $"bodies of {Decisions(stripped.Count)} are missing ({Listed(stripped)}), and their keys are here");

        (List<long> Since, List<long> Before) Split(IEnumerable<long> indices)
        {
            var all = indices.ToLookup(i => i < accounted.From);
            return ([.. all[false]], [.. all[true]]);
        }
    }

    static string Decisions(long n) => n == 1 ? "1 decision" : string.Create(CultureInfo.InvariantCulture,
        $"{n} decisions");

    /// <summary>The first few numbers.</summary>
    static string Listed(List<long> indices)
    {
        const int Few = 5;
        var shown = string.Join(", ", indices.Order().Take(Few));
        return indices.Count > Few ? shown + ", …" : shown;
    }
}
