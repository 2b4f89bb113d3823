using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Stele.Ledger;
using Stele.Proof;
using Stele.Runtime;

namespace Stele.Control;

/// <summary>
/// Somebody whose cosignature counts, and where checkpoints are handed in; without an address they come by themselves,
/// as nodes do.
/// </summary>
sealed record WitnessPlace(string Name, VerifierKey Key, Uri? Address);

/// <summary>
/// Who witnesses a ledger, and when that is enough; no quorum: whatever comes is shown, and nothing waits for it.
/// </summary>
sealed record WitnessOptions(ImmutableArray<WitnessPlace> Witnesses, Func<Note, bool>? Quorum)
{
    /// <summary>What a policy file says, for this log. An address is a witness's submission prefix.</summary>
    /// <exception cref="FormatException">It names other logs than this one, or an address that is none.</exception>
    public static WitnessOptions Of(WitnessPolicy policy, VerifierKey log)
    {
        if (!policy.Logs.IsEmpty && !policy.Logs.Any(l => l.Key.Equals(log)))
            throw new FormatException($"it names {policy.Logs.Length} logs, and not this ledger: log {log}");
        if (policy.Witnesses.Any(w => w.SameKey(log))) throw new FormatException("a witness has the ledger's own key");
        WitnessPlace[] places = [.. policy.Parts.Where(p => p.Key is not null)
            .Select(p => new WitnessPlace(p.Name, p.Key!, p.Url is null ? null : AddressOf(p.Url)))];
        VerifierKey[] keys = [.. policy.Witnesses];
        return new([.. places],
            policy.Quorum is null ? null : note => note.Verify(keys, out var verified) == NoteTrust.Verified
                && policy.IsQuorum(verified.Select(v => v.Key)));
    }

    static Uri AddressOf(string url) =>
        Uri.TryCreate(url.EndsWith('/') ? url : url + "/", UriKind.Absolute, out var address)
            && address.Scheme is "http" or "https"
        ? address : throw new FormatException($"'{url}' is not an address: http:// or https://");
}

/// <summary>The status of one witness.</summary>
/// <param name="Size">What it cosigned last; null: nothing since the start.</param>
/// <param name="Time">When, by its own clock, in POSIX seconds.</param>
/// <param name="LastError">Why it does not cosign now.</param>
/// <param name="Fork">Whether it says that this ledger contradicts what it saw before.</param>
sealed record WitnessStatus(WitnessPlace Place, long? Size, long Time, string? LastError, bool Fork);

/// <summary>
/// Hands the ledger's checkpoints to its witnesses (the client's side of C2SP tlog-witness). In rounds, so that all
/// sign the same: each round is about the newest checkpoint; it ends when a quorum has signed, or everyone has
/// answered, or after a while; then comes the next. Each witness is asked one thing at a time, and again until it
/// answers.
/// A witness that says that the ledger is not the one it saw before is not asked again: that is a fork, and for people.
/// </summary>
sealed class Witnesses : IAsyncDisposable
{
    const int MaxAnswer = 64 * 1024;
    static readonly TimeSpan Round = TimeSpan.FromSeconds(5), FirstPause = TimeSpan.FromMilliseconds(200),
        LongestPause = TimeSpan.FromSeconds(30);

    readonly Log _log;
    readonly CosignedCheckpoints _cosigned;
    readonly TimeProvider _time;
    readonly Action<string> _report;
    readonly CancellationTokenSource _stop = new();
    readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        ConnectTimeout = TimeSpan.FromSeconds(10)
    }) { Timeout = TimeSpan.FromSeconds(20), MaxResponseContentBufferSize = MaxAnswer };
    readonly Member[] _members;
    readonly Task _rounds;
    volatile string _target = "";
    TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously),
        _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>One witness with an address. Changed by its own loop alone.</summary>
    sealed class Member(WitnessPlace place)
    {
        public volatile WitnessStatus Status = new(place, null, 0, null, false);
        public long Recorded;
        public volatile string Answered = "";
        public Task Loop = Task.CompletedTask;
    }

    /// <param name="report">Told of every fork; for the operator's log.</param>
    public Witnesses(Log log, CosignedCheckpoints cosigned, WitnessOptions options, TimeProvider time,
        Action<string> report)
    {
        (_log, _cosigned, _time, _report) = (log, cosigned, time, report);
        _members = [.. options.Witnesses.Where(w => w.Address is not null).Select(w => new Member(w))];
        foreach (var member in _members) member.Loop = Task.Run(() => Ended(() => Serve(member)));
        _rounds = _members.Length == 0 ? Task.CompletedTask : Task.Run(() => Ended(Rounds));
    }

    public IReadOnlyList<WitnessStatus> Standings => [.. _members.Select(m => m.Status)];

    /// <summary>Why some of them, or all, are not asked any more, which is a bug; null: they are.</summary>
    public string? LastError { get; private set; }

    async Task Ended(Func<Task> loop)
    {
        try
        {
            await loop();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            LastError = $"{e.GetType().Name}: {e.Message}";
            _report($"the witnesses are not asked any more: {e}");
        }
    }

    async Task Rounds()
    {
        for (var size = -1L; ;)
        {
            await _log.WaitBeyond(size, _stop.Token);
            var note = _log.Checkpoint;
            size = Checkpoint.Parse(Note.Parse(note).Text).Size;
            _target = note;
            Interlocked.Exchange(ref _begun, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
            // A slow one is asked again in the next round.
            await _time.Within(Round, limit => Task.WhenAny(_log.Cosignatures.WaitBeyond(size - 1, limit),
                Everyone(note, limit)).Unwrap(), _stop.Token);
        }
    }

    async Task Everyone(string note, CancellationToken stop)
    {
        for (; ; )
        {
            var answered = Volatile.Read(ref _answered);
            if (_members.All(m => m.Answered == note || m.Status.Fork)) return;
            await answered.Task.WaitAsync(stop);
        }
    }

    async Task Serve(Member member)
    {
        var pause = FirstPause;
        while (!member.Status.Fork)
        {
            // Taken before the look at the target: the next to begin a round after the look completes this one.
            var begun = Volatile.Read(ref _begun);
            var note = _target;
            if (note.Length == 0 || note == member.Answered)
            {
                await begun.Task.WaitAsync(_stop.Token);
                continue;
            }
            string? error;
            try
            {
                error = await Submit(member, note);
            }
            catch (Exception e)
                when (e is HttpRequestException or IOException or FormatException or InvalidOperationException
                    or ArgumentException || (e is OperationCanceledException && !_stop.IsCancellationRequested))
            {
                error = e is OperationCanceledException ? "it did not answer in time" : e.GetBaseException().Message;
            }
            if (error is null)
            {
                (member.Answered, pause) = (note, FirstPause);
                Answered();
                continue;
            }
            member.Status = member.Status with { LastError = error };
            if (member.Status.Fork)
            {
                Answered();
                return;
            }
            await Task.Delay(pause, _time, _stop.Token);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    void Answered() =>
        Interlocked.Exchange(ref _answered, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    /// <summary>
    /// One checkpoint to one witness. Null when it is cosigned, or of no use to this witness any more; else why not.
    /// </summary>
    async Task<string?> Submit(Member member, string note)
    {
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var text = Note.Parse(note).Text;
            var size = Checkpoint.Parse(text).Size;
            if (size < member.Recorded)
            {
                // It has seen more than this round is about: only the newest is of use to it.
                note = _log.Checkpoint;
                (text, size) = (Note.Parse(note).Text, _log.Size);
                if ((size = Checkpoint.Parse(text).Size) < member.Recorded)
                    return Forked(member,
                        $"it has cosigned {member.Recorded} entries of this ledger, and {size} are here");
            }
            var old = member.Recorded;
            var request = new WitnessRequest(old, old == 0 || old == size ? [] : [.. _log.ConsistencyProof(old, size)],
                Note.Parse(note));
            using var answer = await _http.PostAsync(new Uri(member.Status.Place.Address!, "add-checkpoint"),
                new ByteArrayContent(Encoding.UTF8.GetBytes(request.ToString())), _stop.Token);
            var bytes = await answer.Content.ReadAsByteArrayAsync(_stop.Token);
            var body = Encoding.UTF8.GetString(bytes);   // whatever charset it claims
            switch ((int)answer.StatusCode)
            {
                case 200:
                    var trust = Cosignature.Read(body, text, member.Status.Place.Key, out var cosignature);
                    if (trust != CosignatureTrust.Verified) return trust switch
                    {
                        CosignatureTrust.NoKnownKey => "it answers with other keys than the policy names",
                        CosignatureTrust.BadSignature => "its cosignature is not good",
                        _ => "its answer is no cosignature",
                    };
                    member.Recorded = size;
                    member.Status = member.Status with { Size = size, Time = cosignature!.Time, LastError = null };
                    return _cosigned.Add(note, cosignature) ? null : "its cosignature could not be taken";
                case 409 when answer.Content.Headers.ContentType?.MediaType == "text/x.tlog.size"
                    && WitnessRequest.Decimal(body.TrimEnd('\n'), out var recorded) && recorded != old:
                    if (recorded > _log.Size)
                        return Forked(member,
                            $"it has cosigned {recorded} entries of this ledger, and {_log.Size} are here");
                    member.Recorded = recorded;   // now we know; again
                    break;
                // v1.0.0 says 409 where later editions say 422; with the size that it has itself named before, both
                // mean one thing.
                case 409 or 422 when old > 0:
                    return Forked(member,
                        $"it has cosigned another tree of {old} entries: {ProblemDocument.Said(bytes)}");
                case 404:
                    return "it does not know this ledger: its operator adds the ledger's key";
                default:
                    return string.Create(CultureInfo.InvariantCulture,
                        $"it answers {(int)answer.StatusCode}: {ProblemDocument.Said(bytes)}");
            }
        }
        return "it names another size each time it is asked";
    }

    string Forked(Member member, string message)
    {
        member.Status = member.Status with { Fork = true };
        var said =
            $"FORK: the witness {member.Status.Place.Name} does not follow this ledger: {message}. Either an old "
            + $"copy of the ledger was put back, or somebody else signs with its key; people have to find out which";
        _report(said);
        return said;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _rounds;
        foreach (var member in _members) await member.Loop;
        _http.Dispose();
        _stop.Dispose();
    }
}
