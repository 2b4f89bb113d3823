using Stele.Blobs;
using Stele.Control;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Control;

/// <summary>Statements through the real API into the real ledger.</summary>
public sealed class AdmissionTests
{
    static IEnumerable<T> Of<T>(Town town) where T : Statement =>
        town.Host.Admission.Replay.Entries.Select(e => e.Statement).OfType<T>();

    [Fact]
    public async Task From_genesis_to_a_deployment()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var release = await town.Release("v2", 0.84, "good");
        var entry = await town.Deploy(release);

        var head = town.State.Environment(Town.System, Town.Environment).Head!;
        Assert.Equal((entry, release), (head.Entry, head.Routes.Single().Release));
        // The verdict follows the deployment and speaks of the size before it.
        var verdict = Assert.Single(Of<Verdict>(town));
        Assert.True(verdict.Passed);
        Assert.Equal(entry, verdict.Size);
        var again = await town.Server.Submit(town.Host.Admission.Replay.Entries[(int)entry].Entry.Envelope);
        Assert.Equal(entry, Assert.IsType<Admitted.Already>(again).Entry);
    }

    [Fact]
    public async Task A_refused_deployment_is_recorded_and_explained_so_that_anyone_can_repeat_it()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var release = await town.Release("v1", 0.7375, "biased");
        await town.Admit(town.Approval(release), town.Approver);
        var before = town.State.Size;
        var deployment = town.Deployment(release);
        var problem = await town.Refuse(deployment, town.Deployer);

        Assert.Equal((403, "policy-failed"), (problem.Status, problem.Code));
        Assert.Contains("0.7375", problem.Message, StringComparison.Ordinal);
        Assert.Contains("four-fifths", problem.Message, StringComparison.Ordinal);
        Assert.Equal(RuleResult.Failed, Assert.Single(problem.Rules, r => r.Rule == "four-fifths").Result);
        Assert.Equal(RuleResult.Passed, Assert.Single(problem.Rules, r => r.Rule == "approved").Result);

        // A verdict and a refusal, both of the size before; the refused envelope is a blob.
        var replay = town.Host.Admission.Replay;
        Assert.Equal(before + 2, replay.State.Size);
        var verdict = Assert.Single(Of<Verdict>(town));
        var refusal = Assert.Single(Of<Refusal>(town));
        Assert.Equal(replay.Entries[(int)problem.Refusal!.Value].Statement, refusal);
        Assert.Equal((before, before, false), (verdict.Size, refusal.Size, verdict.Passed));
        Assert.Null(town.State.Environment(Town.System, Town.Environment).Head);

        // Anyone who repeats it from the ledger and the blob alone gets the same bytes.
        var envelope = Envelope.Parse(await town.Server.Read(refusal.Envelope, Entry.MaxBytes));
        var entry = new Entry(refusal.Time, envelope);
        var outcome = Assert.IsType<Outcome.Refused>(Fold.Apply(replay.At(before), entry,
            new Documents(SmallDocuments.Of(town.Host.Blobs))));
        Assert.Equal(refusal.Encode(), Explain.Refusal(replay.At(before), entry, outcome).Encode());
        Assert.Equal(verdict.Encode(), Explain.Verdict(replay.At(before), entry, outcome)!.Encode());

        // A retry is told where it is recorded; nothing new is.
        var size = town.State.Size;
        Assert.Equal(problem.Refusal, (await town.Server.Submit(envelope) as Admitted.Refused)!.Problem.Refusal);
        Assert.Equal(size, town.State.Size);
    }

    [Fact]
    public async Task A_missing_document_is_refused_and_not_recorded()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var size = town.State.Size;
        var problem = await town.Refuse(town.Act(new PolicyStatement(null, null, null, Digest.Of("nowhere"u8))
        {
            Nonce = Founding.NewNonce(),
            Issued = 0
        }), town.Owner);
        Assert.Equal(("document-missing", 422, null), (problem.Code, problem.Status, problem.Refusal));
        Assert.Equal(size, town.State.Size);
    }

    [Fact]
    public async Task Refusals_of_a_member_are_rate_limited()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using var town = await Town.Found(time);
        await town.Settle();
        Statement Bad() => town.Act(new Revocation(RevocationTarget.Key, town.Owner.Key.Public.Id, 0,
            RevocationEffect.Stop)
        {
            Nonce = Founding.NewNonce(),
            Issued = 0
        });
        for (var i = 0; i < RecordedRefusals.PerMinute; i++)
            Assert.NotNull((await town.Refuse(Bad(), town.Builder)).Refusal);
        var size = town.State.Size;
        var problem = await town.Refuse(Bad(), town.Builder);
        Assert.Equal((429, "rate-limited", null), (problem.Status, problem.Code, problem.Refusal));
        Assert.Contains("role-missing", problem.Message, StringComparison.Ordinal);
        Assert.Equal(size, town.State.Size);
        // Others are not held up, and a minute later neither is this one.
        Assert.NotNull((await town.Refuse(Bad(), town.Evaluator)).Refusal);
        time.Pass(TimeSpan.FromSeconds(61));
        Assert.NotNull((await town.Refuse(Bad(), town.Builder)).Refusal);
    }

    [Fact]
    public async Task Sixty_four_writers_at_once_make_one_history_without_gaps()
    {
        await using var town = await Town.Found();
        await town.Settle();
        const int each = 8;
        var start = town.State.Size;
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(async w =>
        {
            var entries = new List<long>();
            for (var i = 0; i < each; i++)
                entries.Add(
                    await town.Admit(town.Act(new Origin([new Subject(Digest.Of(BitConverter.GetBytes(w * 1000 + i)))],
                        Origin.Freeze, Json.EmptyObject, [], town.Builder.Id, null)
                {
                    Nonce = Founding.NewNonce(),
                    Issued = 0
                }), town.Builder));
            return entries;
        }));
        Assert.Equal(Enumerable.Range((int)start, 64 * each).Select(i => (long)i), answers.SelectMany(a => a).Order());
        // One state: the ledger folded again from its bytes gives it.
        var replay = new Replay(new Documents(SmallDocuments.Of(town.Host.Blobs)));
        foreach (var bytes in town.Host.Log.ReadEntries(0, town.Host.Log.Size))
            Assert.IsType<Outcome.Accepted>(replay.Add(Entry.Parse(bytes)));
        Assert.Equal(StateDigest.Of(town.State), StateDigest.Of(replay.State));
    }

    [Fact]
    public async Task A_restart_finds_the_same_state()
    {
        await using var town = await Town.Found();
        await town.Settle();
        await town.Deploy(await town.Release("v2", 0.84, "good"));
        var before = StateDigest.Of(town.State);
        await town.Stop();
        Assert.Empty(Fsck.Check(new FileStore(town.Folder.Ledger), town.Trust.Key));
        await town.Start();
        Assert.Equal(before, StateDigest.Of(town.State));
        await town.Admit(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner);
    }

    [Fact]
    public async Task A_verdict_that_a_crash_swallowed_is_given_at_the_next_start()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var release = await town.Release("v2", 0.84, "good");
        await town.Admit(town.Approval(release), town.Approver);
        var deployment = town.Deployment(release);
        var size = town.State.Size;
        await town.Stop();
        // The crash: the deployment got into the log, its verdict did not.
        using (var key = NoteSigner.Open(town.Folder.LogKey))
        using (var log = Log.Open(new FileStore(town.Folder.Ledger), town.Trust.Origin, key, town.Time))
            await log.Append(new Entry(town.Now, Envelope.Sign(deployment.Encode(), town.Deployer.Key)).Bytes);
        await town.Start();
        await town.Host.Admission.Beyond(size + 1, TestContext.Current.CancellationToken);
        var replay = town.Host.Admission.Replay;
        var verdict = Assert.Single(Of<Verdict>(town));
        Assert.IsType<Deployment>(replay.Entries[(int)verdict.Size].Statement);
        var folded = replay.Entries[(int)verdict.Size];
        Assert.Equal(Explain.Verdict(replay.At(folded.Index), folded.Entry,
            new Outcome.Accepted(folded.After, folded.Statement, folded.Judgement))!.Encode(), verdict.Encode());
    }

    [Fact]
    public async Task A_clock_behind_the_ledger_or_jumping_stops_admission()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using var town = await Town.Found(time);
        Statement Fresh() => town.Member(Citizen.New(), new Role(RoleName.Builder));
        await town.Admit(Fresh(), town.Owner);
        var size = town.State.Size;

        // Slightly behind: entry times do not go back.
        time.Jump(TimeSpan.FromMinutes(-2));
        await town.Admit(Fresh(), town.Owner);
        Assert.Equal(town.State.Time, town.Host.Admission.Replay.At(size).Time);

        time.Jump(TimeSpan.FromMinutes(-4));
        var behind = await town.Refuse(Fresh(), town.Owner);
        Assert.Equal((503, "clock"), (behind.Status, behind.Code));
        Assert.Contains("behind", behind.Message, StringComparison.Ordinal);
        time.Jump(TimeSpan.FromMinutes(4));
        await town.Admit(Fresh(), town.Owner);

        time.Jump(TimeSpan.FromHours(2));
        size = town.State.Size;
        var jumped = await town.Refuse(Fresh(), town.Owner);
        Assert.Equal((503, "clock"), (jumped.Status, jumped.Code));
        Assert.Contains("jumped", jumped.Message, StringComparison.Ordinal);
        Assert.Equal(jumped.Message, (await town.Refuse(Fresh(), town.Owner)).Message);
        Assert.Equal(size, town.State.Size);
        // A restart, with the clock judged by the one who restarts, goes on.
        await town.Stop();
        await town.Start();
        await town.Admit(Fresh(), town.Owner);
    }

    /// <summary>
    /// Under a clock behind the last entry nothing could be admitted: the server says so at once, with both times and
    /// what to do.
    /// </summary>
    [Theory]
    [InlineData(-4, true)]
    [InlineData(-6, false)]
    [InlineData(-60 * 24 * 365, false)]
    public async Task A_server_does_not_start_under_a_clock_behind_its_ledger(int minutes, bool starts)
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using var town = await Town.Found(time);
        await town.Admit(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner);
        var last = town.State.Size - 1;
        await town.Stop();
        time.Jump(TimeSpan.FromMinutes(minutes));
        if (!starts)
        {
            var refused = await Assert.ThrowsAsync<ProblemException>(town.Start);
            Assert.True(refused.Problem.Is(ProblemCode.Clock));
            Assert.Contains($"the ledger's last entry, {last} (member), says", refused.Message,
                StringComparison.Ordinal);
            Assert.Contains("set it right", refused.Message, StringComparison.Ordinal);
            time.Jump(TimeSpan.FromMinutes(-minutes));
        }
        await town.Start();
    }

    /// <summary>Even the earliest of the witnesses saw the ledger later than this machine's clock says.</summary>
    [Fact]
    public async Task A_server_does_not_start_under_a_clock_behind_every_cosignature()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        var witness = new Worlds.NoteSigner("witness.example", NoteKeyType.Cosignature);
        var options = new Stele.Api.ServerOptions { Witnesses =
            new WitnessOptions([new WitnessPlace("w", witness.Key, null)], null) };
        await using var town = await Town.Found(time, options);
        await town.Settle();
        var checkpoint = town.Host.Log.Checkpoint;
        await town.Stop();
        foreach (var (ahead, starts) in new[] { (3600L, false), (60L, true) })
        {
            File.WriteAllText(town.Folder.Cosigned,
                witness.Sign(Note.Parse(checkpoint), time.GetUtcNow().ToUnixTimeSeconds() + ahead));
            if (starts) await town.Start();
            else Assert.Contains("cosignature", (await Assert.ThrowsAsync<ProblemException>(town.Start)).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Founding_twice_or_starting_without_is_refused()
    {
        await using var town = await Town.Found();
        await Assert.ThrowsAsync<IOException>(() =>
            Founding.Found(town.Folder, town.Owner.Key, town.Owner.Id, Founding.NewOrigin(), town.Time));
        await Assert.ThrowsAsync<FileNotFoundException>(() => Stele.Api.ServerHost.Start(
            new ServerFolder(town.Path("elsewhere")), new Stele.Api.ServerOptions { Port = 0 }, town.Time));
        foreach (var secret in new[] { town.Folder.ServerKey, town.Folder.LogKey, town.Folder.Tokens })
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(secret));
    }

    [Fact]
    public async Task An_answer_comes_when_the_entry_is_as_safe_as_was_asked()
    {
        await using var town = await Town.Found();
        byte[] Statement() =>
            Envelope.Sign(town.Member(Citizen.New(), new Role(RoleName.Builder)).Encode(),
                town.Owner.Key).ToJson().ToBytes();
        foreach (var until in new[] { Await.Durable, Await.Integrated })
        {
            var added = Assert.IsType<Admitted.Added>(await town.Host.Admission.Submit(Statement(), until));
            Assert.True(town.State.Size > added.Entry);
            if (until == Await.Integrated) Assert.True(town.Host.Log.Size > added.Entry);
            await town.Host.Log.WaitBeyond(added.Entry, default).WaitAsync(TimeSpan.FromSeconds(60));
        }
        var size = town.State.Size;
        var refused = Assert.IsType<Admitted.Refused>(await town.Host.Admission.Submit(Statement(), Await.Witnessed));
        Assert.Equal(("bad-request", 400), (refused.Problem.Code, refused.Problem.Status));
        Assert.Equal(size, town.State.Size);   // nobody witnesses this ledger, and nothing was taken

        using var http = new HttpClient { BaseAddress = town.Host.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", town.Founded.Token);
        foreach (var (query, status) in new[] { ("?await=durable", 201), ("?await=integrated", 201), ("", 201),
            ("?await=witnessed", 400), ("?await=forever", 400), ("?await=durable&await=durable", 400) })
            Assert.Equal(status,
                (int)(await http.PostAsync("statements" + query, new ByteArrayContent(Statement()))).StatusCode);
        Assert.Equal(size + 3, town.State.Size);
    }

    [Fact]
    public async Task Busy_says_when_to_come_again()
    {
        var http = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        await Stele.Http.Answers.Write(http, Problem.Of(ProblemCode.Busy, "too much is waiting"));
        Assert.Equal((503, "1"), (http.Response.StatusCode, http.Response.Headers.RetryAfter.ToString()));
    }

    [Fact]
    public void A_signature_found_good_is_good_for_its_own_envelope_alone()
    {
        using var key = PrivateKey.Create();
        using var other = PrivateKey.Create();
        Envelope one = Envelope.Sign("one"u8, key), two = Envelope.Sign("two"u8, key);
        for (var i = 0; i < 3; i++)
        {
            Assert.True(one.Verify(one.Signatures[0], key.Public));
            Assert.False(two.Verify(one.Signatures[0], key.Public));
            Assert.False(one.Verify(two.Signatures[0], key.Public));
            Assert.False(one.Verify(one.Signatures[0], other.Public));
        }
        // Many at once, with one key: each has the library's key to itself.
        var envelopes = Enumerable.Range(0, 200)
            .Select(i => (Envelope: Envelope.Sign([(byte)i], key), Good: i % 3 != 0)).ToArray();
        Parallel.ForEach(envelopes,
            e => Assert.Equal(e.Good, (e.Good ? e.Envelope : one).Verify(e.Envelope.Signatures[0], key.Public)));
    }
}
