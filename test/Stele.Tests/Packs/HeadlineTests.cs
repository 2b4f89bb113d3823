using Stele.Proof;
using Stele.Proof.Packs;

namespace Stele.Tests.Packs;

/// <summary>
/// What a report's headline is, of everything that may have been found; and that a claim is never told as checked.
/// </summary>
public sealed class HeadlineTests
{
    /// <summary>Everything that decides a headline, in the order in which it does.</summary>
    static readonly (Action<VerifyReport> Put, Headline Headline)[] Reasons =
    [
        (r => r.Find("log-forked", "log", "two trees", FindingKind.Fraud), Headline.FraudProven),
        (r => r.Find("entry-refused", "entry 7", "bad-signature"), Headline.Contradicted),
        (r => r.Stop(new Halt(4, HaltReason.DocumentMissing, "the policy is not at hand", 24)), Headline.Stopped),
        (r => r.Authenticated = false, Headline.Unauthenticated),
        (r => r.Early = true, Headline.Early),
        (r => r.DeclaredGaps = 2, Headline.DeclaredGaps),
        (r => r.Limit(LimitName.NoWitness, "no witness"), Headline.CompleteWithLimits),
    ];

    /// <summary>The first reason that applies decides, whatever else does.</summary>
    [Fact]
    public void The_gravest_reason_is_the_headline()
    {
        var seen = new HashSet<Headline>();
        for (var set = 0; set < 1 << Reasons.Length; set++)
        {
            var report = new VerifyReport { Authenticated = true };
            for (var i = 0; i < Reasons.Length; i++) if ((set >> i & 1) == 1) Reasons[i].Put(report);
            var expected = Enumerable.Range(0, Reasons.Length).Where(i => (set >> i & 1) == 1)
                .Select(i => (Headline?)Reasons[i].Headline).FirstOrDefault() ?? Headline.Complete;
            Assert.Equal(expected, report.Headline);
            Assert.Equal(expected.Exit(), report.Result);
            var json = report.ToJson();
            Assert.Equal((expected.Name(), report.Sentence, (long)report.Result),
                (json["result"].AsString, json["headline"].AsString, json["exit"].AsInt));
            Assert.Equal(report.Sentence, report.Lines().First().Text);
            // A limit is named under every headline.
            if ((set >> 6 & 1) == 1) Assert.Contains("  no-witness: no witness", report.Lines().Select(l => l.Text));
            seen.Add(expected);
        }
        Assert.Equal(Enum.GetValues<Headline>(), seen.Order());
        Assert.Equal(seen.Count, seen.Select(h => h.Name()).Distinct().Count());
    }

    /// <summary>What strangers sign proves nothing against the keys that are pinned.</summary>
    [Fact]
    public void Fraud_is_told_only_of_the_ledger_that_is_pinned()
    {
        var report = new VerifyReport { Authenticated = true };
        report.Find("log-forked", "log", "two trees", FindingKind.Fraud);
        Assert.Equal((Headline.FraudProven, 6), (report.Headline, (int)report.Result));
        report.Find("trust-genesis", "genesis", "another ledger", FindingKind.Stranger);
        Assert.Equal((Headline.Contradicted, 1), (report.Headline, (int)report.Result));
    }

    [Fact]
    public void What_was_gathered_before_a_finding_is_told_as_a_claim()
    {
        var report = new VerifyReport { Authenticated = true };
        foreach (var basis in Enum.GetValues<Basis>()) report.Fact(basis, $"a fact {basis.Name()}");
        report.Note("a note");
        var lines = report.Lines().Select(l => l.Text).ToList();
        foreach (var basis in Enum.GetValues<Basis>()) Assert.Equal(
            $"  a fact {basis.Name()}", lines[lines.IndexOf(basis.Label() + ":") + 1]);
        Assert.Equal("  a note", lines[lines.IndexOf("checked:") + 1]);
        Assert.Equal((4, 1), (report.ToJson()["facts"].AsArray.Length, report.ToJson()["notes"].AsArray.Length));
        Assert.Null(report.ToJson().Find("claims"));

        report.Find("entry-refused", "entry 7", "bad-signature");
        lines = [.. report.Lines().Select(l => l.Text)];
        Assert.DoesNotContain("checked:", lines);
        foreach (var basis in Enum.GetValues<Basis>()) Assert.DoesNotContain(basis.Label() + ":", lines);
        Assert.True(lines.IndexOf("  a note") > lines.IndexOf(
            "what it claims (not established, because the check failed):"));
        Assert.Equal((0, 0, 5), (
            report.ToJson()["facts"].AsArray.Length, report.ToJson()["notes"].AsArray.Length,
            report.ToJson()["claims"].AsArray.Length));
    }

    [Fact]
    public void Names_are_distinct_and_in_kebab_case()
    {
        string[] names = [.. Enum.GetValues<LimitName>().Select(n => n.Name()),
            .. Enum.GetValues<RemarkName>().Select(n => n.Name()), .. Enum.GetValues<Headline>().Select(n => n.Name()),
            .. Enum.GetValues<Basis>().Select(n => n.Name())];
        Assert.Equal(names.Length, names.Distinct(StringComparer.Ordinal).Count());
        Assert.All(names, n => Assert.Matches("^[a-z]+(-[a-z]+)*$", n));
    }
}
