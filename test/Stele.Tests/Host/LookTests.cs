using System.Diagnostics;
using Stele.Blobs;
using Stele.Build;
using Stele.Host;
using Stele.Proof.Governance;
using Stele.Runtime;
using Stele.Tests.Build;

namespace Stele.Tests.Host;

/// <summary>Looks at the processes of a release on .NET, which maps more files than most.</summary>
public sealed class LookTests(SmallRelease small, ITestOutputHelper output) : IClassFixture<SmallRelease>
{
    /// <summary>A socket that is unlinked keeps its name in the kernel's table, and a release may make many.</summary>
    [Fact]
    public void No_number_of_sockets_of_one_name_hides_another() =>
        Assert.Equal(["tcp:0100007F:1F90", "unix:/run/one.sock"],
            Inspection.Listed([.. Enumerable.Repeat("unix:/run/one.sock", 5000), "tcp:0100007F:1F90"]));

    [Fact]
    public async Task A_look_is_cheap_and_finds_nothing_in_a_release_that_is_whole()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        using var scratch = new Scratch();
        var stop = TestContext.Current.CancellationToken;
        var document = small.Document().Sorted();
        var fact = new ReleaseFact(await ReleaseClosure.Build(small.Blobs, document), [], document.System,
            document.Name,
            document.Digest, document.Components, document.Policy);
        var provisioned = await new Provision(new BlobStore(scratch.At("node")), small.Blobs).Make(fact, stop);
        using var place = provisioned.Place;
        await using var instance = await Instance.Start(provisioned, TimeSpan.FromSeconds(60), stop);
        var files = provisioned.Tree.Tree.Entries.Where(e => e.Type == EntryType.File).Select(e => e.Path)
            .ToHashSet(StringComparer.Ordinal);
        Assert.Null(Inspection.Sign(instance, files));
        const int Looks = 50;
        var (began, used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        for (var i = 0; i < Looks; i++) Assert.Null(Inspection.Sign(instance, files));
        var (took, cost) = (Stopwatch.GetElapsedTime(began) / Looks, (Environment.CpuUsage.TotalTime - used) / Looks);
        output.WriteLine($"a look: {took.TotalMilliseconds:0.0} ms, {cost.TotalMilliseconds:0.0} ms of processor");
        Assert.True(took < 5 * TimeSpan.FromMilliseconds(50), $"{took}");
        var one = files.First(f => f.EndsWith("/dotnet", StringComparison.Ordinal));
        files.Remove(one);
        Assert.Equal($"a process executes /{one}", Inspection.Sign(instance, files));
        // Of as many mappings as a release likes to have, a look reads so many.
        Assert.Null(Inspection.Sign(instance, new HashSet<string>(), most: 0));
        Assert.NotNull(Inspection.Sign(instance, new HashSet<string>(), most: 1000));
    }

    /// <summary>What is read of a release goes into lines and pages, and is as long as the release makes it.</summary>
    [Fact]
    public void Differences_are_told_up_to_a_bound()
    {
        var differences = new Differences();
        for (var n = 0; n < 64; n++) differences.Add(new string('x', 299) + "\ud83d\ude00" + new string('y', 5000));
        Assert.False(differences.IsFull);
        for (var n = 0; n < 100_000; n++) differences.Add("another");
        Assert.True(differences.IsFull);
        var told = differences.ToImmutable();
        Assert.Equal(65, told.Length);
        Assert.Equal(new string('x', 299) + "…", told[0]);
        Assert.Equal("and more than these 64", told[^1]);
    }
}
