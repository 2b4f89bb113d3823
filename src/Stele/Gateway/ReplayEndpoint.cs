using Microsoft.AspNetCore.Http;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// <code>POST /-/replay     a <see cref="ReplayRequest"/>: every decision of a time judged again under another policy: {"logs":[<see cref="ReplayedLog"/>…]}</code>
/// for whoever has the node's token. One at a time: it reads as much as there is.
/// </summary>
sealed class ReplayEndpoint(DecisionReplays replays, ReadEndpoints pages, Func<Replay> ledger)
{
    public const string Path = "/-/replay";

    public async Task Handle(HttpContext http)
    {
        try
        {
            if (!pages.Allowed(http.Request.Headers.Authorization)) throw new GatewayException(GatewayError.Unauthenticated, "this needs the node's own token");
            if (!HttpMethods.IsPost(http.Request.Method)) throw new GatewayException(GatewayError.NotFound, "no such page");
            var request = ReplayRequest.FromJson(CanonicalJson.Parse(await http.Body(ReplayRequest.MaxBytes),
                ReplayRequest.MaxBytes));
            var logs = await replays.Run(request, ledger, http.RequestAborted);
            await ReadEndpoints.Send(http, 200, "application/json", CanonicalJson.EncodeShown(Json.Object(("logs", Json.Array(logs.Select(l => l.ToJson()))))));
        }
        catch (GatewayException e)
        {
            await Problem(e.Error, e.Error.Row().Status, e.Message);
        }
        catch (FormatException e)
        {
            await Problem(GatewayError.BadRequest, 400, e.Message);
        }
        catch (Exception e) when (e is IOException or Ledger.LogException)
        {
            await Problem(GatewayError.Unrecorded, 503, $"the node's own files failed: {e.Message}");
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested) { } // nobody waits for it any more

        Task Problem(GatewayError error, int status, string message) => ReadEndpoints.Send(http, status, "application/problem+json", error.Body(message));
    }
}
