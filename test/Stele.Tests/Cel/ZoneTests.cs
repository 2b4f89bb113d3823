using System.Buffers.Binary;
using Cel;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>Named time zones, whose rules are data of the language version.</summary>
public class ZoneTests
{
    static string Local(string time, string zone)
    {
        var program = CelProgram.Compile(
            "'%d-%d-%d %d:%d:%d'.format([t.getFullYear(z), t.getMonth(z) + 1, t.getDate(z), t.getHours(z), t.getMinutes(z), t.getSeconds(z)])",
            new Dictionary<string, CelType> { ["t"] = CelType.Timestamp, ["z"] = CelType.String });
        var t = CelProgram.Compile($"timestamp('{time}')", new Dictionary<string, CelType>())
            .Eval(new Dictionary<string, CelValue>(), 100).Value;
        var result = program.Eval(new Dictionary<string, CelValue> { ["t"] = t, ["z"] = CelValue.String(zone) }, 1000);
        return result.Error?.Reason ?? result.Value.AsString();
    }

    /// <summary>
    /// As <c>date</c> answers with the same data: <c>TZ=America/New_York date -d 2024-03-10T07:00:00Z</c>.
    /// </summary>
    [Theory]
    // The hour from 2 to 3 does not exist, the one from 1 to 2 comes twice.
    [InlineData("2024-03-10T06:59:59Z", "America/New_York", "2024-3-10 1:59:59")]
    [InlineData("2024-03-10T07:00:00Z", "America/New_York", "2024-3-10 3:0:0")]
    [InlineData("2024-11-03T05:59:59Z", "America/New_York", "2024-11-3 1:59:59")]
    [InlineData("2024-11-03T06:00:00Z", "America/New_York", "2024-11-3 1:0:0")]
    [InlineData("2024-11-03T06:59:59Z", "America/New_York", "2024-11-3 1:59:59")]
    [InlineData("2024-03-31T01:00:00Z", "Europe/Berlin", "2024-3-31 3:0:0")]
    [InlineData("2024-10-27T00:59:59Z", "Europe/Berlin", "2024-10-27 2:59:59")]
    [InlineData("2024-10-27T01:00:00Z", "Europe/Berlin", "2024-10-27 2:0:0")]
    // Summer over the turn of the year, by half an hour, and counted from winter.
    [InlineData("2024-01-01T00:00:00Z", "Australia/Sydney", "2024-1-1 11:0:0")]
    [InlineData("2024-07-01T00:00:00Z", "Australia/Sydney", "2024-7-1 10:0:0")]
    [InlineData("2024-01-01T00:00:00Z", "Australia/Lord_Howe", "2024-1-1 11:0:0")]
    [InlineData("2024-07-01T00:00:00Z", "Australia/Lord_Howe", "2024-7-1 10:30:0")]
    [InlineData("2024-07-01T00:00:00Z", "Europe/Dublin", "2024-7-1 1:0:0")]
    [InlineData("2024-01-01T00:00:00Z", "Europe/Dublin", "2024-1-1 0:0:0")]
    [InlineData("2024-07-01T00:00:00Z", "Antarctica/Troll", "2024-7-1 2:0:0")]
    [InlineData("2050-04-30T23:59:59Z", "Africa/Casablanca", "2050-5-1 0:59:59")]
    // Far in the future the last rule holds.
    [InlineData("9999-07-01T12:00:00Z", "America/New_York", "9999-7-1 8:0:0")]
    [InlineData("9999-01-01T12:00:00Z", "America/New_York", "9999-1-1 7:0:0")]
    [InlineData("2400-03-26T00:59:59Z", "Europe/Berlin", "2400-3-26 1:59:59")]
    [InlineData("2400-03-26T01:00:00Z", "Europe/Berlin", "2400-3-26 3:0:0")]
    [InlineData("9999-12-31T23:59:59Z", "Asia/Kathmandu", "10000-1-1 5:44:59")]
    // Before there were zones, local mean time; and a zone that skipped a day.
    [InlineData("1700-01-01T00:00:00Z", "Europe/Berlin", "1700-1-1 0:53:28")]
    [InlineData("1900-01-01T00:00:00Z", "Europe/Amsterdam", "1900-1-1 0:19:32")]
    [InlineData("0001-01-01T12:00:00Z", "Asia/Tokyo", "1-1-1 21:18:59")]
    [InlineData("2011-12-30T09:59:59Z", "Pacific/Apia", "2011-12-29 23:59:59")]
    [InlineData("2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-31 0:0:0")]
    [InlineData("2024-06-01T00:00:00Z", "UTC", "2024-6-1 0:0:0")]
    [InlineData("2024-06-01T00:00:00Z", "Etc/GMT+5", "2024-5-31 19:0:0")]
    [InlineData("2024-06-01T00:00:00Z", "US/Pacific", "2024-5-31 17:0:0")]
    public void Local_time(string time, string zone, string local) => Assert.Equal(local, Local(time, zone));

    [Theory]
    [InlineData("")]
    [InlineData("Europe/Atlantis")]
    [InlineData("europe/berlin")]
    [InlineData("Europe/Berlin ")]
    [InlineData("Europe/Berlin,Arctic/Longyearbyen")]
    [InlineData("../etc/passwd")]
    [InlineData("right/UTC")]
    [InlineData("localtime")]
    [InlineData("5:00")]
    [InlineData("+24:00")]
    public void No_zone(string zone) => Assert.Contains("is no time zone", Local("2024-06-01T00:00:00Z", zone));

    /// <summary>
    /// The table against the data it was made from: every zone, every transition, where this machine has the same
    /// version.
    /// </summary>
    [Fact]
    public void The_table_is_what_the_data_says()
    {
        const string folder = "/usr/share/zoneinfo";
        if (!File.Exists($"{folder}/tzdata.zi")
            || File.ReadLines($"{folder}/tzdata.zi").First() != $"# version {ZoneTable.Version}")
            Assert.Skip($"the time zone data of this machine is not version {ZoneTable.Version}");
        var transitions = 0;
        foreach (var name in Zones.Names)
        {
            var data = File.ReadAllBytes($"{folder}/{name}");
            Assert.True(data.AsSpan().StartsWith("TZif"u8), name);
            int N(int block, int i) => BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(block + 20 + i * 4));
            var block = 44 + N(0, 3) * 5 + N(0, 4) * 6 + N(0, 5) + N(0, 2) * 8 + N(0, 1) + N(0, 0);
            var (count, start) = (N(block, 3), block + 44);
            for (var i = 0; i < count; i++)
            {
                var at = BinaryPrimitives.ReadInt64BigEndian(data.AsSpan(start + i * 8));
                var expected = BinaryPrimitives.ReadInt32BigEndian(
                    data.AsSpan(start + count * 9 + data[start + count * 8 + i] * 6));
                var end = i + 1 < count
                    ? BinaryPrimitives.ReadInt64BigEndian(data.AsSpan(start + (i + 1) * 8)) - 1
                    : at;
                foreach (var moment in new[] { at, end })
                {
                    Assert.True(Zones.TryOffset(name, moment, out var offset));
                    Assert.True(expected == offset, $"{name} at {moment}: {offset}, not {expected}");
                }
                transitions++;
            }
        }
        Assert.True(Zones.Names.Count > 500 && transitions > 20_000,
            $"{Zones.Names.Count} zones, {transitions} transitions");
    }

    /// <summary>The calendar repeats after 400 years, and so does every rule that holds forever.</summary>
    [Fact]
    public void Rules_repeat_with_the_calendar()
    {
        const long day = 86400, cycle = 146097 * day;
        foreach (var name in Zones.Names)
        {
            // Every five weeks from 2100 on, past the last exceptions in the data.
            for (long at = 4_102_444_800; at < 4_102_444_800 + 3 * 366 * day; at += 35 * day + 3599)
            {
                Zones.TryOffset(name, at, out var now);
                Zones.TryOffset(name, at + cycle, out var then);
                Zones.TryOffset(name, at + 18 * cycle, out var farther);
                Assert.True(now == then && now == farther, $"{name} at {at}");
            }
        }
    }

    [Fact]
    public void The_table_is_bounded() => Assert.InRange(ZoneTable.Text.Length, 50_000, 120_000);
}
