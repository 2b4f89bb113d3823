using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Host;

/// <summary>A release on disk: its document, and the tree that was made from verified blobs.</summary>
/// <param name="Place">Where the tree is; disposing removes it.</param>
sealed record Provisioned(ReleaseFact Release, ReleaseDocument Document, Materialised Tree, TreePlace Place);

/// <summary>
/// Release → directory. Blobs come by digest from the node's own store; what is not there, or is damaged there, is
/// fetched from the server's.
/// </summary>
/// <param name="trees">The folder of the trees; null: the user's (<see cref="TreePlace"/>).</param>
sealed class Provision(BlobStore own, IBlobs server, string? trees = null)
{
    const long MaxBlob = 16L << 30;

    /// <summary>
    /// Makes a fresh tree of a release, healing the node's own store on the way where a blob proves damaged.
    /// </summary>
    /// <exception cref="BlobException">A blob that neither store has good.</exception>
    public async Task<Provisioned> Make(ReleaseFact release, CancellationToken stop)
    {
        try
        {
            await Fetch(release, Present.ByName, stop);
            return await Materialised(release, stop);
        }
        catch (BlobException)
        {
            // Whatever it looked like: a damaged blob may be too long, or no manifest any more.
            await Fetch(release, Present.Digested, stop);
            return await Materialised(release, stop);
        }
    }

    /// <summary>
    /// As <see cref="Make"/>, after every blob of the release was digested again: what is running now was tampered
    /// with, so its sources are suspects too.
    /// </summary>
    /// <returns>The tree, and the blobs that were bad in the node's own store and were replaced.</returns>
    public async Task<(Provisioned Provisioned, IReadOnlyList<Digest> Replaced)> Heal(ReleaseFact release,
        CancellationToken stop)
    {
        var replaced = await Fetch(release, Present.Digested, stop);
        return (await Materialised(release, stop), replaced);
    }

    async Task<Provisioned> Materialised(ReleaseFact release, CancellationToken stop)
    {
        var document = ReleaseDocument.Parse(await own.Read(release.Document, Artifacts.MaxDocument, stop));
        var place = TreePlace.New(trees);
        try
        {
            return new Provisioned(release, document,
                await ReleaseClosure.Materialise(own, release.Digest, place.Tree, stop), place);
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }

    /// <summary>When a blob counts as being there.</summary>
    enum Present
    {
        /// <summary>Its name is: those who read it digest it.</summary>
        ByName,
        /// <summary>Its content is, which is digested now.</summary>
        Digested,
    }

    /// <summary>Brings every blob of the release into the node's own store.</summary>
    /// <returns>Those that were there under their names and were replaced.</returns>
    async Task<IReadOnlyList<Digest>> Fetch(ReleaseFact release, Present present, CancellationToken stop)
    {
        var replaced = new List<Digest>();
        await Bring(release.Digest, Artifact.MaxManifest);
        await Bring(release.Document, Artifacts.MaxDocument);
        foreach (var component in release.Components.Where(c => c.Mount is not null).Select(c => c.Digest).Distinct())
        {
            await Bring(component, Artifact.MaxManifest);
            var artifact = await Artifact.Read(own, component, stop);
            await Bring(artifact.Config.Digest, artifact.Config.Size);
            foreach (var layer in artifact.Layers) await Bring(layer.Digest, layer.Size);
        }
        return replaced;

        async Task Bring(Digest digest, long maxBytes)
        {
            var there = await own.Has(digest, stop);
            if (there && (present is Present.ByName || own.Intact(digest))) return;
            await using var content = await server.OpenRead(digest, stop);
            await own.Put(content, digest, Math.Min(maxBytes, MaxBlob), null, stop);
            if (there) replaced.Add(digest);
        }
    }
}
