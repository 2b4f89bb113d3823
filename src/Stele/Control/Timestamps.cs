using System.Globalization;
using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Control;

/// <summary>One time stamp over a checkpoint of the ledger.</summary>
/// <param name="Size">The checkpoint's size.</param>
/// <param name="Text">
/// The text that was stamped: the checkpoint without its signatures, so that cosignatures may come later.
/// </param>
sealed record StampedCheckpoint(long Size, string Text, byte[] Token);

/// <summary>
/// RFC 3161 time stamps over the ledger's checkpoints, next to it: <c>timestamps/SIZE/SHA256.tst</c>, each a token as
/// its authority gave it. The server holds that a token is about the ledger's tree of that size; whose authority
/// counts, and whether its signature is good, is for its verifiers.
/// </summary>
sealed class Timestamps(string folder, LogReader log)
{
    /// <summary>More on one checkpoint help nobody.</summary>
    const int MaxEach = 16;

    /// <summary>What is stamped at a size of the tree: origin, size and root, as the checkpoint has them.</summary>
    public string TextAt(long size) => new Checkpoint(log.Origin, size, log.RootAt(size)).Text;

    /// <summary>Keeps a token; the same token twice is kept once.</summary>
    /// <exception cref="FormatException">Not a time stamp, or not over the tree of that size.</exception>
    public Digest Put(long size, ReadOnlySpan<byte> bytes)
    {
        if (size < 1 || size > log.Size) throw new FormatException($"the ledger has {log.Size} entries, not {size}");
        var token = TimestampToken.Parse(bytes);
        if (!token.Covers(Encoding.UTF8.GetBytes(TextAt(size))))
            throw new FormatException($"the time stamp is not over the ledger's checkpoint of size {size}");
        var (at, digest) = (Of(size), Digest.Of(bytes));
        var file = Path.Combine(at, digest.Hex + ".tst");
        if (File.Exists(file)) return digest;
        if (Directory.Exists(at) && Directory.EnumerateFiles(at, "*.tst").Count() >= MaxEach)
            throw new FormatException($"the checkpoint of size {size} has {MaxEach} time stamps already");
        Files.CreateDirectory(at);
        Files.Write(file, bytes);
        return digest;
    }

    /// <summary>All of them, by size.</summary>
    public IEnumerable<StampedCheckpoint> All()
    {
        if (!Directory.Exists(folder)) yield break;
        var sizes = Directory.EnumerateDirectories(folder)
            .Select(d => long.TryParse(Path.GetFileName(d), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
                ? n
                : -1).Where(n => n > 0 && n <= log.Size);
        foreach (var size in sizes.Order())
            foreach (var file in Directory.EnumerateFiles(Of(size), "*.tst").Order(StringComparer.Ordinal))
                yield return new(size, TextAt(size), File.ReadAllBytes(file));
    }

    string Of(long size) => Path.Combine(folder, size.ToString(CultureInfo.InvariantCulture));
}
