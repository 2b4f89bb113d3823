using System.Globalization;
using Stele.Blobs;
using Stele.Control;
using Stele.Control.Views;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>
/// Where a member works: their home, the server, and their own verified replica of the ledger, folded here. What a verb
/// shows comes from that fold, not from the server's word.
/// </summary>
sealed class Desk : IAsyncDisposable
{
    readonly Call _call;
    readonly Replica _replica;

    Desk(Call call, Home home, ServerClient server, Replica replica) =>
        (_call, Home, Server, _replica) = (call, home, server, replica);

    public Home Home { get; }
    public ServerClient Server { get; }
    public IBlobs Blobs => Server;
    public Replay Replay => _replica.Replay;
    public State State => _replica.Replay.State;
    public Trust Trust => Home.Trust!;

    /// <summary>The newest signed checkpoint that was verified here.</summary>
    public string Checkpoint => _replica.Checkpoint;

    /// <summary>Opens the home, and catches up with the server.</summary>
    public static Task<Desk> Open(Call call)
    {
        var home = Home.Open(call.HomePath);
        if (home.Server is { } address && home.Trust is { } trust)
            return Connect(call, home, new Uri(address), home.Token, trust);
        throw new CliError($"{home.Folder} is not connected to a server",
            "start one here: stele up; or connect: stele login URL --token-file FILE --trust FILE");
    }

    /// <summary>
    /// Opens a replica of that ledger in the home's cache, and catches up with that server; the home itself is left as
    /// it is.
    /// </summary>
    public static async Task<Desk> Connect(Call call, Home home, Uri address, string? token, Trust trust)
    {
        call.Terminal.Progress($"catching up with {address}");
        var server = new ServerClient(address, token);
        Replica? replica = null;
        try
        {
            home.PrivateCache();
            var folder = System.IO.Path.Combine(home.Cache, trust.Genesis.Hex);
            replica = await Replica.Open(folder, trust, server, call.Clock, holding: Holding.WhileStoring,
                kept: new KeptFold(System.IO.Path.Combine(folder, "state"), home.StateKey, call.Fold));
            var desk = new Desk(call, home, server, replica);
            await desk.Sync();
            call.Terminal.Clear();
            return desk;
        }
        catch
        {
            if (replica is not null) await replica.DisposeAsync();
            server.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Holds that this member has a role, before anything long is begun whose statement would then be refused. It is
    /// the server that judges; this only spares the way there.
    /// </summary>
    public void Hold(RoleName role, string? system = null, string? environment = null)
    {
        var wanted = new Role(role, system, environment);
        if (!State.Members.TryGetValue(Member, out var me) || me.Keys.IsEmpty)
        {
            using var key = Home.Key();
            throw new CliError("you are not a member of this ledger yet",
                $"an owner makes you one: stele member add --member {Member} --key {key.Public} --role {wanted}");
        }
        if (!me.Has(role, system, environment))
            throw new CliError($"you do not hold the role {wanted}",
                $"an owner gives it: stele member add --member {Member} --keep --role {wanted}");
    }

    /// <summary>The ledger as this desk has verified it, for proofs.</summary>
    public ProvenTree Tree =>
        new(_replica.Checkpoint, State.Size, index => _replica.Log.InclusionProof(index, State.Size));

    /// <summary>The log as it was verified here.</summary>
    public Ledger.LogReader Log => _replica.Log;

    public Task Sync() => _replica.Sync(_call.Stop);

    /// <summary>
    /// Catches up, and waits a while for as many cosignatures on all that stands as the trust file asks for; whether
    /// they are there.
    /// </summary>
    public async Task<bool> SyncCosigned()
    {
        for (var until = _call.Clock.GetUtcNow()
            + TimeSpan.FromSeconds(15); ; await Task.Delay(TimeSpan.FromMilliseconds(100), _call.Clock, _call.Stop))
        {
            await Sync();
            Note.Parse(Checkpoint).VerifyCosigned(Trust.Witnesses, out var verified);
            if (verified.Length >= Trust.Quorum || _call.Clock.GetUtcNow() > until)
                return verified.Length >= Trust.Quorum;
            _call.Terminal.Progress($"waiting for witnesses to cosign: {verified.Length} of {Trust.Quorum}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _replica.DisposeAsync();
        Server.Dispose();
    }

    /// <summary>Signs a statement with the member's key and hands it in.</summary>
    /// <exception cref="CliError">It was refused: code, message and the rules' outcomes are in the message.</exception>
    public async Task<(long Entry, Digest Leaf)> Sign(Statement statement, string? key = null)
    {
        using var signer = Home.Key(key);
        return await HandIn(Envelope.Sign(statement.Encode(), signer));
    }

    /// <summary>Hands in what was signed.</summary>
    /// <exception cref="CliError">It was refused: code, message and the rules' outcomes are in the message.</exception>
    public async Task<(long Entry, Digest Leaf)> HandIn(Envelope envelope)
    {
        _call.HasActed = true;
        var admitted = await Server.Submit(envelope, _call.Stop);
        switch (admitted)
        {
            case Admitted.Added a:
                await Sync();
                return (a.Entry, a.Leaf);
            case Admitted.Already a:
                await Sync();
                return (a.Entry, a.Leaf);
            default:
                var problem = ((Admitted.Refused)admitted).Problem;
                string[] said = [.. Say(problem)];
                throw new CliError(string.Join('\n', said), problem.Hint) { Problem = problem, Lines = said };
        }
    }

    /// <summary>A refusal in words; a failed policy's further rules are said one by one.</summary>
    static IEnumerable<string> Say(Problem p) =>
    [
        $"refused ({p.Code}): {p.Message}{(p.Refusal is { } entry ? $" [recorded in entry {entry}]" : "")}",
        .. p.Rules.Where(r => !r.Allows).Skip(1)
            .Select(r => $"       also {r.Rule}: {r.Message ?? RuleOutcome.Results[r.Result]}"),
    ];

    /// <summary>Signs, hands in, and says what became of it. The verb's exit code.</summary>
    public async Task<int> Submit(Statement statement, string done, string? key = null)
    {
        var (entry, leaf) = await Sign(statement, key);
        _call.Terminal.Result(Json.Object(("entry", entry), ("leaf", leaf), ("identity", statement.Identity),
            ("done", done)),
            () => _call.Terminal.Line($"{done}  {Terminal.Dim($"entry {entry} {leaf.Short}")}"));
        return 0;
    }

    /// <summary>States where an artifact comes from, unless this member has said so already.</summary>
    public async Task<long?> Origin(Digest artifact, string name, string buildType, Json parameters)
    {
        var member = Member;
        if (State.OriginsOf(artifact).Any(o => o.BuildType == buildType && o.By.Any(b => b.Member == member)))
            return null;
        var (entry, _) = await Sign(new Origin([new Subject(artifact, name)], buildType, parameters, [], member, null)
        {
            Ledger = State.Ledger,
            Nonce = Home.NewId(),
            Issued = _call.Now
        });
        return entry;
    }

    public string Member => Home.Member ?? throw new CliError("this home has no member", "stele key new");

    /// <summary>The release that people mean by a name, a digest or its first digits.</summary>
    public ReleaseFact Release(string text)
    {
        try
        {
            return ReleaseList.Find(State, text);
        }
        catch (FormatException e)
        {
            throw new CliError(e.Message,
                State.Releases.IsEmpty
                    ? "none is declared yet; a builder does: stele release FILE"
                    : $"the newest are {string.Join(", ", State.Releases.Values.OrderByDescending(r => r.Entry).Take(8).Select(r => r.Name).Distinct())}; all: stele release list");
        }
    }

    public string NameOf(Digest release) =>
        State.Releases.TryGetValue(release, out var r) ? $"{r.Name} ({release.Short})" : release.ToString();

    /// <summary>
    /// The artifact that people mean by a digest or a name. Where several have had the name, the one stated last.
    /// </summary>
    public Digest Artifact(string text)
    {
        if (Digest.TryParse(text, out var digest)) return digest;
        foreach (var folded in Replay.NewestOf<Origin>())
            if (folded.Statement is Origin o && o.Outputs.LastOrDefault(x => x.Name == text) is { } subject)
                return subject.Digest;
        throw new CliError($"no artifact '{text}' has an origin in this ledger",
            "freeze it: stele freeze PATH --kind KIND --name NAME; or give its digest");
    }

    /// <summary>A small blob, verified; null when it is not to be had.</summary>
    public byte[]? Small(Digest digest) => Replay.Documents.Find(digest) ?? Fetch(digest);

    byte[]? Fetch(Digest digest)
    {
        try
        {
            return Server.Read(digest, Artifacts.MaxDocument, _call.Stop).GetAwaiter().GetResult();
        }
        catch (BlobException)
        {
            return null;
        }
    }

    /// <summary>The policy in force for a place that has a rule of this id.</summary>
    public Digest PolicyWithRule(Place place, string rule)
    {
        foreach (var digest in State.PoliciesFor(place.System, place.Environment))
            if (Small(digest) is { } bytes && Policy.Parse(bytes).Rules.Any(r => r.Id == rule)) return digest;
        throw new CliError($"no policy in force for {place} has a rule '{rule}'",
            "stele policy list shows which are; stele policy show DIGEST shows the rules of one");
    }

    /// <summary>A release's evaluations as rows: the check, and its figures.</summary>
    public IEnumerable<string[]> Metrics(ReleaseFact release)
    {
        foreach (var e in State.Evaluations.Values.Where(e => e.Release == release.Digest && e.SupersededBy is null))
        {
            var metrics = Small(e.Report) is { } bytes
                ? Report.Parse(bytes).Metrics.AsObject
                : Json.EmptyObject.AsObject;
            yield return [$"entry {e.By.Entry}", $"check {e.Check.Short}",
                string.Join("  ", metrics.Select(m => $"{m.Key} {Number(m.Value)}"))];
        }
    }

    public static string Number(Json j) =>
        j.Kind == JsonKind.Double ? j.AsDouble.ToString("0.####", CultureInfo.InvariantCulture) : j.ToString();

    /// <summary>Waits until a node says that it runs the head of a place, all releases of it; the entry that says
    /// so.</summary>
    /// <exception cref="CliError">A node says that it can't, by an observation or, where this home knows it, by itself;
    /// or the time is up.</exception>
    public async Task<long> WaitRunning(Place place, TimeSpan? timeout = null)
    {
        using var node = Home.Gateway is { } gateway ? new NodeClient(gateway, Home.NodeToken) : null;
        var until = _call.Clock.GetUtcNow() + (timeout ?? TimeSpan.FromSeconds(60));
        var head = State.Environment(place.System, place.Environment).Head!;
        while (true)
        {
            if (State.Environment(place.System, place.Environment).Head!.Entry is var newest && newest != head.Entry)
                throw new CliError(
                    $"{place} was moved on by entry {newest} before a node said that it runs entry {head.Entry}",
                    $"stele status {place}");
            var seen = Status.AboutHead(State, Replay, place.System, place.Environment, head).ToArray();
            if (seen.Length == head.Routes.Length && seen.All(s => Status.Runs(s.Observation)))
                return seen.Max(s => s.Entry.Index);
            var (said, final) = node is null ? (null, false) : await Said(node, place, head.Entry);
            if (seen.FirstOrDefault(s => s.Observation.Event == ObservedEvent.Stopped)
                is { Observation: { } stopped } at)
                throw NotRunning(place, said ?? $"a node stopped {NameOf(stopped.Release)}, not by order "
                    + $"({string.Join(", ", stopped.Dimensions.Where(d => !d.Agrees).Select(d => d.Name))}), "
                    + $"entry {at.Entry.Index}");
            if (said is not null && final) throw NotRunning(place, said);
            if (_call.Clock.GetUtcNow() > until)
                throw new CliError(
                    $"{place} is deployed, and no node has said yet that it runs it{(said is null ? "" : $": {said}")}",
                    $"stele log list --kind observation, stele status {place}, and the node's own output say more; "
                    + $"is its decision log open? stele log open {place}");
            _call.Terminal.Progress($"waiting for a node to run {NameOf(head.Routes[0].Release)}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), _call.Clock, _call.Stop);
            await Sync();
        }
    }

    static CliError NotRunning(Place place, string why) =>
        new($"{place} is deployed, and does not run: {why}",
            $"what ran before goes on where it could; fix the release and deploy it, or: stele rollback {place}; "
            + $"stele status {place}")
        { Lines = [.. Terminal.Quoted($"{place} is deployed, and does not run: {why}")] };

    /// <summary>The faults that time alone does not end.</summary>
    static readonly string[] Final =
    [
        .. new[]
        {
            FaultCode.Rejected, FaultCode.Forked, FaultCode.Unverified, FaultCode.Unregistered, FaultCode.KeyRevoked,
            FaultCode.NotStarted, FaultCode.Revoked,
        }.Select(f => f.Row().Name),
    ];

    /// <summary>What the node of this home says against a head, and whether waiting is no use: until something changes
    /// it will not run.</summary>
    async Task<(string? Words, bool Final)> Said(NodeClient node, Place place, long head)
    {
        try
        {
            var status = await node.Status(_call.Stop);
            if (status.Of(place.System, place.Environment) is not { } environment) return default;
            ShownFault[] faults = [.. environment.Faults.Where(f => f.Deployment == head), .. status.Faults];
            var last = faults.FirstOrDefault(f => Final.Contains(f.Code, StringComparer.Ordinal));
            return (last ?? faults.FirstOrDefault()) is { } fault
                ? ($"{fault.Code}: {fault.Message}", last is not null) : default;
        }
        catch (Exception e) when (e is CliError or NodeClient.SilentException or FormatException)
        {
            return (e.Message, false);
        }
    }
}
