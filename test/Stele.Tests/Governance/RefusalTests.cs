using Stele.Proof.Governance;

namespace Stele.Tests.Governance;

public sealed class RefusalTests
{
    public static TheoryData<int, string> Cases()
    {
        var data = new TheoryData<int, string>();
        for (var i = 0; i < Refusing.All.Length; i++) data.Add(i, $"{Refusing.All[i].Code}: {Refusing.All[i].What}");
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Is_refused(int index, string name)
    {
        var (world, outcome) = Refusing.All[index].Act();
        // Whatever came before it left a state that can be named.
        Assert.NotEqual(default, StateDigest.Of(world.State));
        var refused = Assert.IsType<Outcome.Refused>(outcome);
        Assert.True(Refusing.All[index].Code == refused.Code,
            $"{name}: refused with {refused.Code}: {refused.Message}");
        Assert.NotEmpty(refused.Message);
    }

    /// <summary>
    /// A later version knows kinds and fold versions that this one does not: what was recorded of them would contradict
    /// it forever.
    /// </summary>
    [Fact]
    public void What_a_later_version_may_judge_otherwise_names_nobody_and_is_not_recorded()
    {
        var seen = new HashSet<RefusalCode>();
        foreach (var provocation in Refusing.All.Where(p => !p.Code.IsLasting()))
        {
            seen.Add(provocation.Code);
            Assert.Null(Assert.IsType<Outcome.Refused>(provocation.Act().Outcome).Member);
        }
        Assert.Equal([RefusalCode.UnknownKind, RefusalCode.UnknownFoldVersion, RefusalCode.DocumentMissing],
            seen.Order());
    }

    /// <summary>
    /// The set is closed: a code that nothing provokes is dead or untested. An entry too large never reaches the fold:
    /// anyone who makes one is told before.
    /// </summary>
    [Fact]
    public void Every_code_is_provoked() =>
        Assert.Equal([RefusalCode.TooLarge], Enum.GetValues<RefusalCode>().Except(Refusing.All.Select(c => c.Code)));

    [Fact]
    public void Every_code_has_a_name_a_status_and_a_hint()
    {
        var codes = Enum.GetValues<RefusalCode>();
        foreach (var code in codes)
        {
            Assert.Matches("^[a-z]+(-[a-z]+)*$", code.Name());
            Assert.InRange(code.Status(), 400, 499);
            Assert.NotEmpty(code.Hint());
            Assert.True(Refusals.TryParse(code.Name(), out var back) && back == code);
        }
        Assert.Equal(codes.Length, codes.Select(c => c.Name()).Distinct().Count());
    }

    /// <summary>Persisted in refusals forever: the list may only grow, and only at its end.</summary>
    [Fact]
    public void Names_are_permanent() => Assert.Equal(
        "malformed too-large unknown-kind not-genesis unknown-fold-version wrong-ledger time-backwards outside-window bad-signature unknown-signer revoked-key same-member-twice role-missing too-few-owners " +
        "not-the-server stale-head stale-replace unknown-system unknown-environment unknown-member unknown-release unknown-log unknown-artifact unknown-evaluation already-known key-taken last-owner " +
        "document-missing document-invalid wrong-system no-origin revoked policy-missing check-missing policy-failed author-approves shown-differs policies-differ expired never-deployed bad-routes not-a-return " +
        "bad-checkpoint inconsistent out-of-range on-hold unknown-hold policy-test-failed out-of-scope",
        string.Join(' ', Enum.GetValues<RefusalCode>().Select(c => c.Name())));
}
