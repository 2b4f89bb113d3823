using System.Collections.Concurrent;
using System.Collections.Immutable;
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

    Prepared(Entry entry, Statement? statement) => (Entry, Statement) = (entry, statement);

    public Entry Entry { get; }

    /// <summary>Null when it was not parsed, or can't be: the fold says why.</summary>
    internal Statement? Statement { get; }

    internal bool IsGood(Signature signature) => _good.Contains(signature);

    /// <summary>Nothing is found out ahead.</summary>
    public static Prepared Nothing(Entry entry) => new(entry, null);

    /// <param name="key">
    /// A key by its id, null when it is not known yet; as <see cref="Fold.KeyOf"/> of a state.
    /// </param>
    public static Prepared Of(Entry entry, Func<Digest, PublicKey?> key)
    {
        var prepared = Parsed(entry);
        prepared.Verify(key);
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

    internal void Verify(Func<Digest, PublicKey?> key) =>
        _good = [.. Entry.Envelope.Signatures.Where(s => key(s.KeyId) is { } k && Entry.Envelope.Verify(s, k))];
}

/// <summary>
/// Keys by their ids, as statements name them. It says what a key's bytes are, never whose it is or whether it counts.
/// </summary>
sealed class KeyRing
{
    readonly ConcurrentDictionary<Digest, PublicKey> _keys = [];

    public PublicKey? Find(Digest id) => _keys.GetValueOrDefault(id);

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
        }
    }
}
