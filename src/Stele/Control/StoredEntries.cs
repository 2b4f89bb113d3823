using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control;

/// <summary>A log's entries as the fold reads them again.</summary>
/// <param name="log">The log as it is now.</param>
sealed class StoredEntries(Func<LogReader> log) : IStoredEntries
{
    public long Count => log().Size;
    public Entry Read(long index) => Entry.Parse(log().ReadEntry(index));
    public IEnumerable<Entry> Read(long from, long to) => log().ReadEntries(from, to).Select(e => Entry.Parse(e));
}
