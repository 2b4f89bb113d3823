using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Stele.Blobs;
using Stele.Control;
using Stele.Control.Views;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Interchange;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Api;

/// <summary>
/// What a server answers; <see cref="ServerRoutes"/> says under which paths, and to whom. Every error is a
/// <see cref="Problem"/>.
/// </summary>
sealed class Routes(LogReader log, BlobStore blobs, Admission admission, CosignedCheckpoints cosigned,
    Witnesses? witnesses, Timestamps timestamps, Func<Faulted[]> faults, ServerOptions options, TimeProvider time,
    CancellationToken stopping)
{
    const int MaxEnvelope = 64 * 1024;

    /// <summary>The most values of a manifest's JSON: a dozen a layer.</summary>
    const int ManifestValues = 1 << 19;

    static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    readonly Func<Digest, byte[]?> _find = SmallDocuments.Of(blobs);

    public void Map(IEndpointRouteBuilder web)
    {
        foreach (var route in ServerRoutes.All)
            foreach (var path in route.PathsUnder(ServerRoutes.Root))
                web.MapMethods(path, route.Each, (RequestDelegate)(http => route.Handler(this, http)))
                    .WithMetadata(route);
    }

    /// <summary>A path of this API, of the version that the request asked.</summary>
    static string PathAs(HttpContext http, string path) =>
        http.Request.Path.StartsWithSegments("/" + ApiRoute.Version, StringComparison.Ordinal)
            ? $"/{ApiRoute.Version}/{path}" : "/" + path;

    public Task Health(HttpContext http) => admission.Completion.IsCompleted || stopping.IsCancellationRequested
        ? throw new ProblemException(ProblemCode.Stopped, "the server is not admitting statements")
        : http.Write(new Health(Ok: true, admission.Replay.State.Size, log.LastPublishError));

    public async Task Submit(HttpContext http)
    {
        var until = http.Request.Query["await"] switch
        {
            [] or ["integrated"] => Await.Integrated,
            ["durable"] => Await.Durable,
            ["witnessed"] => Await.Witnessed,
            _ =>
                throw new ProblemException(ProblemCode.BadRequest, "'await' is 'durable', 'integrated' or 'witnessed'"),
        };
        var body = await http.JsonBody(MaxEnvelope);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        Admitted answer;
        try
        {
            answer = await admission.Submit(body, until, ending.Token).WaitAsync(http.RequestAborted);
        }
        finally
        {
            await ending.CancelAsync();   // nothing goes on waiting for a client that left
        }
        switch (answer)
        {
            case Admitted.Added added:
                http.Response.Headers.Location = PathAs(http,
                    string.Create(CultureInfo.InvariantCulture, $"entries/{added.Entry}"));
                await http.Write(new AddedEntry(added.Entry, added.Leaf, added.Time),
                    StatusCodes.Status201Created);
                break;
            case Admitted.Already already:
                await http.Write(new AddedEntry(already.Entry, already.Leaf, null));
                break;
            case Admitted.Refused refused:
                await http.Write(refused.Problem);
                break;
        }
    }

    public async Task Checkpoint(HttpContext http)
    {
        if (http.Number("wait") is { } seconds)
        {
            var beyond = http.Number("beyond")
                ?? throw new ProblemException(ProblemCode.BadRequest, "'wait' needs 'beyond'");
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
            try
            {
                await time.Within(TimeSpan.FromSeconds(Math.Min(seconds, (long)options.MaxWait.TotalSeconds)),
                    either => log.WaitBeyond(beyond, either), ending.Token);
            }
            catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
            {
                // The server stops: the present one is the answer, as it is when the time is up.
            }
        }
        if (http.Number("beyond") is not null) await LogPages.Checkpoint(http, cosigned.Newest);
        else
            await LogPages.Checkpoint(http, cosigned.Published ?? throw new ProblemException(ProblemCode.NotFound,
                "no checkpoint has the cosignatures yet that this ledger's witness policy asks for"));
    }

    public async Task Cosign(HttpContext http)
    {
        CosignatureOffer offer;
        Cosignature? cosignature;
        string error;
        try
        {
            offer = CosignatureOffer.Parse(await http.JsonBody(CosignatureOffer.MaxBytes));
            cosignature = offer.Judge(admission.Replay.State, out error);
        }
        catch (FormatException e)
        {
            throw new ProblemException(ProblemCode.BadRequest, $"not a node's cosignature: {e.Message}");
        }
        if (cosignature is null) throw new ProblemException(ProblemCode.NotANode, error);
        if (!cosigned.Add(offer.Note, cosignature))
            throw new ProblemException(ProblemCode.NotANode,
                "that checkpoint is not one of this ledger's, or has all the cosignatures that it takes");
        await http.Write(new CosignedSize(Stele.Proof.Checkpoint.Parse(Note.Parse(offer.Note).Text).Size));
    }

    public WitnessedLedger Witnessing() => new(
        [.. faults().Select(f => f.Shown)], log.Size,
        options.Witnesses is not null,
        cosigned.Published is { } p ? Stele.Proof.Checkpoint.Parse(Note.Parse(p).Text).Size : null,
        [.. Note.Parse(cosigned.Newest).Signatures.Where(s => s.Name != log.Origin).Select(s => s.Name)],
        [.. (witnesses?.Standings ?? []).Select(w => new ShownWitness(w.Place.Name, w.Place.Key.ToString(),
            w.Place.Address!.ToString(), w.Size, w.Size is null ? null : w.Time, w.LastError, w.Fork))]);

    public async Task Tile(HttpContext http)
    {
        var path = $"tile/{http.Request.RouteValues["path"]}";
        if (!await LogPages.Tile(http, log, path, options.OpenLog ? Audience.Anyone : Audience.Holders))
            throw new ProblemException(ProblemCode.NotFound, $"the log of {log.Size} entries has no {path}");
    }

    public Task Entry(HttpContext http) => http.Write(WholeEntry.Of(EntryOf(http)));

    Folded EntryOf(HttpContext http)
    {
        var text = (string?)http.Request.RouteValues["n"];
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n))
            throw new ProblemException(ProblemCode.BadRequest, $"'{text}' is not an entry number");
        var entries = admission.Replay.Entries;
        return n < entries.Count
            ? entries[(int)n]
            : throw new ProblemException(ProblemCode.NotFound, $"the ledger has {entries.Count} entries");
    }

    public async Task Proof(HttpContext http)
    {
        var entry = EntryOf(http);
        await log.WaitBeyond(entry.Index, http.RequestAborted);   // it is durable; its checkpoint is a moment behind
        // The checkpoint first: whatever size it covers, the log can prove.
        var checkpoint = log.Checkpoint;
        var size = http.Number("size") ?? Stele.Proof.Checkpoint.Parse(Note.Parse(checkpoint).Text).Size;
        if (size <= entry.Index || size > log.Size)
            throw new ProblemException(ProblemCode.BadRequest,
                $"a tree that holds entry {entry.Index} has {entry.Index + 1} to {log.Size} entries");
        await http.Write(new ShownProof(entry.Index, entry.Entry.LeafHash, size, log.RootAt(size),
            [.. log.InclusionProof(entry.Index, size).Select(d => d.Hex)], checkpoint));
    }

    public async Task Events(HttpContext http)
    {
        var next = http.Request.Headers["Last-Event-ID"] is [var last] && long.TryParse(last, NumberStyles.None,
            CultureInfo.InvariantCulture, out var seen) ? seen + 1 : http.Number("from") ?? admission.Replay.State.Size;
        http.Begin("text/event-stream");
        http.Response.Headers.CacheControl = "no-store";
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        try
        {
            await http.Flush(ending.Token);
            while (!admission.Completion.IsCompleted)
            {
                var entries = admission.Replay.Entries;
                for (; next < entries.Count; next++)
                {
                    // Canonical JSON has no line breaks.
                    var line = LogLine.Of(entries[(int)next]).ToJson().ToString();
                    await http.Give(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                        $"id: {next}\nevent: entry\ndata: {line}\n\n")), ending.Token);
                }
                if (!await time.Within(Heartbeat, either => admission.Beyond(next, either), ending.Token))
                    await http.Give(": alive\n\n"u8.ToArray(), ending.Token);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The client left, or the server stops: a stream has no other end.
        }
    }

    public Task Log(HttpContext http) => http.Write(LogLines.Of(admission.Replay, http.Number("from") ?? 0,
        (int)Math.Min(http.Number("count") ?? 1000, LogLines.MaxLines)));

    public Task Status(HttpContext http) =>
        View(http, (state, now) => Control.Views.Status.Of(state, admission.Replay, now));

    public Task Differences(HttpContext http) => View(http, (state, _) =>
        Diff.Of(state, _find, Release(http, state, "from"), Release(http, state, "to")));

    public Task Timestamps(HttpContext http) => http.Write(new TimestampList([.. timestamps.All().Select(t =>
        new ShownTimestamp(t.Size, t.Text, Base64.Encode(t.Token)))]));

    public async Task AttachTimestamp(HttpContext http)
    {
        var size = http.Number("size")
            ?? throw new ProblemException(ProblemCode.BadRequest, "'size' says which checkpoint was stamped");
        var token = await http.Body(TimestampToken.MaxBytes);
        try
        {
            await http.Write(new AttachedTimestamp(size, timestamps.Put(size, token)),
                StatusCodes.Status201Created);
        }
        catch (FormatException e)
        {
            throw new ProblemException(ProblemCode.BadRequest, e.Message);
        }
    }

    /// <summary>A view of the state now, or as of an entry or a time.</summary>
    public Task View(HttpContext http, Func<State, long, IView> view)
    {
        var replay = admission.Replay;
        var (at, ms) = (http.Number("at"), http.Number("time"));
        if (at is not null && ms is not null)
            throw new ProblemException(ProblemCode.BadRequest, "'at' and 'time' say the same thing twice");
        if (at >= replay.State.Size)
            throw new ProblemException(ProblemCode.NotFound, $"the ledger has {replay.State.Size} entries");
        var state = at is { } entry ? replay.At(entry + 1) : ms is { } moment ? replay.AsOf(moment) : replay.State;
        if (state.Size == 0) throw new ProblemException(ProblemCode.NotFound, "the ledger had not begun then");
        return http.Write(view(state, at is not null ? state.Time : ms ?? time.GetUtcNow().ToUnixTimeMilliseconds()));
    }

    static ReleaseFact Release(HttpContext http, State state, string name)
    {
        if (http.Request.Query[name] is not [{ } text])
            throw new ProblemException(ProblemCode.BadRequest, $"'{name}' names a release");
        try
        {
            return ReleaseList.Find(state, text);
        }
        catch (FormatException e)
        {
            throw new ProblemException(ProblemCode.NotFound, e.Message);
        }
    }

    public Task Walk(HttpContext http)
    {
        try
        {
            var release = http.Request.Query.ContainsKey("release")
                ? Release(http, admission.Replay.State, "release").Digest
                : (Digest?)null;
            if (http.Number("deployment") is { } entry)
                return http.Write(Trace.OfDeployment(admission.Replay, _find, entry, release));
            return http.Write(Trace.OfRelease(admission.Replay, _find,
                release ?? throw new ProblemException(ProblemCode.BadRequest, "name a 'release' or a 'deployment'")));
        }
        catch (FormatException e)
        {
            throw new ProblemException(ProblemCode.NotFound, e.Message);
        }
    }

    public static Digest DigestOf(HttpContext http) =>
        Digest.TryParse((string?)http.Request.RouteValues["digest"], out var digest)
        ? digest
        : throw new ProblemException(ProblemCode.BadRequest, "a blob is named sha256: and 64 lower-case hex digits");

    /// <summary>
    /// Each blob on its way holds a descriptor in addition to its connection's: with too many of them none would be
    /// left for the ledger.
    /// </summary>
    readonly int _mostTransfers = Math.Clamp((options.Connections
        ?? ConnectionLimits.OfProcess).Most / 4, 8, 256);

    int _transfers;

    /// <summary>Of all servers in this process: there is one, but in tests.</summary>
    static readonly SemaphoreSlim Listing = new(1);

    /// <exception cref="ProblemException"><see cref="ProblemCode.Busy"/></exception>
    async Task Transfer(Func<Task> blob)
    {
        try
        {
            if (Interlocked.Increment(ref _transfers) > _mostTransfers)
                throw new ProblemException(ProblemCode.Busy,
                    $"{_mostTransfers} blobs are on their way, and no more can be");
            await blob();
        }
        finally
        {
            Interlocked.Decrement(ref _transfers);
        }
    }

    public async Task GetBlob(HttpContext http)
    {
        var digest = DigestOf(http);
        var length = blobs.SizeOf(digest)
            ?? throw new ProblemException(ProblemCode.UnknownBlob, $"no blob {digest} here");
        http.Begin("application/octet-stream", length);
        http.Response.Headers.CacheControl = Answers.Immutable;
        http.Response.Headers.ETag = $"\"{digest}\"";
        if (HttpMethods.IsHead(http.Request.Method)) return;
        await Transfer(async () =>
        {
            await using var content = await blobs.OpenRead(digest, http.RequestAborted);
            var piece = ArrayPool<byte>.Shared.Rent(VerifiedStream.Piece);
            try
            {
                for (int n; (n = await content.ReadAsync(piece, http.RequestAborted)) > 0;)
                    await http.Give(piece.AsMemory(0, n), http.RequestAborted);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(piece);
            }
        });
    }

    public async Task PutBlob(HttpContext http, Digest? expected)
    {
        // What it says of itself is judged before a byte is read; what it is, while it is read.
        if (http.Request.ContentLength > options.MaxBlob)
            throw new ProblemException(ProblemCode.TooLarge,
                $"the blob has {http.Request.ContentLength} bytes; at most {options.MaxBlob} are taken here");
        Digest stored = default;
        await Transfer(async () => stored = await blobs.Put(
            http.BodyStream(), expected, options.MaxBlob, http.Request.ContentLength, http.RequestAborted));
        http.Response.Headers.Location = PathAs(http, $"blobs/{stored}");
        await http.Write(new StoredBlob(stored), StatusCodes.Status201Created);
    }

    public async Task ListArtifact(HttpContext http)
    {
        var digest = DigestOf(http);
        // One at a time: each waits for the lock of the folder, by a thread, and makes a tree of what may be 4 MiB.
        await Listing.WaitAsync(http.RequestAborted);
        try
        {
            if (blobs.SizeOf(digest) is <= Artifact.MaxManifest and var size)
            {
                BodyBudget.Of(http)?.Take(size);
                http.CheckValues(await blobs.Read(digest, Artifact.MaxManifest, http.RequestAborted), ManifestValues);
            }
            await blobs.List(digest, http.RequestAborted);
        }
        finally
        {
            Listing.Release();
        }
        await http.Write(new StoredBlob(digest));
    }
}
