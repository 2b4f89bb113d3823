namespace Stele.Proof.Statements;

/// <summary>
/// What a gateway had counted of one decision log when it anchored it, since the log had <paramref name="From"/>
/// leaves. Counters only grow; a node that lost them begins again at a larger <paramref name="From"/>. They are kept
/// apart from the log and come about before and after it, so an honest node's always hold: answered ≤ recorded ≤ leaves
/// since <paramref name="From"/> ≤ admitted.
/// </summary>
/// <param name="Admitted">Requests about which the rules had decided, so that they had to be recorded.</param>
/// <param name="Recorded">Those whose record was durable.</param>
/// <param name="Answered">Those whose answer was begun to be given out.</param>
/// <param name="Failed">Those that could not be recorded, and so were not answered.</param>
/// <param name="Refused">Requests that ended before a decision: strangers, malformed, not served.</param>
public sealed record GatewayCount(long From, long Admitted, long Recorded, long Answered, long Failed, long Refused)
{
    public Json ToJson() =>
        Json.Object(("from", From), ("admitted", Admitted), ("recorded", Recorded), ("answered", Answered),
            ("failed", Failed), ("refused", Refused));

    public static GatewayCount FromJson(Json j) => new(
        Names.Entry(j["from"]), Names.Entry(j["admitted"]), Names.Entry(j["recorded"]), Names.Entry(j["answered"]),
        Names.Entry(j["failed"]), Names.Entry(j["refused"]));

    /// <summary>
    /// Whether these may follow those: the same counters, none of which fell, or others that began later.
    /// </summary>
    public bool Follows(GatewayCount before) =>
        From > before.From || (From == before.From && Admitted >= before.Admitted && Recorded >= before.Recorded
            && Answered >= before.Answered && Failed >= before.Failed && Refused >= before.Refused);
}
