using System.IO.Compression;
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
