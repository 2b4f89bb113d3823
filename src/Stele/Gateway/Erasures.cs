using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// Destroys keys and salts on a node, in an order that survives being broken off anywhere:
///
///   1 find      the decisions meant, and whether a hold that is known here covers any: then nothing is done
///   2 intend    the list, its salt and the reason become files, durably         a crash here: nothing is destroyed; the next call finishes it
///   3 destroy   the key table is written anew without them, durably, at once    a crash here: all of one record's keys are gone, or none
///   4 forget    a principal's token, if it was one who was meant
///   5 claim     an owner states in the ledger what 3 destroyed
///
/// Invariant: what step 5 can state was destroyed before, durably: a claim is handed out only for what the key table shows as erased. Whether it was stated the fold knows, by the list's root, which it takes once:
/// so whatever is repeated, nothing is counted twice.
/// </summary>
/// <param name="recorder">A log of this node by its origin, and what to dispose afterwards, if it was opened for this; null where it is not here.</param>
sealed class Erasures(NodeFolder folder, Func<string, (Recorder Recorder, IDisposable? Opened)?> recorder)
{
    readonly Lock _one = new();

    /// <summary>For tests: called when a step is done, and may throw as a crash would stop it there.</summary>
    internal Action<string>? Reached { get; init; }

    /// <exception cref="GatewayException">A hold covers it, or there is no such decision: nothing was destroyed by this call.</exception>
    public ErasureAnswer Run(ErasureRequest request, State state, long now)
    {
        lock (_one)
        {
            if (state.Size < request.Size) throw new GatewayException(GatewayError.Behind, $"the node has folded {state.Size} entries, and the holds among {request.Size} are to be regarded");
            var finished = Finish(state);

            // 1. Which?
            var floors = ImmutableArray.CreateBuilder<(string, long)>();
            var (found, already, held) = request.Overdue is { } system ? Overdue(system, state, now, floors) : Asked(request, state);

            // 2. All of it is written down before any of it is done.
            var records = found.SelectMany(f => Plan(f.Key, f.Value, request, state)).ToList();
            foreach (var record in records) Intend(record, request.Reason);
            Reached?.Invoke("intend");

            // 3 and 4.
            foreach (var record in records) Destroy(record);
            return new ErasureAnswer(records.Sum(r => (long)r.Indices.Length), already, held, finished, [.. Stand(state).Where(r => !state.Erasures.ContainsKey(r.List.Root) && IsDestroyed(r)).Select(r => r.Claim)], floors.ToImmutable());
        }
    }

    /// <summary>Finishes what a call before was broken off in. What came to be held since, and still has its keys, keeps them.</summary>
    long Finish(State state)
    {
        var finished = 0L;
        foreach (var record in Stand(state).Where(r => !state.Erasures.ContainsKey(r.List.Root)))
        {
            if (!IsDestroyed(record))
            {
                if (state.Logs.TryGetValue(record.Log, out var log) && record.Indices.Any(i => state.HoldsOn(log, i, i + 1).Any()))
                {
                    Files.Delete(PathOf(record.List.Root) + ReasonSuffix);
                    Files.Delete(PathOf(record.List.Root));
                    continue;
                }
                finished += record.Indices.Length;
            }
            Destroy(record);
        }
        return finished;
    }

    (SortedDictionary<string, SortedSet<long>> Found, long Already, long Held) Asked(ErasureRequest request, State state)
    {
        var found = new SortedDictionary<string, SortedSet<long>>(StringComparer.Ordinal);
        var already = 0L;
        void Take(string origin, Recorder log, long index)
        {
            if (log.Keys.IsErased(index)) already++;
            else if (log.Keys.Find(index) is not null) (found.TryGetValue(origin, out var set) ? set : found[origin] = []).Add(index);
            else already++;   // a crash came before its keys were written: nothing can be opened, and nothing is to be destroyed
        }
        foreach (var id in request.Decisions)
        {
            if (!Decision.TryParseId(id, out var origin, out var index) || !state.Logs.ContainsKey(origin)) throw new GatewayException(GatewayError.NotFound, $"'{id}' is not a decision of a log that the ledger knows");
            With(origin, log =>
            {
                if (index < 0 || index >= log.Log.Log.Size) throw new GatewayException(GatewayError.NotFound, $"there is no decision {id}: the log has {log.Log.Log.Size} records");
                Take(origin, log, index);
            }, must: true);
        }
        if (request.Subject is { } subject)
            foreach (var origin in state.Logs.Keys)
                With(origin, log =>
                {
                    foreach (var index in log.Keys.About(subject)) Take(origin, log, index);
                    if (!Names.IsMember(subject)) return;
                    var mark = Encoding.UTF8.GetBytes($"\"principal\":\"{subject}\"");
                    var at = log.Log.Log.Floor;
                    foreach (var leaf in log.Log.Log.ReadEntries(at, log.Log.Log.Size))
                    {
                        if (leaf.AsSpan().IndexOf(mark) >= 0) Take(origin, log, at);
                        at++;
                    }
                });
        foreach (var (origin, indices) in found)
            if (indices.FirstOrDefault(i => state.HoldsOn(state.Logs[origin], i, i + 1).Any(), -1) is >= 0 and var first)
            {
                var hold = state.HoldsOn(state.Logs[origin], first, first + 1).First();
                throw new GatewayException(GatewayError.OnHold, $"{Decision.Id(origin, first)} is held by entry {hold.Entry} (a legal hold on {hold}): nothing was erased");
            }
        return (found, already, 0);
    }

    /// <summary>Decisions whose time is over by their system's retention classes, oldest first up to the first one whose time is not; and how far their logs may be pruned.</summary>
    (SortedDictionary<string, SortedSet<long>> Found, long Already, long Held) Overdue(string system, State state, long now, ImmutableArray<(string, long)>.Builder floors)
    {
        var found = new SortedDictionary<string, SortedSet<long>>(StringComparer.Ordinal);
        var held = 0L;
        if (!state.Systems.TryGetValue(system, out var fact)) throw new GatewayException(GatewayError.NotFound, $"no system '{system}'");
        foreach (var (origin, logFact) in state.Logs.Where(l => l.Value.System == system))
            With(origin, log =>
            {
                var whole = log.Log.Log;
                if (fact.Retention?.Bodies is { } bodies)
                {
                    var open = log.Keys.Indices.Where(i => i >= whole.Floor).ToHashSet();
                    var index = open.Count == 0 ? whole.Size : open.Min();
                    foreach (var leaf in whole.ReadEntries(index, whole.Size))
                    {
                        if (Decision.Parse(leaf).Time > now - bodies) break;
                        if (!open.Contains(index++)) continue;
                        if (state.HoldsOn(logFact, index - 1, index).Any()) held++;
                        else (found.TryGetValue(origin, out var set) ? set : found[origin] = []).Add(index - 1);
                    }
                }
                if (fact.Retention?.Leaves is not { } leaves) return;
                var floor = Math.Max(logFact.Floor, whole.Floor);
                // A floor is admitted over what was anchored so long ago; a record is a little older than its anchor.
                foreach (var leaf in whole.ReadEntries(floor, Math.Max(floor, Math.Min(logFact.AnchoredBy(now - leaves), whole.Size))))
                {
                    if (Decision.Parse(leaf).Time > now - leaves || state.HoldsOn(logFact, floor, floor + 1).Any()) break;
                    floor++;
                }
                // Leaves are pruned by whole bundles: a floor in between would let nothing more go.
                if ((floor -= floor % Tile.Full) > logFact.Floor) floors.Add((origin, floor));
            });
        return (found, 0, held);
    }

    /// <summary>One erasure for each stretch between holds: a statement's range must not touch one, and says no more than that.</summary>
    IEnumerable<ErasureRecord> Plan(string origin, SortedSet<long> indices, ErasureRequest request, State state)
    {
        var size = 0L;
        With(origin, log => size = log.Log.Log.Size);
        // What is anchored can be stated at once; the rest after the next anchor.
        if (state.Logs[origin].Anchor is { } anchor && indices.Max < anchor.Size) size = Math.Min(size, anchor.Size);
        var principal = request.Subject is { } subject && Names.IsMember(subject) ? subject : null;
        var from = 0L;
        foreach (var hold in state.HoldsOn(state.Logs[origin]).OrderBy(h => h.From).Append(new HoldFact(0, 0, "", null, null, size, null, null)))
        {
            var to = Math.Min(hold.From, size);
            if (to > from && indices.GetViewBetween(from, to - 1) is { Count: > 0 } between)
                yield return new ErasureRecord(origin, from, to, [.. between], RandomNumberGenerator.GetBytes(ErasedList.SaltBytes), request.Overdue is null ? Erasure.Request : Erasure.Retention, state.Size, principal, null);
            from = Math.Max(from, hold.To ?? long.MaxValue);
        }
    }

    const string ReasonSuffix = ".reason";

    string PathOf(Digest list) => Path.Combine(folder.Erasures, list.Hex);

    void Intend(ErasureRecord record, string? reason)
    {
        if (reason is not null)
        {
            var salt = RandomNumberGenerator.GetBytes(Commitment.SaltBytes);
            record = record with { Reason = Commitment.To("reason", salt, Encoding.UTF8.GetBytes(reason)).Value };
            Files.Write(PathOf(record.List.Root) + ReasonSuffix, Json.Object(("salt", Convert.ToHexStringLower(salt)), ("text", reason)).ToBytes(), secret: true);
        }
        Files.Write(PathOf(record.List.Root), record.ToJson().ToBytes(), secret: true);
    }

    bool IsDestroyed(ErasureRecord record)
    {
        var destroyed = false;
        With(record.Log, log => destroyed = record.Indices.All(log.Keys.IsErased));
        return destroyed;
    }

    void Destroy(ErasureRecord record)
    {
        With(record.Log, log => log.Erase(record.Indices.ToHashSet()), must: true);
        Reached?.Invoke("destroy");
        if (record.Principal is { } principal) Principals.Remove(folder.Principals, principal);
        Reached?.Invoke("forget");
    }

    /// <summary>Every erasure that lies here.</summary>
    IEnumerable<ErasureRecord> Stand(State state)
    {
        if (!Directory.Exists(folder.Erasures)) yield break;
        foreach (var file in Directory.EnumerateFiles(folder.Erasures).Where(f => Path.GetFileName(f).Length == 2 * Digest.Size).Order(StringComparer.Ordinal))
        {
            var record = ErasureRecord.Parse(File.ReadAllBytes(file));
            if (state.Logs.ContainsKey(record.Log)) yield return record;
        }
    }

    /// <summary>What shows that a decision's keys were erased, and by which list; null when nothing here does.</summary>
    public (Digest List, ErasedRecord Record)? Proof(string origin, long index, State state)
    {
        lock (_one)
            foreach (var record in Stand(state).Where(r => r.Log == origin && state.Erasures.ContainsKey(r.List.Root)))
                if (record.List.Prove(index) is { } shown) return (record.List.Root, shown);
        return null;
    }

    void With(string origin, Action<Recorder> act, bool must = false)
    {
        if (recorder(origin) is not var (log, opened))
        {
            if (must) throw new GatewayException(GatewayError.NotFound, $"the decision log '{origin}' is not on this node");
            return;
        }
        using (opened) act(log);
    }

    /// <summary>A log of a node that does not run, opened for as long as it takes; null where it is not in that folder.</summary>
    public static (Recorder, IDisposable?)? Open(NodeFolder folder, string origin, TimeProvider time)
    {
        if (!File.Exists(Path.Combine(folder.Log(origin), "key"))) return null;
        var log = DecisionLog.Open(folder, origin, time);
        try
        {
            var opened = new Recorder(folder, log);
            return (opened, new Both(opened, log));
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    sealed record Both(IDisposable First, IDisposable Second) : IDisposable
    {
        public void Dispose()
        {
            First.Dispose();
            Second.Dispose();
        }
    }
}
