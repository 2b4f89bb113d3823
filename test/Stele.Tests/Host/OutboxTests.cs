using System.Net;
using Stele.Blobs;
using Stele.Control;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Control;

namespace Stele.Tests.Host;

/// <summary>What a node has to say is given up only when the ledger's rules refuse it.</summary>
public sealed class OutboxTests
{
    sealed class Answering(Problem problem) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request,
            CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage(
                (HttpStatusCode)problem.Status) { Content = new ByteArrayContent(problem.ToJson().ToBytes()) });
    }

    [Theory, InlineData("Unauthorized"), InlineData("NotFound"), InlineData("BadRequest"), InlineData("MethodNotAllowed"), InlineData("Busy"), InlineData("Internal")]
    public async Task A_server_that_does_not_judge_a_statement_does_not_get_rid_of_it(string trouble)
    {
        var (waiting, told) = await Send(Problem.Of(Enum.Parse<ProblemCode>(trouble), "not now"));
        Assert.Equal((1, true), (waiting, told));
    }

    [Fact]
    public async Task What_the_rules_refuse_is_given_up()
    {
        var (waiting, told) = await Send(Problem.Of(RefusalCode.RoleMissing, "no"));
        Assert.Equal((0, false), (waiting, told));
    }

    static async Task<(int Waiting, bool Trouble)> Send(Problem problem)
    {
        using var scratch = new Scratch();
        var folder = new NodeFolder(scratch.At("node"));
        using var identity = folder.Open();
        await using var town = await Town.Found();
        using var outbox = new Outbox(folder.Outbox);
        await using var link = await ServerLink.Open(folder, town.Trust,
            new ServerClient(new Uri("http://localhost"), null,
            new Answering(problem)), new BlobStore(folder.Blobs), TimeProvider.System);
        await outbox.Add(
            Envelope.Sign(town.Act(new Erasure("a/log", 0, 1, Digest.Of("x"u8), 1, ErasureCause.Request, 1, null)
        {
            Nonce = "",
            Issued = 0
        }).Encode(), identity.Key));
        var trouble = false;
        try
        {
            await outbox.SendAll(link, TestContext.Current.CancellationToken);
        }
        catch (LinkException)
        {
            trouble = true;
        }
        return (outbox.Waiting, trouble);
    }
}
