using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Erasing on a running node, under <c>/-/erasures</c>, for whoever has the node's token:
/// <code>
/// POST erasures                   an <see cref="ErasureRequest"/>: destroys, and answers with an <see cref="ErasureAnswer"/>: what an owner has to state now
/// GET  erasures/[hex]/[index]     {"list","record"}: what shows that the keys of a decision were erased, and that the ledger states it; 404 where nothing does
/// </code>
/// </summary>
sealed class ErasureEndpoints(Erasures erasures, ReadEndpoints pages, Func<State> state, Action anchor, TimeProvider time)
{
    public const string Path = "/-/erasures";

    public async Task Handle(HttpContext http)
    {
        const string problem = "application/problem+json";
        try
        {
            if (!pages.Allowed(http.Request.Headers.Authorization)) throw new GatewayException(GatewayError.Unauthenticated, "this needs the node's own token");
            if (HttpMethods.IsPost(http.Request.Method) && http.Request.Path == Path)
            {
                var request = ErasureRequest.FromJson(CanonicalJson.Parse(await http.Body(ErasureRequest.MaxBytes),
                    ErasureRequest.MaxBytes));
                var answer = await Task.Run(() => erasures.Run(request, state(), time.GetUtcNow().ToUnixTimeMilliseconds()));
                // Nothing can be stated of records that are not anchored.
                if (answer.Claims.Length > 0) anchor();
                await ReadEndpoints.Send(http, 200, "application/json", answer.ToJson().ToBytes());
            }
            else if (HttpMethods.IsGet(http.Request.Method) && http.Request.Path.Value!.Split('/') is [_, _, _, var hex, var number] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                && state() is var now && now.Logs.Keys.FirstOrDefault(o => NodeFolder.NameOf(o) == hex) is { } origin && erasures.Proof(origin, index, now) is var (list, record))
                await ReadEndpoints.Send(http, 200, "application/json", Json.Object(("list", list), ("record", record.ToJson())).ToBytes());
            else throw new GatewayException(GatewayError.NotFound, "no such page");
        }
        catch (GatewayException e)
        {
            await ReadEndpoints.Send(http, e.Error.Row().Status, problem, e.Error.Body(e.Message));
        }
        catch (FormatException e)
        {
            await ReadEndpoints.Send(http, 400, problem, GatewayError.BadRequest.Body(e.Message));
        }
        catch (Exception e) when (e is IOException or Ledger.LogException)
        {
            await ReadEndpoints.Send(http, 503, problem, GatewayError.Unrecorded.Body($"the node's own files failed: {e.Message}"));
        }
    }
}
