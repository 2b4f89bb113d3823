using System.Buffers;
using System.Security.Cryptography;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Blobs;

/// <summary>
/// A folder of blobs that is a valid OCI image layout (image-spec 1.1), so that skopeo, oras and the like read it as it
/// stands:
/// <code>
/// oci-layout            {"imageLayoutVersion":"1.0.0"}
/// index.json            one descriptor an artifact, named by org.opencontainers.image.ref.name
/// blobs/sha256/[hex]    the content, read-only
/// ingest/               what is being written now; nothing reads it
/// </code>
/// Any number of processes may share it. index.json is only ever replaced whole, under the lock of the folder.
/// </summary>
sealed class BlobStore : IBlobs
{
    const int MaxIndex = 64 << 20;

    static readonly byte[] Layout = Json.Object(("imageLayoutVersion", "1.0.0")).ToBytes();

    readonly string _directory, _blobs, _ingest;

    public BlobStore(string directory)
    {
        _directory = Path.GetFullPath(directory);
        _blobs = Path.Combine(_directory, "blobs", "sha256");
        _ingest = Path.Combine(_directory, "ingest");
        Files.CreateDirectory(_blobs);
        Files.CreateDirectory(_ingest);
        using var locked = Libc.LockDirectory(_directory);
        var layout = Path.Combine(_directory, "oci-layout");
        if (!File.Exists(layout)) Files.Write(layout, Layout);
        if (!File.Exists(IndexPath)) WriteIndex(Directory.EnumerateFiles(_blobs).Any() ? Listing() : []);
        Files.SweepUnlocked(_ingest);
    }

    string IndexPath => Path.Combine(_directory, "index.json");

    /// <summary>Where a blob's file is, for those who clone it and digest the clone.</summary>
    public string PathOf(Digest digest) => Path.Combine(_blobs, digest.Hex);

    public Task<bool> Has(Digest digest, CancellationToken stop = default) =>
        Task.FromResult(File.Exists(PathOf(digest)));

    /// <summary>How long the stored file is; null when there is none.</summary>
    public long? SizeOf(Digest digest) => new FileInfo(PathOf(digest)) is { Exists: true } file ? file.Length : null;

    public Task<Stream> OpenRead(Digest digest, CancellationToken stop = default)
    {
        if (!File.Exists(PathOf(digest)))
            throw new BlobException(BlobError.Unknown, $"no blob {digest} in {_directory}");
        return Task.FromResult<Stream>(new VerifiedStream(Libc.OpenRead(PathOf(digest)), digest));
    }

    public async Task<Digest> Put(Stream content, Digest? expected, long maxBytes, long? declared = null,
        CancellationToken stop = default)
    {
        if (declared is null && content.CanSeek) declared = content.Length - content.Position;
        if (declared > maxBytes)
            throw new BlobException(BlobError.TooLarge,
                $"the blob has {declared} bytes; at most {maxBytes} are taken here");

        var file = Files.CreateTemporary(Path.Combine(_ingest, "blob"));
        var named = false;
        Digest digest;
        try
        {
            await using (file)
            {
                digest = await Copy(content, file, maxBytes, declared, stop);
                if (expected is { } wanted && wanted != digest)
                    throw new BlobException(BlobError.WrongDigest,
                        $"the blob was announced as {wanted} but its content has digest {digest}");
                if (Intact(digest))
                {
                    // its writer may have been killed, or be about to, before its name was durable
                    Libc.SyncDirectory(_blobs);
                    return digest;
                }
                TreeWriter.Seal(file.SafeFileHandle, executable: false);
                Files.Flush(file);
            }
            Files.Rename(file.Name, PathOf(digest));
            named = true;
        }
        finally
        {
            if (!named) Files.Abandon(file.Name);
        }
        Files.SyncNames(PathOf(digest));
        return digest;
    }

    static async Task<Digest> Copy(Stream from, FileStream to, long maxBytes, long? declared, CancellationToken stop)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(256 * 1024);
        try
        {
            long total = 0;
            for (int n; (n = await from.ReadAsync(buffer, stop)) > 0;)
            {
                total += n;
                if (total > maxBytes)
                    throw new BlobException(BlobError.TooLarge,
                        $"the blob has more than the {maxBytes} bytes that are taken here");
                hash.AppendData(buffer.AsSpan(0, n));
                Failpoint.Before(DiskAct.Write, to.Name);
                await to.WriteAsync(buffer.AsMemory(0, n), stop);
                Failpoint.After(DiskAct.Write, to.Name);
            }
            if (declared is { } length && length != total)
                throw new BlobException(BlobError.WrongDigest,
                    $"the blob was announced with {length} bytes but has {total}");
            return Digest.From(hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Whether the store holds this content already, judged by reading it: a damaged blob is replaced by putting it
    /// again.
    /// </summary>
    public bool Intact(Digest digest)
    {
        if (!File.Exists(PathOf(digest))) return false;
        using var file = Libc.OpenRead(PathOf(digest));
        return Digest.From(SHA256.HashData(file)) == digest;
    }

    public async Task List(Digest manifest, CancellationToken stop = default)
    {
        var bytes = await this.Read(manifest, Artifact.MaxManifest, stop);
        var entry = Entry(manifest, bytes);
        using var locked = Libc.LockDirectory(_directory);
        var listed = Index();
        if (!listed.Any(e => e["digest"].AsDigest == manifest)) WriteIndex([.. listed, entry]);
    }

    /// <summary>Every artifact listed here: its digest, kind and reference.</summary>
    public IEnumerable<(Digest Manifest, string ArtifactType, string Reference)> Listed() =>
        Index()
            .Select(e => (e["digest"].AsDigest, e["artifactType"].AsString,
                e["annotations"]["org.opencontainers.image.ref.name"].AsString));

    /// <summary>Every blob the store holds, for those who check them all.</summary>
    public IEnumerable<Digest> All()
    {
        foreach (var file in Directory.EnumerateFiles(_blobs))
            if (Digest.TryParseHex(Path.GetFileName(file), out var digest)) yield return digest;
    }

    /// <summary>
    /// What a listing would hold that was lost: every artifact of ours in the store, whether it was listed or not.
    /// </summary>
    Json[] Listing() => [.. All().Order().Select(Entry).OfType<Json>()];

    Json? Entry(Digest manifest)
    {
        if (SizeOf(manifest) is null or > Artifact.MaxManifest || !Intact(manifest)) return null;
        try
        {
            return Entry(manifest, File.ReadAllBytes(PathOf(manifest)));
        }
        catch (Exception e) when (e is FormatException or BlobException)
        {
            return null;   // content of another kind
        }
    }

    static Json Entry(Digest manifest, byte[] bytes)
    {
        var artifact = Artifact.Parse(bytes);
        return new Descriptor(Artifact.ManifestType, manifest, bytes.Length).ToJson()
            .With("artifactType", artifact.ArtifactType)
            .With("annotations", Json.Object(("org.opencontainers.image.ref.name", artifact.Reference(manifest))));
    }

    /// <summary>
    /// Reads a store from end to end and changes nothing: what is wrong, by its path in the store. <see cref="Repair"/>
    /// makes again what is derived. A blob is repaired by putting it again.
    /// </summary>
    /// <param name="each">Called once for each blob read, from any thread.</param>
    public static IReadOnlyList<Violation> Check(string directory, Action each, CancellationToken stop)
    {
        var wrong = new System.Collections.Concurrent.ConcurrentBag<Violation>();
        var blobs = Path.Combine(directory, "blobs", "sha256");
        if (!Directory.Exists(blobs)) return [];
        Parallel.ForEach(Directory.EnumerateFiles(blobs), new ParallelOptions
        {
            CancellationToken = stop,
            MaxDegreeOfParallelism = Environment.ProcessorCount
        }, file =>
        {
            var name = Path.GetFileName(file);
            if (!Digest.TryParseHex(name, out var digest))
                wrong.Add(new($"blobs/sha256/{name}", "no blob of this store", Damage.Truth));
            else
            {
                each();
                using var content = Libc.OpenRead(file);
                if (Digest.From(SHA256.HashData(content)) != digest)
                    wrong.Add(new($"blobs/sha256/{name}", "its bytes have another digest", Damage.Truth));
            }
        });
        foreach (var (name, problem) in ((string, string?)[])[("oci-layout", LayoutProblem(directory)),
            ("index.json", IndexProblem(directory))])
            if (problem is not null) wrong.Add(new(name, problem, Damage.Derived));
        return [.. wrong.OrderBy(w => w.Path, StringComparer.Ordinal)];
    }

    static string? LayoutProblem(string directory)
    {
        var path = Path.Combine(directory, "oci-layout");
        return !File.Exists(path) ? "not there" : File.ReadAllBytes(path).AsSpan().SequenceEqual(Layout) ? null
            : "not the layout's version";
    }

    static string? IndexProblem(string directory)
    {
        var path = Path.Combine(directory, "index.json");
        if (!File.Exists(path)) return "not there";
        try
        {
            var bytes = File.ReadAllBytes(path);
            var listed = CanonicalJson.ParseCanonical(bytes, MaxIndex)["manifests"].AsArray;
            if (!IndexOf([.. listed]).AsSpan().SequenceEqual(bytes)) return "not as this store writes it";
            foreach (var entry in listed)
                if (!File.Exists(Path.Combine(directory, "blobs", "sha256", entry["digest"].AsDigest.Hex)))
                    return $"lists {entry["digest"].AsDigest}, which is not there";
            return null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    /// <summary>
    /// Makes again what is derived: the layout's version, and the listing out of the artifacts that are there. Says
    /// what it did.
    /// </summary>
    public static IReadOnlyList<string> Repair(string directory)
    {
        if (!Directory.Exists(Path.Combine(directory, "blobs", "sha256"))) return [];
        var done = new List<string>();
        if (LayoutProblem(directory) is not null)
        {
            Files.Write(Path.Combine(directory, "oci-layout"), Layout);
            done.Add("oci-layout: written again");
        }
        var wrong = IndexProblem(directory) is not null;
        var store = new BlobStore(directory);
        if (!wrong) return done;
        using var locked = Libc.LockDirectory(store._directory);
        store.WriteIndex(store.Listing());
        return [.. done, "index.json: made out of the artifacts that are there"];
    }

    Json[] Index() => [.. CanonicalJson.Parse(File.ReadAllBytes(IndexPath), MaxIndex)["manifests"].AsArray];

    void WriteIndex(Json[] manifests) => Files.Write(IndexPath, IndexOf(manifests));

    static byte[] IndexOf(Json[] manifests) => Json.Object(
        ("schemaVersion", 2),
        ("mediaType", "application/vnd.oci.image.index.v1+json"),
        ("manifests", Json.Array(manifests.OrderBy(m => m["annotations"]["org.opencontainers.image.ref.name"].AsString,
            StringComparer.Ordinal)))).ToBytes();
}
