using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>
/// What a decision's record says of candidates is held to the ledger: which stood, for whom one decided, and that none
/// is passed over.
/// </summary>
public sealed class CandidateLeafTests
{
    static readonly string[] People = [.. Enumerable.Range(0, 40)
        .Select(i => Digest.Of(BitConverter.GetBytes(i)).Hex[..32])];

    static (Mortgage M, Digest Policy, Digest Candidate) Watched(int share)
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        var candidate = m.World.Put(new Policy(
            new PolicyDocument("candidate") { Rules = [new Rule("never", ["decide"], Effect.Deny, "true")] }).ToJson());
        var fact = m.World.State.Policies[World.Sys];
        m.World.Add(m.World.PutPolicy(fact.Policy) with { Candidate = candidate, Share = share }, World.Owners);
        return (m, fact.Policy!.Value, candidate);
    }

    /// <summary>As an honest gateway records it.</summary>
    static Decision Honest(Mortgage m, Digest policy, Digest candidate, int share, string principal)
    {
        var d = m.World.Decide() with { Principal = principal };
        return PolicyStatement.FallsInto(share, candidate, principal)
            ? d with
            {
                Policies = [.. d.Policies.Select(p => p == policy ? candidate : p)],
                Outcome = DecisionOutcome.Deny,
                Rule = "never",
                RulePolicy = candidate,
                Status = 403
            }
            : d with { Would = [new Would(candidate, RuledOutcome.Deny, "never", candidate)] };
    }

    static string[] Findings(Mortgage m) =>
        [.. m.World.Verify().Findings.Where(f => f.Name.StartsWith("decision-", StringComparison.Ordinal))
            .Select(f => $"{f.Name} {f.Where[(f.Where.LastIndexOf('/') + 1)..]}")];

    [Theory]
    [InlineData(0), InlineData(50), InlineData(100)]
    public void Honest_records_are_as_they_must_be(int share)
    {
        var (m, policy, candidate) = Watched(share);
        foreach (var person in People) m.Log.Add(Honest(m, policy, candidate, share, person));
        Assert.Empty(Findings(m));
    }

    /// <summary>
    /// Once a candidate lost its force, both it and the policy in force decide for its principals: anyone who let them
    /// go by one of these is found.
    /// </summary>
    [Fact]
    public void Anyone_who_takes_a_candidate_that_lost_its_force_for_none_is_found()
    {
        var (m, policy, candidate) = Watched(100);
        m.World.Add(World.Revoke(RevocationTarget.Artifact, candidate, 0), World.Owners);
        var d = m.World.Decide() with
        {
            Outcome = DecisionOutcome.Deny, Rule = "never", RulePolicy = m.Frozen, Status = 403
        };
        foreach (Digest[] policies in new Digest[][] { [policy, candidate], [policy], [candidate],
            [candidate, policy] }) m.Log.Add(d with { Policies = [.. policies] });
        Assert.Equal(["decision-policy 1", "decision-policy 2", "decision-policy 3"], Findings(m));
    }

    /// <summary>
    /// A rule has a name within its policy alone: whose it is stands beside it, and that policy must have decided, or
    /// would have.
    /// </summary>
    [Fact]
    public void A_rule_of_a_policy_that_had_no_say_is_found()
    {
        var (m, policy, candidate) = Watched(0);
        var honest = Honest(m, policy, candidate, 0, People[0]);
        var denied = honest with { Outcome = DecisionOutcome.Deny, Rule = "no", Status = 403 };
        foreach (var of in new[] { policy, m.Frozen, candidate, m.V3 }) m.Log.Add(denied with { RulePolicy = of });
        foreach (var of in new[] { candidate, m.Frozen, policy, m.V3 })
            m.Log.Add(honest with { Would = [new Would(candidate, RuledOutcome.Deny, "no", of)] });
        // The policy in whose place the candidate stands would not have been asked.
        Assert.Equal(["decision-policy 2", "decision-policy 3", "decision-candidate 6", "decision-candidate 7"],
            Findings(m));
    }

    [Fact]
    public void A_rule_without_its_policy_is_no_record()
    {
        var (m, _, candidate) = Watched(0);
        var d = m.World.Decide();
        foreach (var bad in new[] { d with { Rule = "no" }, d with { RulePolicy = candidate },
            d with { Would = [new Would(candidate, RuledOutcome.Deny, "no")] },
            d with { Would = [new Would(candidate, RuledOutcome.Deny, null, candidate)] } })
        {
            Assert.Throws<FormatException>(() => Decision.Parse(bad.Encode()));
            Assert.False(DecisionLeaf.TryRead(bad.Encode(), out _) && bad.Rule is null == bad.RulePolicy is null);
        }
    }

    [Fact]
    public void A_candidate_that_is_passed_over_or_made_up_is_found()
    {
        var (m, policy, candidate) = Watched(0);
        var honest = Honest(m, policy, candidate, 0, People[0]);
        m.Log.Add(honest);
        m.Log.Add(honest with { Would = [] });
        m.Log.Add(honest with { Would = [.. honest.Would, .. honest.Would] });
        m.Log.Add(honest with { Would = [new Would(m.V3, RuledOutcome.Allow, null)] });
        m.Log.Add(honest);
        Assert.Equal(["decision-candidate 1", "decision-candidate 2", "decision-candidate 3"], Findings(m));
    }

    /// <summary>
    /// Leaves that look alike are of principals for whom different policies decide: each is looked at.
    /// </summary>
    [Fact]
    public void Anyone_who_is_decided_for_by_the_wrong_policy_is_found()
    {
        var (m, policy, candidate) = Watched(50);
        var expected = new List<string>();
        for (var i = 0; i < People.Length; i++)
        {
            var chosen = PolicyStatement.FallsInto(50, candidate, People[i]);
            m.Log.Add(Honest(m, policy, candidate, 0, People[i]));   // as if nobody were in the share
            if (chosen) expected.AddRange([$"decision-candidate {i}", $"decision-policy {i}"]);
        }
        Assert.True(expected.Count > 10);
        Assert.Equal(expected,
            Findings(m)
                .Order(Comparer<string>.Create((a, b) =>
                    (int.Parse(a.Split(' ')[1]), a).CompareTo((int.Parse(b.Split(' ')[1]), b)))));
    }
}
