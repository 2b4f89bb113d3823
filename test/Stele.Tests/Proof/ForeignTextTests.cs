using System.Text;
using System.Text.RegularExpressions;
using Cel.Regex;
using Stele.Proof;
using Stele.Proof.Packs;

namespace Stele.Tests.Proof;

public sealed class ForeignTextTests
{
    /// <summary>What is shown for what: held here, and of the page's own function in <c>PageTests</c>.</summary>
    internal static readonly (string Text, string Shown)[] Vectors =
    [
        ("", ""),
        ("plain, Zürich, 東京, \U0001F600", "plain, Zürich, 東京, \U0001F600"),
        ("z\r\e[2Kgood: all", "z\\u{D}\\u{1B}[2Kgood: all"),
        ("a\nb\tc\0", "a\\u{A}b\\u{9}c\\u{0}"),
        ("\x7f\x80\x9b\x9f", "\\u{7F}\\u{80}\\u{9B}\\u{9F}"),
        ("user\u202Enimda\u202C", "user\\u{202E}nimda\\u{202C}"),
        ("\u061C\u200E\u200F\u2066\u2069", "\\u{61C}\\u{200E}\\u{200F}\\u{2066}\\u{2069}"),
        ("so\u00ADft\u200B\u200D\u2060\uFEFF", "so\\u{AD}ft\\u{200B}\\u{200D}\\u{2060}\\u{FEFF}"),
        ("\u0085\u2028\u2029", "\\u{85}\\u{2028}\\u{2029}"),
        ("\u2800\u3164\uFFA0\u115F\u034F\uFE0F", "\\u{2800}\\u{3164}\\u{FFA0}\\u{115F}\\u{34F}\\u{FE0F}"),
        ("\U000E0041\U000E0100\U0001D173", "\\u{E0041}\\u{E0100}\\u{1D173}"),
        ("\uD800x\uDC00", "\\u{D800}x\\u{DC00}"),
        ("\uFFFE\uFDD0\U0001FFFF\uE000\U000F0000", "\\u{FFFE}\\u{FDD0}\\u{1FFFF}\\u{E000}\\u{F0000}"),
        ("^\\d+\\.(a|b)$ C:\\users", "^\\d+\\.(a|b)$ C:\\users"),
        ("\\u{202E}", "\\u{5C}u{202E}"),
        ("\\\\u{A} \\u \\u0041 \\", "\\\\u{5C}u{A} \\u \\u0041 \\"),
    ];

    [Fact]
    public void Text_is_shown_as_it_should_be()
    {
        foreach (var (text, shown) in Vectors) Assert.Equal(shown, ForeignText.Line(text));
    }

    /// <summary>Two texts are never shown alike: an escape can be told from what looks like one.</summary>
    [Fact]
    public void What_is_shown_can_be_read_back()
    {
        static string Back(string shown) => Regex.Replace(shown, @"\\u\{([0-9A-F]+)\}", m =>
            int.Parse(m.Groups[1].Value, System.Globalization.NumberStyles.HexNumber) is var c
            && c is >= 0xD800 and <= 0xDFFF ? ((char)c).ToString() : char.ConvertFromUtf32(c));
        var random = new Random(7);
        string[] pieces = ["\\", "u", "{", "A", "}", "\n", "\u202E", "é", "\uD800", "\uDC00", "\U0001F600"];
        for (var i = 0; i < 20_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(9))
                .Select(_ => pieces[random.Next(pieces.Length)]));
            var shown = ForeignText.Line(text);
            Assert.Equal(text, Back(shown));
            Assert.DoesNotContain(shown, c => ForeignText.Hides(c) && !char.IsSurrogate(c));
        }
        foreach (var (text, shown) in Vectors) Assert.Equal(text, Back(shown));
    }

    /// <summary>
    /// The table has every control, format character, half pair, private use and separator of that Unicode version; and
    /// nothing that one sees.
    /// </summary>
    [Fact]
    public void The_table_is_that_of_its_Unicode_version()
    {
        Assert.Equal(UnicodeTables.Version, ForeignText.UnicodeVersion);
        var categories = Unicode.Names.Where(n => n.Length == 2).Select(n => (Name: n, Set: Unicode.Class(n)!))
            .ToArray();
        for (var c = 0; c <= 0x10FFFF; c++)
        {
            var category = categories.FirstOrDefault(s => s.Set.Contains(c)).Name;
            if (category is "Cc" or "Cf" or "Cs" or "Co" or "Zl" or "Zp") Assert.True(ForeignText.Hides(c),
                $"U+{c:X4}");
            // The few letters and marks that Unicode says are to be ignored where they can't be shown.
            else if (category is not (null or "Mn")
                && c is not (0x115F or 0x1160 or 0x3164 or 0xFFA0 or 0x2800)) Assert.False(ForeignText.Hides(c),
                $"U+{c:X4}");
        }
        foreach (var c in (int[])[0xFDD0, 0xFFFE, 0xFFFF, 0x10FFFF, 0x5FFFE, 0x180B, 0xFE00,
            0xE01EF]) Assert.True(ForeignText.Hides(c));
        foreach (var c in "aé東ا\u0301\u00A0\u3000\uFFFD") Assert.False(ForeignText.Hides(c), $"U+{(int)c:X4}");
        foreach (var c in Enumerable.Range(0, 0x10FFFF).Where(ForeignText.Reorders)) Assert.True(ForeignText.Hides(c));
    }

    [Fact]
    public void The_page_has_the_same_table()
    {
        var page = Encoding.UTF8.GetString(PackPage.Bytes());
        var table = Regex.Match(page, @"const hidden = \[(.*?)\];", RegexOptions.Singleline).Groups[1].Value;
        Assert.Equal(ForeignText.Ranges.ToArray(), Regex.Matches(table, "0x([0-9A-F]+)")
            .Select(m => int.Parse(m.Groups[1].Value, System.Globalization.NumberStyles.HexNumber)));
    }

    [Fact]
    public void Json_stays_the_same_value()
    {
        foreach (var (text, _) in Vectors.Where(v => !v.Text.Any(char.IsSurrogate)))
        {
            var json = Json.Object((text, text), ("list", Json.Array(text)));
            var shown = ForeignText.Json(json.ToString());
            Assert.Equal(json, CanonicalJson.Parse(Encoding.UTF8.GetBytes(shown), 1 << 20));
            Assert.DoesNotContain(shown, c => ForeignText.Hides(c));
        }
        Assert.Equal("{\n\"\\u202e\\udb40\\udc41\"}", ForeignText.Json("{\n\"\u202E\U000E0041\"}"));
    }

    [Fact]
    public void A_printed_line_escapes_its_values_and_nothing_else()
    {
        var name = "x\e[1m\n";
        PrintedLine line = $"name {name} and {17}{'\u202E'}";
        Assert.Equal("name x\\u{1B}[1m\\u{A} and 17\\u{202E}", line.ToString());
        Assert.Equal(line.ToString().Length, line.Width);
        PrintedLine value = name;
        Assert.Equal("x\\u{1B}[1m\\u{A}", value.ToString());
        var painted = value.Painted("\e[1m", "\e[0m");
        PrintedLine around = $"[{painted}]";
        Assert.Equal("[\e[1mx\\u{1B}[1m\\u{A}\e[0m]", around.Printed);
        Assert.Equal("[x\\u{1B}[1m\\u{A}]", around.ToString());
        Assert.Equal("x \\u{1B}[1m\\u{A}", PrintedLine.Join(" ", ["x", "\e[1m\n"]).Printed);
        Assert.Equal(value.Width + 2, around.Width);
        Assert.Equal("a\\u{7}  b", (PrintedLine.Own("a") + "\a" + "  b").ToString());
    }

    [Theory]
    [InlineData("2026-11-30T16:00:00Z", "2026-11-30T16:00:00Z")]
    [InlineData("2026-11-30T17:00:00+01:00", "2026-11-30T16:00:00Z")]
    [InlineData("2026-11-30T16:00:00.25Z", "2026-11-30T16:00:00.250Z")]
    [InlineData("2026-11-30T16:00:00.250-00:30", "2026-11-30T16:30:00.250Z")]
    [InlineData("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z")]
    [InlineData("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")]
    [InlineData("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z")]
    public void A_time_is_read_and_shown(string typed, string shown)
    {
        Assert.True(Rfc3339.TryParse(typed, out var time));
        Assert.Equal(shown, Rfc3339.Format(time));
        Assert.True(Rfc3339.TryParse(shown, out var again));
        Assert.Equal(time, again);
    }

    [Theory]
    [InlineData("2026-11-30")]
    [InlineData("2026-11-30 16:00:00Z")]
    [InlineData("2026-11-30T16:00Z")]
    [InlineData("2026-11-30T16:00:00")]
    [InlineData("2026-11-30T16:00:00-00:00")]
    [InlineData("2026-11-30T16:00:00+0100")]
    [InlineData("2026-11-30T16:00:00.1234Z")]
    [InlineData("2026-11-30T24:00:00Z")]
    [InlineData("2026-11-30T16:00:60Z")]
    [InlineData("2026-02-29T16:00:00Z")]
    [InlineData("30/11/2026")]
    [InlineData("yesterday")]
    [InlineData("1796054400000")]
    [InlineData(" 2026-11-30T16:00:00Z")]
    [InlineData("٢٠٢٦-11-30T16:00:00Z")]
    [InlineData("")]
    public void Any_other_form_is_none(string typed) => Assert.False(Rfc3339.TryParse(typed, out _));

    [Fact]
    public void A_number_that_is_no_time_is_shown_as_it_is()
    {
        Assert.Equal("9007199254740991 ms after 1970", Rfc3339.Format(9007199254740991));
        Assert.Equal("9007199254740991 ms after 1970", Rfc3339.Seconds(9007199254740991));
        Assert.Equal("1969-12-31T23:59:59Z", Rfc3339.Seconds(-1));
        Assert.Equal("1970-01-01T00:00:00Z", Rfc3339.Seconds(999));
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_named()
    {
        Assert.Null(Utf8Text.FirstInvalid("Zürich 東京 \U0001F600"u8));
        Assert.Equal("a", Utf8Text.Decode([0xEF, 0xBB, 0xBF, (byte)'a']));
        foreach (var (bytes, at) in ((byte[], int)[])[([(byte)'a', (byte)'\n', (byte)'Z', 0xFC, (byte)'r'], 3),
            ([0xC0, 0x80], 0), ([0xED, 0xA0, 0x80], 0), ([(byte)'a', 0xE2, 0x82], 1), ([0xF5, 0x80, 0x80, 0x80], 0),
            ([0xFF, 0xFE, 0x61, 0], 0)])
            Assert.Equal(at, Utf8Text.FirstInvalid(bytes));
        Assert.Equal("not UTF-8: byte 4, in line 2, is 0xFC: save it as UTF-8",
            Assert.Throws<FormatException>(() => Utf8Text.Decode([(byte)'a', (byte)'\n', (byte)'Z', 0xFC, (byte)'r']))
            .Message);
        Assert.Equal("not JSON: not UTF-8: byte 3, in line 1, is 0xFC: save it as UTF-8",
            Assert.Throws<FormatException>(() => CanonicalJson.Parse([(byte)'"', (byte)'Z', 0xFC, (byte)'"'], 100))
            .Message);
    }
}
