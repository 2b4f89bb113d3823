using Microsoft.AspNetCore.Http;
using Stele.Control.Views;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// <code>POST /-/replay a <see cref="ReplayRequest"/>: every decision of a time judged again under another policy:
/// {"logs":[<see cref="ReplayedLog"/>…]}</code> for tokens with the right bodies; that it was asked for is recorded as
/// a read of bodies. One at a time: it reads as
/// much as there is.
/// </summary>
sealed class ReplayEndpoint(DecisionReplays replays, Access access, BodyReads reads, Func<Replay> ledger,
    TimeProvider time)
{
    public const string Path = "/-/replay";

    public async Task Handle(HttpContext http)
    {
        try
        {
            var holder = access.Demand(http.Request, Rights.Bodies);
            if (!HttpMethods.IsPost(http.Request.Method))
                throw new GatewayException(GatewayError.NotFound, "no such page");
            var request = ReplayRequest.FromJson(CanonicalJson.Parse(await http.JsonBody(ReplayRequest.MaxBytes),
                ReplayRequest.MaxBytes));
            await reads.Add(BodyRead.OfReplay(time.GetUtcNow().ToUnixTimeMilliseconds(), holder.Name, request));
            var logs = await replays.Run(request, ledger, http.RequestAborted);
            await ReadEndpoints.Send(http, 200, "application/json",
                CanonicalJson.EncodeShown(new ReplayedDecisions([.. logs]).ToJson()));
        }
        catch (GatewayException e)
        {
            await http.Write(e.Error, e.Message);
        }
        catch (FormatException e)
        {
            await http.Write(GatewayError.BadRequest, e.Message);
        }
        catch (Exception e) when (e is IOException or Ledger.LogException)
        {
            await http.Write(GatewayError.Unrecorded, $"the node's own files failed: {e.Message}");
        }
        // nobody waits for it any more
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested) { }
    }
}
