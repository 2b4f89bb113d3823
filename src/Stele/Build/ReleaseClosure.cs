using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Build;

/// <summary>
/// The release artifact: a manifest whose config blob is the <see cref="ReleaseDocument"/>, and its tree: the
/// environment as the root, every component that has a mount at its mount. The environment's own mount is "/".
/// </summary>
static class ReleaseClosure
{
    /// <summary>
    /// Checks that the release is closed (every component is there and of its kind) and that it can run, then stores
    /// it.
    /// </summary>
    /// <exception cref="FormatException">What is wrong with it.</exception>
    public static async Task<Digest> Build(IBlobs blobs, ReleaseDocument document, CancellationToken stop = default)
    {
        document = document.Sorted();
        Check(document);
        foreach (var component in document.Components)
        {
            var artifact = await Called(blobs, component, stop);
            foreach (var layer in artifact.Layers)
                if (!await blobs.Has(layer.Digest, stop))
                    throw new BlobException(BlobError.Unknown,
                        $"component '{component.Name}' lacks its blob {layer.Digest}");
        }
        var bytes = document.ToJson().ToBytes();
        _ = ReleaseDocument.Parse(bytes);
        return await Artifact.OfDocument(blobs, "release", new About(document.Name), ReleaseDocument.MediaType, bytes,
            stop);
    }

    /// <summary>A component's artifact, held to be of the kind that the release says: rules go by it.</summary>
    static async Task<Artifact> Called(IBlobs blobs, Component component, CancellationToken stop)
    {
        var artifact = await Artifact.Read(blobs, component.Digest, stop);
        return artifact.Kind == component.Kind
            ? artifact
            : throw new FormatException(
                $"component '{component.Name}' is called a {component.Kind} but is a {artifact.Kind}");
    }

    /// <summary>
    /// The document of a release and its digest. What is mounted is of the kind that the document says; what is not
    /// need not be at hand.
    /// </summary>
    public static async Task<(ReleaseDocument Document, Digest Digest)> Read(IBlobs blobs, Digest release,
        CancellationToken stop = default)
    {
        var artifact = await Artifact.Read(blobs, release, stop);
        if (artifact.Kind != "release" || artifact.Config.MediaType != ReleaseDocument.MediaType)
            throw new FormatException($"{release} is not a release but a {artifact.Kind}");
        var document = ReleaseDocument.Parse(await artifact.ReadConfig(blobs, Artifacts.MaxDocument, stop));
        Check(document);
        foreach (var component in document.Components.Where(c => c.Mount is not null))
            await Called(blobs, component, stop);
        return (document, artifact.Config.Digest);
    }

    /// <summary>Every blob a release needs, itself included: what a node fetches and a pack of blobs holds.</summary>
    public static async Task<IReadOnlyCollection<Digest>> Blobs(IBlobs blobs, Digest release,
        CancellationToken stop = default)
    {
        var all = new SortedSet<Digest>();
        await Add(release);
        foreach (var component in (await Read(blobs, release, stop)).Document.Components) await Add(component.Digest);
        return all;

        async Task Add(Digest artifact)
        {
            var manifest = await Artifact.Read(blobs, artifact, stop);
            all.UnionWith([artifact, manifest.Config.Digest, .. manifest.Layers.Select(l => l.Digest)]);
        }
    }

    /// <summary>
    /// Makes the release's tree. <see cref="Materialised.Tree"/> is what it must digest to wherever it stands.
    /// </summary>
    public static async Task<Materialised> Materialise(IBlobs blobs, Digest release, string target,
        CancellationToken stop = default)
    {
        var (document, _) = await Read(blobs, release, stop);
        TreePart[] parts = [.. document.Components.Where(c => c.Mount is not null)
            .OrderBy(c => c.Mount, StringComparer.Ordinal).Select(c => new TreePart(c.Digest, c.Mount![1..]))];
        return await Stele.Blobs.Materialise.Compose(blobs, parts, Sandbox.MountPoints, target, stop: stop);
    }

    static void Check(ReleaseDocument document)
    {
        var mounted = document.Components.Where(c => c.Mount is not null).ToArray();
        var roots = mounted.Where(c => c.Mount == "/").ToArray();
        if (roots.Length != 1 || roots[0].Kind != "environment")
            throw new FormatException("a release has one component of kind environment with the mount \"/\": its root");
        foreach (var component in mounted)
        {
            if (component.Mount == "/") continue;
            if (component.Kind == "environment")
                throw new FormatException(
                    $"the environment '{component.Name}' is mounted at {component.Mount}: an environment is the "
                    + $"root, and what is mounted in it has another kind");
            if (component.Mount![0] != '/') throw new FormatException($"the mount '{component.Mount}' is not absolute");
            try
            {
                TreeShape.CheckPath(component.Mount[1..]);
            }
            catch (BlobException e)
            {
                throw new FormatException($"the mount of '{component.Name}': {e.Message}", e);
            }
            var top = component.Mount[1..].Split('/')[0];
            if (Sandbox.MountPoints.Contains(top))
                throw new FormatException($"the mount '{component.Mount}' lies where the sandbox mounts /{top}");
        }
        var run = document.Run;
        if (run.Args.IsEmpty) throw new FormatException("the release runs nothing");
        if (!run.Directory.StartsWith('/'))
            throw new FormatException($"the directory '{run.Directory}' is not absolute");
        if (!run.Socket.StartsWith("/run/", StringComparison.Ordinal) || run.Socket["/run/".Length..].Contains('/',
            StringComparison.Ordinal) || run.Socket is "/run/" or "/run/." or "/run/..")
            throw new FormatException($"the socket '{run.Socket}' is not a name in /run");
        if (!run.Health.StartsWith('/'))
            throw new FormatException($"the health path '{run.Health}' does not begin with /");
    }
}
