using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class WitnessPolicyTests(ITestOutputHelper output)
{
    static VerifierKey Key(string name, NoteKeyType type = NoteKeyType.Cosignature)
    {
        using var key = new Ed25519Key(Encoding.ASCII.GetBytes(name.PadRight(32)[..32]));
        return new(name, type, key.Public);
    }

    static WitnessPolicy Parse(string text) => WitnessPolicy.Parse(Encoding.UTF8.GetBytes(text));

    static readonly VerifierKey Log = Key("example.com/log", NoteKeyType.Ed25519);
    static readonly VerifierKey[] X = [Key("x1"), Key("x2"), Key("x3")], Y = [Key("y1"), Key("y2"), Key("y3")];

    /// <summary>The example of the specification, with keys.</summary>
    static readonly string Nested = $"""
        log {Log}

        witness X1 {X[0]}
        witness X2 {X[1]} https://x2.example/
        witness X3 {X[2]}
        group X-witnesses 2 X1 X2 X3

        witness Y1 {Y[0]}
        witness Y2 {Y[1]}
        witness Y3 {Y[2]}
        group Y-witnesses any Y1 Y2 Y3

        group X-and-Y all X-witnesses Y-witnesses
        quorum X-and-Y

        """;

    [Fact]
    public void The_quorum_is_what_its_groups_say()
    {
        var policy = Parse(Nested);
        Assert.Equal(("example.com/log", 6, "https://x2.example/"),
            (policy.Logs.Single().Key.Name, policy.Witnesses.Count(), policy.Parts[1].Url));
        VerifierKey[] all = [.. X, .. Y];
        for (var set = 0; set < 64; set++)
        {
            var cosigned = all.Where((_, i) => (set >> i & 1) == 1).ToArray();
            Assert.Equal(cosigned.Count(X.Contains) >= 2 && cosigned.Any(Y.Contains), policy.IsQuorum(cosigned));
            // A key twice, and keys that nobody named, change nothing.
            Assert.Equal(policy.IsQuorum(cosigned),
                policy.IsQuorum([.. cosigned, .. cosigned, Key("nobody"), Key("x1", NoteKeyType.Ed25519)]));
        }
        Assert.True(Parse("quorum none\n").IsQuorum([]));
        Assert.True(Parse($"witness w {X[0]}\nquorum w\n").IsQuorum([X[0]]));
        Assert.False(Parse($"witness w {X[0]}\nquorum w\n").IsQuorum([X[1]]));
        // The plain rule is a policy like any other.
        Assert.Equal(
            $"log {Log}\nwitness w1 {X[0]}\nwitness w2 {X[1]}\nwitness w3 {X[2]}\ngroup all-witnesses 2 w1 w2 w3\nquorum all-witnesses\n", WitnessPolicy.Of(Log, X, 2).ToString());
        for (var k = 0; k <= 3; k++)
            Assert.Equal(WitnessPolicy.Of(Log, X, k).ToString(),
                Parse(WitnessPolicy.Of(Log, X, k).ToString()).ToString());
        for (var k = 0; k <= 3; k++)
            for (var set = 0; set < 8; set++)
                Assert.Equal(int.PopCount(set) >= k,
                    WitnessPolicy.Of(Log, X, k).IsQuorum(X.Where((_, i) => (set >> i & 1) == 1)));
    }

    [Fact]
    public void Transparency_formats_policies()
    {
        using var json = JsonDocument.Parse(
            File.ReadAllBytes(Assert.Single(Vectors.Files("transparency-formats", "vkeys-and-policies.json"))));
        int other = 0, refused = 0;
        foreach (var p in json.RootElement.GetProperty("policiesAccepted").EnumerateArray())
        {
            // The samples are in an older dialect that the standard left: witnesses with keys of logs, one key under
            // two names, comments behind a line.
            var text = p.GetProperty("policy").GetString()!;
            var message = Assert.Throws<FormatException>(() => Parse(text)).Message;
            Assert.True(message.Contains("a key that does not cosign", StringComparison.Ordinal)
                || message.Contains("a witness reads", StringComparison.Ordinal), message);
            // Brought to the standard in just these, they are policies; and the white space stays.
            var n = 0;
            var standard = Regex.Replace(Regex.Replace(text, @"(?<=\S[ \t]+)#.*", ""), @"\S+\+[0-9a-f]{8}\+\S+",
                _ => Key($"w{n++}").ToString());
            var policy = Parse(standard);
            Assert.Equal(n, policy.Witnesses.Count());
            Assert.Equal(policy.ToString(), Parse(policy.ToString()).ToString());
            var needed = p.GetProperty("name").GetString() switch { "group numerical" => 2, "group any" => 1, _ => n };
            // "group any" names one of its witnesses as a member.
            for (var have = 0; have <= n; have++)
                Assert.Equal(have >= needed, policy.IsQuorum(policy.Witnesses.Take(have)));
            other++;
        }
        foreach (var p in json.RootElement.GetProperty("policiesRejected").EnumerateArray())
        {
            var n = 0;
            var text = Regex.Replace(p.GetProperty("policy").GetString()! + "\n", @"\S+\+[0-9a-f]{8}\+\S+",
                _ => Key($"w{n++}").ToString());
            Assert.StartsWith("line ", Assert.Throws<FormatException>(() => Parse(text)).Message,
                StringComparison.Ordinal);
            refused++;
        }
        Assert.Equal((5, 6), (other, refused));
        output.WriteLine(
            $"policies: {refused} refused; {other} of the older dialect refused as they are, and accepted once brought to the standard");
    }

    [Fact]
    public void The_canonical_form_parses_to_the_same_policy_and_no_flipped_bit_escapes()
    {
        string[] policies = [Nested, "quorum none\n",
            $" \t# a comment\n\n\tquorum\t none \n witness é {X[0]}   https://é.example/\n",
            $"witness log {X[0]}\nwitness all {X[1]}\ngroup quorum 1 log all\nquorum quorum\n"];
        foreach (var text in policies)
        {
            var canonical = Encoding.Latin1.GetBytes(Parse(text).ToString());
            var again = WitnessPolicy.Parse(canonical);
            Assert.Equal(canonical, Encoding.Latin1.GetBytes(again.ToString()));
            Assert.Equal(Parse(text).Parts.Select(p => (p.Name, p.Key, p.Url, p.Needed)),
                again.Parts.Select(p => (p.Name, p.Key, p.Url, p.Needed)));
            // A bit of every second byte flipped: a refusal with a line, or another policy that has its own canonical
            // form.
            for (var at = 0; at < canonical.Length; at += 2)
            {
                var bit = 8 * at + at % 8;
                canonical[bit / 8] ^= (byte)(1 << bit % 8);
                try
                {
                    var read = WitnessPolicy.Parse(canonical).ToString();
                    Assert.Equal(read, WitnessPolicy.Parse(Encoding.Latin1.GetBytes(read)).ToString());
                }
                catch (FormatException e)
                {
                    Assert.StartsWith("line ", e.Message, StringComparison.Ordinal);
                }
                canonical[bit / 8] ^= (byte)(1 << bit % 8);
            }
        }
        // Names are octets: the letter K and the sign of the Kelvin are two.
        Assert.Throws<FormatException>(() => Parse($"witness K {X[0]}\nquorum \u212A\n"));
    }

    [Theory]
    [InlineData(1, "witness w1 W1", "ended by a newline")]
    [InlineData(2, "witness w1 W1\n", "without a quorum line")]
    [InlineData(1, "quorum w1\n", "not defined on a line before")]
    [InlineData(2, "quorum none\nquorum none\n", "a second quorum; the first stands on line 1")]
    [InlineData(2, "witness w1 W1\nwitness w1 W2\n", "defined already")]
    [InlineData(2, "witness w1 W1\nwitness w2 W1\n", "another witness has this key")]
    [InlineData(2, "log L\nlog L\n", "another log has this key")]
    [InlineData(1, "log W1\n", "type 0x04")]
    [InlineData(1, "witness w1 L\n", "does not cosign")]
    [InlineData(2, "log L\nwitness w1 LW\n", "witness itself")]
    [InlineData(1, "witness none W1\n", "names nothing else")]
    [InlineData(2, "witness w1 W1\ngroup g 0 w1\n", "0 of 1 members")]
    [InlineData(2, "witness w1 W1\ngroup g 2 w1\n", "2 of 1 members")]
    [InlineData(2, "witness w1 W1\ngroup g 01 w1\n", "not all, any or a decimal number")]
    [InlineData(2, "witness w1 W1\ngroup g -1 w1\n", "not all, any or a decimal number")]
    [InlineData(2, "witness w1 W1\ngroup g any w1 w1\n", "is a member of a group already")]
    [InlineData(3, "witness w1 W1\ngroup g any w1\ngroup h any w1\n", "is a member of a group already")]
    [InlineData(1, "group g any g\n", "not defined on a line before")]
    [InlineData(1, "group g any none\n", "not defined on a line before")]
    [InlineData(1, "group g any\n", "a group reads")]
    [InlineData(1, "log L https://a https://b\n", "a log reads")]
    [InlineData(1, "witness w1 W1 https://a #comment\n", "a witness reads")]
    [InlineData(1, "quorum\n", "a quorum reads")]
    [InlineData(1, "witnes w1 W1\n", "is not log, witness, group or quorum")]
    [InlineData(2, "\nquorum none\r\n", "control character 0d")]
    [InlineData(1, "log example.com/log+00000000+ATIn\n", "not a verifier key")]
    public void Wrong_lines_are_named_by_number(int line, string text, string because)
    {
        text = text.Replace("LW", Key("example.com/log").ToString(), StringComparison.Ordinal).Replace("W1",
            X[0].ToString(), StringComparison.Ordinal).Replace("W2", X[1].ToString(), StringComparison.Ordinal);
        text = Regex.Replace(text, @"\bL\b", Log.ToString());
        var message = Assert.Throws<FormatException>(() => Parse(text)).Message;
        Assert.StartsWith($"line {line}: ", message, StringComparison.Ordinal);
        Assert.Contains(because, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Caps_are_above_what_the_standard_asks_for()
    {
        string Sized(int logs, int witnesses, int groups)
        {
            var text = new StringBuilder();
            for (var i = 0; i < logs; i++) text.Append($"log {Key($"log{i}", NoteKeyType.Ed25519)}\n");
            for (var i = 0; i < witnesses; i++) text.Append($"witness w{i} {Key($"w{i}")}\n");
            for (var i = 0; i < groups; i++) text.Append($"group g{i} all w{i}\n");
            return text.Append("quorum none\n").ToString();
        }
        Assert.Equal(64, Parse(Sized(64, 64, 64)).Witnesses.Count());
        foreach (var over in new[] { Sized(65, 0, 0), Sized(0, 65, 0), Sized(0, 64, 64).Replace("quorum",
            "group g64 all g0\nquorum", StringComparison.Ordinal), "#" + new string('x', WitnessPolicy.MaxBytes) })
            Assert.Throws<FormatException>(() => Parse(over));
    }
}
