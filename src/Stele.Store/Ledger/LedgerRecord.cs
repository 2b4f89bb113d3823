namespace Stele.Ledger;

/// <summary>The kinds of a ledger's records, and what an entry may be.</summary>
static class LedgerRecord
{
    /// <summary>One entry of the log.</summary>
    public const byte Entry = 1;

    /// <summary>A replica's: a signed checkpoint over all entries before it.</summary>
    public const byte Checkpoint = 2;

    /// <summary>
    /// A replica's: a signed checkpoint that all entries before it were proved to be the beginning of.
    /// </summary>
    public const byte Ahead = 3;

    public const int MaxEntry = 65_535;
}
