namespace Stele.Proof.Packs;

/// <summary>
/// What a monitor remembers of a ledger from one look to the next, canonical JSON
/// <c>{"checkpoint":note,"genesis":digest,"version":1}</c>: the newest checkpoint that it verified. Whatever the ledger
/// shows later must extend that tree.
/// </summary>
public sealed record LedgerMemory(Digest Genesis, string Checkpoint)
{
    public const int Version = 1, MaxBytes = 2 * Note.MaxBytes;

    public byte[] Encode() =>
        Json.Object(("version", Version), ("genesis", Genesis), ("checkpoint", Checkpoint)).ToBytes();

    /// <summary>Invariant: what is accepted encodes to the identical bytes.</summary>
    /// <exception cref="FormatException">Not such a memory in canonical form.</exception>
    public static LedgerMemory Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxBytes);
        if (j["version"].AsInt != Version)
            throw new FormatException($"memory version {j["version"].AsInt} is not known here");
        var memory = new LedgerMemory(j["genesis"].AsDigest, j["checkpoint"].AsString);
        return memory.Encode().AsSpan().SequenceEqual(utf8)
            ? memory
            : throw new FormatException("it has members that a memory does not have");
    }
}

/// <summary>
/// What a look at a ledger came to: the report; what to remember now, null when nothing may be; and the proof of two
/// histories, where there are two.
/// </summary>
public sealed record LedgerSight(VerifyReport Report, LedgerMemory? Memory, Fork? Fork);
