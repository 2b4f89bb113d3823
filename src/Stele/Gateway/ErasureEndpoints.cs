using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stele.Control.Views;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Erasing on a running node, under <c>/-/erasures</c>, for tokens with the right erase; the proofs for those with the
/// right logs:
/// <code>
/// POST erasures                   an <see cref="ErasureRequest"/>: plans, and answers with an <see cref="ErasurePlan"/>: what owners have to sign
/// POST erasures/orders?size=SIZE  a plan's statement, signed by owners at the threshold: {"destroyed"}; the node has folded SIZE entries, or answers 503.
///                                 It destroys, and hands the order to the server
/// GET  erasures/[hex]/[index]     {"list","record"}: what shows that the keys of a decision were erased, and that the ledger states it; 404 where nothing does
/// </code>
/// </summary>
sealed class ErasureEndpoints(Erasures erasures, Access access, Outbox outbox, Func<State> state, Action anchor,
    TimeProvider time)
{
    public const string Path = "/-/erasures", Orders = Path + "/orders";

    long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    public async Task Handle(HttpContext http)
    {
        try
        {
            access.Demand(http.Request, HttpMethods.IsPost(http.Request.Method) ? Rights.Erase : Rights.Logs);
            if (HttpMethods.IsPost(http.Request.Method) && http.Request.Path == Path)
            {
                var request = ErasureRequest.Parse(await http.JsonBody(ErasureRequest.MaxBytes));
                var plan = await Task.Run(() => erasures.Plan(request, state(), Now));
                if (plan.Waiting > 0 || !plan.Pending.IsEmpty) anchor();
                await ReadEndpoints.Send(http, 200, "application/json", plan.ToJson().ToBytes());
            }
            else if (HttpMethods.IsPost(http.Request.Method) && http.Request.Path == Orders)
            {
                var order = Envelope.Parse(await http.JsonBody(ErasureRequest.MaxBytes));
                var size = http.Request.Query["size"] is [{ } text]
                    && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n
                    : throw new FormatException("size says how much of the ledger is to be regarded");
                var destroyed = await Task.Run(() => erasures.Carry(order, size, state(), Now));
                await outbox.Add(order);
                await ReadEndpoints.Send(http, 200, "application/json",
                    new CarriedErasure(destroyed).ToJson().ToBytes());
            }
            else if (HttpMethods.IsGet(http.Request.Method)
                && http.Request.Path.Value!.Split('/') is [_, _, _, var hex, var number]
                && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                && state() is var now && now.Logs.Keys.FirstOrDefault(o => NodeFolder.NameOf(o) == hex) is { } origin
                && erasures.Proof(origin, index, now) is var (list, record))
                await ReadEndpoints.Send(http, 200, "application/json",
                    new ErasureProof(list, record).ToJson().ToBytes());
            else throw new GatewayException(GatewayError.NotFound, "no such page");
        }
        catch (GatewayException e)
        {
            await http.Write(e.Error, e.Message);
        }
        catch (Exception e) when (e is FormatException or Proof.Statements.UnknownKindException)
        {
            await http.Write(GatewayError.BadRequest, e.Message);
        }
        catch (Exception e) when (e is IOException or Ledger.LogException)
        {
            await http.Write(GatewayError.Unrecorded, $"the node's own files failed: {e.Message}");
        }
    }
}
