using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Blobs;

/// <summary>A typed reference to a blob (OCI image-spec 1.1, descriptor.md).</summary>
sealed record Descriptor(string MediaType, Digest Digest, long Size)
{
    /// <summary>The two bytes <c>{}</c>, for where OCI demands a blob and there is nothing to say.</summary>
    public static readonly Descriptor Empty = new("application/vnd.oci.empty.v1+json", Digest.Of("{}"u8), 2);

    public ImmutableSortedDictionary<string, string> Annotations { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    public Json ToJson() =>
        Json.Object(("mediaType", MediaType), ("digest", Digest), ("size", Size),
            ("annotations", Strings(Annotations)));

    public static Descriptor FromJson(Json json) =>
        new(json["mediaType"].AsString, json["digest"].AsDigest, json["size"].AsInt)
    { Annotations = Strings(json.Find("annotations")) };

    internal static Json? Strings(ImmutableSortedDictionary<string, string> map) =>
        map.IsEmpty ? null : Json.Object(map.Select(a => KeyValuePair.Create(a.Key, Json.Of(a.Value))));

    internal static ImmutableSortedDictionary<string, string> Strings(Json? json) =>
        (json ?? Json.EmptyObject).AsObject.ToImmutableSortedDictionary(a => a.Key, a => a.Value.AsString,
            StringComparer.Ordinal);

    public bool Equals(Descriptor? other) => other is not null && ToJson().Equals(other.ToJson());
    public override int GetHashCode() => Digest.GetHashCode();
}

/// <summary>What people say about an artifact; part of its digest.</summary>
/// <param name="Name">A label (<see cref="Names.IsLabel"/>).</param>
/// <param name="Origin">Where it came from, usually a URL.</param>
/// <param name="Licence">An SPDX expression.</param>
/// <param name="Free">Further annotations; reverse-DNS keys advised, those of OCI and of ours are refused.</param>
sealed record About(string Name, string? Origin = null, string? Licence = null,
    ImmutableSortedDictionary<string, string>? Free = null);

/// <summary>
/// Frozen content of a kind, as an OCI image-spec 1.1 manifest in canonical JSON. The manifest's digest is the
/// artifact's identity; it holds no time, no user and nothing of the machine, so the same bytes and words give the same
/// digest anywhere.
/// <para>Layers, in this order: one <c>raw</c> layer a file for the large (or few) files, sorted by path, the path in
/// an annotation; then one deterministic <see cref="Tar"/> with the small files, links and empty directories. Models
/// use the CNCF ModelPack types, every other kind <c>application/vnd.stele.[kind].v1</c>.
/// A document (release, report) is the config blob, with the empty layer.</para>
/// </summary>
sealed record Artifact(string Kind, Descriptor Config, ImmutableArray<Descriptor> Layers,
    ImmutableSortedDictionary<string, string> Annotations)
{
    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    /// <summary>What every registry takes (distribution-spec 1.1).</summary>
    public const int MaxManifest = 4 << 20;

    const string ModelType = "application/vnd.cncf.model.manifest.v1+json",
        ModelConfig = "application/vnd.cncf.model.config.v1+json";
    const string ModelRaw = "application/vnd.cncf.model.weight.v1.raw",
        ModelTar = "application/vnd.cncf.model.weight.v1.tar";
    const string Raw = "application/vnd.stele.file.v1", TarLayer = "application/vnd.oci.image.layer.v1.tar";
    const string Title = "org.opencontainers.image.title", Source = "org.opencontainers.image.source",
        Licences = "org.opencontainers.image.licenses";
    const string ModelPath = "org.cncf.model.filepath", Executable = "dev.stele.executable";

    public string ArtifactType => Kind == "model" ? ModelType : $"application/vnd.stele.{Kind}.v1";
    public string Name => Annotations[Title];
    public string? Origin => Annotations.GetValueOrDefault(Source);
    public string? Licence => Annotations.GetValueOrDefault(Licences);

    /// <summary>
    /// How index.json calls it: the name and the first digits of the digest, so a reference never moves.
    /// </summary>
    public string Reference(Digest manifest) => $"{Name}:{manifest.Short}";

    public Json ToJson() => Json.Object(
        ("schemaVersion", 2), ("mediaType", ManifestType), ("artifactType", ArtifactType),
        ("config", Config.ToJson()), ("layers", Json.Array(Layers.Select(l => l.ToJson()))),
        ("annotations", Descriptor.Strings(Annotations)));

    /// <exception cref="BlobException"><see cref="BlobError.Malformed"/>: not a manifest as we write them.</exception>
    public static Artifact Parse(ReadOnlySpan<byte> manifest)
    {
        try
        {
            var json = CanonicalJson.ParseCanonical(manifest, MaxManifest);
            var type = json["artifactType"].AsString;
            var kind = type == ModelType
                ? "model"
                : Artifacts.Kinds.FirstOrDefault(k => k != "model" && type == $"application/vnd.stele.{k}.v1");
            var artifact = new Artifact(kind ?? throw new FormatException($"artifact type '{type}' is not known"),
                Descriptor.FromJson(json["config"]),
                [.. json["layers"].AsArray.Select(Descriptor.FromJson)], Descriptor.Strings(json.Find("annotations")));
            if (!Names.IsLabel(artifact.Annotations.GetValueOrDefault(Title) ?? ""))
                throw new FormatException($"annotation {Title} is not a name");
            return artifact.ToJson().Equals(json)
                ? artifact
                : throw new FormatException("it has members that are not known here");
        }
        catch (FormatException e)
        {
            throw new BlobException(BlobError.Malformed, $"not an artifact manifest: {e.Message}");
        }
    }

    public static async Task<Artifact> Read(IBlobs blobs, Digest manifest, CancellationToken stop = default) =>
        Parse(await blobs.Read(manifest, MaxManifest, stop));

    /// <summary>The config blob of a document artifact, or of any artifact that has one.</summary>
    /// <exception cref="BlobException">
    /// <see cref="BlobError.TooLarge"/>, going by the manifest alone where it says so.
    /// </exception>
    public Task<byte[]> ReadConfig(IBlobs blobs, int maxBytes, CancellationToken stop = default) =>
        Config.Size > maxBytes
        ? throw new BlobException(BlobError.TooLarge,
            $"the config blob has {Config.Size} bytes; at most {maxBytes} are read here")
        : blobs.Read(Config.Digest, maxBytes, stop);

    /// <summary>Stores and lists an artifact that is one document, as its config blob.</summary>
    public static Task<Digest> OfDocument(IBlobs blobs, string kind, About about, string mediaType,
        ReadOnlyMemory<byte> document, CancellationToken stop = default) =>
        OfDocument(blobs, kind, about, mediaType, document, null, stop);

    /// <param name="source">What people wrote of which the document was made; its one layer.</param>
    public static async Task<Digest> OfDocument(IBlobs blobs, string kind, About about, string mediaType,
        ReadOnlyMemory<byte> document, (string MediaType, byte[] Bytes)? source, CancellationToken stop = default)
    {
        var annotations = Checked(kind, about);
        if (source is null) await blobs.Put("{}"u8.ToArray(), stop);
        var layer = source is { } s
            ? new Descriptor(s.MediaType, await blobs.Put(s.Bytes, stop), s.Bytes.Length)
            : Descriptor.Empty;
        var config = new Descriptor(mediaType, await blobs.Put(document, stop), document.Length);
        return await Store(blobs, new Artifact(kind, config, [layer], annotations), stop);
    }

    internal static async Task<Digest> Of(IBlobs blobs, string kind, About about, ImmutableArray<Descriptor> layers,
        CancellationToken stop)
    {
        var annotations = Checked(kind, about);
        var config = Descriptor.Empty;
        if (kind == "model")
        {
            var json = Json.Object(
                ("descriptor",
                    Json.Object(("name", about.Name),
                        ("sourceURL", about.Origin is null ? null : Json.Of(about.Origin)),
                        ("licenses", about.Licence is null ? null : Json.Array(about.Licence)))),
                ("config", Json.EmptyObject),
                ("modelfs", Json.Object(("type", "layers"),
                    ("diffIds", Json.Array(layers.Select(l => Json.Of(l.Digest))))))).ToBytes();
            config = new Descriptor(ModelConfig, await blobs.Put(json, stop), json.Length);
        }
        if (kind != "model" || layers.Contains(Descriptor.Empty)) await blobs.Put("{}"u8.ToArray(), stop);
        return await Store(blobs, new Artifact(kind, config, layers, annotations), stop);
    }

    static async Task<Digest> Store(IBlobs blobs, Artifact artifact, CancellationToken stop)
    {
        var bytes = artifact.ToJson().ToBytes();
        if (bytes.Length > MaxManifest)
            throw new BlobException(BlobError.TooLarge,
                $"the manifest would have {bytes.Length} bytes; registries take {MaxManifest}");
        var manifest = await blobs.Put(bytes, stop);
        await blobs.List(manifest, stop);
        return manifest;
    }

    /// <summary>The annotations of the manifest; refuses what would not parse again.</summary>
    internal static ImmutableSortedDictionary<string, string> Checked(string kind, About about)
    {
        if (!Artifacts.Kinds.Contains(kind))
            throw new BlobException(BlobError.Malformed,
                $"'{kind}' is not a kind of artifact: {string.Join(", ", Artifacts.Kinds)}");
        if (!Names.IsLabel(about.Name))
            throw new BlobException(BlobError.Malformed,
                $"'{about.Name}' is not a name: a-z, 0-9, '.', '_', '-', at most {Names.MaxLength}, first a letter "
                + $"or digit");
        var all = (about.Free ?? ImmutableSortedDictionary<string, string>.Empty).WithComparers(StringComparer.Ordinal);
        foreach (var key in all.Keys)
            if (key.Length == 0 || key.StartsWith("org.opencontainers.", StringComparison.Ordinal)
                || key.StartsWith("dev.stele.", StringComparison.Ordinal))
                throw new BlobException(BlobError.Malformed, $"the annotation key '{key}' is reserved");
        all = all.Add(Title, about.Name);
        if (about.Origin is not null) all = all.Add(Source, about.Origin);
        if (about.Licence is not null) all = all.Add(Licences, about.Licence);
        return all;
    }

    internal static Descriptor FileLayer(string kind, Digest digest, long size, string path)
    {
        var annotations = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal).Add(Title, path);
        if (kind == "model") annotations = annotations.Add(ModelPath, path);
        return new Descriptor(kind == "model" ? ModelRaw : Raw, digest, size) { Annotations = annotations };
    }

    /// <summary>The same layer, of a file that is to be executed.</summary>
    internal static Descriptor AsExecutable(Descriptor layer) =>
        layer with { Annotations = layer.Annotations.Add(Executable, "true") };

    internal static Descriptor TreeLayer(string kind, Digest digest, long size) =>
        new(kind == "model" ? ModelTar : TarLayer, digest, size);

    internal static bool IsTree(Descriptor layer) => layer.MediaType is TarLayer or ModelTar;

    /// <summary>The path and executable bit of a raw layer.</summary>
    internal static RawFile FileOf(Descriptor layer)
    {
        if (layer.MediaType is not (Raw or ModelRaw))
            throw new BlobException(BlobError.Malformed, $"a layer of type '{layer.MediaType}' is not known here");
        if (!layer.Annotations.TryGetValue(Title, out var path))
            throw new BlobException(BlobError.Malformed, $"layer {layer.Digest} has no annotation {Title}");
        return new(path, layer.Annotations.GetValueOrDefault(Executable) == "true");
    }
}

/// <summary>The file that a raw layer is.</summary>
readonly record struct RawFile(string Path, bool Executable);
