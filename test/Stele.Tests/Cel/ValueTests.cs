using System.Globalization;
using Cel;
using Cel.Values;

namespace Stele.Tests.Cel;

public class ValueTests
{
    static readonly Dictionary<string, CelType> Nothing = [];

    static CelValue Eval(string source) =>
        CelProgram.Compile(source, Nothing).Eval(new Dictionary<string, CelValue>(), 100_000).Value;

    [Fact]
    public void Numbers_are_equal_across_types_and_hash_alike()
    {
        CelValue[] ones = [CelValue.Int(1), CelValue.UInt(1), CelValue.Double(1)];
        foreach (var a in ones)
            foreach (var b in ones)
            {
                Assert.Equal(a, b);
                Assert.Equal(a.GetHashCode(), b.GetHashCode());
            }
        Assert.NotEqual(CelValue.Int(-1), CelValue.UInt(ulong.MaxValue));
        Assert.NotEqual(CelValue.Int((1L << 53) + 1), CelValue.Double(1L << 53));
        Assert.NotEqual(CelValue.UInt(ulong.MaxValue), CelValue.Double(18446744073709551616.0));
        Assert.NotEqual(CelValue.Double(double.NaN), CelValue.Double(double.NaN));
        Assert.Equal(CelValue.Double(0.0), CelValue.Double(-0.0));
        Assert.Equal(CelValue.Double(0.0).GetHashCode(), CelValue.Double(-0.0).GetHashCode());
        Assert.NotEqual(CelValue.Bool(true), CelValue.Int(1));
        Assert.Equal(default, CelValue.Null);
    }

    /// <summary>
    /// There and only there is order another matter than equality: on the way to a double a number loses what makes it
    /// another.
    /// </summary>
    [Fact]
    public void Beyond_the_whole_numbers_of_doubles_order_ties_where_equality_does_not()
        =>
        Assert.True(
            Eval(
                "dyn(9007199254740993) <= 9007199254740992.0 && dyn(9007199254740993) >= 9007199254740992.0 && dyn(9007199254740993) != 9007199254740992.0").AsBool());

    /// <summary>.NET's parsers pass over NULs at the end, and that is not what the text says.</summary>
    [Theory]
    [InlineData("int('7{0}')")]
    [InlineData("int('7{0}{0}')")]
    [InlineData("int('-7{0}')")]
    [InlineData("int('{0}7')")]
    [InlineData("uint('7{0}{0}')")]
    [InlineData("double('7{0}')")]
    [InlineData("double('7.{0}')")]
    [InlineData("double('7e1{0}')")]
    [InlineData("double('NaN{0}')")]
    [InlineData("bool('true{0}')")]
    [InlineData("duration('7s{0}')")]
    [InlineData("duration('0{0}')")]
    [InlineData("timestamp('2024-02-29T12:00:00Z{0}')")]
    [InlineData("timestamp('2024-02-29T12:00:00+01:00{0}')")]
    [InlineData("timestamp('2024-02-29T12:00:00.5{0}Z')")]
    [InlineData("timestamp(0).getHours('+01:00{0}')")]
    [InlineData("timestamp(0).getHours('UTC{0}')")]
    [InlineData("timestamp(0).getHours('Europe/Berlin{0}')")]
    [InlineData("ip('10.0.0.1{0}')")]
    [InlineData("ip('::1{0}')")]
    [InlineData("cidr('10.0.0.0/8{0}')")]
    [InlineData("cidr('::/0{0}')")]
    [InlineData("base64.decode('aGVsbG8={0}')")]
    [InlineData("'%.1{0}f'.format([1.0])")]
    public void No_text_is_read_past_a_nul(string source)
    {
        foreach (var junk in new[] { "\\x00", "\\u2212", " ", "\\n" })
            Assert.Equal(CelErrorKind.InvalidArgument,
                CelProgram.Compile(source.Replace("{0}", junk, StringComparison.Ordinal), Nothing)
                    .Eval(new Dictionary<string, CelValue>(), 1000).Error?.Kind);
        Assert.Null(CelProgram.Compile(source.Replace("{0}", "", StringComparison.Ordinal), Nothing)
            .Eval(new Dictionary<string, CelValue>(), 1000).Error);
    }

    [Fact]
    public void Maps_find_numbers_of_any_type_small_or_indexed()
    {
        foreach (var size in new[] { 3, 100 })
        {
            var map =
                CelValue.Map(
                    [.. Enumerable.Range(0, size).Select(i =>
                        KeyValuePair.Create(i % 2 == 0 ? CelValue.Int(i) : CelValue.UInt((ulong)i), CelValue.Int(i)))]);
            var declared = new Dictionary<string, CelType> { ["m"] = CelType.Dyn };
            var bound = new Dictionary<string, CelValue> { ["m"] = map };
            foreach (var source in new[] { "m[1] == 1", "m[2u] == 2", "m[1.0] == 1", "!(1.5 in m)", "!(-1 in m)",
                "!('1' in m)" })
                Assert.True(CelProgram.Compile(source, declared).Eval(bound, 100).Value.AsBool(), source);
        }
    }

    [Fact]
    public void Maps_keep_their_order_and_refuse_double_keys()
    {
        var map = CelValue.Map([KeyValuePair.Create("b", CelValue.Int(1)), KeyValuePair.Create("a", CelValue.Int(2))]);
        Assert.Equal(["b", "a"], map.AsMap().Select(e => e.Key.AsString()));
        Assert.True(map.TryGet("a", out var a));
        Assert.Equal(2, a.AsInt());
        Assert.False(map.TryGet("c", out _));
        Assert.Equal(map,
            CelValue.Map([KeyValuePair.Create("a", CelValue.Int(2)), KeyValuePair.Create("b", CelValue.Int(1))]));
        Assert.Throws<ArgumentException>(() =>
            CelValue.Map([KeyValuePair.Create(CelValue.Int(1), a), KeyValuePair.Create(CelValue.UInt(1), a)]));
        Assert.Throws<ArgumentException>(() => CelValue.Map([KeyValuePair.Create(CelValue.Double(1), a)]));
        Assert.Throws<ArgumentException>(() => CelValue.String("\ud800"));
        Assert.Throws<InvalidOperationException>(() => map.AsInt());
    }

    [Theory]
    [InlineData("'\uff5e' < '\U0001f600'")] // UTF-16 would say otherwise
    [InlineData("!('\U0001f600' < '\uff5e')")]
    [InlineData("size('\U0001f600') == 1")]
    [InlineData("'a\U0001f600b'.reverse() == 'b\U0001f600a'")]
    [InlineData("'a\U0001f600b'.substring(1, 2) == '\U0001f600'")]
    [InlineData("'\U0001f600b'.indexOf('b') == 1")]
    [InlineData("'\U0001f600b'.lastIndexOf('b') == 1")]
    [InlineData("'a\U0001f600'.split('') == ['a', '\U0001f600']")]
    [InlineData("'\U0001f600'.replace('', '-') == '-\U0001f600-'")]
    public void Strings_are_code_points(string source) => Assert.True(Eval(source).AsBool());

    [Theory]
    [InlineData(0.0, "0")]
    [InlineData(-0.0, "-0")]
    [InlineData(1.0, "1")]
    [InlineData(0.1, "0.1")]
    [InlineData(100.5, "100.5")]
    [InlineData(1e20, "100000000000000000000")]
    [InlineData(1e21, "1e+21")]
    [InlineData(123456789012345680000.0, "123456789012345680000")]
    [InlineData(0.000001, "0.000001")]
    [InlineData(0.0000001, "1e-7")]
    [InlineData(1.5e-300, "1.5e-300")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(double.MaxValue, "1.7976931348623157e+308")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    public void Doubles_print_shortest(double value, string text) => Assert.Equal(text, Numbers.Shortest(value));

    [Theory]
    [InlineData(0.125, 2, "0.12")]
    [InlineData(0.375, 2, "0.38")]
    [InlineData(1.005, 2, "1.00")] // the double is below 1.005
    [InlineData(2.5, 0, "2")]
    [InlineData(0.7299999999999999, 3, "0.730")]
    [InlineData(-0.05, 1, "-0.1")]
    [InlineData(1e22, 1, "10000000000000000000000.0")]
    [InlineData(5e-324, 3, "0.000")]
    public void Fixed_digits_round_the_exact_value_half_to_even(double value, int digits, string text) =>
        Assert.Equal(text, Numbers.Fixed(value, digits));

    [Theory]
    [InlineData(0.0, 2, "0.00e+00")]
    [InlineData(9.996, 2, "1.00e+01")]
    [InlineData(9.995, 2, "9.99e+00")] // the double is below 9.995
    [InlineData(0.00012345, 3, "1.234e-04")]
    [InlineData(1e300, 1, "1.0e+300")]
    [InlineData(5e-324, 0, "5e-324")]
    public void Scientific_digits(double value, int digits, string text) =>
        Assert.Equal(text, Numbers.Scientific(value, digits));

    [Fact]
    public void Fixed_digits_agree_with_decimal_arithmetic()
    {
        var random = new Random(7);
        for (var i = 0; i < 2000; i++)
        {
            // Sixteenths with few digits are exact in both.
            var d = random.Next(-1_000_000, 1_000_000) / 16.0;
            Assert.Equal(Math.Round((decimal)d, 2, MidpointRounding.ToEven).ToString("F2", CultureInfo.InvariantCulture)
                .Replace("-0.00", "0.00", StringComparison.Ordinal),
                Numbers.Fixed(d, 2).Replace("-0.00", "0.00", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void The_calendar_agrees_with_the_runtime()
    {
        for (var day = DateTime.MinValue; day.Year < 9999; day = day.AddDays(97).AddSeconds(12345))
        {
            var seconds = (day.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerSecond;
            var c = Times.ToCivil(seconds);
            Assert.Equal((day.Year, day.Month, day.Day, day.Hour, day.Minute, day.Second, (int)day.DayOfWeek,
                day.DayOfYear - 1), (c.Year, c.Month, c.Day, c.Hour, c.Minute, c.Second, c.Weekday, c.DayOfYear));
            Assert.True(Times.TryParse(Times.Format(seconds, 5), out var back, out var nanos));
            Assert.Equal((seconds, 5), (back, nanos));
        }
        Assert.Equal(CelValue.Timestamp(-1, 999_999_900), CelValue.Timestamp(DateTimeOffset.UnixEpoch.AddTicks(-1)));
    }

    [Theory]
    [InlineData("2009-02-13T23:31:30z")]
    [InlineData("2009-02-13 23:31:30Z")]
    [InlineData("2009-02-30T23:31:30Z")]
    [InlineData("2009-02-13T23:31:60Z")]
    [InlineData("2009-02-13T23:31:30.Z")]
    [InlineData("2009-02-13T23:31:30.1234567890Z")]
    [InlineData("2009-02-13T23:31:30")]
    [InlineData("2009-02-13T23:31:30Z ")]
    [InlineData("2009-02-13T23:31:30+0100")]
    public void Sloppy_timestamps_are_refused(string text) => Assert.False(Times.TryParse(text, out _, out _));

    [Theory]
    [InlineData("1h30m", 5_400_000_000_000)]
    [InlineData("-1.5h", -5_400_000_000_000)]
    [InlineData("1.5s", 1_500_000_000L)]
    [InlineData("0", 0L)]
    [InlineData("100ms1us1µs1ns", 100_002_001L)]
    [InlineData(".5s", 500_000_000L)]
    [InlineData("-9223372036854775808ns", null)]
    [InlineData("9223372036854775807ns", 9223372036854775807)]
    [InlineData("9223372037s", null)]
    [InlineData("", null)]
    [InlineData("1", null)]
    [InlineData("1d", null)]
    [InlineData("s", null)]
    [InlineData(".s", null)]
    [InlineData("1 s", null)]
    public void Durations(string text, long? nanos)
    {
        Assert.Equal(nanos is not null, Times.TryParseDuration(text, out var parsed));
        if (nanos is not null) Assert.Equal(nanos, parsed);
    }
}
