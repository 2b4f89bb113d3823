using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>
/// A ledger's storage whose writer fails at one step, before it is done or after, and at every step that follows, as if
/// its process had been killed there.
/// </summary>
sealed class FailingStore(ILedgerStore inner, int step, bool isDone) : AroundStore(inner)
{
    int _steps;

    /// <summary>How many steps were asked for.</summary>
    public int Steps => Volatile.Read(ref _steps);

    /// <summary>What readers of its records asked for, in order.</summary>
    public List<string> Asked { get; } = [];

    public override LedgerEnd Read(long from, long to, LedgerVisitor visit)
    {
        Asked.Add(nameof(Read));
        return base.Read(from, to, visit);
    }

    public override void Sync()
    {
        Asked.Add(nameof(Sync));
        base.Sync();
    }

    public override ILedgerWriter Lock() => new Writer(this, base.Lock());

    sealed class Writer(FailingStore store, ILedgerWriter inner) : ILedgerWriter
    {
        readonly Lock _gate = new();

        void Do(Action act)
        {
            lock (_gate)
            {
                var now = Interlocked.Increment(ref store._steps) - 1;
                if (now > store.Step || now == store.Step && !store.IsDone)
                    throw new IOException("the process is gone");
                act();
                if (now == store.Step) throw new IOException("the process is gone, and this is done");
            }
        }

        public long Open(long from, long segmentBytes, LedgerVisitor visit)
        {
            long next = 0;
            Do(() => next = inner.Open(from, segmentBytes, visit));
            return next;
        }

        public void Append(RecordBatch batch) => Do(() => inner.Append(batch));
        public void Seal() => Do(inner.Seal);

        public void PutBasis(long first, ReadOnlySpan<byte> basis)
        {
            var bytes = basis.ToArray();
            Do(() => inner.PutBasis(first, bytes));
        }

        public void RemoveBefore(long first) => Do(() => inner.RemoveBefore(first));

        public Digest Import(long first, SegmentPart part, Action<Stream> export)
        {
            var digest = default(Digest);
            Do(() => digest = inner.Import(first, part, export));
            return digest;
        }

        public void Put(string name, ReadOnlySpan<byte> put, Durability durability)
        {
            var bytes = put.ToArray();
            Do(() => inner.Put(name, bytes, durability));
        }

        public void Delete(string name) => Do(() => inner.Delete(name));
        public void Flush() => Do(inner.Flush);
        public void Dispose() => inner.Dispose();
    }

    int Step => step;
    bool IsDone => isDone;
}
