using System.Collections.Immutable;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>
/// Owners' orders to a node: planned there, signed here, carried out there. Where this owner's signature is enough it
/// is one command; else the signed statements go into a file (<c>{"envelopes":[…],"version":1}</c>) that further owners
/// sign. The node is asked over its gateway; where none answers, its folder is used, if it is here and the node is
/// stopped.
/// </summary>
sealed class ErasureOrders : IDisposable
{
    const int Version = 1, MaxFile = 8 << 20;
    static readonly TimeSpan Anchoring = TimeSpan.FromSeconds(15);

    readonly Call _call;
    readonly Desk _desk;
    readonly List<Envelope> _draft = [];
    readonly Dictionary<string, (Recorder Recorder, IDisposable? Opened)?> _opened = new(StringComparer.Ordinal);
    NodeClient? _node;
    Erasures? _folder;
    IDisposable? _alone;

    /// <exception cref="CliError">More owners must sign, and nothing says where the order is to be written.</exception>
    public ErasureOrders(Call call, Desk desk)
    {
        (_call, _desk) = (call, desk);
        if (call.Get<string>("--draft") is { } file && (System.IO.File.Exists(file)
            || Directory.Exists(file))) throw call.Wrong($"{file} is there already", "--draft takes a new file");
        if (desk.Home.Gateway is { } url) _node = new NodeClient(url, desk.Home.NodeToken);
    }

    /// <summary>The file that further owners sign; null where none is needed.</summary>
    public string? File => _draft.Count > 0 ? _call.Get<string>("--draft") : null;

    /// <summary>Whether nothing waits for further owners.</summary>
    public bool IsEmpty => _draft.Count == 0;

    public bool IsEnough(Envelope envelope) => envelope.Signatures.Length >= _desk.State.Threshold;

    bool IsDrafted => _call.Get<string>("--draft") is not null;

    /// <summary>Has it planned; signs; and has it carried out, unless more owners must sign.</summary>
    public async Task<Erased> Erase(ErasureRequest request)
    {
        if (_desk.State.Threshold > 1 && !IsDrafted)
            throw _call.Wrong($"{_desk.State.Threshold} owners must order it",
                "--draft NEW writes the order, signed by you, for the next: stele erase --sign NEW");
        _call.Terminal.Progress("planning");
        var until = _call.Clock.GetUtcNow() + Anchoring;
        var plan = await Plan(request);
        // What the ledger does not anchor yet it takes no word about. A node that runs was told to anchor now.
        while (plan.Waiting > 0 && _folder is null && _call.Clock.GetUtcNow() < until)
        {
            _call.Terminal.Progress("waiting for the node to anchor its log");
            await Task.Delay(TimeSpan.FromMilliseconds(200), _call.Clock, _call.Stop);
            await _desk.Sync();
            plan = (await Plan(request with { Size = _desk.State.Size })) with { Finished = plan.Finished };
        }
        var (destroyed, waiting) = (0L, plan.Waiting);
        var entries = ImmutableArray.CreateBuilder<(long, string, long)>();
        foreach (var claim in plan.Pending.Concat(plan.Planned))
        {
            bool Stated() => _desk.State.Erasures.ContainsKey(claim.List);
            bool Anchored() => _desk.State.Logs[claim.Log].Anchor?.Size >= claim.To;
            for (; !Stated() && !Anchored() && _folder is null && _call.Clock.GetUtcNow() < until; await _desk.Sync())
            {
                _call.Terminal.Progress("waiting for the node to anchor its log");
                await Task.Delay(TimeSpan.FromMilliseconds(200), _call.Clock, _call.Stop);
            }
            if (Stated()) continue;
            if (!Anchored())
            {
                waiting += claim.Count;
                continue;
            }
            if (Sign(claim.Statement(_desk.State, Home.NewId(), _call.Now)) is not { } order) continue;
            var (gone, entry) = await Carry(order);
            destroyed += gone;
            entries.Add((entry, claim.Log, claim.Count));
        }
        return new Erased(plan, destroyed, entries.ToImmutable(), waiting);
    }

    /// <summary>Signs a statement; null where it went into the draft, for further owners.</summary>
    public Envelope? Sign(Statement statement)
    {
        using var key = _desk.Home.Key();
        var envelope = Envelope.Sign(statement.Encode(), key);
        if (!IsDrafted && IsEnough(envelope)) return envelope;
        _draft.Add(envelope);
        return null;
    }

    /// <summary>Writes the draft, if anything is in it.</summary>
    public void Write()
    {
        if (File is { } file) Files.Write(file, Drafted(_draft), Readers.Owner);
    }

    static byte[] Drafted(IEnumerable<Envelope> all) => Json.Object(("envelopes",
        Json.Array(all.Select(e => e.ToJson()))), ("version", Version)).ToBytes();

    public void Tell()
    {
        if (File is { } file)
            _call.Terminal.Line($"{(_draft.Count == 1 ? "1 order" : $"{_draft.Count} orders")} signed by 1 of "
                + $"{_desk.State.Threshold} owners in {file}; nothing is destroyed yet. The next one, within a day: "
                + $"stele erase --sign {file}");
    }

    /// <summary>Adds this owner's signature to all that a draft holds, and writes it back.</summary>
    public ImmutableArray<Envelope> SignAlso(string file)
    {
        ImmutableArray<Envelope> all;
        try
        {
            var json = CanonicalJson.Parse(Parsing.Bytes(file, MaxFile), MaxFile);
            if (json["version"].AsInt != Version) throw new FormatException($"version {json["version"].AsInt} of a "
                + $"draft is not known here");
            all = [.. json["envelopes"].AsArray.Select(Envelope.FromJson)];
            if (all.IsEmpty) throw new FormatException("it holds no order");
            foreach (var statement in all.Select(e => StatementKinds.Parse(e.Payload)))
                if (statement is not (Erasure or Retention)) throw new FormatException($"a {statement.Kind} "
                    + $"statement is no order to erase");
                else if (statement.Ledger != _desk.State.Ledger) throw new FormatException("it was made for another "
                    + "ledger");
        }
        catch (Exception e) when (e is FormatException or UnknownKindException)
        {
            throw new CliError($"{file} is not what --draft writes: {e.Message}", "stele erase DECISION --draft NEW");
        }
        foreach (var statement in all.Select(e => StatementKinds.Parse(e.Payload)))
            _call.Terminal.Note(statement is Erasure x
                ? $"erase {EraseVerb.Records(x.Count)} of {x.Log}, among [{x.From}, {x.To}), by "
                    + $"{Erasure.Causes[x.Cause]}; signed first at {Terminal.Time(x.Issued)}"
                : $"raise the floor of {((Retention)statement).Log} to {((Retention)statement).Floor}");
        using var key = _desk.Home.Key();
        all = [.. all.Select(e => e.SignedAlso(key))];
        Files.Write(file, Drafted(all), Readers.Owner);
        return all;
    }

    /// <summary>Has an order carried out and stated: how many lost their keys, and the entry.</summary>
    public async Task<(long Destroyed, long Entry)> Carry(Envelope order)
    {
        var destroyed = 0L;
        if (StatementKinds.Parse(order.Payload) is Erasure erasure)
        {
            if (_desk.State.Erasures.TryGetValue(erasure.List, out var stated)) return (0, stated.Entry);
            _call.Terminal.Progress("erasing");
            destroyed = await Reach(n => n.Carry(order, _desk.State.Size, _call.Clock, _call.Stop), f =>
                f.Carry(order, _desk.State.Size, _desk.State, _call.Now));
        }
        // The node hands it in too, and goes on doing so if this command ends here; the ledger takes it once.
        return (destroyed, (await _desk.HandIn(order)).Entry);
    }

    Task<ErasurePlan> Plan(ErasureRequest request) => Reach(n => n.Plan(request, _call.Clock, _call.Stop), f =>
        f.Plan(request, _desk.State, _call.Now));

    /// <summary>Asks the node; where none answers, does it in its folder, if that is here and its node is
    /// stopped.</summary>
    async Task<T> Reach<T>(Func<NodeClient, Task<T>> node, Func<Erasures, T> folder)
    {
        CliError? silent = null;
        if (_folder is null && _node is not null)
            try
            {
                return await node(_node);
            }
            catch (NodeClient.SilentException e)
            {
                silent = e.Error;
            }
        try
        {
            return folder(_folder ??= Here(silent));
        }
        catch (GatewayException e)
        {
            throw new CliError($"refused ({e.Error.Row().Name}): {e.Message}", e.Error.Row().Hint);
        }
    }

    Erasures Here(CliError? silent)
    {
        var folder = NodeFolder.In(_call.DataHere);
        if (!Directory.Exists(folder.Path)) throw silent
            ?? new CliError("no node is known to this home, and none is in this data folder",
            "stele login URL --gateway URL --node-token-file FILE; or run this where the node's folder is: --data DIR");
        _alone = NodePruning.Alone(folder);
        // Opened once for all steps; none of them closes it.
        return new Erasures(folder, origin => (_opened.TryGetValue(origin, out var there) ? there : _opened[origin] =
            Erasures.Open(folder, origin)) is var (recorder, _) ? (recorder, null) : null);
    }

    public void Dispose()
    {
        foreach (var log in _opened.Values) log?.Opened?.Dispose();
        _alone?.Dispose();
        _node?.Dispose();
    }
}
