using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Stele.Blobs;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>
/// The only way into the ledger. Two loops own it, one behind the other; those who submit wait in a bounded queue.
///
///   1 cap the size, parse, check     on the submitter's thread, many at once: the signatures are computed here,
///                                    under the keys that the visible state knows
///   2 queue                          full: busy
///   the judging loop:
///   3 stamp: max(now, last entry)    a clock that can't be believed: refused
///   4 Fold.Apply                     on the tentative state, which runs ahead of the durable one (Staging); it asks
///                                    for each signature again, and is told what 1 computed
///   5 explain                        a verdict for every judged deployment; a refusal entry for refused envelopes
///                                    of members
///   6 append once                    for everything that waited, standing or falling together; the next batch is
///                                    judged while this one is flushed
///   the settling loop:
///   7 wait until durable             the visible state advances, then a caller that asked for no more has its answer
///   8 answer the others              under a signed checkpoint, or a witnessed one
///
/// Invariant: the visible state is the fold over durable entries; what a submitter is told happened is never undone.
/// A failed append leaves nobody knowing what the disk holds: both loops end, <see cref="Completion"/> faults, and
/// recovery at the next start says what is there.
/// </summary>
sealed class Admission : IAsyncDisposable
{
    /// <summary>
    /// The most that waits, from the call to the answer that it is durable; beyond it the answer is "busy".
    /// </summary>
    public const int QueueLength = 4096;

    /// <summary>
    /// The most that waits for witnesses, who may be away for days; beyond it the answer is "busy", and nothing was
    /// taken.
    /// </summary>
    public const int MaxWitnessed = 1024;

    /// <summary>The most that shares one append: statements, and bytes.</summary>
    const int MaxBatch = 512, MaxBatchBytes = 4 << 20;

    /// <summary>Batches that were appended and are not durable yet.</summary>
    const int Ahead = 2;

    readonly Log _log;
    readonly LedgerFold _fold;
    readonly PrivateKey _serverKey;
    readonly WallClock _clock;
    readonly Channel<Submission?> _queue = Channel.CreateUnbounded<Submission?>();   // bounded by _waiting; null: look
    readonly Channel<Batch> _appended = Channel.CreateBounded<Batch>(new BoundedChannelOptions(Ahead)
    {
        SingleReader = true,
        SingleWriter = true,
        FullMode = BoundedChannelFullMode.Wait
    });
    int _waiting, _witnessed;
    readonly RecordedRefusals _refusals;
    volatile TaskCompletionSource _advanced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    Staging _staging;

    Admission(Log log, LedgerFold fold, BlobStore blobs, PrivateKey serverKey, TimeProvider time)
    {
        (_log, _fold, _serverKey, _clock) = (log, fold, serverKey, new WallClock(time));
        (_staging, _refusals) = (new Staging(Replay, serverKey), new RecordedRefusals(fold, blobs, time));
        fold.WhenBroken = () => _queue.Writer.TryWrite(null);
        Completion = Task.Run(Run);
    }

    /// <summary>
    /// The fold over everything durable. Readers take its <see cref="Replay.State"/> once and stay with it; its
    /// documents belong to the loop.
    /// </summary>
    public Replay Replay => _fold.Replay;

    /// <summary>Why the fold can't be kept for the next start; null: it can.</summary>
    public string? SnapshotError => _fold.SnapshotError;

    /// <summary>
    /// Ends when the queue was closed and drained; faults when the loop failed, which is a matter for the process.
    /// </summary>
    public Task Completion { get; }

    /// <summary>Folds the log and starts to admit.</summary>
    /// <param name="kept">Where the fold is kept from one start to the next; null: it is not.</param>
    /// <exception cref="ProblemException">The clock lies behind the last entry.</exception>
    /// <exception cref="FormatException">
    /// An entry of the log does not fold: the ledger is damaged, or was written by other rules.
    /// </exception>
    public static Admission Start(Log log, BlobStore blobs, PrivateKey serverKey, TimeProvider time,
        KeptFold? kept = null)
    {
        if (log.Size == 0) throw new FormatException("the ledger is empty: it was not founded");
        var fold = new LedgerFold(log, blobs, kept);
        try
        {
            var state = fold.Replay.State;
            if (!state.ServerKey!.Equals(serverKey.Public))
                throw new FormatException($"the server's key {serverKey.Public.Id} is not the one that genesis names, "
                    + $"{state.ServerKey.Id}");
            var last = fold.Replay.Entries[^1];
            WallClock.Demand(time, last.Entry.Time, $"the ledger's last entry, {last.Index} ({last.Statement.Kind}),");
            return new Admission(log, fold, blobs, serverKey, time);
        }
        catch
        {
            fold.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Submits the canonical bytes of a signed envelope. Comes back when the statement is in the ledger, as safe as
    /// <paramref name="until"/> says, or will never be by this call.
    /// </summary>
    /// <param name="stop">Ends the wait for witnesses, not the admission.</param>
    public async Task<Admitted> Submit(ReadOnlyMemory<byte> envelope, Await until = Await.Integrated,
        CancellationToken stop = default)
    {
        if (until != Await.Witnessed) return await Take(envelope, until, stop);
        try
        {
            if (Interlocked.Increment(ref _witnessed) > MaxWitnessed)
                return No(Problem.Of(ProblemCode.Busy,
                    $"{MaxWitnessed} statements are waiting for witnesses already; 'integrated' does not wait for "
                    + "them"));
            return await Take(envelope, until, stop);
        }
        finally
        {
            Interlocked.Decrement(ref _witnessed);
        }
    }

    async Task<Admitted> Take(ReadOnlyMemory<byte> envelope, Await until, CancellationToken stop)
    {
        // 1.
        if (envelope.Length > Entry.MaxBytes)
            return No(Problem.Of(RefusalCode.TooLarge,
                $"an envelope of {envelope.Length} bytes; an entry has at most {Entry.MaxBytes}"));
        if (until == Await.Witnessed && !_log.Cosignatures.AreWanted)
            return No(Problem.Of(ProblemCode.BadRequest,
                "nobody witnesses this ledger: wait for 'integrated' instead"));
        Envelope parsed;
        try
        {
            parsed = Envelope.Parse(envelope.Span);
        }
        catch (FormatException e)
        {
            return No(Problem.Of(RefusalCode.Malformed, e.Message));
        }
        // 2.
        if (Interlocked.Increment(ref _waiting) > QueueLength)
        {
            Interlocked.Decrement(ref _waiting);
            return No(Problem.Of(ProblemCode.Busy, $"{QueueLength} statements are waiting already"));
        }
        // What comes of it is kept in the envelope. A key that the visible state does not know yet is looked at by the
        // fold alone.
        var state = Replay.State;
        foreach (var signature in parsed.Signatures) if (Fold.KeyOf(state, signature.KeyId) is { } key)
            _ = parsed.Verify(signature, key);
        var submission = new Submission(parsed);
        if (!_queue.Writer.TryWrite(submission))
        {
            Interlocked.Decrement(ref _waiting);
            return No(Problem.Of(ProblemCode.Stopped, "the server is not admitting statements"));
        }
        var answer = await submission.Answer.Task;
        // 8.
        var entry = answer switch
        {
            Admitted.Added added => added.Entry,
            Admitted.Already already => already.Entry,
            Admitted.Refused { Problem.Refusal: { } refusal } => refusal,
            _ => -1
        };
        if (entry < 0 || until == Await.Durable) return answer;
        try
        {
            await _log.WaitBeyond(entry, default);
            if (until == Await.Witnessed) await _log.Cosignatures.WaitBeyond(entry, stop);
            return answer;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return No(Problem.Of(ProblemCode.Stopped,
                $"the statement is in the ledger as entry {entry}, but the server stopped before that was under "
                + $"{(until == Await.Witnessed ? "a witnessed" : "a")} checkpoint"));
        }
    }

    /// <summary>
    /// Ends when the visible state has more than <paramref name="size"/> entries, or will never have.
    /// </summary>
    public async Task Beyond(long size, CancellationToken stop)
    {
        while (true)
        {
            var advanced = _advanced.Task;
            if (Replay.State.Size > size || _ended) return;
            await advanced.WaitAsync(stop);
        }
    }

    volatile bool _ended, _failed;

    /// <summary>Takes nothing more, finishes what waits, and ends the loop.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _fold.End();
    }

    async Task Run()
    {
        var settling = Settle();
        var judged = new List<(Submission Submission, Admitted? Answer)>();   // null: being judged
        try
        {
            try
            {
                _staging.SignMissingVerdicts(_clock);
            }
            catch (NodeException)
            {
                await FoldAgain();
                _staging.SignMissingVerdicts(_clock);
            }
            await Append(judged);
            while (await _queue.Reader.WaitToReadAsync())
            {
                judged = [];
                while (judged.Count < MaxBatch && _staging.Bytes < MaxBatchBytes
                    && _queue.Reader.TryRead(out var submission))
                {
                    if (_fold.IsBroken)
                    {
                        await Append(judged);
                        judged = [];
                        await FoldAgain();
                    }
                    if (submission is null) continue;
                    judged.Add((submission, null));
                    try
                    {
                        judged[^1] = (submission, await Admit(submission.Envelope));
                    }
                    catch (NodeException)
                    {
                        await Append(judged[..^1]);
                        judged = [(submission, null)];
                        await FoldAgain();
                        judged[^1] = (submission, await Admit(submission.Envelope));
                    }
                }
                await Append(judged);
                judged = [];
            }
        }
        catch (Exception e)
        {
            Stop(judged, e);
            throw;
        }
        finally
        {
            _appended.Writer.TryComplete();
            await settling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _ended = true;
            _advanced.TrySetResult();
        }
        await settling;
    }

    /// <summary>
    /// What was kept of the fold was changed or damaged: nothing of it is used any more, and the ledger is folded again
    /// from its first entry. Statements wait meanwhile.
    /// </summary>
    async Task FoldAgain()
    {
        await Append([]);
        while (_advanced.Task is var advanced && Replay.State.Size < _staging.State.Size)
        {
            if (_failed) throw new IOException("the ledger failed before what was judged was in it");
            await advanced;
        }
        _fold.Again();
        _staging = new Staging(Replay, _serverKey);
    }

    /// <summary>7.</summary>
    async Task Settle()
    {
        var broken = default(ExceptionDispatchInfo);
        await foreach (var batch in _appended.Reader.ReadAllAsync())
        {
            if (broken is null)
            {
                try
                {
                    if (!batch.Staged.IsEmpty && await batch.First != Replay.State.Size)
                        throw new InvalidOperationException(
                            $"the log took entry {Replay.State.Size} as {await batch.First}: someone else writes to "
                            + "it");
                    // Here the entries are durable: from now on they happened.
                    _staging.Settle(batch.Staged);
                    if (!batch.Staged.IsEmpty)
                        Interlocked.Exchange(ref _advanced, new TaskCompletionSource(
                            TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
                    foreach (var (submission, answer) in batch.Judged) Answer(submission, answer!);
                    continue;
                }
                catch (Exception e)
                {
                    broken = ExceptionDispatchInfo.Capture(e);
                    _failed = true;
                    _advanced.TrySetResult();
                }
            }
            Stop(batch.Judged, broken.SourceException);
        }
        broken?.Throw();
    }

    /// <summary>
    /// Whether the staged entries are in the log is not known: nobody is told that they are, nor that they are not.
    /// </summary>
    void Stop(List<(Submission Submission, Admitted? Answer)> judged, Exception failure)
    {
        _queue.Writer.TryComplete();
        var why = DiskTrouble.Of(failure) is { } fault ? $": its disk {DiskTrouble.Says(fault)}" : "";
        var answer = No(Problem.Of(ProblemCode.Stopped,
            $"the ledger failed{why}; whether this statement got in will be seen when the server was restarted"));
        foreach (var (submission, _) in judged) Answer(submission, answer);
        while (_queue.Reader.TryRead(out var waiting)) if (waiting is not null) Answer(waiting, answer);
    }

    void Answer(Submission submission, Admitted answer)
    {
        if (submission.Answer.TrySetResult(answer)) Interlocked.Decrement(ref _waiting);
    }

    /// <summary>Judges one envelope on the tentative state and stages what follows from it.</summary>
    /// <exception cref="NodeException">What was kept of the fold can't be read.</exception>
    async Task<Admitted> Admit(Envelope envelope)
    {
        // 3.
        var before = _staging.State;
        if (!_clock.TryStamp(before.Time, out var stamp, out var reason))
            return No(Problem.Of(ProblemCode.Clock, reason!));
        Entry entry;
        try
        {
            entry = new Entry(stamp, envelope);
        }
        catch (FormatException e)
        {
            return No(Problem.Of(RefusalCode.TooLarge, e.Message));
        }
        // 4.
        Outcome outcome;
        try
        {
            outcome = Fold.Apply(before, entry, Replay.Documents);
        }
        catch (Exception e) when (e is not NodeException)
        {
            if (Disk.DiskTrouble.LacksDescriptors(e))
                return No(Problem.Of(ProblemCode.Busy, "the server has too much open at once to judge this"));
            // States are immutable: a bug in judging one statement, or a document that can't be read now, harms nothing
            // but that statement.
            return No(Problem.Of(ProblemCode.Internal,
                $"the statement could not be judged: {e.GetType().Name}: {e.Message}"));
        }
        switch (outcome)
        {
            case Outcome.Accepted accepted:
                // 5. What can't be explained does not happen; and whatever is wrong with it, it stops nobody else.
                Staged? explained = null;
                try
                {
                    if (Explain.Verdict(before, entry, outcome) is { } verdict)
                        explained = _staging.Own(accepted.Next, verdict, stamp);
                }
                catch (Exception e) when (e is FormatException or InvalidOperationException)
                {
                    return No(Problem.Of(ProblemCode.Internal, $"the statement could not be explained: {e.Message}"));
                }
                _staging.Add(new Staged(entry, accepted));
                if (explained is not null) _staging.Add(explained);
                return new Admitted.Added(before.Size, stamp, entry.LeafHash);
            case Outcome.Already already:
                return new Admitted.Already(already.Entry, _staging.EntryAt(already.Entry).LeafHash);
            default:
                return await Refuse(before, entry, (Outcome.Refused)outcome);
        }
    }

    async Task<Admitted> Refuse(State before, Entry entry, Outcome.Refused refused)
    {
        if (refused.Member is not { } member) return No(Problem.Of(refused));
        if (_refusals.EntryOf(Explain.Refusal(before, entry, refused)) is { } recorded)
            return No(Problem.Of(refused, recorded));
        if (!_refusals.TrySpend(member))
            return No(Problem.Of(ProblemCode.RateLimited,
                $"{RecordedRefusals.PerMinute} refusals a minute are recorded for a member, and this would be one more "
                + $"({refused.Code.Name()}: {refused.Message})"));
        return No(await _refusals.Record(before, entry, refused, _staging) is { } written
            ? Problem.Of(refused, written) : Problem.Of(refused));
    }

    /// <summary>6. Waits only where so many batches are on their way to the disk already.</summary>
    async Task Append(List<(Submission Submission, Admitted? Answer)> judged)
    {
        var staged = _staging.Take();
        if (staged.IsEmpty && judged.Count == 0) return;
        var first = staged.IsEmpty
            ? Task.FromResult(0L)
            : _log.Append([.. staged.Select(s => (ReadOnlyMemory<byte>)s.Entry.Bytes)], Await.Durable);
        await _appended.Writer.WriteAsync(new Batch(judged, staged, first));
    }

    /// <summary>What was judged together, what came of it, and the task of its append.</summary>
    sealed record Batch(List<(Submission Submission, Admitted? Answer)> Judged, ImmutableArray<Staged> Staged,
        Task<long> First);

    static Admitted.Refused No(Problem problem) => new(problem);

    sealed record Submission(Envelope Envelope)
    {
        public TaskCompletionSource<Admitted> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
