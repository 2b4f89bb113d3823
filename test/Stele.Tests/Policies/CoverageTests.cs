using System.Collections.Immutable;
using Stele.Build;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Policies;

/// <summary>
/// Which controls are met, and by what: exact, held to a reckoning that goes through the bare entries.
/// </summary>
public sealed class CoverageTests
{
    static readonly Catalogue Small = Catalogue.Parse("small.yaml", """
        name: small
        title: A small catalogue
        caveat: No legal advice.
        controls:
          - { id: M1, title: a machine can, met: machine, note: n }
          - { id: M2, title: a machine can, met: machine, note: n }
          - { id: A1, title: a person can, met: attestation, note: "" }
          - { id: A2, title: a person can, met: attestation, note: "" }
          - { id: E1, title: either can, met: either, note: n }
          - { id: E2, title: either can, met: either, note: n }
        """);

    static Rule Naming(string id, string on, params string[] controls) =>
        new(id, [on], Effect.Require,
            "true") { Controls = [.. controls.Select(c => "small/" + c).Order(StringComparer.Ordinal)] };

    static Digest Put(World w, string name, string[] words, params Rule[] rules) =>
        w.Put(new Policy(new PolicyDocument(name)
        {
            Rules = [.. rules],
            Attestations = [.. words.Select(c => "small/" + c).Order(StringComparer.Ordinal)]
        }).ToJson());

    static Coverage Of(World w, string? environment = World.Prod, long? at = null) =>
        Coverage.Of(w.State, d => w.Replay.Documents.Policy(d), Small, World.Sys, environment, at ?? w.Now);

    static string Said(Coverage c) =>
        string.Join(' ', c.Rows.Select(r => $"{r.Control.Id}:{ViewJson.Name(r.Status)}"));

    [Fact]
    public void A_rule_in_force_checks_a_word_attests_and_the_rest_is_open()
    {
        var m = Mortgage.Released();
        var w = m.World;
        Assert.Equal("M1:open M2:open A1:open A2:open E1:open E2:open", Said(Of(w)));
        w.Add(w.PutPolicy(Put(w, "p", [], Naming("r", "deploy", "M1", "A1", "E1"))), World.Owners);
        // A rule is no person's word: A1 stays open.
        Assert.Equal("M1:checked M2:open A1:open A2:open E1:checked E2:open", Said(Of(w)));
        foreach (var control in new[] { "A1", "M2", "E2" })
            w.Add(w.Attest(World.Approver, "small/" + control, validFor: 10_000), World.Approver);
        // And a word is no machine's check: M2 stays open.
        Assert.Equal("M1:checked M2:open A1:attested A2:open E1:checked E2:attested", Said(Of(w)));
        Assert.Equal("M1:checked M2:open A1:lapsed A2:open E1:checked E2:lapsed", Said(Of(w, at: w.Now + 20_000)));
        w.Add(w.Attest(World.Approver, "small/A1", validFor: null), World.Approver);
        Assert.Equal("M1:checked M2:open A1:open A2:open E1:checked E2:attested", Said(Of(w)));
        w.Add(w.PutPolicy(null), World.Owners);
        Assert.Equal("M1:open M2:open A1:open A2:open E1:open E2:attested", Said(Of(w)));
    }

    [Fact]
    public void A_rule_that_demands_a_word_checks_nothing()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.PutPolicy(Put(w, "p", ["E1"], Naming("r", "deploy", "E1", "E2"))), World.Owners);
        var coverage = Of(w);
        Assert.Equal("M1:open M2:open A1:open A2:open E1:open E2:checked", Said(coverage));
        Assert.Equal([true, false], coverage.Rows.SelectMany(r => r.Rules).Select(r => r.Demands));
    }

    [Fact]
    public void A_rule_of_one_environment_does_not_check_a_system_of_two()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.PutPolicy(Put(w, "p", [], Naming("r", "deploy", "M1")), environment: World.Prod), World.Owners);
        Assert.Equal(ControlStatus.Checked, Of(w).Rows[0].Status);
        Assert.Equal(ControlStatus.Open, Of(w, World.Test).Rows[0].Status);
        Assert.Equal(ControlStatus.Open, Of(w, null).Rows[0].Status);
        w.Add(w.PutPolicy(Put(w, "q", [], Naming("s", "deploy", "M1")), environment: World.Test), World.Owners);
        Assert.Equal(ControlStatus.Checked, Of(w, null).Rows[0].Status);
        Assert.Equal(["mortgage/prod", "mortgage/test"], Of(w, null).Rows[0].Rules.Select(r => r.Place));
    }

    [Fact]
    public void A_rule_that_was_waived_for_what_runs_checks_nothing_there()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var policy = Put(w, "p", [], Naming("r", "deploy", "M1") with { Expr = "size(release.name) > 100" },
            Naming("s", "deploy", "M2"));
        w.Add(w.PutPolicy(policy), World.Owners);
        var waiver = w.Add(w.Waive(m.V1, policy, "r"), World.Approver);
        Assert.Equal("M1:checked M2:checked A1:open A2:open E1:open E2:open", Said(Of(w)));
        w.Deploy(w.Deploying(m.V1));
        Assert.Equal("M1:open M2:checked A1:open A2:open E1:open E2:open", Said(Of(w)));
        Assert.Equal(waiver, Of(w).Rows[0].Rules.Single().Waived);
    }

    [Fact]
    public void What_is_frozen_in_the_release_counts_for_requests_alone()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var own = Put(w, "own", [], Naming("asked", "decide", "M1"), Naming("never-asked", "deploy", "M2"));
        var (release, document) = w.Close("v4", own, ("code", "code", m.Code));
        w.Add(World.Release(release, document), World.Builder);
        w.Add(w.PutPolicy(Put(w, "open", [], Naming("any", "deploy"))), World.Owners);
        Assert.Equal("M1:open M2:open A1:open A2:open E1:open E2:open", Said(Of(w)));
        w.Deploy(w.Deploying(release));
        Assert.Equal("M1:checked M2:open A1:open A2:open E1:open E2:open", Said(Of(w)));
    }

    [Fact]
    public void A_word_on_a_release_counts_where_that_release_runs()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.PutPolicy(Put(w, "open", [], Naming("any", "deploy"))), World.Owners);
        w.Add(w.Attest(World.Approver, "small/A1", m.V2), World.Approver);
        Assert.Equal(ControlStatus.Open, Of(w).Rows[2].Status);
        w.Deploy(w.Deploying(m.V2));
        Assert.Equal(ControlStatus.Attested, Of(w).Rows[2].Status);
        w.Deploy(w.Deploying(m.V3));
        Assert.Equal(ControlStatus.Open, Of(w).Rows[2].Status);
    }

    [Fact]
    public void A_reference_to_no_control_is_told()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.PutPolicy(Put(w, "p", [], Naming("r", "deploy", "M1", "M9"))), World.Owners);
        Assert.Equal(["small/M9"], Coverage.Strays(w.State, d => w.Replay.Documents.Policy(d), Small, World.Sys, null));
    }

    /// <summary>
    /// Random worlds, looked at after every step, for each place and the system: policies set and taken, words,
    /// waivers, deployments, time.
    /// </summary>
    [Fact]
    public void It_is_what_the_bare_entries_say()
    {
        var random = new Random(5);
        var seen = new Dictionary<ControlStatus, int>();
        string[] ids = [.. Small.Controls.Select(c => c.Id)];
        for (var life = 0; life < 25; life++)
        {
            var m = Mortgage.Released();
            var w = m.World;
            string[] Some() => [.. ids.Where(_ => random.Next(3) == 0)];
            Digest Random(string name) =>
                Put(w, name, Some(),
                    [.. Enumerable.Range(0, 3).Select(i => Naming($"r{i}", random.Next(4) == 0 ? "decide" : "deploy",
                        Some()) with { Expr = i == 2 ? "action == 'none'" : "true" })]);
            var releases = new List<Digest>();
            for (var i = 0; i < 2; i++)
            {
                var (release, document) = w.Close($"x{i}", random.Next(2) == 0 ? null : Random("own"),
                    ("code", "code", m.Code), ("data", "dataset", i == 0 ? m.Data : m.Code));
                w.Add(World.Release(release, document), World.Builder);
                releases.Add(release);
            }
            string?[] places = [null, World.Prod, World.Test];
            for (var step = 0; step < 12; step++)
            {
                var release = releases[random.Next(2)];
                var environment = places[random.Next(1, 3)]!;
                switch (random.Next(6))
                {
                    case 0:
                        var scope = places[random.Next(3)];
                        w.Add(w.PutPolicy(random.Next(4) == 0 ? null : Random("p"), environment: scope), World.Owners);
                        break;
                    case 1:
                        foreach (var digest in w.State.PoliciesFor(World.Sys, environment))
                            if (w.Try(w.Waive(release, digest, "r2", environment), World.Approver) is Outcome.Accepted)
                                w.Add(w.Waive(release, digest, "r2", environment), World.Approver);
                        break;
                    case 2:
                        if (w.Try(w.Deploying(release, environment), World.Deployer) is Outcome.Accepted)
                            w.Add(w.Deploying(release, environment), World.Deployer);
                        break;
                    case 3:
                        w.Now += random.Next(15_000);
                        break;
                    default:
                        var word = w.Attest(World.Approver, "small/" + ids[random.Next(ids.Length)], random.Next(3) == 0
                            ? release
                            : null, random.Next(5) == 0 ? null : random.Next(2_000, 20_000));
                        if (w.Try(word, World.Approver) is Outcome.Accepted) w.Add(word, World.Approver);
                        break;
                }
                foreach (var place in places)
                {
                    var coverage = Of(w, place);
                    var expected = Reckoned(w, place);
                    Assert.Equal(expected, coverage.Rows.Select(r => r.Status));
                    foreach (var s in expected) seen[s] = seen.GetValueOrDefault(s) + 1;
                    Assert.Equal(Small.Controls.Length, Enum.GetValues<ControlStatus>().Sum(coverage.Count));
                }
            }
        }
        Assert.All(Enum.GetValues<ControlStatus>(),
            s => Assert.True(seen.GetValueOrDefault(s) > 40, $"{s}: {seen.GetValueOrDefault(s)}"));
    }

    /// <summary>Control by control, from the signed statements and the policies' JSON alone.</summary>
    static ControlStatus[] Reckoned(World w, string? asked)
    {
        var statements = w.Entries.Select(e => StatementKinds.Parse(Entry.Parse(e).Envelope.Payload)).ToArray();
        Json Document(Digest digest) => CanonicalJson.Parse(w.Find(digest)!, 1 << 20);
        // Where, and what runs there.
        var targets = new List<(string Place, Digest? Release)>();
        foreach (var place in asked is null ? new[] { World.Prod, World.Test } : [asked])
            targets.Add((place,
                statements.OfType<Deployment>().LastOrDefault(d => d.Environment == place)?.Routes.Single().Release));
        // The policies in force there; what the head had to have waived.
        Digest? InForce(string? environment) =>
            statements.OfType<PolicyStatement>().LastOrDefault(p => p.Environment == environment)?.Policy;
        IEnumerable<(Json Policy, Json Rule)> Rules((string Place, Digest? Release) t)
        {
            var place = new[] { InForce(null), InForce(t.Place) }.OfType<Digest>().Distinct().ToArray();
            var head = Array.FindLastIndex(statements, s => s is Deployment d && d.Environment == t.Place);
            foreach (var digest in place)
                foreach (var rule in Document(digest)["rules"].AsArray)
                    if (!Waived(digest, rule["id"].AsString)) yield return (Document(digest), rule);
            if (t.Release is { } r && statements.OfType<Release>().First(x => x.Digest == r) is var stated
                && Document(stated.Document).Find("policy")?.AsDigest is { } own && !place.Contains(own))
                foreach (var rule in Document(own)["rules"].AsArray)
                    if (rule["on"].AsArray[0].AsString == "decide") yield return (Document(own), rule);

            // Rule r2 never holds: whatever stands there under a policy that has it on deploy was waived, if that
            // policy was in force when it came.
            bool Waived(Digest digest, string rule)
            {
                if (head < 0 || rule != "r2"
                    || !Document(digest)["rules"].AsArray
                        .Any(x => x["id"].AsString == "r2" && x["on"].AsArray[0].AsString == "deploy")) return false;
                Digest? Then(string? environment) =>
                    statements[..head].OfType<PolicyStatement>()
                        .LastOrDefault(p => p.Environment == environment)?.Policy;
                return digest == Then(null) || digest == Then(t.Place);
            }
        }
        bool Names(Json list, string control) => list.AsArray.Any(c => c.AsString == "small/" + control);
        // The approver's last word on each thing.
        Attestation[] Words(string control) =>
            [.. statements.OfType<Attestation>().Where(a => a.Control == "small/" + control).GroupBy(a => a.Release)
                .Select(g => g.Last()).Where(a => a.Expires is not null)];
        return [.. Small.Controls.Select(c =>
        {
            var ways = targets.Select(t => (
                Checked: c.Met != MetBy.Attestation
                    && Rules(t).Any(x => Names(x.Rule["controls"], c.Id) && !Names(x.Policy["attestations"], c.Id)),
                Attested: c.Met != MetBy.Machine && Words(c.Id)
                    .Any(a => a.Expires > w.Now && (a.Release is null || a.Release == t.Release)))).ToArray();
            return ways.All(x => x.Checked) ? ControlStatus.Checked : ways.All(x => x.Checked || x.Attested)
                ? ControlStatus.Attested
                : c.Met != MetBy.Machine
                    && Words(c.Id)
                        .Any(a => a.Expires <= w.Now && (a.Release is null || targets.Any(t => t.Release == a.Release)))
                    ? ControlStatus.Lapsed : ControlStatus.Open;
        })];
    }
}
