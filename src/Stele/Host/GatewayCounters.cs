using Stele.Disk;
using Stele.Proof.Statements;

namespace Stele.Host;

/// <summary>
/// What the gateway counts of one decision log, in a file of its own (<see cref="GatewayCount"/> says what each is).
/// Kept apart from the log, so that neither can lose something without the other telling.
/// Invariant: anchors state these counts, so they are a closed set of fold version 1. What only operators watch is
/// counted elsewhere.
/// </summary>
sealed class GatewayCounters : IDisposable
{
    const int FromLeaf = 0, AdmittedAt = 1, RecordedAt = 2, AnsweredAt = 3, FailedAt = 4, RefusedAt = 5;

    readonly Counters _counters;

    /// <param name="size">
    /// How many leaves the log has now: where counting begins if nothing was counted yet, or the counters were lost.
    /// </param>
    public GatewayCounters(string path, long size)
    {
        _counters = new Counters(path, File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());
        if (_counters.Intact) return;
        for (var i = AdmittedAt; i <= RefusedAt; i++) _counters[i] = 0;
        _counters[FromLeaf] = size;
        _counters.Flush();
    }

    public void Admitted() => _counters.Add(AdmittedAt);
    public void Recorded() => _counters.Add(RecordedAt);
    public void Answered() => _counters.Add(AnsweredAt);
    public void Failed() => _counters.Add(FailedAt);
    public void Refused() => _counters.Add(RefusedAt);

    /// <summary>
    /// The counters around a look at the log. Invariant: what is counted after a leaf is read before the look, what is
    /// counted before a leaf is read after it; so the counts stand on either side of the log's.
    /// </summary>
    public GatewayCount Around(Action look)
    {
        var (answered, recorded) = (_counters[AnsweredAt], _counters[RecordedAt]);
        look();
        return new GatewayCount(_counters[FromLeaf], _counters[AdmittedAt], recorded, answered, _counters[FailedAt],
            _counters[RefusedAt]);
    }

    /// <summary>Makes them durable: what is stated in the ledger must not be forgotten here.</summary>
    public void Flush() => _counters.Flush();

    public void Dispose() => _counters.Dispose();
}
