using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>
/// Receipts of layout 2: what is shown of the state that the decision's node signed, and the deployment executed again
/// on it.
/// </summary>
public sealed class ReceiptLayoutTests(ITestOutputHelper output)
{
    static readonly Mortgage Lived = Mortgage.Lived();

    VerifyReport Judge(Receipt receipt, Mortgage m, bool executed = true)
    {
        var bytes = receipt.Encode();
        Assert.Equal(bytes, Receipt.Parse(bytes).Encode());
        var report = ReceiptVerifier.Verify(bytes, m.World.Trust);
        output.WriteLine(
            $"{bytes.Length} bytes, {receipt.Entries.Length} entries, {receipt.State?.Facts.Length} facts");
        foreach (var line in report.Lines()) output.WriteLine(line.Text);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(executed,
            report.Facts.Any(f => f.Basis == Basis.Proven
                && f.Sentence.Contains("judged again here", StringComparison.Ordinal)));
        return report;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(8)]
    public void A_full_receipt_executes_its_deployment_again(long leaf) =>
        Assert.Equal(Headline.Complete, Judge(Lived.Receipt(leaf), Lived).Headline);

    /// <summary>
    /// What happens between a deployment and the first state that its node signs, and changes a fact that the judgement
    /// asked for.
    /// </summary>
    public static TheoryData<string> Between => [.. Changes.Keys];

    static readonly Dictionary<string, Action<Mortgage>> Changes = new()
    {
        ["nothing"] = _ => { },
        ["the deployer gets another role"] = m => m.World.Add(m.World.Member(World.Deployer,
            new Role(RoleName.Deployer, World.Sys), new Role(RoleName.Builder)), World.Owners),
        ["the approver is stated twice again"] = m =>
        {
            m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Approver, World.Sys)), World.Owners);
            m.World.Add(m.World.Member(World.Approver, new Role(RoleName.Approver)), World.Owners);
        },
        ["the owners' policy is replaced"] = m => m.World.Add(
            m.World.PutPolicy(m.World.Policy("next", null, ("any", "deploy rollback", "true"))), World.Owners),
        ["a scope gets its first policy, and another, and none"] = m =>
        {
            foreach (var policy in new Digest?[] { m.World.Policy("prod", null, ("any", "deploy rollback", "true")),
                m.World.Policy("again", null, ("any", "deploy rollback", "1 < 2")), null })
                m.World.Add(m.World.PutPolicy(policy, environment: World.Prod), World.Owners);
        },
        ["it is deployed elsewhere, twice, and another in between"] = m =>
        {
            m.Deploy(m.V2, World.Test);
            m.Deploy(m.V3, World.Test);
            m.Deploy(m.V2, World.Test);
        },
        ["a scope gets its first policy"] = m =>
            m.World.Add(m.World.PutPolicy(m.World.Policy("prod", null, ("any", "deploy rollback", "true")),
                environment: World.Prod), World.Owners),
        ["the evaluation is superseded"] = m => m.World.Add(World.Evaluate(m.V2, m.Check, m.World.Report(0.9),
            m.World.State.Evaluations.First(e => e.Value.Release == m.V2).Key), World.Evaluator),
        ["another evaluation comes"] = m =>
            m.World.Add(World.Evaluate(m.V2, m.Check, m.World.Report(0.1)), World.Evaluator),
        ["the approval is taken back"] = m =>
        {
            var given = m.World.State.Approvals.Values.Last();
            m.World.Add(given.Approval with { Expires = null, Replaces = given.By.Entry }, World.Approver);
        },
        ["the system is declared again"] = m =>
            m.World.Add(m.World.Declare(World.Sys, [.. m.World.State.Systems[World.Sys].Environments]), World.Owners),
        ["the builder's key is revoked"] = m =>
            m.World.Add(World.Revoke(RevocationTarget.Key, World.Builder.Key.Public.Id, null), World.Builder),
        ["an artifact is revoked, twice"] = m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Data, m.World.State.Size), World.Owners);
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Data, 0, RevocationEffect.Stop), World.Owners);
        },
        ["the code gets another origin"] = m =>
            m.World.Add(World.OriginOf(World.Builder, Origin.Import, m.Code), World.Builder),
        ["the log is closed and another opened"] = m =>
        {
            m.World.Add(World.EndLog(LogAction.Close, m.Log.Origin), World.Owners);
            m.World.Add(World.OpenLog(new DecisionLog(new NoteSigner("ledger.example/stele/log/next")),
                predecessor: m.Log.Origin), World.Owners);
        },
        ["it is rolled out again, and halted"] = m =>
        {
            m.Deploy(m.V3);
            m.World.Deploy(m.World.Move(DeploymentAction.Halt, World.Prod));
            m.Deploy(m.V2);
        },
        ["it is deployed elsewhere for the first time"] = m => m.Deploy(m.V2, World.Test),
        ["many others come and go"] = m =>
        {
            for (var i = 0; i < 40; i++)
                m.World.Add(World.OriginOf(World.Builder, Origin.Freeze, m.World.Put($"other {i}")), World.Builder);
        },
    };

    [Theory]
    [MemberData(nameof(Between))]
    public void What_changed_before_the_node_signed_is_undone_from_entries(string change)
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        // Asked before anything of it is seen: the decision is of the deployment, and the state comes after the change.
        var decision = m.World.Decide();
        Changes[change](m);
        m.Log.Add(decision);
        if (m.World.State.Logs[m.Log.Origin].Status == LogAction.Open) m.Anchor();
        else m.World.Add(m.World.Observe(ObservedEvent.Running), World.Node);
        var report = Judge(m.Receipt(0), m);
        Assert.Equal(m.World.State.Logs[m.Log.Origin].Status == LogAction.Open ? Headline.Complete : Headline.Early,
            report.Headline);
    }

    [Fact]
    public void Every_kind_of_deployment_is_executed_again()
    {
        var m = Mortgage.Released();
        var w = m.World;
        void Asked(string why, ReceiptForm? form = null)
        {
            output.WriteLine($"== {why}");
            m.Log.Add(w.Decide());
            m.Anchor();
            Judge(m.Receipt(m.Log.Leaves.Count - 1, form: form), m);
        }
        m.Deploy(m.V2);
        Asked("the first");
        w.Add(w.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
        w.Add(w.Attest(World.Approver), World.Approver);
        m.Deploy(m.V1);
        Asked("by a waiver");
        Assert.Contains("by the waivers of entry",
            string.Join(' ', ReceiptVerifier.Verify(m.Receipt(m.Log.Leaves.Count - 1),
                w.Trust).Facts.Select(f => f.Sentence)), StringComparison.Ordinal);
        w.Add(w.Approve(m.V2, DeploymentAction.Rollback), World.Approver2);
        w.Deploy(w.RollingBack(m.V2));
        Asked("a rollback");
        m.Deploy(m.V3);
        Asked("the next");
        w.Add(w.PutPolicy(w.Policy("lenient", null, ("any", "deploy rollback canary", "true")),
            environment: World.Prod), World.Owners);
        w.Add(w.PutPolicy(w.Policy("open", null, ("any", "deploy rollback canary", "true"))), World.Owners);
        w.Deploy(w.RollingBack(m.V2), World.Node);
        Asked("a return by the node alone");
        var candidate = w.Policy("stricter", new Dictionary<string, Digest> { ["fairness"] = m.Check },
            ("nine-tenths", "deploy canary rollback", "checks.fairness.all(e, e.metrics.approval_ratio >= 0.9)"));
        w.Add(w.PutPolicy(m.Policy) with { Candidate = candidate, Share = 0 }, World.Owners);
        m.Deploy(m.V2);
        Asked("beside a candidate");
        foreach (var release in new[] { m.V2, m.V3 })
            w.Add(w.Approve(release, DeploymentAction.Canary,
                routes: w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3).Routes), World.Approver);
        w.Deploy(w.Move(DeploymentAction.Canary, World.Prod, m.V2, m.V3));
        Asked("a canary of two");
    }

    [Fact]
    public void Before_its_node_has_signed_a_state_an_early_receipt_says_so()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide());
        var early = m.Receipt(0);
        Assert.Null(early.State);
        var report = Judge(early, m, executed: false);
        Assert.Equal((Headline.Early, LimitName.NotExecuted), (report.Headline, Assert.Single(report.Limits).Name));
        Assert.Contains(report.Facts,
            f => f.Basis == Basis.ServerWord
                && f.Sentence.Contains("no state that its node signed since the deployment is shown",
                    StringComparison.Ordinal));
        m.World.Add(m.World.Observe(ObservedEvent.Started), World.Node);
        Assert.Equal(Headline.Early, Judge(m.Receipt(0), m).Headline);
        // Anyone who leaves the state out of a full one is asked for it.
        m.Anchor();
        Assert.Contains("state-missing",
            ReceiptVerifier.Verify(m.Receipt(0) with { State = null }, m.World.Trust).Findings.Select(f => f.Name));
    }

    [Fact]
    public void A_brief_receipt_leaves_groups_out_and_says_what_is_not_executed()
    {
        var m = Mortgage.Released();
        var grouped = m.World.Put(Json.Object(("metrics", Json.Object(("approval_ratio", 0.9))),
            ("groups", Json.Object(("a", Json.Object(("n", 1)))))));
        m.World.Add(World.Evaluate(m.V2, m.Check, grouped,
            m.World.State.Evaluations.First(e => e.Value.Release == m.V2).Key), World.Evaluator);
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide());
        m.Anchor();
        var (whole, brief) = (m.Receipt(0), m.Receipt(0, form: new ReceiptForm(Brief: true)));
        Assert.True(brief.Brief && brief.Encode().Length < whole.Encode().Length);
        Judge(whole, m);
        var report = Judge(brief, m, executed: false);
        Assert.Equal((Headline.CompleteWithLimits, LimitName.Brief),
            (report.Headline, Assert.Single(report.Limits).Name));
        Assert.Contains(report.Facts,
            f => f.Basis == Basis.ServerWord && f.Sentence.Contains("Not executed here", StringComparison.Ordinal));
        // Where nothing is to be left out a brief one is the same.
        Assert.Equal(Lived.Receipt(8).Encode(), Lived.Receipt(8, form: new ReceiptForm(Brief: true)).Encode());
        // Calling a receipt brief excuses nothing else.
        Assert.NotEmpty(ReceiptVerifier.Verify(whole with
        {
            Brief = true,
            Entries = whole.Entries.RemoveAll(e => StatementKinds.Parse(e.Entry.Envelope.Payload) is Evaluation)
        }, m.World.Trust).Findings);
    }

    /// <summary>
    /// Nothing of an honest receipt can be left out or exchanged, but the server's verdict, without which there is none
    /// to tell of, and the anchor, without which it is an early one and says so.
    /// </summary>
    [Fact]
    public void Every_part_is_needed()
    {
        var whole = Lived.Receipt(8);
        var state = whole.State!;
        void Fails(string what, Receipt changed) =>
            Assert.True(ReceiptVerifier.Verify(changed, Lived.World.Trust).Findings.Count > 0,
                $"{what}: nothing is found");
        foreach (var e in whole.Entries)
            if (StatementKinds.Parse(e.Entry.Envelope.Payload) is var s
                && s is not Verdict && e.Index != whole.AnchoredBy)
                Fails($"without the {s.Kind} of entry {e.Index}", whole with { Entries = whole.Entries.Remove(e) });
        Assert.Equal(VerifyResult.Early,
            ReceiptVerifier.Verify(whole with { Entries = whole.Entries.RemoveAll(e => e.Index == whole.AnchoredBy) },
                Lived.World.Trust).Result);
        foreach (var d in whole.Documents)
            Fails($"without document {d.ToBytes().Length}", whole with { Documents = whole.Documents.Remove(d) });
        foreach (var f in state.Facts)
        {
            Fails($"without {f.Map} {f.Path.Key}", whole with { State = state with { Facts = state.Facts.Remove(f) } });
            if (f.Path.Value is not null)
                Fails($"{f.Map} {f.Path.Key} absent",
                    whole with { State = state with { Facts = state.Facts.Replace(f,
                        f with { Path = f.Path with { Value = null } }) } });
        }
        foreach (var (name, value) in state.Form.AsObject) Fails($"another {name}",
            whole with { State = state with { Form = state.Form.With(name, value.Equals(Json.Of("x")) ? "y" : "x") } });
    }

    /// <summary>
    /// Genuine papers that are not of this act: entries, documents and facts that are in the ledger, or in the state
    /// that the node signed.
    /// </summary>
    [Fact]
    public void Papers_of_other_acts_are_refused()
    {
        foreach (var form in new[] { ReceiptForm.One, ReceiptForm.Default })
        {
            var whole = Lived.Receipt(0, form: form);
            var replay = Lived.World.Replay;
            Digest Subtree(int level, long index) =>
                Merkle.Root(Lived.World.Entries.Skip((int)(index << level)).Take(1 << level)
                    .Select(e => Merkle.Leaf(e)));
            foreach (var folded in replay.Entries.Where(f => whole.Entries.All(e => e.Index != f.Index)))
            {
                var more = new ProvenEntry(folded.Index, folded.Entry,
                    [.. Proofs.Inclusion(folded.Index, replay.Entries.Count, Subtree)]);
                var report = ReceiptVerifier.Verify(
                    whole with { Entries = [.. whole.Entries.Add(more).OrderBy(e => e.Index)] }, Lived.World.Trust);
                Assert.True(report.Findings.Count > 0,
                    $"layout {form.Layout}: with the {folded.Statement.Kind} of entry {folded.Index}: nothing is found");
            }
            foreach (var document in Lived.World.Blobs.Values.Where(b => b[0] == '{')
                .Select(b => CanonicalJson.Parse(b, 1 << 20)).Where(d => !whole.Documents.Contains(d)))
                Assert.True(
                    ReceiptVerifier.Verify(
                        whole with { Documents =
                            [.. whole.Documents.Add(document).OrderBy(d => Digest.Of(d.ToBytes()))] },
                        Lived.World.Trust).Findings.Count > 0, $"layout {form.Layout}: {document}");
            if (whole.State is not { } state) continue;
            var signed = replay.At(state.Form["size"].AsInt);
            foreach (var (map, key) in new[] { ("members", World.Monitor.Id),
                ("keyOwners", World.Monitor.Key.Public.Id.ToString()), ("systems", "other"),
                ("releases", Lived.V3.ToString()), ("revocations", Lived.V2.ToString()), ("evaluations", "22") })
                Assert.True(
                    ReceiptVerifier.Verify(
                        whole with { State =
                            StateOpening.Of(signed, state.Entry,
                                state.Facts.Select(f => (f.Map, f.Path.Key)).Append((map, key))) is var more
                                && more.Facts.Length > state.Facts.Length ? more : state with { Facts = [] } },
                        Lived.World.Trust)
                    .Findings.Count > 0, $"with {map} {key}: nothing is found");
        }
    }

    /// <summary>
    /// Two owners who sign each other's statements make a web of as many paths as there are ways through it; each
    /// statement is looked at once.
    /// </summary>
    [Fact]
    public async Task Owners_who_state_one_another_again_and_again_cost_no_more_than_their_statements()
    {
        var m = Mortgage.Released();
        for (var i = 0; i < 40; i++)
            foreach (var owner in World.Owners) m.World.Add(m.World.Member(owner, new Role(RoleName.Owner)),
                World.Owners);
        m.World.Add(m.World.Member(World.Deployer, new Role(RoleName.Deployer, World.Sys)), World.Owners);
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide());
        m.Anchor();
        var report = await Task.Run(() => Judge(m.Receipt(0), m), TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        Assert.Equal(Headline.Complete, report.Headline);
    }

    /// <summary>
    /// The fold admits no waiver of a rule that its policy does not have; what a forger shows of one is refused, and
    /// ends nobody's program.
    /// </summary>
    [Fact]
    public void A_waiver_of_a_rule_that_is_not_there_is_refused()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.Approve(m.V2), World.Approver);
        var waiver = w.Fresh(w.Waive(m.V2, m.Policy, "nonesuch"));
        var state = w.State with { Waivers = w.State.Waivers.SetItem(2,
            new WaiverFact(new Signed(2, World.Approver.Id, World.Approver.Key.Public.Id), waiver)) };
        var refused = Assert.IsType<Outcome.Refused>(Fold.Apply(state,
            w.Sign(w.Fresh(w.Deploying(m.V2)), World.Deployer), w.Replay.Documents));
        Assert.Equal(RefusalCode.DocumentInvalid, refused.Code);
    }

    /// <summary>
    /// A receipt's size follows its decision, not its ledger: what grows is each path, by the logarithm.
    /// </summary>
    [Fact(Explicit = true)]
    public void At_a_hundred_thousand_facts()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide());
        m.Anchor();
        var small = m.Receipt(0).Encode().Length;
        for (var i = 0; i <= 270; i++)
            m.World.Add(World.OriginOf(World.Builder, Origin.Freeze,
                Digest.Of("0"u8)) with { Outputs = [.. Enumerable.Range(0, 370).Select(n =>
                    new Subject(Digest.Of(System.Text.Encoding.UTF8.GetBytes($"{i} {n}"))))] }, World.Builder);
        m.Deploy(m.V3);
        m.Log.Add(m.World.Decide());
        m.Anchor();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var receipt = m.Receipt(1);
        output.WriteLine(
            $"{m.World.State.Origins.Count} origins; small {small} bytes, large {receipt.Encode().Length} bytes, built in {watch.ElapsedMilliseconds} ms");
        Judge(receipt, m);
    }
}
