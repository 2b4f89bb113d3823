using System.Globalization;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Host;

/// <summary>
/// The log of one environment's decisions on this node: an own log with an own key, which owners open in the ledger
/// under its origin:
/// <c>[ledger's origin]/[system]/[environment]/[first 8 digits of the member's id]</c>, and <c>.2</c>, <c>.3</c>… once
/// the one before was closed or lost.
/// </summary>
sealed class DecisionLog : IDisposable
{
    readonly NoteSigner _signer;
    readonly IDisposable _opened;
    readonly GatewayCounters? _counters;   // null where the log is read alone

    DecisionLog(NoteSigner signer, Ledger.Log log, string counters)
    {
        (_signer, _opened, Log) = (signer, log, log);
        try
        {
            _counters = new GatewayCounters(counters, Log.Size);
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    DecisionLog(NoteSigner signer, StoredLog log) => (_signer, _opened, Log) = (signer, log, log);

    public LogReader Log { get; }

    /// <summary>The same, to append to.</summary>
    public Ledger.Log Own => Log as Ledger.Log
        ?? throw new InvalidOperationException("nothing is appended to a log that is read");

    /// <summary>To read: nothing of it, nor of what belongs to it, changes here.</summary>
    public FileAccess Access => Log is Ledger.Log ? FileAccess.ReadWrite : FileAccess.Read;

    /// <summary>What the gateway counts of the log.</summary>
    public GatewayCounters Counters => _counters
        ?? throw new InvalidOperationException("nothing is counted of a log that is read");

    public string Origin => Log.Origin;

    /// <summary>What an owner opens in the ledger: <c>origin</c> and this key.</summary>
    public VerifierKey Key => _signer.Key;

    /// <summary>Opens the log of a node that does not run, to be read; null where it is not in that folder.</summary>
    /// <exception cref="IOException">It is open elsewhere, or damaged.</exception>
    public static DecisionLog? OpenToRead(NodeFolder folder, string origin)
    {
        var keyFile = Path.Combine(folder.Log(origin), "key");
        if (!File.Exists(keyFile)) return null;
        var signer = NoteSigner.Open(keyFile);
        try
        {
            return new DecisionLog(signer, StoredLog.Open(folder.LogStore(origin), signer));
        }
        catch
        {
            signer.Dispose();
            throw;
        }
    }

    /// <summary>Opens or makes the log, for the node whose it is and no one else: files of earlier builds get this
    /// build's format.</summary>
    public static DecisionLog Open(NodeFolder folder, string origin, TimeProvider time, LogOptions? options = null)
    {
        var at = folder.Log(origin);
        var keyFile = Path.Combine(at, "key");
        Disk.Files.CreateDirectory(at, Disk.Readers.Owner);
        var signer = File.Exists(keyFile) ? NoteSigner.Open(keyFile) : NoteSigner.Create(keyFile, origin);
        DecisionLog? log = null;
        try
        {
            log = new DecisionLog(signer, Ledger.Log.Open(folder.LogStore(origin), signer.Key.Name, signer, time,
                options), folder.Counters(origin));
            NoteSigner.Raise(keyFile);
            return log;
        }
        catch
        {
            if (log is null) signer.Dispose();
            else log.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The first origin that is not spent: closed, lost, or opened with a key that is not in this folder.
    /// </summary>
    public static string OriginFor(State state, NodeFolder folder, string member, string system, string environment)
    {
        var first = $"{state.Origin}/{system}/{environment}/{member[..8]}";
        for (var n = 1; ; n++)
        {
            var origin = n == 1 ? first : string.Create(CultureInfo.InvariantCulture, $"{first}.{n}");
            if (!state.Logs.TryGetValue(origin, out var known)) return origin;
            var keyFile = Path.Combine(folder.Log(origin), "key");
            if (known.Status != LogAction.Open || !File.Exists(keyFile)) continue;
            using var signer = NoteSigner.Open(keyFile);
            if (signer.Key.ToString() == known.Key) return origin;
        }
    }

    /// <summary>Why nothing may be recorded here as far as the ledger knows; null when all is well.</summary>
    public string? Objection(State state)
    {
        if (!state.Logs.TryGetValue(Origin, out var known))
            return $"the decision log '{Origin}' is not open in the ledger: an owner opens it with the key {Key}";
        if (known.Status != LogAction.Open)
            return $"the decision log '{Origin}' is {LogStatement.Actions[known.Status]} in the ledger";
        if (known.Key != Key.ToString()) return $"the decision log '{Origin}' was opened with another key";
        if (known.Anchor is not { } anchor) return null;
        if (anchor.Size > Log.Size)
            return string.Create(CultureInfo.InvariantCulture,
                $"the ledger anchors {anchor.Size} leaves of '{Origin}' and only {Log.Size} are here: some were "
                + $"lost; an owner declares the log lost");
        return anchor.Size > 0 && Log.RootAt(anchor.Size) != anchor.Root
            ? $"the leaves of '{Origin}' are not those that the ledger anchors"
            : null;
    }

    /// <summary>What ties the log as it is now to the ledger; null when the ledger has it already.</summary>
    public Anchor? AnchorFor(State state, long now)
    {
        if (Objection(state) is not null) return null;
        var before = state.Logs[Origin].Anchor;
        var note = "";
        var counted = Counters.Around(() => note = Log.Checkpoint);
        if (!Checkpoint.TryOpen(note, Key, out var checkpoint, out var error))
            throw new IOException($"the log's own checkpoint: {error}");
        // No leaf more, and the counters at rest as they were stated.
        if (checkpoint.Size == (before?.Size ?? 0)
            && (before?.Gateway is not { } stated || counted.From != stated.From
                || (counted.Recorded, counted.Answered, counted.Failed) == (stated.Recorded, stated.Answered,
                    stated.Failed))) return null;
        Digest[] proof = before is { Size: > 0 } ? Log.ConsistencyProof(before.Size, checkpoint.Size) : [];
        Counters.Flush();
        // Counters that were put back to an earlier state are not vouched for.
        var gateway = before?.Gateway is { } then && !counted.Follows(then) ? null : counted;
        // This gateway writes whole leaves only.
        return new Anchor(Origin, note, [.. proof], 0, 0, checkpoint.Size, state.Size, StateDigest.Of(state), gateway)
        {
            Ledger = state.Ledger,
            Nonce = Identity.RandomId.New(),
            Issued = now
        };
    }

    public void Dispose()
    {
        _opened.Dispose();
        _counters?.Dispose();
        _signer.Dispose();
    }
}
