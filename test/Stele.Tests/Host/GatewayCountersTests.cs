using Stele.Disk;
using Stele.Host;
using Stele.Proof.Statements;

namespace Stele.Tests.Host;

/// <summary>Counters that outlive their process.</summary>
public sealed class GatewayCountersTests : IDisposable
{
    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    static GatewayCount Read(GatewayCounters counters) => counters.Around(() => { });

    [Fact]
    public void What_was_counted_is_there_when_it_is_opened_again()
    {
        var file = _scratch.At("tally/log");
        using (var counters = new GatewayCounters(file, 5))
        {
            Assert.Equal(new GatewayCount(5, 0, 0, 0, 0, 0), Read(counters));
            for (var i = 0; i < 4; i++) counters.Admitted();
            for (var i = 0; i < 3; i++) counters.Recorded();
            for (var i = 0; i < 2; i++) counters.Answered();
            counters.Failed();
            counters.Refused();
        }
        using (var counters = new GatewayCounters(file, 9))
        {
            Assert.Equal(new GatewayCount(5, 4, 3, 2, 1, 1), Read(counters));
            counters.Admitted();
            Assert.Equal(5, Read(counters).Admitted);
        }
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    /// <summary>Neither closed nor flushed, as after kill -9: the file is the memory.</summary>
    [Fact]
    public void A_process_that_dies_loses_no_count()
    {
        var file = _scratch.At("log");
        using var killed = new GatewayCounters(file, 0);
        for (var i = 0; i < 1000; i++) killed.Admitted();
        using var next = new GatewayCounters(file, 7);
        Assert.Equal(new GatewayCount(0, 1000, 0, 0, 0, 0), Read(next));
    }

    /// <summary>
    /// A machine that went down may have lost what was not flushed, so counting begins again, and says from where.
    /// </summary>
    [Fact]
    public void A_machine_that_went_down_begins_again()
    {
        var file = _scratch.At("log");
        using (var first = new Counters(file, "one boot"))
        {
            Assert.False(first.Intact);
            first.Add(3);
            File.Copy(file, _scratch.At("as-it-was"));
        }
        using (var closed = new Counters(file, "another boot")) Assert.True(closed.Intact);
        using (var same = new Counters(_scratch.At("as-it-was"), "one boot"))
            Assert.Equal((true, 1), (same.Intact, same[3]));
        File.Copy(file, _scratch.At("copy"));
        using (var open = new Counters(_scratch.At("copy"), "one boot"))
            File.Copy(_scratch.At("copy"), _scratch.At("down"));
        using (var down = new Counters(_scratch.At("down"), "another boot")) Assert.False(down.Intact);
        using var counters = new GatewayCounters(_scratch.At("fresh"), 12);
        Assert.Equal(12, Read(counters).From);
    }

    [Fact]
    public void Counting_after_the_end_does_nothing()
    {
        var counters = new GatewayCounters(_scratch.At("log"), 0);
        counters.Admitted();
        counters.Dispose();
        counters.Admitted();
        counters.Flush();
        counters.Dispose();
        using var again = new GatewayCounters(_scratch.At("log"), 0);
        Assert.Equal(1, Read(again).Admitted);
    }

    [Fact]
    public async Task Every_thread_is_counted()
    {
        using var counters = new GatewayCounters(_scratch.At("log"), 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++) counters.Answered();
        })));
        Assert.Equal(80_000, Read(counters).Answered);
    }
}
