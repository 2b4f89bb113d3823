using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The pure function that three judges share: the server before it appends, a node before it starts anything, an
/// auditor over a pack. Given the state, an entry and the documents the entry names, it accepts or refuses. No clock,
/// no randomness, no I/O.
///
/// Steps: 1 shape · 2 time · 3 ledger and identity · 4 signatures · 5 who may · 6 the kind's own rule (both are in
/// the kind's row, <see cref="StatementKinds"/>) · 7 the policies in force, for what they govern.
/// </summary>
public static partial class Fold
{
    public const long MaxSkew = 5 * 60 * 1000;
    public const long MaxDelay = 24 * 60 * 60 * 1000;

    /// <summary>Applies an entry as it would stand at index <c>state.Size</c>.</summary>
    public static Outcome Apply(State state, Entry entry, Documents documents) =>
        Apply(state, Prepared.Nothing(entry), documents);

    /// <summary>The same of an entry that was prepared.</summary>
    public static Outcome Apply(State state, Prepared prepared, Documents documents)
    {
        // 1. Shape. The envelope is canonical already, or it would not be an Entry.
        var entry = prepared.Entry;
        Statement statement;
        try
        {
            statement = prepared.Statement ?? StatementKinds.Parse(entry.Envelope.Payload);
        }
        catch (FormatException e)
        {
            return new Outcome.Refused(RefusalCode.Malformed, e.Message, null, null, null);
        }
        catch (UnknownKindException e)
        {
            return new Outcome.Refused(RefusalCode.UnknownKind, e.Message, null, null, null);
        }
        if (statement is GenesisStatement != (state.Size == 0))
            return Refuse(statement, RefusalCode.NotGenesis, state.Size == 0
                ? "the ledger is empty: its first entry must be genesis"
                : "the ledger has its genesis");
        if (statement is GenesisStatement genesis) return Found(genesis, entry);

        // 2. Time: the entry's own. 3. This ledger, and not seen before.
        if (Untimely(state.Time, entry, statement) is { } untimely) return untimely;
        if (Foreign(state.Ledger, statement) is { } foreign) return foreign;
        var identity = Digest.Of(entry.Envelope.Payload);

        // 4. Signatures: every one good, by distinct members, with keys that are theirs now.
        var (signers, refusal) = Signers(state, prepared, statement);
        if (refusal is not null) return refusal;
        // A retry is told where it stands. It changes nothing, so it is asked before whether its signer still may.
        if (state.Identities.TryGetValue(identity, out var first)) return new Outcome.Already(first);

        // 5. Who may.
        var kind = StatementKinds.Of(statement);
        if (kind.Refuses(new Signing(state, statement, signers)) is { } unauthorised) return unauthorised;

        // 6 and 7. The kind's rule.
        var context = new Context(state, entry.Time, state.Size, signers, documents, prepared, statement);
        var outcome = kind.Apply(context);
        if (outcome is not Outcome.Accepted accepted) return outcome;
        var next = accepted.Next;
        return accepted with
        {
            Next = next with
            {
                Size = state.Size + 1,
                Time = entry.Time,
                Identities = state.Identities.Add(identity),
                Seen = Merkle.Node(state.Seen, entry.LeafHash),
            },
        };
    }

    /// <summary>
    /// Step 2, which takes no more than the last entry's time. What nodes saw may come late, when the server was away.
    /// Null = the time is as it may be.
    /// </summary>
    internal static Outcome.Refused? Untimely(long last, Entry entry, Statement statement)
    {
        if (Backwards(last, entry, statement) is { } backwards) return backwards;
        if (entry.Time < statement.Issued - MaxSkew)
            return Refuse(statement, RefusalCode.OutsideWindow,
                $"issued {(statement.Issued - entry.Time) / 1000} s in the future");
        return !StatementKinds.Of(statement).MayComeLate && entry.Time > statement.Issued + MaxDelay
            ? Refuse(statement, RefusalCode.OutsideWindow,
                $"issued {(entry.Time - statement.Issued) / 3_600_000} h ago") : null;
    }

    /// <summary>The half of step 2 that asks nothing of the statement.</summary>
    internal static Outcome.Refused? Backwards(long last, Entry entry, Statement? statement) =>
        entry.Time < last ? new(RefusalCode.TimeBackwards,
            $"the entry's time {Rfc3339.Format(entry.Time)} is before the last entry's, {Rfc3339.Format(last)}", null,
                statement, null) : null;

    /// <summary>
    /// The half of step 3 that takes no more than the ledger's id. Null = it was made for this ledger.
    /// </summary>
    internal static Outcome.Refused? Foreign(Digest ledger, Statement statement) => statement.Ledger == ledger ? null
        : Refuse(statement, RefusalCode.WrongLedger,
            $"made for the ledger {statement.Ledger?.ToString() ?? "(none)"}, this is {ledger}");

    /// <summary>Checkpoints are signed by plain Ed25519 note keys that bear their log's origin as name.</summary>
    internal static bool IsLogKey(VerifierKey key, string origin) =>
        key.Name == origin && key.Type == NoteKeyType.Ed25519;

    static Outcome.Refused Refuse(Statement statement, RefusalCode code, string message) =>
        new(code, message, null, statement, null);

    /// <summary>What the kinds' rules share.</summary>
    internal sealed record Context(State State, long Time, long Index, ImmutableArray<Signed> Signers,
        Documents Documents, Prepared Prepared, Statement Statement)
    {
        public Signed Signer => Signers[0];
        public Outcome.Accepted Accept(State next, Judgement? judgement = null) =>
            new Outcome.Accepted(next, Statement, judgement);

        // What nobody could execute again names no member, and is never recorded.
        public Outcome.Refused Refuse(RefusalCode code, string message, Judgement? judgement = null) =>
            new Outcome.Refused(code, message, judgement, Statement, code.IsLasting() ? Signer.Member : null);
    }

    /// <summary>
    /// Entry 0: the founders' own signatures, at least as many as the threshold; nothing else is there to check it
    /// against, which is why trust files pin its digest.
    /// </summary>
    static Outcome Found(GenesisStatement g, Entry entry)
    {
        Outcome No(RefusalCode code, string message) => Refuse(g, code, message);
        if (g.Ledger is not null) return No(RefusalCode.WrongLedger, "genesis names no ledger: it is the ledger");
        if (g.FoldVersion != State.CurrentFold)
            return No(RefusalCode.UnknownFoldVersion, $"fold version {g.FoldVersion} is not known here");
        if (entry.Time < g.Issued - MaxSkew || entry.Time > g.Issued + MaxDelay)
            return No(RefusalCode.OutsideWindow, "genesis was issued at another time");
        if (g.Owners.IsEmpty || g.Threshold < 1 || g.Threshold > g.Owners.Length || g.Owners.Any(o => o.Keys.IsEmpty))
            return No(RefusalCode.TooFewOwners,
                $"a threshold of {g.Threshold} for {g.Owners.Length} owners, or an owner without a key");
        if (!VerifierKey.TryParse(g.LogKey, out var logKey) || !IsLogKey(logKey, g.Origin))
            return No(RefusalCode.BadCheckpoint,
                "the log's verifier key is not a C2SP vkey with the ledger's origin as its name");

        var owners = new Dictionary<Digest, string>();
        var members = new Dictionary<string, MemberFact>(StringComparer.Ordinal);
        var twice = !owners.TryAdd(g.ServerKey.Id, ServerMember) | !owners.TryAdd(g.RecoveryKey.Id, RecoveryMember);
        foreach (var founder in g.Owners)
        {
            foreach (var key in founder.Keys) twice |= !owners.TryAdd(key.Id, founder.Member);
            twice |= !members.TryAdd(founder.Member,
                new MemberFact(founder.Member, 0, [], founder.Keys, [new Role(RoleName.Owner)], null));
        }
        if (twice) return No(RefusalCode.KeyTaken, "a member or a key stands twice in genesis");
        var keys = g.Owners.SelectMany(o => o.Keys).ToDictionary(k => k.Id);
        var signed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var s in entry.Envelope.Signatures)
        {
            if (!keys.TryGetValue(s.KeyId, out var key))
                return No(RefusalCode.UnknownSigner, $"{s.KeyId} is not a founder's key");
            if (!entry.Envelope.Verify(s, key))
                return No(RefusalCode.BadSignature, $"the signature by {s.KeyId} is not good");
            if (!signed.Add(owners[s.KeyId])) return No(RefusalCode.SameMemberTwice, "a founder signed twice");
        }
        if (signed.Count < g.Threshold)
            return No(RefusalCode.TooFewOwners, $"{signed.Count} of {g.Threshold} owners signed");

        var identity = Digest.Of(entry.Envelope.Payload);
        return new Outcome.Accepted(State.Empty with
        {
            FoldVersion = g.FoldVersion, Size = 1, Time = entry.Time, Ledger = entry.LeafHash, Origin = g.Origin,
            Threshold = g.Threshold, RecoveryKey = g.RecoveryKey, ServerKey = g.ServerKey,
            LogKeys = [(0, g.LogKey)], Members = State.Empty.Members.AddRange(members),
            KeyOwners = State.Empty.KeyOwners.AddRange(owners),
            Identities = Identities.Empty.Add(identity), Seen = Merkle.Node(default, entry.LeafHash),
        }, g, null);
    }
}
