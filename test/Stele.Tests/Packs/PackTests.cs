using System.IO.Compression;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

public sealed class PackTests
{
    static readonly Mortgage Lived = Mortgage.Lived();

    [Fact]
    public void A_whole_world_verifies()
    {
        var report = Lived.World.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(VerifyResult.Complete, report.Result);
    }

    [Fact]
    public void The_same_world_gives_the_same_bytes() => Assert.Equal(Lived.World.Pack(), Lived.World.Pack());

    [Fact]
    public void Without_a_trust_file_it_is_consistent_and_says_whose_it_claims_to_be()
    {
        var report = Verifier.Verify(new MemoryStream(Lived.World.Pack()), null);
        Assert.Equal(VerifyResult.Unauthenticated, report.Result);
        Assert.Contains(report.Notes, n => n.Contains(Lived.World.State.Ledger.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void A_bound_that_is_not_met_fails()
    {
        VerifyReport With(long minSize, long? notOlder) =>
            Verifier.Verify(new MemoryStream(Lived.World.Pack()), Lived.World.Trust, minSize, notOlder);
        Assert.Equal(VerifyResult.Complete, With(Lived.World.Entries.Count, World.Start).Result);
        Assert.Equal(["too-small"], With(Lived.World.Entries.Count + 1, null).Findings.Select(f => f.Name));
        Assert.Equal(["too-old"], With(0, Lived.World.Now + 1000).Findings.Select(f => f.Name));
    }

    [Fact]
    public void Erased_records_and_lost_leaves_are_declared_gaps()
    {
        var m = Mortgage.Lived();
        m.World.Add(World.Erase(m.Log.Origin, 2), World.Owners);
        Assert.Equal(VerifyResult.DeclaredGaps, m.World.Verify().Result);
        m.World.Add(World.EndLog(LogAction.Lost, m.Log.Origin), World.Owners);
        var cut = new DecisionLog(m.Log.Key);
        foreach (var leaf in m.Log.Leaves.Take(5)) cut.Add(Stele.Proof.Decisions.Decision.Parse(leaf));
        m.World.Logs[m.Log.Origin] = cut;
        var report = m.World.Verify();
        Assert.Equal((VerifyResult.DeclaredGaps, 2), (report.Result, report.DeclaredGaps));
        Assert.Contains(report.Notes, n => n.Contains("4 of 9 anchored leaves were lost", StringComparison.Ordinal));
    }

    [Fact]
    public void A_pack_is_not_written_without_what_it_must_carry()
    {
        void Refused(Action<World, Mortgage> lose)
        {
            var m = Mortgage.Lived();
            lose(m.World, m);
            Assert.Throws<FormatException>(() => m.World.Pack());
        }
        Refused((w, _) => w.Logs.Clear());
        Refused((w, m) => w.Lose(m.Policy));
        Refused((w, m) => w.Lose(m.V2));
        Refused((w, m) => w.Lose(((Refusal)w.Replay.Entries.First(e => e.Statement is Refusal).Statement).Envelope));
    }

    [Fact]
    public void A_pack_of_many_bundles_and_a_changed_log_key_verifies()
    {
        var m = Mortgage.Released();
        m.World.Add(World.LogKey(new NoteSigner(World.Name, secret: "next"), m.World.State.Size + 1), World.Owners);
        m.World.Key = new NoteSigner(World.Name, secret: "next");
        m.Deploy(m.V2);
        for (var i = 0; i < 600; i++) m.Log.Add(m.World.Decide());
        m.Anchor();
        for (var i = 0; i < 300; i++)
            m.World.Add(World.OriginOf(World.Builder, Origin.Freeze, Digest.Of(BitConverter.GetBytes(i))),
                World.Builder);
        var report = m.World.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
    }

    [Fact]
    public void Any_zip_reader_finds_the_checksums_right()
    {
        using var zip = new ZipArchive(new MemoryStream(Mortgage.Lived().World.Pack()));
        Assert.True(zip.Entries.Count > 10);
        foreach (var entry in zip.Entries)
        {
            using var content = entry.Open();
            using var whole = new MemoryStream();
            content.CopyTo(whole);
            Assert.Equal(entry.Crc32, Crc32(whole.ToArray()));
        }
    }

    /// <summary>Bit by bit, as the zip specification defines it.</summary>
    static uint Crc32(byte[] data)
    {
        var crc = 0xFFFFFFFF;
        foreach (var b in data)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }
        return ~crc;
    }
}
