using Stele.Ledger;

namespace Stele.Tests.Ledger;

/// <summary>A ledger's storage that passes everything on to another, for those that do one thing otherwise.</summary>
abstract class AroundStore(ILedgerStore inner) : ILedgerStore
{
    public string Place => inner.Place;
    public IReadOnlyList<LedgerSegment> Segments() => inner.Segments();
    public virtual LedgerEnd Read(long from, long to, LedgerVisitor visit) => inner.Read(from, to, visit);
    public byte[]? Basis(long first) => inner.Basis(first);
    public void Export(long first, SegmentPart part, Stream to) => inner.Export(first, part, to);
    public byte[]? Get(string name) => inner.Get(name);
    public bool Has(string name) => inner.Has(name);
    public IEnumerable<string> List(string folder) => inner.List(folder);
    public IDisposable? Hold(out bool inUse) => inner.Hold(out inUse);
    public virtual void Sync() => inner.Sync();
    public virtual ILedgerWriter Lock() => inner.Lock();
}
