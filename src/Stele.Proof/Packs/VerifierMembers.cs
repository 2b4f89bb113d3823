using System.Buffers;
using System.Text;

namespace Stele.Proof.Packs;

// What is in the pack: the layout, the manifest, and every member by its digest. Segments are read once, in order, and
// worked on by as many threads as there are.
public sealed partial class Verifier
{
    /// <summary>
    /// How many segments are under way at once. So many times 4 MiB, and no more, is held of any log.
    /// </summary>
    const int Ahead = 6;

    readonly SortedDictionary<string, Zip.Member> _members = new(StringComparer.Ordinal);
    readonly Dictionary<string, Digest> _listed = new(StringComparer.Ordinal);
    readonly HashSet<string> _used = new(StringComparer.Ordinal) { Pack.Manifest };

    /// <summary>
    /// A segment as it is worked on: its bytes, where its leaves stand in them, and the index of the first.
    /// </summary>
    sealed record Part(string Name, byte[] Buffer, int Length, List<(int Offset, int Length)> Leaves, long First)
    {
        public ReadOnlySpan<byte> Bytes => Buffer.AsSpan(0, Length);
        public ReadOnlySpan<byte> Leaf(int i) => Buffer.AsSpan(Leaves[i].Offset, Leaves[i].Length);

        public Digest[] Hashes()
        {
            var hashes = new Digest[Leaves.Count];
            for (var i = 0; i < hashes.Length; i++) hashes[i] = Merkle.Leaf(Leaf(i));
            return hashes;
        }
    }

    /// <summary>Reads the layout and the manifest. Returns the manifest's bytes.</summary>
    byte[] Open()
    {
        foreach (var member in Zip.Read(_pack)) _members.Add(member.Name, member);
        if (!_members.TryGetValue(Pack.Manifest, out var first)) throw new FormatException("there is no manifest.json");
        var bytes = Zip.Content(_pack, first);
        var manifest = CanonicalJson.ParseCanonical(bytes, Zip.MaxMember);
        if (manifest["version"].AsInt != Pack.Version)
            throw new FormatException($"pack version {manifest["version"].AsInt} is not known here");
        foreach (var m in manifest["members"].AsArray)
            if (!_listed.TryAdd(m["name"].AsString, m["digest"].AsDigest))
                throw new FormatException($"the manifest lists '{m["name"].AsString}' twice");
        foreach (var name in _members.Keys.Where(n => n != Pack.Manifest && !_listed.ContainsKey(n)))
            _report.Find("member-unlisted", name, "the manifest does not list it");
        foreach (var name in _listed.Keys.Where(n => !_members.ContainsKey(n)))
            _report.Find("member-missing", name, "the manifest lists it, the pack does not have it");
        return bytes;
    }

    /// <summary>
    /// What no judge asked for is looked at all the same; then the manifest must be the one that this pack has.
    /// </summary>
    void Close(byte[] manifest, Governance.State state, string note, List<(string Origin, string Checkpoint)> logs)
    {
        foreach (var name in _members.Keys.Where(n => !_used.Contains(n)).ToList())
        {
            Content(name);
            _report.Find("member-unread", name, "no judge reads it: it does not belong into the pack");
        }
        if (_report.Findings.Count > 0) return;
        // Invariant: with no finding so far, every member there is has the digest that is listed for it.
        if (!manifest.AsSpan()
            .SequenceEqual(Pack.ManifestOf(state, note, logs,
                _members.Values.Where(m => m.Name != Pack.Manifest)
                    .Select(m => (m.Name, (long)m.Size, _listed[m.Name])))))
            _report.Find("manifest-differs", Pack.Manifest, "it is not the manifest of this pack");
    }

    /// <summary>
    /// Where the judging stopped, the rest of the pack is held to the manifest's digests, and to nothing else.
    /// </summary>
    void Unjudged()
    {
        foreach (var name in _members.Keys.Where(n => !_used.Contains(n)).ToList()) Content(name);
        _report.Note("decision logs and reconciliations are not judged: they rest on the entries that are not.");
    }

    /// <summary>A member's bytes; null when it is not there, or damaged.</summary>
    byte[]? Content(string name)
    {
        if (!_members.TryGetValue(name, out var member)) return null;
        _used.Add(name);
        try
        {
            var bytes = Zip.Content(_pack, member);
            if (!IsListed(name, bytes)) _report.Find("member-digest", name, NotListed);
            return bytes;
        }
        catch (FormatException e)
        {
            _report.Find("member-damaged", name, e.Message);
            return null;
        }
    }

    const string NotListed = "its bytes are not those the manifest names";

    /// <summary>Whether a member's bytes are those that the manifest names, if it names any.</summary>
    bool IsListed(string name, ReadOnlySpan<byte> bytes) =>
        !_listed.TryGetValue(name, out var stated) || Digest.Of(bytes) == stated;

    string Text(string name)
    {
        try
        {
            return Utf8.GetString(Content(name) ?? throw new FormatException($"'{name}' is missing or damaged"));
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException($"'{name}' is not UTF-8", e);
        }
    }

    /// <summary>
    /// Walks a log's leaves, a segment at a time: <paramref name="work"/> on any thread, <paramref name="take"/> here,
    /// in order.
    /// </summary>
    /// <param name="first">The index of the first leaf: above 0 in a pruned log.</param>
    /// <param name="work">Sees the segment after its CRC and digest were looked at.</param>
    void Walk<T>(string folder, Func<Part, T> work, Action<Part, T> take, long first = 0)
    {
        var under = new Queue<(Part Part, Task<(bool Whole, bool Listed, T Result)> Work)>();
        try
        {
            foreach (var part in Parts(folder, first))
            {
                var crc = _members[part.Name].Crc;
                under.Enqueue(
                    (part, Task.Run(() => (Crc32.Of(part.Bytes) == crc, IsListed(part.Name, part.Bytes), work(part)))));
                if (under.Count == Ahead) Take();
            }
            while (under.Count > 0) Take();
        }
        finally
        {
            // What was begun still reads its buffer.
            foreach (var (_, begun) in under) begun.ContinueWith(static t => t.Exception, TaskScheduler.Default).Wait();
        }

        void Take()
        {
            var (whole, listed, result) = under.Peek().Work.GetAwaiter().GetResult();
            var part = under.Dequeue().Part;
            if (!whole) _report.Find("member-damaged", part.Name, $"the member '{part.Name}' is damaged (CRC)");
            else if (!listed) _report.Find("member-digest", part.Name, NotListed);
            take(part, result);
            ArrayPool<byte>.Shared.Return(part.Buffer);
        }
    }

    /// <summary>The segments of a log, up to the first that is none.</summary>
    IEnumerable<Part> Parts(string folder, long first)
    {
        var room = 0;
        for (var i = 0; _members.TryGetValue(Segment.Name(folder, i), out var member); i++)
        {
            _used.Add(member.Name);
            var buffer = ArrayPool<byte>.Shared.Rent(Segment.MaxBytes);
            Part part;
            try
            {
                if (member.Size > Segment.MaxBytes)
                    throw new FormatException(
                        $"a segment of {member.Size} bytes; at most {Segment.MaxBytes} are right");
                Zip.Read(_pack, member, buffer.AsSpan(0, member.Size));
                part = new(member.Name, buffer, member.Size, Segment.Read(buffer.AsSpan(0, member.Size)), first);
                if (i > 0 && part.Leaves[0].Length + 2 <= room)
                    throw new FormatException("the segment before it has room for its first leaf");
            }
            catch (FormatException e)
            {
                _report.Find("bundle-malformed", member.Name, e.Message);
                // one finding is enough
                foreach (var rest in _members.Keys
                    .Where(n => n.StartsWith(folder + "/entries/", StringComparison.Ordinal))) _used.Add(rest);
                yield break;
            }
            room = Segment.MaxBytes - part.Length;
            first += part.Leaves.Count;
            yield return part;
        }
    }
}
