using System.Collections.Immutable;
using System.Globalization;
using System.Net.Http.Headers;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;

namespace Stele.Cli;

/// <summary>
/// A node's own pages, seen from elsewhere. Believed in nothing: what it gives is checked against the keys that the
/// ledger names.
/// </summary>
sealed class NodeClient : IDisposable
{
    /// <summary>The most that is read of an answer that is one JSON value.</summary>
    const int MaxJson = 64 << 20, MaxReplay = 256 << 20;

    /// <summary>Where pages are that no standard places; see <see cref="RoutePlace"/>.</summary>
    const string V1 = ApiRoute.Version + "/";

    readonly HttpClient _http;

    public NodeClient(string gateway, string? token)
    {
        _http = new HttpClient
        {
            BaseAddress = new Uri(gateway.TrimEnd('/') + "/-/"),
            Timeout = TimeSpan.FromSeconds(60)
        };
        if (token is not null)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public sealed record LogOffer(string Origin, string Key, string Node);

    /// <summary>The member that the node is, and its public key.</summary>
    public async Task<(string Member, PublicKey Key)> Identity(CancellationToken stop)
    {
        var status = await Status(stop);
        return (status.Member, PublicKey.Parse(status.Key));
    }

    /// <summary>Everything that the node says of itself.</summary>
    public Task<NodeStatus> Status(CancellationToken stop) => Get<NodeStatus>("status", stop);

    /// <summary>The decision log that the node would write for a place, once an owner opens it.</summary>
    public async Task<LogOffer> Offer(Place place, CancellationToken stop)
    {
        for (var attempt = 0; ; attempt++)
        {
            var status = await Status(stop);
            if (status.Of(place.System, place.Environment)?.Log is { } log)
                return new LogOffer(log.Origin, log.Key, status.Member);
            // The node folds the assignment a moment after the ledger has it.
            if (attempt == 100)
                throw new CliError($"the node does not run {place}",
                    $"give it the role: stele member add --member {status.Member} --key {status.Key} --role "
                    + $"node@{place}");
            await Task.Delay(100, stop);
        }
    }

    /// <summary>
    /// A decision's leaf, its inclusion proof and the node's own checkpoint; null if the node does not have it.
    /// </summary>
    public Task<DecisionProof?> Early(string log, long index, CancellationToken stop) =>
        Find<DecisionProof>($"decisions/{NodeFolder.NameOf(log)}/{index}", stop);

    /// <summary>Who opened bodies, oldest first; the last so many, or all.</summary>
    public async Task<IReadOnlyList<BodyRead>> Reads(int? last, CancellationToken stop)
    {
        Task<ReadPage> Page(long first) =>
            Get<ReadPage>(string.Create(CultureInfo.InvariantCulture, $"reads?from={first}"), stop);
        // A page behind the last read says how many there are, and costs no more.
        var from = last is { } n ? Math.Max(0, (await Page(long.MaxValue)).Size - n) : 0;
        var all = new List<BodyRead>();
        for (var size = long.MaxValue; from < size;)
        {
            var page = await Page(from);
            size = page.Size;
            if (page.Reads.IsEmpty) break;
            all.AddRange(page.Reads);
            from += page.Reads.Length;
        }
        return all;
    }

    /// <summary>What was asked and answered; a token with the right bodies opens it, and the node records that it
    /// did.</summary>
    public Task<OpenedBodies?> Bodies(string log, long index, CancellationToken stop) =>
        Find<OpenedBodies>($"bodies/{NodeFolder.NameOf(log)}/{index}", stop);

    /// <summary>
    /// What shows that a decision's keys were erased, and the root of the list that the ledger has of it; null where
    /// nothing does.
    /// </summary>
    public async Task<(Digest List, ErasedRecord Record)?> Erased(string log, long index, CancellationToken stop) =>
        await Find<ErasureProof>($"erasures/{NodeFolder.NameOf(log)}/{index}", stop) is { } shown
            ? (shown.List, shown.Record)
            : null;

    /// <summary>Has the node plan an erasure; it destroys nothing.</summary>
    /// <exception cref="CliError">It would not.</exception>
    public async Task<ErasurePlan> Plan(ErasureRequest request, TimeProvider clock, CancellationToken stop) =>
        await Patiently<ErasurePlan>("erasures", request.ToJson(), clock, stop);

    /// <summary>Has the node carry out what owners ordered; how many decisions lost their keys.</summary>
    /// <param name="size">As much of the ledger the node has to have folded.</param>
    /// <exception cref="CliError">It would not.</exception>
    public async Task<long> Carry(Envelope order, long size, TimeProvider clock, CancellationToken stop) =>
        (await Patiently<CarriedErasure>(string.Create(CultureInfo.InvariantCulture,
            $"erasures/orders?size={size}"), order.ToJson(), clock, stop)).Destroyed;

    /// <summary>
    /// Has the node judge its decisions again under another policy. It is its own word: the bodies stay there.
    /// </summary>
    /// <exception cref="CliError">It would not.</exception>
    public async Task<ImmutableArray<ReplayedLog>> Replay(ReplayRequest request, TimeProvider clock,
        CancellationToken stop) =>
        (await Patiently<ReplayedDecisions>("replay", request.ToJson(), clock, stop, MaxReplay)).Logs;

    /// <summary>Posts it, again while the node has not folded what this desk has.</summary>
    async Task<T> Patiently<T>(string path, Json body, TimeProvider clock, CancellationToken stop,
        int maxBytes = MaxJson) where T : class, IView
    {
        for (var begun = clock.GetTimestamp(); ;)
        {
            using var answer = await Send(V1 + path, stop, body.ToBytes());
            var said = CanonicalJson.Parse(await answer.Content.ReadAsByteArrayAsync(stop), maxBytes);
            if (answer.IsSuccessStatusCode) return ViewJson.Read<T>(said);
            var problem = Problem.FromJson((int)answer.StatusCode, said);
            // It folds what this desk has folded a moment later.
            if (problem.Code != GatewayError.Behind.Row().Name
                || clock.GetElapsedTime(begun) > TimeSpan.FromSeconds(60)) throw Refused(problem);
            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, stop);
        }
    }

    static CliError Refused(Problem problem) =>
        new($"the node would not ({problem.Code}): {problem.Message}", problem.Hint);

    /// <summary>
    /// A whole decision log under its newest checkpoint, asked for bundle by bundle as it is walked; null if the node
    /// does not have it.
    /// </summary>
    /// <exception cref="CliError">What it gives does not hang together; also while it is walked.</exception>
    public async Task<PackedLog?> Log(LogFact log, CancellationToken stop)
    {
        using var answer = await Send($"logs/{NodeFolder.NameOf(log.Origin)}/checkpoint", stop);
        if (!answer.IsSuccessStatusCode) return null;
        var note = await answer.Content.ReadAsStringAsync(stop);
        if (!Checkpoint.TryOpen(note, VerifierKey.Parse(log.Key), out var checkpoint, out var error))
            throw new CliError($"the decision log {log.Origin}: {error}");
        using var begins = await Send($"{V1}logs/{NodeFolder.NameOf(log.Origin)}/floor", stop);
        var floor = begins.IsSuccessStatusCode
            ? PackedFloor.Parse(await begins.Content.ReadAsByteArrayAsync(stop))
            : null;
        return new PackedLog(log.Origin, Leaves(log, checkpoint, floor, stop), note) { Floor = floor };
    }

    /// <summary>The leaves of a log; by their end they are known to be those of the checkpoint.</summary>
    IEnumerable<byte[]> Leaves(LogFact log, Checkpoint checkpoint, PackedFloor? floor, CancellationToken stop)
    {
        var frontier = floor?.Frontier ?? new Frontier();
        Task<byte[]>? next = null;
        while (frontier.Size < checkpoint.Size)
        {
            var tile = At(frontier.Size);
            var bundle = (next ?? Bundle(log, tile, stop)).GetAwaiter().GetResult();
            var end = frontier.Size + tile.Width;
            next = end < checkpoint.Size ? Bundle(log, At(end), stop) : null;   // on its way while this one is packed
            foreach (var leaf in Tile.DecodeBundle(bundle, tile.Width))
            {
                frontier = frontier.Add(Merkle.Leaf(leaf));
                yield return leaf;
            }
        }
        if (frontier.Root != checkpoint.Root)
            throw new CliError($"the leaves of {log.Origin} are not those of its checkpoint",
                "this is worth an investigation: the node shows something else than it signed");

        Tile At(long first) => new(Tile.Entries, first / Tile.Full, (int)Math.Min(Tile.Full, checkpoint.Size - first));
    }

    async Task<byte[]> Bundle(LogFact log, Tile tile, CancellationToken stop)
    {
        using var answer = await Send($"logs/{NodeFolder.NameOf(log.Origin)}/{tile.Path}", stop);
        return answer.IsSuccessStatusCode
            ? await answer.Content.ReadAsByteArrayAsync(stop)
            : throw new CliError($"the node does not give {tile.Path} of {log.Origin}");
    }

    /// <summary>The inclusion proof of a leaf in the log's tree of that size, from its tiles.</summary>
    public Digest[] InclusionProof(LogFact log, long index, long size, CancellationToken stop)
    {
        var tiles = new Dictionary<Tile, Digest[]>();
        return Proofs.Inclusion(index, size, (level, n) =>
        {
            var tile = Tile.Holding(level, n, size);
            if (!tiles.TryGetValue(tile, out var hashes))
                tiles[tile] = hashes = Hashes(log, tile, stop).GetAwaiter().GetResult();
            return Tile.Subtree(level, n, hashes);
        });
    }

    async Task<Digest[]> Hashes(LogFact log, Tile tile, CancellationToken stop)
    {
        using var answer = await Send($"logs/{NodeFolder.NameOf(log.Origin)}/{tile.Path}", stop);
        if (!answer.IsSuccessStatusCode) throw new CliError($"the node does not give {tile.Path} of {log.Origin}");
        return Tile.Decode(await answer.Content.ReadAsByteArrayAsync(stop), tile.Width);
    }

    async Task<T> Get<T>(string path, CancellationToken stop) where T : class, IView => await Find<T>(path, stop)
        ?? throw new CliError($"the node at {_http.BaseAddress} does not show {path}",
        "is it the node's gateway, and a token of that node with the right for it? stele login … --gateway URL "
        + "--node-token-file FILE");

    async Task<T?> Find<T>(string path, CancellationToken stop) where T : class, IView
    {
        using var answer = await Send(V1 + path, stop);
        if (answer.StatusCode == System.Net.HttpStatusCode.Forbidden)
            throw Refused(Problem.FromJson((int)answer.StatusCode,
                CanonicalJson.Parse(await answer.Content.ReadAsByteArrayAsync(stop), Problem.MaxBytes)));
        return answer.IsSuccessStatusCode
            ? ViewJson.Read<T>(CanonicalJson.Parse(await answer.Content.ReadAsByteArrayAsync(stop), MaxJson))
            : null;
    }

    async Task<HttpResponseMessage> Send(string path, CancellationToken stop, byte[]? post = null)
    {
        try
        {
            if (post is null) return await _http.GetAsync(path, stop);
            using var content = new ByteArrayContent(post);
            return await _http.PostAsync(path, content, stop);
        }
        catch (HttpRequestException e)
        {
            throw new SilentException(new CliError($"no node answers at {_http.BaseAddress}: "
                + $"{e.GetBaseException().Message}",
                "is it running? stele up; another one: stele login URL --gateway URL --node-token-file FILE"));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new SilentException(new CliError($"the node at {_http.BaseAddress} did not answer in time",
                "look at its own output"));
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Nobody answers there; what one says of it.</summary>
    public sealed class SilentException(CliError error) : Exception(error.Message, error)
    {
        public CliError Error => error;
    }
}
