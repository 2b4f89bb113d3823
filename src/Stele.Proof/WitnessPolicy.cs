using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>How a signed checkpoint stands against a policy.</summary>
public enum PolicyTrust
{
    Verified,
    /// <summary>Not a note, or its text is not a checkpoint.</summary>
    Malformed,
    /// <summary>No signature by a log of the policy.</summary>
    UnknownLog,
    /// <summary>A log of the policy signed it, but as the checkpoint of another.</summary>
    WrongOrigin,
    /// <summary>A line names a log or a witness of the policy and does not verify.</summary>
    BadSignature,
    /// <summary>The witnesses that cosigned it are not a quorum.</summary>
    TooFewWitnesses,
}

/// <summary>What a policy says of a signed checkpoint.</summary>
/// <param name="Checkpoint">Set only when it is <see cref="PolicyTrust.Verified"/>.</param>
/// <param name="Cosigners">The witnesses of the policy that cosigned, and when, also when they are too few.</param>
public sealed record PolicyVerdict(PolicyTrust Trust, Checkpoint? Checkpoint,
    ImmutableArray<VerifiedSignature> Cosigners);

/// <summary>A log of a policy. What the URL means is the application's matter.</summary>
public sealed record PolicyLog(VerifierKey Key, string? Url);

/// <summary>
/// A witness or, with members, a group of a policy: it has witnessed when so many of its members have.
/// </summary>
/// <param name="Name">
/// Means something inside the policy alone. Bytes above 7F stand as they are, one character each.
/// </param>
/// <param name="Key">A witness's; null for a group.</param>
/// <param name="Needed">Of a group: how many members must have witnessed.</param>
/// <param name="Members">Of a group: places among the policy's parts, each before this one.</param>
public sealed record PolicyPart(string Name, VerifierKey? Key, string? Url, int Needed, ImmutableArray<int> Members);

/// <summary>
/// C2SP tlog-policy: whose checkpoints count, and whose cosignatures make one valid.
/// <code>
/// log example.com/log+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx
/// witness w1 witness.example.com/w1+…+BO… https://witness.example.com/
/// witness w2 witness.example.net/w2+…+BK…
/// group any-of-them 1 w1 w2
/// quorum any-of-them
/// </code>
/// Lines in any order, but a name is defined before it is used; words are divided by spaces and tabs; empty lines and
/// lines that start with <c>#</c> are passed over; exactly one
/// <c>quorum</c>, which may be <c>none</c>. No two logs and no two witnesses have one key, and no witness has a log's,
/// whatever they are called. A name is a member of one group at most, so that a witness counts in one way.
/// <see cref="ToString"/> writes the canonical form, which parses to the same policy.
/// </summary>
public sealed class WitnessPolicy
{
    public const int MaxBytes = 512 * 1024;
    public const int MaxLogs = 64;
    /// <summary>Witnesses, and groups likewise. The standard asks for 32 at least.</summary>
    public const int MaxParts = 64;

    internal const string None = "none";

    internal WitnessPolicy(ImmutableArray<PolicyLog> logs, ImmutableArray<PolicyPart> parts, int? quorum) =>
        (Logs, Parts, Quorum) = (logs, parts, quorum);

    public ImmutableArray<PolicyLog> Logs { get; }

    /// <summary>Witnesses and groups, in the order of their lines.</summary>
    public ImmutableArray<PolicyPart> Parts { get; }

    /// <summary>The place of the part that must have witnessed a checkpoint; null when none must.</summary>
    public int? Quorum { get; }

    public IEnumerable<VerifierKey> Witnesses => Parts.Where(p => p.Key is not null).Select(p => p.Key!);

    /// <summary>The plain rule: so many of these witnesses, each counting once.</summary>
    /// <param name="witnesses">Keys that cosign, no two the same: the caller has seen to that.</param>
    public static WitnessPolicy Of(VerifierKey? log, IReadOnlyList<VerifierKey> witnesses, int quorum)
    {
        var parts = ImmutableArray.CreateBuilder<PolicyPart>();
        foreach (var key in witnesses)
            parts.Add(new(string.Create(CultureInfo.InvariantCulture, $"w{parts.Count + 1}"), key, null, 0, []));
        if (quorum > 0) parts.Add(new("all-witnesses", null, null, quorum, [.. Enumerable.Range(0, witnesses.Count)]));
        return new(log is null ? [] : [new(log, null)], parts.ToImmutable(), quorum > 0 ? witnesses.Count : null);
    }

    /// <exception cref="FormatException">Not a policy; the message begins with the number of the line.</exception>
    public static WitnessPolicy Parse(ReadOnlySpan<byte> policy) => PolicyLines.Parse(policy);

    /// <summary>
    /// The canonical form: one space between words, no comments, the parts in their order, counts as numbers, the
    /// quorum last. In Latin-1 it is the file's bytes.
    /// </summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var log in Logs) Line("log", PolicyLines.Octets(log.Key.ToString()), log.Url);
        foreach (var part in Parts)
            if (part.Key is not null) Line("witness", part.Name, PolicyLines.Octets(part.Key.ToString()), part.Url);
            else
                Line("group", part.Name, part.Needed.ToString(CultureInfo.InvariantCulture),
                    string.Join(' ', part.Members.Select(m => Parts[m].Name)));
        Line("quorum", Quorum is { } q ? Parts[q].Name : None);
        return text.ToString();

        void Line(params ReadOnlySpan<string?> words)
        {
            foreach (var word in words) if (word is not null)
                text.Append(text.Length == 0 || text[^1] == '\n' ? "" : " ").Append(word);
            text.Append('\n');
        }
    }

    /// <summary>Whether these witnesses are a quorum. Keys that the policy does not name count nothing.</summary>
    public bool IsQuorum(IEnumerable<VerifierKey> cosigners)
    {
        if (Quorum is not { } quorum) return true;
        var known = cosigners.ToHashSet();
        var witnessed = new bool[Parts.Length];
        for (var i = 0; i < Parts.Length; i++)
            witnessed[i] = Parts[i] is { Key: { } key }
                ? known.Contains(key)
                : Parts[i].Members.Count(m => witnessed[m]) >= Parts[i].Needed;
        return witnessed[quorum];
    }

    /// <summary>
    /// Judges a signed checkpoint: signed by a log of the policy that bears its origin as its name, cosigned by a
    /// quorum, and no line by any of them bad.
    /// </summary>
    /// <param name="log">Which log it must be; needed where the policy names none.</param>
    public PolicyVerdict Judge(string signedNote, VerifierKey? log = null)
    {
        try
        {
            var note = Note.Parse(signedNote);
            VerifierKey[] logs = log is null ? [.. Logs.Select(l => l.Key)] : [log];
            VerifierKey[] witnesses = [.. Witnesses.Where(w => !logs.Any(w.SameKey))];
            var signed = note.Verify(logs, out var signers);
            var cosigned = note.VerifyCosigned(witnesses, out var cosigners);
            if (signed == NoteTrust.BadSignature || cosigned == NoteTrust.BadSignature)
                return new(PolicyTrust.BadSignature, null, []);
            if (signed == NoteTrust.NoKnownKey) return new(PolicyTrust.UnknownLog, null, []);
            var read = Proof.Checkpoint.Parse(note.Text);
            var own = signers.Where(s => s.Key.Name == read.Origin).ToArray();
            if (own.Length == 0) return new(PolicyTrust.WrongOrigin, null, []);
            // An ML-DSA-44 signature does not cover extension lines; what nobody signed is not passed on.
            var checkpoint = own.All(s => s.Key.Type == NoteKeyType.SubtreeCosignature)
                ? new Checkpoint(read.Origin, read.Size, read.Root)
                : read;
            return IsQuorum(cosigners.Select(c => c.Key))
                ? new(PolicyTrust.Verified, checkpoint, cosigners)
                : new(PolicyTrust.TooFewWitnesses, null, cosigners);
        }
        catch (FormatException)
        {
            return new(PolicyTrust.Malformed, null, []);
        }
    }
}
