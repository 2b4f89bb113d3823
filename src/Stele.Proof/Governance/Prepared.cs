using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// An entry with what can be found out about it before its turn: its statement, and which of its signatures are good.
/// Made on any thread; the fold then does in turn only what takes the turn. Invariant: <c>Apply(state, prepared,
/// documents)</c> is <c>Apply(state, prepared.Entry, documents)</c>. A signature counts as good under the key of its
/// key id, which names that key's bytes, no matter who has it.
/// </summary>
public sealed class Prepared
{
    ImmutableArray<Signature> _good = [];
    string? _openedBy;      // the verifier key under which an anchor's checkpoint is good

    Prepared(Entry entry, Statement? statement) => (Entry, Statement) = (entry, statement);

    public Entry Entry { get; }

    /// <summary>Null when it was not parsed, or can't be: the fold says why.</summary>
    internal Statement? Statement { get; }

    /// <summary>
    /// Whether the fold accepted this very entry before, from the same state: what follows from the entry and its
    /// signers' keys alone is not asked again.
    /// </summary>
    internal bool WasAdmitted { get; private init; }

    internal bool IsGood(Signature signature) => WasAdmitted || _good.Contains(signature);

    /// <summary>Nothing is found out ahead.</summary>
    public static Prepared Nothing(Entry entry) => new(entry, null);

    /// <summary>An anchor's checkpoint under its log's key.</summary>
    internal bool TryOpen(Anchor anchor, string key, [NotNullWhen(true)] out Checkpoint? checkpoint,
        out string? error)
    {
        if (!WasAdmitted && key != _openedBy)
            return Checkpoint.TryOpen(anchor.Checkpoint, VerifierKey.Parse(key), out checkpoint, out error);
        (checkpoint, error) = (Checkpoint.Parse(Note.Parse(anchor.Checkpoint).Text), null);
        return true;
    }

    internal static Prepared Admitted(Entry entry, Statement statement) =>
        new(entry, statement) { WasAdmitted = true };

    /// <param name="key">
    /// A key by its id, null when it is not known yet; as <see cref="Fold.KeyOf"/> of a state.
    /// </param>
    public static Prepared Of(Entry entry, Func<Digest, PublicKey?> key)
    {
        var prepared = Parsed(entry);
        prepared.Verify(key, _ => null);
        return prepared;
    }

    internal static Prepared Parsed(Entry entry)
    {
        try
        {
            return new(entry, StatementKinds.Parse(entry.Envelope.Payload));
        }
        catch (Exception e) when (e is FormatException or UnknownKindException)
        {
            return Nothing(entry);
        }
    }

    /// <param name="log">The verifier key of a decision log by its origin, null when it is not known yet.</param>
    internal void Verify(Func<Digest, PublicKey?> key, Func<string, string?> log)
    {
        _good = [.. Entry.Envelope.Signatures.Where(s => key(s.KeyId) is { } k && Entry.Envelope.Verify(s, k))];
        if (Statement is Anchor a && log(a.Log) is { } vkey
            && Checkpoint.TryOpen(a.Checkpoint, VerifierKey.Parse(vkey), out _, out _)) _openedBy = vkey;
    }
}

/// <summary>
/// Keys by their ids and decision logs' by their origins, as statements name them. It says what a key's bytes are,
/// never whose it is or whether it counts.
/// </summary>
/// <param name="known">A state whose keys and logs are known, too; asked for one by one.</param>
sealed class KeyRing(State known)
{
    readonly ConcurrentDictionary<Digest, PublicKey> _keys = [];
    readonly ConcurrentDictionary<string, string> _logs = new(StringComparer.Ordinal);

    public PublicKey? Find(Digest id) => _keys.TryGetValue(id, out var key) ? key : Fold.KeyOf(known, id);

    public string? Log(string origin) =>
        _logs.TryGetValue(origin, out var key) ? key : known.Logs.GetValueOrDefault(origin)?.Key;

    public void Learn(Statement? statement)
    {
        switch (statement)
        {
            case GenesisStatement g:
                foreach (var key in g.Owners.SelectMany(o => o.Keys).Append(g.ServerKey).Append(g.RecoveryKey))
                    _keys.TryAdd(key.Id, key);
                break;
            case MemberStatement m:
                foreach (var key in m.Keys) _keys.TryAdd(key.Id, key);
                break;
            // A key that is none is the fold's to refuse.
            case LogStatement { Key: { } vkey } l when VerifierKey.TryParse(vkey, out _):
                _logs.TryAdd(l.Origin, vkey);
                break;
        }
    }
}
