using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A stretch of a ledger's records: from its first to that of the next segment.
/// </summary>
/// <param name="Name">What people find it by in the store.</param>
/// <param name="HasBasis">Whether one stands at its beginning: nothing before it is needed to go on from there.</param>
sealed record LedgerSegment(long First, string Name, bool HasBasis);

/// <summary>What of a segment is copied.</summary>
enum SegmentPart { Records, Basis }

/// <summary>When what was put is safe.</summary>
enum Durability
{
    /// <summary>
    /// At the next <see cref="ILedgerWriter.Flush"/>. Until then a power loss may take it, or leave anything in its
    /// place: for what can be made again.
    /// </summary>
    Late,
    /// <summary>When the call returns; a power loss during the call leaves the old or the new.</summary>
    Now,
}

/// <summary>How far a ledger's records read.</summary>
/// <param name="Records">The number that the next record gets.</param>
/// <param name="Sealed">Whether they end with the mark that their writer ended in order.</param>
/// <param name="Torn">
/// Whether what follows is the remains of one append that was never acknowledged: cut off when a writer opens.
/// </param>
/// <param name="Problem">What follows the last whole record; null: nothing.</param>
sealed record LedgerEnd(long Records, bool Sealed, bool Torn, string? Problem);

/// <summary>
/// Told of each segment, without records, as it begins, then of its batches in order; the bytes are lent until it
/// returns.
/// </summary>
delegate void LedgerVisitor(LedgerSegment segment, ReadOnlySpan<StoredRecord> batch);

/// <summary>
/// Where one ledger is stored, for those who read it. Everything that a log keeps is one of four things:
/// <list type="bullet">
/// <item><b>Records</b>, numbered from 0 without a gap, in segments: the truth. A record has 0 to 16,777,215 bytes and
/// a kind; a batch at most 256 MiB. They are only added to, at the end, and never change. The oldest segments may be
/// removed, or copied to another store; what remains begins with a segment that has a basis.</item>
/// <item><b>Bases</b>, at most one a segment, of at most 17 MiB: what stands for the records before it.</item>
/// <item><b>Immutable objects</b>, named <c>tile/…</c> as C2SP tlog-tiles names them, of at most 17 MiB: derived from
/// the records. One name never has two contents, but for what a power loss left, which its owner overwrites.</item>
/// <item><b>Mutable objects</b>: <c>checkpoint</c>, derived from the records and a key, and <c>cold.json</c>, which is
/// not derived. At most 16 MiB.</item>
/// </list>
/// Readers take no part in writing: at any time, and while another process writes, they see a prefix of the records, in
/// whole batches, of which every acknowledged one is there; an object as it was put, old or new, or none. They may see
/// records that are not durable yet: who builds on them opens a writer, or holds the store and calls
/// <see cref="Sync"/>. A store in which readers see less than was
/// acknowledged (a lagging copy) is none. One writer at a time: see <see cref="ILedgerWriter"/>.
/// Errors: every call may throw an <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> that says
/// what failed; damage that is found by reading is never an exception but what the call answers.
/// </summary>
interface ILedgerStore
{
    /// <summary>Where it is, as people are told: a folder's path, a database's address.</summary>
    string Place { get; }

    /// <summary>The segments, the oldest first; none when nothing was ever stored.</summary>
    IReadOnlyList<LedgerSegment> Segments();

    /// <summary>
    /// Reads the segments that begin in [<paramref name="from"/>, <paramref name="to"/>), up to the first damage.
    /// </summary>
    LedgerEnd Read(long from, long to, LedgerVisitor visit);

    /// <summary>The basis at the beginning of a segment; null: there is none, or it is damaged.</summary>
    byte[]? Basis(long first);

    /// <summary>
    /// Writes out a part of a segment, as <see cref="ILedgerWriter.Import"/> of a store of the same kind takes it:
    /// always the same bytes once a later segment has a basis.
    /// </summary>
    void Export(long first, SegmentPart part, Stream to);

    /// <summary>An object's content; null: there is none of this name.</summary>
    byte[]? Get(string name);

    bool Has(string name);

    /// <summary>The names of all objects below one, which ends with <c>/</c>, in any order.</summary>
    IEnumerable<string> List(string folder);

    /// <summary>
    /// For a reader of all of it: keeps writers out until it is disposed, if none is there. Makes nothing.
    /// </summary>
    /// <param name="inUse">A writer has it: what it stores meanwhile is seen in part.</param>
    IDisposable? Hold(out bool inUse);

    /// <summary>
    /// Makes durable whatever readers can see of the records; for a reader who holds it and answers for what it reads.
    /// Makes nothing, and changes no byte.
    /// </summary>
    void Sync();

    /// <summary>
    /// Becomes the writer. The lock is the writer: it is for this ledger, whatever process and host asks, lasts until
    /// it is disposed or its process ends, and who lost it (a connection, a lease) writes nothing more.
    /// </summary>
    /// <exception cref="LockedException">Another is the writer, or a reader holds it.</exception>
    ILedgerWriter Lock();
}

/// <summary>
/// The one who writes a ledger's storage. <see cref="Open"/>, <see cref="Append"/> and <see cref="Seal"/> come from one
/// thread at a time, in that order; everything else from any thread meanwhile. Invariant: when <see cref="Append"/>
/// returns, its batch is durable and every later start and reader finds it, wholly and in this place; when it throws,
/// the batch may be there, wholly, or not, nothing more may be appended, and only opening again says which it is. The
/// same holds for a batch whose writer died in the call. What is <see cref="Durability.Late"/> may become durable at
/// any time before the next flush and in any order, and may be lost without what was put after it being lost.
/// </summary>
interface ILedgerWriter : IDisposable
{
    /// <summary>
    /// Makes durable whatever readers can see of the records, cuts off a torn end, and reads the segments from one on.
    /// From here on batches are taken. Makes the ledger where there is none.
    /// </summary>
    /// <param name="from">The first record of the segment to begin at; 0 where there is none.</param>
    /// <param name="segmentBytes">About how large a segment grows before the next begins.</param>
    /// <returns>The number of the next record.</returns>
    /// <exception cref="IOException">The records are damaged elsewhere than at their end. Nothing was
    /// changed.</exception>
    long Open(long from, long segmentBytes, LedgerVisitor visit);

    /// <summary>
    /// Stores a batch, whose first record is the next one, durably: all of it or nothing. Where it is the first in a
    /// segment, <see cref="RecordBatch.Begins"/> is set. The bytes are lent until it returns.
    /// </summary>
    void Append(RecordBatch batch);

    /// <summary>Marks that the writer ends in order; nothing is appended any more.</summary>
    void Seal();

    /// <summary>
    /// Stores the basis of a segment, durably: from here on a start may begin there. What stands before it is never
    /// appended to again.
    /// </summary>
    void PutBasis(long first, ReadOnlySpan<byte> basis);

    /// <summary>Removes the segments that begin before a record, and their bases, the oldest first, each durably before
    /// the next. Broken off, it has removed the oldest; the next call removes the rest.</summary>
    void RemoveBefore(long first);

    /// <summary>
    /// Stores, durably, what <see cref="ILedgerStore.Export"/> writes out; whether it reads is seen by reading it.
    /// Returns its digest.
    /// </summary>
    Digest Import(long first, SegmentPart part, Action<Stream> export);

    /// <summary>
    /// Stores an object. Readers see it when this returns, or the one before it, and nothing between.
    /// </summary>
    void Put(string name, ReadOnlySpan<byte> bytes, Durability durability);

    /// <summary>Removes the object of this name and all below it; it is no error if there is none. As late as
    /// <see cref="Durability.Late"/>.</summary>
    void Delete(string name);

    /// <summary>Makes all that was put and removed durable.</summary>
    void Flush();
}
