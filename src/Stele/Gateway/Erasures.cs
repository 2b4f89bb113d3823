using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
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
/// Destroys keys and salts on a node, by owners' orders alone, and in an order that survives being broken off anywhere:
///
///   1 plan      the decisions meant, and whether a hold that is known here covers any. List, salt and reason become
///               files, durably; nothing is destroyed. A plan waits for its order for a day
///   2 try       the order: the plan's statement, signed by owners. The node's own fold must accept it as the ledger
///               stands here, so owners at the threshold signed it, less than a day ago, and no hold forbids it
///   3 keep      the order becomes a file, then the list: from here on it will be done. A crash: the next start does it
///   4 destroy   the key table is written again without them, durably, at once. A crash: all of one record's keys are
///               gone, or none
///   5 forget    a principal's token, if it was one who was meant
///   6 submit    the order goes to the server, by the node's outbox and by its sender; the ledger takes it once
///
/// Invariant: nothing is destroyed without an order that is durable here. What an earlier build had begun has none: it
/// is finished as it was begun, and its claim is handed out so that owners can order it now.
/// Whether it was stated the fold knows, by the list's root, which it takes once: whatever is repeated, nothing is
/// counted twice.
/// </summary>
/// <param name="recorder">
/// A log of this node by its origin, and what to dispose afterwards, if it was opened for this; null where it is not
/// here.
/// </param>
sealed class Erasures(NodeFolder folder, Func<string, (Recorder Recorder, IDisposable? Opened)?> recorder)
{
    readonly Lock _one = new();
    readonly ErasureFiles _files = new(folder.Erasures);

    /// <summary>For tests: called when a step is done, and may throw as a crash would stop it there.</summary>
    internal Action<string>? Reached { get; init; }

    /// <summary>Finds what is meant and writes the plans down. Destroys nothing, but for what an earlier call had
    /// begun.</summary>
    /// <param name="now">Milliseconds since 1970 UTC.</param>
    /// <exception cref="GatewayException">A hold covers it, there is no such decision, or too many plans
    /// wait.</exception>
    public ErasurePlan Plan(ErasureRequest request, State state, long now)
    {
        lock (_one)
        {
            HasFolded(state, request.Size);
            var finished = Finish(state);
            _files.Expire(now);
            var floors = ImmutableArray.CreateBuilder<LogFloor>();
            var (found, already, held) = request.Overdue is { } system
                ? Overdue(system, state, now, floors)
                : Asked(request, state);
            var (claims, waiting) = (ImmutableArray.CreateBuilder<ErasureClaim>(), 0L);
            foreach (var (origin, indices) in found)
            {
                // The ledger takes no word about what it does not anchor yet.
                var anchored = state.Logs[origin].Anchor?.Size ?? 0;
                waiting += indices.Count(i => i >= anchored);
                foreach (var record in Stretches(origin, indices, anchored, request, state))
                    claims.Add(_files.Plan(record, request.Reason, now, p =>
                        !state.HoldsOn(state.Logs[record.Log], p.From, p.To).Any()).Claim);
            }
            Reached?.Invoke("plan");
            return new ErasurePlan(claims.ToImmutable(), [.. Unstated(state).Where(IsDestroyed).Select(r => r.Claim)],
                already, held, finished, waiting, floors.ToImmutable());
        }
    }

    /// <summary>Carries an order out: steps 2 to 5. An order of what was destroyed before and is not stated is kept,
    /// for its statement; one that the ledger states is refused.</summary>
    /// <param name="size">As much of the ledger the node must have folded.</param>
    /// <returns>How many decisions lost their keys now.</returns>
    /// <exception cref="GatewayException">It may not be done; nothing was destroyed.</exception>
    /// <exception cref="FormatException">It is not an order.</exception>
    public long Carry(Envelope order, long size, State state, long now)
    {
        lock (_one)
        {
            HasFolded(state, size);
            if (StatementKinds.Parse(order.Payload) is not Erasure statement) throw new FormatException("an order is a "
                + "signed erasure statement");

            // 2. What was planned, as it was planned, and as the ledger would take it.
            var begun = _files.Begun(statement.List);
            var record = begun ?? _files.Planned(statement.List)
                ?? throw new GatewayException(GatewayError.NotFound,
                    "no plan with that list is here: one is kept for a day; have it planned again");
            if (ErasureClaim.Of(statement) != record.Claim) throw new FormatException("the order does "
                + "not say what was planned");
            if (!state.Logs.TryGetValue(record.Log, out var log)) throw new GatewayException(GatewayError.NotFound,
                $"the ledger knows no decision log '{record.Log}'");
            var destroyed = begun is not null && IsDestroyed(record);
            if (!destroyed) MayDestroy(record, log, state);
            var why = Fold.Apply(state, new Entry(Math.Max(now, state.Time), order), Documents.None) switch
            {
                Outcome.Refused refused =>
                    $"the ledger would refuse the order ({refused.Code.Name()}): {refused.Message}",
                Outcome.Already before =>
                    $"entry {before.Entry} of the ledger is this very order: it is carried out once",
                _ => null,
            };
            if (why is not null) throw new GatewayException(GatewayError.Unordered,
                $"{why}; nothing was destroyed by it");

            // 3.
            _files.Order(record, order);
            Reached?.Invoke("order");
            if (begun is null) _files.Begin(record);
            Reached?.Invoke("intend");
            _files.DropPlan(record.List.Root);

            // 4 and 5.
            Destroy(record);
            return destroyed ? 0 : record.Indices.Length;
        }
    }

    /// <summary>Goes on where the node was stopped between an order and its statement: finishes what was ordered, and
    /// gives the orders that the ledger does not have.</summary>
    /// <param name="open">Whether a log, by its origin, is open here.</param>
    /// <returns>The orders that are to be submitted; and how many can't be finished yet, as their logs are not
    /// open.</returns>
    public (ImmutableArray<Envelope> Orders, int Left) Resume(State state, long now, Func<string, bool> open)
    {
        lock (_one)
        {
            var orders = ImmutableArray.CreateBuilder<Envelope>();
            var left = 0;
            foreach (var list in _files.Ordered())
                if (state.Erasures.ContainsKey(list)) _files.DropOrder(list);
                // stopped before it was begun: the plan waits as before
                else if (_files.Begun(list) is not { } record) continue;
                else if (!state.Logs.ContainsKey(record.Log) || !open(record.Log)) left++;
                else
                {
                    Finish(record, state);
                    if (_files.OrderOf(record) is { } order && !IsTooOld(order, now)) orders.Add(order);
                }
            return (orders.ToImmutable(), left);
        }
    }

    /// <summary>What was destroyed and is not stated: what <c>status</c> and <c>fsck</c> have to say until it
    /// is.</summary>
    public ImmutableArray<UnstatedErasure> Pending(State state, long now)
    {
        lock (_one) return [.. Unstated(state).Select(r => new UnstatedErasure(r.Log, r.List.Root, r.Indices.Length,
            _files.OrderOf(r) is { } order && !IsTooOld(order, now)))];
    }

    static void HasFolded(State state, long size)
    {
        if (state.Size < size) throw new GatewayException(GatewayError.Behind,
            $"the node has folded {state.Size} entries, and the holds among {size} are to be regarded");
    }

    static bool IsTooOld(Envelope order, long now) => StatementKinds.Parse(order.Payload).Issued + Fold.MaxDelay < now;

    /// <summary>What has its keys yet keeps them if it is held; and what was planned must be there as it was planned,
    /// so that nothing is counted twice.</summary>
    void MayDestroy(ErasureRecord record, LogFact log, State state)
    {
        if (record.Indices.SelectMany(i => state.HoldsOn(log, i, i + 1)).FirstOrDefault() is { } hold)
        {
            _files.Drop(record.List.Root);
            throw new GatewayException(GatewayError.OnHold,
                $"the hold of entry {hold.Entry} on {hold} came meanwhile: nothing was erased");
        }
        var gone = 0L;
        Demand(record.Log, recorded => gone = record.Indices.Count(i => recorded.Keys.IsErased(i)));
        if (gone == 0) return;
        _files.Drop(record.List.Root);
        throw new GatewayException(GatewayError.NotFound,
            $"{gone} of the {record.Indices.Length} decisions planned were erased meanwhile by another order: have "
            + $"it planned again");
    }

    /// <summary>Finishes what was begun. What came to be held since, and still has its keys, keeps them.</summary>
    long Finish(State state) => Unstated(state).ToList().Sum(r => Finish(r, state));

    long Finish(ErasureRecord record, State state)
    {
        var finished = 0L;
        if (!IsDestroyed(record))
        {
            if (record.Indices.Any(i => state.HoldsOn(state.Logs[record.Log], i, i + 1).Any()))
            {
                _files.Drop(record.List.Root);
                return 0;
            }
            finished = record.Indices.Length;
        }
        Destroy(record);
        return finished;
    }

    (SortedDictionary<string, SortedSet<long>> Found, long Already, long Held) Asked(ErasureRequest request,
        State state)
    {
        var found = new SortedDictionary<string, SortedSet<long>>(StringComparer.Ordinal);
        var already = 0L;
        void Take(string origin, Recorder log, long index)
        {
            if (log.Keys.IsErased(index)) already++;
            // Of what was removed without a word owners may say why: it is stated as erased, and then it is.
            else if (log.KeysOf(index) is BodyState.Whole or BodyState.Missing)
                (found.TryGetValue(origin, out var set) ? set : found[origin] = []).Add(index);
            else already++;   // lost in a crash: nothing can be opened, and nothing is to be destroyed
        }
        foreach (var id in request.Decisions)
        {
            if (!Decision.TryParseId(id, out var origin, out var index) || !state.Logs.ContainsKey(origin))
                throw new GatewayException(GatewayError.NotFound,
                    $"'{id}' is not a decision of a log that the ledger knows");
            Demand(origin, log =>
            {
                if (index < 0 || index >= log.Log.Log.Size)
                    throw new GatewayException(GatewayError.NotFound,
                        $"there is no decision {id}: the log has {log.Log.Log.Size} records");
                Take(origin, log, index);
            });
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
            if (indices.FirstOrDefault(i => state.HoldsOn(state.Logs[origin], i, i + 1).Any(), -1) is >= 0
                and var first)
            {
                var hold = state.HoldsOn(state.Logs[origin], first, first + 1).First();
                throw new GatewayException(GatewayError.OnHold,
                    $"{Decision.Id(origin, first)} is held by entry {hold.Entry} (a legal hold on {hold}): nothing "
                    + $"was erased");
            }
        return (found, already, 0);
    }

    /// <summary>
    /// Decisions whose time is over by their system's retention classes, oldest first up to the first one whose time is
    /// not; and how far their logs may be pruned.
    /// </summary>
    (SortedDictionary<string, SortedSet<long>> Found, long Already, long Held) Overdue(string system, State state,
        long now, ImmutableArray<LogFloor>.Builder floors)
    {
        var found = new SortedDictionary<string, SortedSet<long>>(StringComparer.Ordinal);
        var held = 0L;
        if (!state.Systems.TryGetValue(system, out var fact))
            throw new GatewayException(GatewayError.NotFound, $"no system '{system}'");
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
                foreach (var leaf in whole.ReadEntries(floor,
                    Math.Max(floor, Math.Min(logFact.AnchoredBy(now - leaves), whole.Size))))
                {
                    if (Decision.Parse(leaf).Time > now - leaves || state.HoldsOn(logFact, floor, floor + 1).Any())
                        break;
                    floor++;
                }
                // Leaves are pruned by whole bundles: a floor in between would let nothing more go.
                if ((floor -= floor % Tile.Full) > logFact.Floor) floors.Add(new(origin, floor));
            });
        return (found, 0, held);
    }

    /// <summary>
    /// One erasure for each stretch between holds: a statement's range must not touch one, and says no more than that.
    /// </summary>
    static IEnumerable<ErasureRecord> Stretches(string origin, SortedSet<long> indices, long anchored,
        ErasureRequest request, State state)
    {
        var principal = request.Subject is { } subject && Names.IsMember(subject) ? subject : null;
        var from = 0L;
        foreach (var hold in state.HoldsOn(state.Logs[origin]).OrderBy(h =>
            h.From).Append(new HoldFact(0, 0, "", null, null, anchored, null, null)))
        {
            var to = Math.Min(hold.From, anchored);
            if (to > from && indices.GetViewBetween(from, to - 1) is { Count: > 0 } between)
                yield return new ErasureRecord(origin, from, to, [.. between],
                    RandomNumberGenerator.GetBytes(ErasedList.SaltBytes),
                    request.Overdue is null ? ErasureCause.Request : ErasureCause.Retention, state.Size, principal,
                        null);
            from = Math.Max(from, hold.To ?? long.MaxValue);
        }
    }

    bool IsDestroyed(ErasureRecord record)
    {
        var destroyed = false;
        With(record.Log, log => destroyed = record.Indices.All(log.Keys.IsErased));
        return destroyed;
    }

    void Destroy(ErasureRecord record)
    {
        Demand(record.Log, log => log.Erase(record.Indices.ToHashSet()));
        Reached?.Invoke("destroy");
        if (record.Principal is { } principal) TokenFile.Remove(folder.Principals, principal);
        Reached?.Invoke("forget");
    }

    /// <summary>Every erasure of this node that was begun, and that the ledger does not state.</summary>
    IEnumerable<ErasureRecord> Unstated(State state) => Stand(state).Where(r =>
        !state.Erasures.ContainsKey(r.List.Root));

    /// <summary>Every erasure of this node that was begun.</summary>
    IEnumerable<ErasureRecord> Stand(State state) => _files.All().Where(r => state.Logs.ContainsKey(r.Log));

    /// <summary>
    /// What shows that a decision's keys were erased, and by which list; null when nothing here does.
    /// </summary>
    public (Digest List, ErasedRecord Record)? Proof(string origin, long index, State state)
    {
        lock (_one)
            foreach (var record in Stand(state).Where(r => r.Log == origin && state.Erasures.ContainsKey(r.List.Root)))
                if (record.List.Prove(index) is { } shown) return (record.List.Root, shown);
        return null;
    }

    /// <summary>Acts on a log, if it is on this node.</summary>
    bool With(string origin, Action<Recorder> act)
    {
        if (recorder(origin) is not var (log, opened)) return false;
        using (opened) act(log);
        return true;
    }

    void Demand(string origin, Action<Recorder> act)
    {
        if (!With(origin, act))
            throw new GatewayException(GatewayError.NotFound, $"the decision log '{origin}' is not on this node");
    }

    /// <summary>
    /// A log that no node has open, for as long as it takes; null where it is not in that folder. It is read: erasing
    /// writes its key table, and nothing else of it.
    /// </summary>
    public static (Recorder, IDisposable?)? Open(NodeFolder folder, string origin)
    {
        if (DecisionLog.OpenToRead(folder, origin) is not { } log) return null;
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
