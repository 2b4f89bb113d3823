using Microsoft.AspNetCore.Http;
using Stele.Control.Views;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Every decision of a time judged again under another policy, as a <see cref="ReplayRequest"/> asks for it; that it
/// was asked for is recorded as a read of bodies. One at a time: it reads as much as there is.
/// </summary>
sealed class ReplayEndpoint(DecisionReplays replays, Access access, BodyReads reads, Func<Replay> ledger,
    TimeProvider time)
{
    public Task Handle(HttpContext http) => OwnFiles.Use(async () =>
    {
        var holder = access.Demand(http.Request, Rights.Bodies);
        var request = ReplayRequest.FromJson(CanonicalJson.Parse(await http.JsonBody(ReplayRequest.MaxBytes),
            ReplayRequest.MaxBytes));
        await reads.Add(BodyRead.OfReplay(time.GetUtcNow().ToUnixTimeMilliseconds(), holder.Name, request));
        var logs = await replays.Run(request, ledger, http.RequestAborted);
        await http.Write(new ReplayedDecisions([.. logs]));
    });
}
