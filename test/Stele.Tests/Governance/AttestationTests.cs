using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>A person's word on a control: when it counts.</summary>
public sealed class AttestationTests
{
    const string Oversight = "eu-ai-act/14";

    static long[] Counting(Mortgage m, Digest? release = null, long? at = null, string control = Oversight) =>
        [.. Attestations.InForce(m.World.State, control, World.Sys, release, at ?? m.World.Now)
            .Select(a => a.By.Entry)];

    [Fact]
    public void A_word_counts_until_it_ends()
    {
        var m = Mortgage.Released();
        var word = m.World.Attest(World.Approver, validFor: 10_000);
        var entry = m.World.Add(word, World.Approver);
        Assert.Equal([entry], Counting(m));
        Assert.Equal([entry], Counting(m, at: word.Expires - 1));
        Assert.Empty(Counting(m, at: word.Expires));
        Assert.Empty(Counting(m, control: "eu-ai-act/15"));
        Assert.Equal([entry], Counting(m, m.V1));
    }

    [Fact]
    public void A_word_on_a_release_counts_for_no_other()
    {
        var m = Mortgage.Released();
        var entry = m.World.Add(m.World.Attest(World.Approver, release: m.V2), World.Approver);
        Assert.Equal([entry], Counting(m, m.V2));
        Assert.Empty(Counting(m, m.V1));
        Assert.Empty(Counting(m));
    }

    /// <summary>
    /// Anyone who becomes an author of a release has no say on it any more; their word on the system stays. What they
    /// said they may take back.
    /// </summary>
    [Fact]
    public void A_word_on_a_release_by_one_of_its_authors_does_not_count_for_it()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.Member(World.Builder2, new Role(RoleName.Builder, World.Sys), new Role(RoleName.Approver, World.Sys)),
            World.Owners);
        var system = w.Add(w.Attest(World.Builder2), World.Builder2);
        var word = w.Add(w.Attest(World.Builder2, release: m.V2), World.Builder2);
        Assert.Equal([system, word], Counting(m, m.V2));
        w.Add(World.OriginOf(World.Builder2, Origin.Pipeline, Digest.Of("model v2"u8), m.Data, m.Code), World.Builder2);
        Assert.Equal([system], Counting(m, m.V2));
        Assert.Equal([system], Attestations.InForce(w.State, w.Now).Select(a => a.By.Entry));
        Assert.Equal([system], Counting(m, m.V1));
        w.Add(w.Attest(World.Builder2, release: m.V2, validFor: null), World.Builder2);
        Assert.Equal(RefusalCode.AuthorApproves, w.Refused(w.Attest(World.Builder2, release: m.V2), World.Builder2));
    }

    [Fact]
    public void The_last_word_of_a_member_is_the_one_that_counts_also_when_it_takes_the_first_back()
    {
        var m = Mortgage.Released();
        m.World.Add(m.World.Attest(World.Approver), World.Approver);
        var other = m.World.Add(m.World.Attest(World.Owner), World.Owner);
        var second = m.World.Add(m.World.Attest(World.Approver, validFor: 5_000), World.Approver);
        Assert.Equal([other, second], Counting(m));
        // The first would have lasted longer; it was replaced all the same.
        Assert.Equal([other], Counting(m, at: m.World.Now + 6_000));
        m.World.Add(m.World.Attest(World.Approver, validFor: null), World.Approver);
        Assert.Equal([other], Counting(m));
        var again = m.World.Add(m.World.Attest(World.Approver), World.Approver);
        Assert.Equal([other, again], Counting(m));
    }

    [Fact]
    public void What_a_stolen_key_took_back_counts_again_once_it_is_revoked()
    {
        var m = Mortgage.Released();
        var second = World.Approver.With("second");
        m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Approver,
            World.Sys)) with { Keys = [World.Approver.Key.Public, second.Key.Public] }, World.Owners);
        var first = m.World.Add(m.World.Attest(World.Approver), World.Approver);
        var theft = m.World.Add(m.World.Attest(World.Approver, validFor: null), second);
        Assert.Empty(Counting(m));
        m.World.Add(World.Revoke(RevocationTarget.Key, second.Key.Public.Id, theft), World.Owners);
        Assert.Equal([first], Counting(m));
        // The next word still follows the last entry, whatever became of that.
        Assert.Equal(theft, m.World.Attest(World.Approver).Replaces);
        var next = m.World.Add(m.World.Attest(World.Approver), World.Approver);
        Assert.Equal([next], Counting(m));
        m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, next), World.Owners);
        Assert.Equal([first], Counting(m));
        m.World.Add(World.Revoke(RevocationTarget.Key, World.Approver.Key.Public.Id, first), World.Owners);
        Assert.Empty(Counting(m));
    }

    [Fact]
    public void It_goes_with_the_role_the_member_and_the_evidence()
    {
        var m = Mortgage.Released();
        var entry = m.World.Add(m.World.Attest(World.Approver, evidence: m.Data), World.Approver);
        Assert.Equal([entry], Counting(m));
        m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Approver, World.Sys, World.Prod)), World.Owners);
        Assert.Empty(Counting(m));
        m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Approver)), World.Owners);
        Assert.Equal([entry], Counting(m));
        m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Data, m.World.State.Size), World.Owners);
        Assert.Empty(Counting(m));
    }

    /// <summary>
    /// Hundreds of random lives: words, words taken back, keys revoked, roles given and taken, time passing. What
    /// counts is what a reckoning from the bare entries gives.
    /// </summary>
    [Fact]
    public void What_counts_is_what_the_bare_entries_say()
    {
        var random = new Random(11);
        string[] controls = [Oversight, "iso-42001/A.2.2"];
        Person[] people = [World.Approver, World.Approver2, World.Owner];
        var (some, none) = (0, 0);
        for (var life = 0; life < 60; life++)
        {
            var m = Mortgage.Released();
            var w = m.World;
            var revoked = new Dictionary<Digest, long>();
            w.Add(w.Member(World.Approver2, new Role(RoleName.Approver, World.Sys)), World.Owners);
            foreach (var p in people)
                w.Add(w.Member(p, Roles(p)) with { Keys = [p.Key.Public, p.With("second").Key.Public] }, World.Owners);
            for (var step = 0; step < 25; step++)
            {
                var who = people[random.Next(people.Length)];
                var signer = random.Next(3) == 0 ? who.With("second") : who;
                switch (random.Next(8))
                {
                    case 0 when who.Name != World.Owner.Name:
                        w.Add(w.Member(who,
                            random.Next(2) == 0
                                ? [new Role(RoleName.Approver, World.Sys, World.Prod)]
                                : Roles(who)) with { Keys = [.. new[] { who, who.With("second") }.Where(k =>
                                    !revoked.ContainsKey(k.Key.Public.Id)).Select(k => k.Key.Public)] }, World.Owners);
                        break;
                    case 1 when who.Name != World.Owner.Name && !revoked.ContainsKey(signer.Key.Public.Id)
                        && random.Next(2) == 0:
                        var from = random.NextInt64(w.State.Size / 2, w.State.Size + 1);
                        w.Add(World.Revoke(RevocationTarget.Key, signer.Key.Public.Id, from), World.Owners);
                        revoked.Add(signer.Key.Public.Id, from);
                        break;
                    case 2:
                        w.Now += random.Next(20_000);
                        break;
                    default:
                        var word = w.Attest(who, controls[random.Next(2)], random.Next(3) switch
                        {
                            0 => m.V1,
                            1 => m.V2,
                            _ => null
                        }, random.Next(5) == 0 ? null : random.Next(5_000, 60_000));
                        if (w.Try(word, signer) is Outcome.Accepted) w.Add(word, signer);
                        break;
                }
                foreach (var control in controls)
                    foreach (var release in new Digest?[] { null, m.V1, m.V2 })
                    {
                        var expected = Reckoned(w, control, release);
                        Assert.Equal(expected,
                            Attestations.InForce(w.State, control, World.Sys, release, w.Now).Select(a => a.By.Entry));
                        if (expected.Length > 0) some++;
                        else none++;
                    }
            }
        }
        Assert.True(some > 500 && none > 500, $"{some} and {none}");

        static Role[] Roles(Person p) => p.Name == World.Owner.Name
            ? [new Role(RoleName.Owner)]
            : [new Role(RoleName.Approver, World.Sys)];
    }

    /// <summary>
    /// Entry by entry, from the signed bytes alone: the newest word a member, control and thing whose key was not
    /// revoked back to it.
    /// </summary>
    static long[] Reckoned(World w, string control, Digest? release)
    {
        var entries = w.Entries.Select(e => Entry.Parse(e)).ToArray();
        var statements = entries.Select(e => StatementKinds.Parse(e.Envelope.Payload)).ToArray();
        long RevokedFrom(Digest key) =>
            statements.OfType<Revocation>().Where(r => r.Digest == key).Select(r => r.FromEntry!.Value)
                .DefaultIfEmpty(long.MaxValue).Min();
        string MemberOf(Digest key) =>
            statements.OfType<MemberStatement>().First(m => m.Keys.Any(k => k.Id == key)).Member;
        var counting = new List<long>();
        foreach (var of in release is null ? new Digest?[] { null } : [null, release])
            foreach (var member in statements.OfType<MemberStatement>().Select(s => s.Member).Distinct())
            {
                for (var i = statements.Length - 1; i >= 0; i--)
                {
                    if (statements[i] is not Attestation a || a.Control != control || a.Release != of) continue;
                    var key = entries[i].Envelope.Signatures[0].KeyId;
                    if (MemberOf(key) != member || RevokedFrom(key) <= i) continue;
                    var roles = statements.OfType<MemberStatement>().Last(s => s.Member == member).Roles;
                    if (a.Expires > w.Now && roles.Any(r => r.Name is RoleName.Owner or RoleName.Approver
                        && r.Environment is null))
                        counting.Add(i);
                    break;
                }
            }
        return [.. counting.Order()];
    }
}
