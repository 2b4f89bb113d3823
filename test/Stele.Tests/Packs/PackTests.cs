using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

public sealed class PackTests
{
    [Fact]
    public void A_whole_world_verifies()
    {
        var m = Mortgage.Lived();
        var report = m.World.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(VerifyResult.Complete, report.Result);
    }
}
