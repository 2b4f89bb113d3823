using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cel.Regex;

namespace Stele.Tests.Cel;

/// <summary>
/// The character tables are data of the language version: they are what they were, and they are Unicode's.
/// </summary>
public class UnicodeTests
{
    [Fact]
    public void The_tables_are_those_of_this_version()
    {
        Assert.Equal("15.0.0", UnicodeTables.Version);
        Assert.Equal("dd0dde95bfdcd5ba9a8e944feb7b261c07195842ae1dfab9b851aa8b6d29e6c4",
            Convert.ToHexStringLower(SHA256.HashData([.. UnicodeTables.Categories, 0, .. UnicodeTables.Scripts, 0,
                .. UnicodeTables.Folding])));
    }

    /// <summary>
    /// The runtime's Unicode is a later one: it may know characters that ours doesn't, and has moved a few.
    /// </summary>
    [Fact]
    public void Categories_are_Unicodes()
    {
        string[] names = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc",
            "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"];
        var sets = names.ToDictionary(n => n, n => Unicode.Class(n)!);
        var (moved, assigned) = (0, 0);
        for (var c = 0; c <= CharSet.Last; c++)
        {
            var ours = names.Where(n => sets[n].Contains(c)).ToList();
            var theirs = CharUnicodeInfo.GetUnicodeCategory(c);
            Assert.True(ours.Count <= 1, $"{c:X}");
            if (ours.Count == 0) continue;
            assigned++;
            if (theirs != (UnicodeCategory)Array.IndexOf(Order, ours[0])) moved++;
            Assert.True(Unicode.Class(ours[0].AsSpan(0, 1))!.Contains(c));
        }
        Assert.InRange(moved, 0, 20);
        Assert.Equal(288_767, assigned);
    }

    /// <summary>In the order of <see cref="UnicodeCategory"/>.</summary>
    static readonly string[] Order = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl",
        "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"];

    [Theory]
    [InlineData("Latin", 'a', true)]
    [InlineData("Latin", 'α', false)]
    [InlineData("Greek", 'Ω', true)]
    [InlineData("Cyrillic", 'я', true)]
    [InlineData("Han", '日', true)]
    [InlineData("Hiragana", 'ひ', true)]
    [InlineData("Common", '1', true)]
    [InlineData("Inherited", '\u0301', true)]
    [InlineData("Kawi", 0x11f04, true)]
    [InlineData("Braille", 0x2800, true)]
    [InlineData("Egyptian_Hieroglyphs", 0x13000, true)]
    public void Scripts_are_Unicodes(string script, int codePoint, bool isIn) =>
        Assert.Equal(isIn, Unicode.Class(script)!.Contains(codePoint));

    [Fact]
    public void Every_code_point_is_in_one_script_at_most()
    {
        var scripts = Unicode.Names.Where(n => n == "Yi" || (n.Length > 2 && n != "Any")).Select(n => Unicode.Class(n)!)
            .ToList();
        var ends = 0;
        foreach (var bounds in scripts.SelectMany(s =>
            Enumerable.Range(0, s.RangeCount).Select(i => (Low: s.Bounds[2 * i], End: s.Bounds[2 * i + 1]))).Order())
        {
            Assert.True(bounds.Low >= ends, $"{bounds.Low:X}");
            ends = bounds.End;
        }
        Assert.Equal(163, scripts.Count);
    }

    [Theory]
    [InlineData("k", "Kk\u212a")]
    [InlineData("S", "Ssſ")]
    [InlineData("σ", "Σςσ")]
    [InlineData("ß", "ßẞ")]
    [InlineData("θ", "Θθϑϴ")]
    [InlineData("µ", "µΜμ")]
    [InlineData("ǆ", "Ǆǅǆ")]
    [InlineData("ᲈ", "ᲈꙊꙋ")]
    [InlineData("𐐀", "𐐀𐐨")]
    [InlineData("𞤀", "𞤀𞤢")]
    [InlineData("İ", "İ")]
    [InlineData("ı", "ı")]
    [InlineData("日", "日")]
    public void Simple_folding_makes_equal(string one, string all)
    {
        var set = new CharSetBuilder();
        foreach (var rune in all.EnumerateRunes()) set.Add(rune.Value, rune.Value);
        foreach (var rune in all.EnumerateRunes()) Assert.Equal(set.ToSet(), Unicode.Folded(rune.Value));
        Assert.True(set.ToSet().Contains(Rune.GetRuneAt(one, 0).Value));
    }

    [Fact]
    public void Sets_are_what_their_members_are()
    {
        var random = new Random(5);
        for (var round = 0; round < 300; round++)
        {
            var (a, b) = (Some(random), Some(random));
            var (union, inverse) = (a.With(b), a.Inverted());
            foreach (var c in Enumerable.Range(0, 80).Append(CharSet.Last))
            {
                Assert.Equal(a.Contains(c) || b.Contains(c), union.Contains(c));
                Assert.Equal(!a.Contains(c), inverse.Contains(c));
            }
            Assert.Equal(union, b.With(a));
            Assert.Equal(a, inverse.Inverted());
            Assert.Equal(CharSet.Everything, a.With(inverse));
        }

        static CharSet Some(Random random)
        {
            var b = new CharSetBuilder();
            for (var n = random.Next(6); n > 0; n--)
            {
                var low = random.Next(70);
                b.Add(low, random.Next(12) == 0 ? CharSet.Last : low + random.Next(8));
            }
            return b.ToSet();
        }
    }
}
