using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Stele.Control;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Api;

/// <summary>
/// <code>
/// GET  /timestamps             every time stamp over a checkpoint, by size → {"timestamps":[{"size","checkpoint","token"}]}
/// POST /timestamps?size=SIZE   a token, DER, ≤ 64 KiB, over the ledger's checkpoint of that size → 201 {"size","digest"}
/// </code>
/// </summary>
sealed class TimestampRoutes(Timestamps timestamps)
{
    public void Map(IEndpointRouteBuilder web)
    {
        web.MapGet("/timestamps",
            (RequestDelegate)(http => http.Write(new TimestampList([.. timestamps.All().Select(t =>
                new ShownTimestamp(t.Size, t.Text, Base64.Encode(t.Token)))]))));
        web.MapPost("/timestamps", (RequestDelegate)Post);
    }

    async Task Post(HttpContext http)
    {
        var size = http.Number("size")
            ?? throw new ProblemException(ProblemCode.BadRequest, "'size' says which checkpoint was stamped");
        var token = await http.Body(TimestampToken.MaxBytes);
        try
        {
            await http.Write(new AttachedTimestamp(size, timestamps.Put(size, token)),
                StatusCodes.Status201Created);
        }
        catch (FormatException e)
        {
            throw new ProblemException(ProblemCode.BadRequest, e.Message);
        }
    }
}
