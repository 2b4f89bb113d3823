using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>
/// What a stolen owner's key did goes with that key: the members whom it stated, whom those stated, and all that they
/// signed; and nothing else.
/// </summary>
public sealed class FallingTests
{
    static readonly Person Stolen = World.Owner.With("stolen"), Mole = Person.Of("mole"), Deep = Person.Of("deep"),
        Good = Person.Of("good");

    /// <summary>
    /// One owner may sign. The stolen key makes the mole an owner, the mole another, and that one brings in a builder,
    /// an approver and a policy that lets all pass, while a good owner goes on.
    /// </summary>
    static (World World, long Theft) Robbed()
    {
        var w = new World();
        w.Add(World.Genesis(threshold: 1), World.Owner);
        w.Add(w.Member(World.Owner, new Role(RoleName.Owner))
            with { Keys = [World.Owner.Key.Public, Stolen.Key.Public] },
            World.Owner);
        w.Add(w.Declare(World.Sys, new EnvironmentTerms(World.Prod, null, null, false)), World.Owner);
        w.Add(w.Member(World.Deployer, new Role(RoleName.Deployer)), World.Owner2);
        w.Add(w.Member(World.Builder2, new Role(RoleName.Builder)), World.Owner2);
        w.Add(w.PutPolicy(w.Policy("all", null, ("yes", "deploy", "true")), null), World.Owner2);
        var theft = w.Add(w.Member(Mole, new Role(RoleName.Owner)), Stolen);
        w.Add(w.Member(Deep, new Role(RoleName.Owner), new Role(RoleName.Evaluator)), Mole);
        w.Add(w.Member(World.Builder, new Role(RoleName.Builder)), Deep);
        w.Add(w.Member(World.Approver, new Role(RoleName.Approver)), Deep);
        w.Add(w.Member(Good, new Role(RoleName.Builder)), World.Owner);
        return (w, theft);
    }

    static Digest Build(World w, Person builder, Person declares, string name)
    {
        var code = w.Put(name);
        w.Add(World.OriginOf(builder, Origin.Freeze, code), builder);
        var (release, document) = w.Close(name, null, ("code", "code", code));
        w.Add(World.Release(release, document), declares);
        return release;
    }

    [Fact]
    public void Members_fall_with_those_who_stated_them_however_far()
    {
        var (w, theft) = Robbed();
        w.Add(World.Revoke(RevocationTarget.Key, Stolen.Key.Public.Id, theft), World.Owner);
        foreach (var gone in new[] { Mole, Deep, World.Builder, World.Approver }) Assert.Null(w.State.Member(gone.Id));
        foreach (var stays in new[] { World.Owner, World.Owner2, World.Deployer, World.Builder2, Good })
            Assert.NotNull(w.State.Member(stays.Id));
        Assert.Equal(RefusalCode.RevokedKey, w.Refused(w.PutPolicy(null, null), Deep));
        Assert.Equal(RefusalCode.RevokedKey,
            w.Refused(World.OriginOf(World.Builder, Origin.Freeze, w.Put("more")), World.Builder));
        Assert.Equal(RefusalCode.RevokedKey, w.Refused(w.Member(World.Stranger, new Role(RoleName.Owner)), Deep, Mole));
    }

    [Fact]
    public void A_policy_that_a_fallen_owner_put_lets_nothing_pass()
    {
        var (w, theft) = Robbed();
        w.Add(w.PutPolicy(w.Policy("lax", null, ("yes", "deploy", "true"))), Deep);
        var release = Build(w, World.Builder2, World.Builder2, "sound");
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(release), World.Deployer));
        var seen = w.Policy("seen", null,
            ("sees", "revocation", $"revocation.scopes == ['{World.Sys}'] && revocation.fromEntry == {theft}"));
        w.Add(w.PutPolicy(seen, null), World.Owner2);
        w.Add(World.Revoke(RevocationTarget.Key, Stolen.Key.Public.Id, theft), World.Owner);
        Assert.Equal(RefusalCode.Revoked, w.Refused(w.Deploying(release), World.Deployer));
        w.Add(w.PutPolicy(w.Policy("strict", null, ("no", "deploy", "true"))), World.Owner2);
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(release), World.Deployer));
    }

    /// <summary>
    /// Origin, release, evaluation, approval, waiver and a word on a control, each by someone who fell at the second
    /// step or further.
    /// </summary>
    [Fact]
    public void Nothing_counts_that_the_fallen_signed()
    {
        var (w, theft) = Robbed();
        var (built, declared, good) = (Build(w, World.Builder, World.Builder2, "built"),
            Build(w, World.Builder2, World.Builder, "declared"), Build(w, World.Builder2, Good, "good"));
        var check = w.Put(Json.Object(("name", "check")));
        var evaluation = w.Add(World.Evaluate(good, check, w.Report(0.9)), Deep);
        var policy = w.State.Policies["*"].Policy!.Value;
        var waiver = w.Add(w.Waive(good, policy, "yes"), World.Approver);
        w.Add(w.Attest(Deep, "iso-42001/A.6.2.4"), Deep);
        w.Add(w.Approve(good), World.Approver);
        var now = w.Now;
        (bool, bool, bool, bool) Count() =>
            (w.State.Stands(w.State.Evaluations[evaluation]), PolicyInput.ValidApprovals(w.State,
                w.State.Releases[good], World.Sys, World.Prod, DeploymentAction.Deploy, [new Route(good, 100)],
                now).Any(),
            w.State.Stands(w.State.Waivers[waiver], now), Attestations.InForce(w.State, now).Any());
        Assert.Equal((true, true, true, true), Count());
        foreach (var release in new[] { built, declared, good })
            Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(release), World.Deployer));

        w.Add(World.Revoke(RevocationTarget.Key, Stolen.Key.Public.Id, theft), World.Owner2);
        Assert.Equal((false, false, false, false), Count());
        Assert.Equal(RefusalCode.NoOrigin, w.Refused(w.Deploying(built), World.Deployer));
        Assert.Equal(RefusalCode.Revoked, w.Refused(w.Deploying(declared), World.Deployer));
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(good), World.Deployer));

        // Stated again by owners who stand, they act again, and what they sign from then on counts; what they signed
        // before stays fallen.
        foreach (var (person, role) in new[] { (World.Builder, RoleName.Builder), (World.Approver, RoleName.Approver),
            (Deep, RoleName.Owner) }) w.Add(w.Member(person, new Role(role)), World.Owner2);
        Assert.Equal((false, false, false, false), Count());
        Assert.Equal(RefusalCode.NoOrigin, w.Refused(w.Deploying(built), World.Deployer));
        w.Add(w.Approve(good), World.Approver);
        w.Add(World.OriginOf(World.Builder, Origin.Freeze, w.Put("built")), World.Builder);
        Assert.Equal((false, true, false, false), Count());
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(built), World.Deployer));
    }

    /// <summary>
    /// A key that is given up undoes nothing: of several owners, one alone can't take back what all signed.
    /// </summary>
    [Fact]
    public void A_key_that_revokes_itself_leaves_what_it_signed()
    {
        var (w, theft) = Robbed();
        var before = World.Owner2.Key.Public.Id;
        var at = w.Add(World.Revoke(RevocationTarget.Key, Stolen.Key.Public.Id, null), Stolen);
        Assert.Equal(at, w.State.Revocations[Stolen.Key.Public.Id].FromEntry);
        Assert.NotNull(w.State.Member(Deep.Id));
        // Who signs for others, or further back, is judged as owners are: the last of them stays.
        Assert.Equal(RefusalCode.RevokedKey,
            w.Refused(World.Revoke(RevocationTarget.Key, Stolen.Key.Public.Id, theft), Stolen));
        w.Add(World.Revoke(RevocationTarget.Key, before, null), World.Owner2);
        w.Add(World.Revoke(RevocationTarget.Key, Stolen.Key.Public.Id, theft), World.Owner);
        Assert.Null(w.State.Member(Deep.Id));
        Assert.Equal(RefusalCode.LastOwner,
            w.Refused(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id, w.State.Size), World.Owner));
        w.Add(World.Revoke(RevocationTarget.Key, World.Owner.Key.Public.Id, null), World.Owner);
    }

    /// <summary>
    /// The recovery key goes by its own word alone; back to an entry, too, and then those whom it stated fall.
    /// </summary>
    [Fact]
    public void The_recovery_key_revokes_itself_and_whom_it_stated()
    {
        foreach (var back in new[] { true, false })
        {
            var (w, _) = Robbed();
            var stated = w.Add(w.Member(World.Stranger, new Role(RoleName.Owner)), World.Recovery);
            w.Add(World.Revoke(RevocationTarget.Key, World.Recovery.Key.Public.Id, back ? stated : null),
                World.Recovery);
            Assert.Equal(back, w.State.Member(World.Stranger.Id) is null);
            Assert.Equal(RefusalCode.RevokedKey, w.Refused(w.Member(Good, new Role(RoleName.Owner)), World.Recovery));
        }
    }

    /// <summary>
    /// The property: who is a member, and which origins count, is what the signed entries alone say, no matter who
    /// stated whom, and whichever keys were revoked back to wherever.
    /// </summary>
    [Fact]
    public void What_stands_is_what_the_entries_say()
    {
        var (own, inherited, standing) = (0, 0, 0);
        Person[] people = [World.Owner, World.Owner2, .. Enumerable.Range(0, 5).Select(i => Person.Of("p" + i))];
        for (var seed = 0; seed < 150; seed++)
        {
            var random = new Random(seed);
            var w = new World();
            w.Add(World.Genesis(threshold: 1), World.Owner);
            for (var act = 0; act < 60; act++)
            {
                var (by, whom) = (people[random.Next(people.Length)], people[random.Next(people.Length)]);
                Person[] signers = random.Next(4) == 0 ? [by, people[random.Next(people.Length)]] : [by];
                Statement statement = random.Next(14) switch
                {
                    0 => World.Revoke(RevocationTarget.Key, whom.Key.Public.Id,
                        random.Next(3) == 0 ? null : random.NextInt64(w.State.Size)),
                    < 6 => w.Member(whom, new Role(RoleName.Owner), new Role(RoleName.Builder)),
                    _ => World.OriginOf(by, Origin.Freeze,
                        w.Put(random.Next(8).ToString(System.Globalization.CultureInfo.InvariantCulture))),
                };
                if (statement is Revocation && random.Next(2) == 0) signers = [World.Recovery];
                if (signers.Length == 2 && signers[0].Id == signers[1].Id) continue;
                var entry = w.Sign(w.Fresh(statement), signers);
                if (w.Replay.Try(entry) is Outcome.Accepted) w.Add(entry);
            }

            var entries = w.Entries.Select(e => Entry.Parse(e)).ToArray();
            var statements = entries.Select(e => StatementKinds.Parse(e.Envelope.Payload)).ToArray();
            foreach (var (member, fact) in w.State.Members) Assert.Equal(!Falls((int)fact.Entry),
                w.State.Member(member) is not null);
            for (var i = 0; i < entries.Length; i++)
            {
                if (statements[i] is not Origin origin) continue;
                var counts = w.State.OriginsOf(origin.Outputs[0].Digest).Any(o => o.By[0].Entry == i);
                Assert.Equal(!Falls(i), counts);
                if (counts) standing++; else if (Gone(i, entries[i].Envelope.Signatures[0].KeyId)) own++;
                else inherited++;
            }

            bool Gone(int entry, Digest key) =>
                statements.Select((r, at) => (Statement: r as Revocation, At: at))
                    .Any(r => r.Statement?.Digest == key && (r.Statement.FromEntry ?? r.At) <= entry);
            bool Falls(int entry) => entry > 0 && entries[entry].Envelope.Signatures.Any(s =>
                Gone(entry, s.KeyId)
                || (people.FirstOrDefault(p => p.Key.Public.Id == s.KeyId) is { } signer
                    && Falls(Math.Max(0, Array.FindLastIndex(statements, entry - 1,
                        x => x is MemberStatement m && m.Member == signer.Id)))));
        }
        Assert.True(own > 50 && inherited > 50 && standing > 500, $"{own}, {inherited} and {standing}");
    }
}
