using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stele.Control.Views;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Erasing on a running node: an <see cref="ErasureRequest"/> is planned, and the plan's statement, signed by owners at
/// the threshold, is carried out and handed to the server. <see cref="NodeRoutes"/> says under which paths.
/// </summary>
sealed class ErasureEndpoints(Erasures erasures, Outbox outbox, Func<State> state, Action anchor, TimeProvider time)
{
    long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    public Task Plan(HttpContext http) => Told(http, async () =>
    {
        var request = ErasureRequest.Parse(await http.JsonBody(ErasureRequest.MaxBytes));
        var plan = await Task.Run(() => erasures.Plan(request, state(), Now));
        if (plan.Waiting > 0 || !plan.Pending.IsEmpty) anchor();
        return plan;
    });

    public Task Carry(HttpContext http) => Told(http, async () =>
    {
        var order = Envelope.Parse(await http.JsonBody(ErasureRequest.MaxBytes));
        var size = http.Request.Query["size"] is [{ } text]
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n
            : throw new FormatException("size says how much of the ledger is to be regarded");
        var destroyed = await Task.Run(() => erasures.Carry(order, size, state(), Now));
        await outbox.Add(order);
        return new CarriedErasure(destroyed);
    });

    public Task Proof(HttpContext http) => Told(http, () => Task.FromResult<IView>(
        long.TryParse(http.Value("index"), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            && state() is var now
            && now.Logs.Keys.FirstOrDefault(o => NodeFolder.NameOf(o) == http.Value("hex")) is { } origin
            && erasures.Proof(origin, index, now) is var (list, record)
            ? new ErasureProof(list, record) : throw new GatewayException(GatewayError.NotFound, "no such page")));

    static Task Told(HttpContext http, Func<Task<IView>> answer) => OwnFiles.Use(async () =>
        await http.Send(StatusCodes.Status200OK, "application/json", (await answer()).ToJson().ToBytes()));
}
