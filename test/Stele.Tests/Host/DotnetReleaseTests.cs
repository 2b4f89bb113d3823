using System.Net;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Tests.Build;

namespace Stele.Tests.Host;

/// <summary>
/// A release on the .NET runtime: its assemblies, its own memory for code and its many threads are all what the release
/// says.
/// </summary>
public sealed class DotnetReleaseTests(SmallRelease small) : IClassFixture<SmallRelease>
{
    [Fact]
    public async Task It_is_inspected_like_any_other()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        var document = (small.Document() with { System = Hamlet.System }).Sorted();
        foreach (var component in document.Components)
        {
            foreach (var blob in await Blobs(component.Digest))
                await h.Town.Server.Put(await small.Blobs.OpenRead(blob), blob, long.MaxValue);
            await h.Town.Admit(h.Town.Act(new Origin([new Subject(component.Digest)], Origin.Freeze, Json.EmptyObject,
                [], h.Town.Builder.Id, null)
            {
                Nonce = "",
                Issued = 0
            }), h.Town.Builder);
        }
        var release = await ReleaseClosure.Build(h.Town.Server, document);
        await h.Town.Admit(h.Town.Act(new Release(release, Hamlet.System, document.Digest)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Builder);
        await h.Deploy(release);
        await h.Start();
        await h.OpenLog();
        await h.Serves(release);
        Assert.Equal(HttpStatusCode.OK, (await h.Client.GetAsync("say")).StatusCode);

        // And again, after it has done some work.
        await Task.Delay(2500);
        Assert.True(h.Hosted!.Table!.Backends[0].Instance.Trusted);
        Assert.DoesNotContain(h.Observations, o => o.Event == ObservedEvent.Drift);
        var started = h.Observations.Single(o => o.Event == ObservedEvent.Started);
        Assert.All(started.Dimensions, d => Assert.True(d.Agrees, d.ToString()));

        async Task<IEnumerable<Digest>> Blobs(Digest artifact)
        {
            var manifest = await global::Stele.Blobs.Artifact.Read(small.Blobs, artifact);
            return [artifact, manifest.Config.Digest, .. manifest.Layers.Select(l => l.Digest)];
        }
    }
}
