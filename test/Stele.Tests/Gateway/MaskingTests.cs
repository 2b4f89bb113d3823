using System.Globalization;
using System.Text;
using System.Text.Json;
using Stele.Gateway;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Tests.Gateway;

/// <summary>Masking takes values out of a body and leaves every other byte as it came.</summary>
public sealed class MaskingTests
{
    static string Masked(string body, params string[] pointers) =>
        Encoding.UTF8.GetString(Masking.Apply(Encoding.UTF8.GetBytes(body), pointers));

    [Theory]
    [InlineData("""{ "n" : 9007199254740993, "z":-0, "d":1.0 ,"e":1E2,"card":"4111"}""", "/card",
        """{ "n" : 9007199254740993, "z":-0, "d":1.0 ,"e":1E2,"card":"***"}""")]
    [InlineData("""{"u":"é\/","c" : {"a":[1,2]} }""", "/c", """{"u":"é\/","c" : "***" }""")]
    [InlineData("""[ [1, 2], {"x":3} ]""", "/*/1", """[ [1, "***"], {"x":3} ]""")]
    [InlineData("""{"Card":1,"b":{"CARD":2}}""", "/card", """{"Card":"***","b":{"CARD":2}}""")]
    [InlineData("""{"\u0063ard":1}""", "/card", """{"\u0063ard":"***"}""")]
    [InlineData("{\"ris\u212A\":1}", "/risk", "{\"ris\u212A\":\"***\"}")]
    [InlineData(""" true """, "", " \"***\" ")]
    [InlineData("""{"a":1}""", "/b", """{"a":1}""")]
    [InlineData("""{"a":1}""", "/a/b", """{"a":1}""")]
    [InlineData("""{"a/b":{"~":1}}""", "/a~1b/~0", """{"a/b":{"~":"***"}}""")]
    [InlineData("""{"a":[0,[1]]}""", "/a/01", """{"a":[0,[1]]}""")]
    public void Only_what_is_masked_is_another(string body, string pointer, string expected) =>
        Assert.Equal(expected, Masked(body, pointer));

    [Fact]
    public void Masks_that_lie_in_one_another_are_one() =>
        Assert.Equal("""{"a":"***","b":["***","***"]}""",
            Masked("""{"a":{"x":[1]},"b":[1,{"y":2}]}""", "/a", "/a/x", "/*/x/0", "/b/1", "/b/*"));

    /// <summary>Held against masking the parsed value, and against the bytes that came.</summary>
    [Fact]
    public void Any_body_and_any_pointers()
    {
        var random = new Random(5);
        var changed = 0;
        for (var i = 0; i < 3000; i++)
        {
            var text = Value(random, 4);
            string[] pointers = [.. Enumerable.Range(0, random.Next(1, 4))
                .Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 4))
                    .Select(_ => "/" + "a A b * 0 1".Split(' ')[random.Next(6)])))];
            var masked = Masked(text, pointers);
            var expected = pointers.Aggregate(CanonicalJson.Parse(Encoding.UTF8.GetBytes(text), 1 << 20),
                (v, p) => At(v, p.Split('/')[1..], 0));
            Assert.Equal(expected, CanonicalJson.Parse(Encoding.UTF8.GetBytes(masked), 1 << 20));
            // What is left of the one, in its order, is the other: all numbers are written as they were.
            Assert.Empty(Tokens(masked).Where(t => t != "***").Except(Tokens(text)));
            if (masked == text) Assert.Equal(expected, CanonicalJson.Parse(Encoding.UTF8.GetBytes(text), 1 << 20));
            else changed++;
        }
        Assert.InRange(changed, 500, 2900);
    }

    static IEnumerable<string> Tokens(string json)
    {
        var tokens = new List<string>();
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        while (reader.Read()) tokens.Add(Encoding.UTF8.GetString(reader.ValueSpan));
        return tokens;
    }

    static Json At(Json value, string[] tokens, int at) => at == tokens.Length ? "***" : value.Kind switch
    {
        JsonKind.Object =>
            Json.Object(value.AsObject.Select(m => tokens[at] == "*" || MemberNames.Same(tokens[at], m.Key)
                ? KeyValuePair.Create(m.Key, At(m.Value, tokens, at + 1))
                : m)),
        JsonKind.Array =>
            Json.Array(
                value.AsArray.Select((e, i) => tokens[at] == "*"
                    || tokens[at] == i.ToString(CultureInfo.InvariantCulture) ? At(e, tokens, at + 1) : e)),
        _ => value,
    };

    static string Value(Random random, int depth)
    {
        string Space() => new(' ', random.Next(3));
        string[] scalars = ["1.0", "-0", "9007199254740993", "1E2", "\"x\\/y\"", "null", "\"é\"", "0.10", "true"];
        string[] names = ["a", "b", "c", "\\u0064"];
        return Space() + (depth == 0 ? 2 : random.Next(3)) switch
        {
            0 =>
                "{"
                + string.Join(',',
                    names.Where(_ => random.Next(2) == 0)
                        .Select(n =>
                            $"{Space()}\"{(random.Next(4) == 0 ? n.ToUpperInvariant().Replace("\\U", "\\u", StringComparison.Ordinal) : n)}\"{Space()}:{Value(random, depth - 1)}")) + "}",
            1 =>
                "[" + string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => Value(random, depth - 1))) + "]",
            _ => scalars[random.Next(scalars.Length)],
        } + Space();
    }
}
