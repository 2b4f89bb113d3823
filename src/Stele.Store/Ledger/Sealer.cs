using Stele.Disk;

namespace Stele.Ledger;

/// <summary>
/// Closes what stands before a segment for good, in parallel with everything else: all that was derived from it is
/// published and flushed, then the segment gets its basis. Invariant: no basis is stored before everything that derives
/// from the entries before it is durable; hence nothing before it is needed to make the log whole again.
/// </summary>
sealed class Sealer(ILedgerWriter writer, Publisher publisher, LogOptions options, TimeProvider time,
    Action<Exception> failed, CancellationToken untilClosing)
{
    // Segments that have begun and have no basis yet, with the edge of the tree there. The log's thread adds, the
    // sealing task takes.
    readonly List<(long First, byte[] Basis)> _boundaries = [];

    /// <summary>Completes when all that was begun is sealed, or is left for the next start.</summary>
    public Task Sealing { get; private set; } = Task.CompletedTask;

    /// <summary>A segment begins after what is in the tree now; it gets this basis.</summary>
    public void Begin(long first, byte[] basis) => _boundaries.Add((first, basis));

    /// <summary>7, one after the other.</summary>
    public void SealBehind()
    {
        if (_boundaries.Count == 0) return;
        var boundaries = _boundaries.ToArray();
        _boundaries.Clear();
        Sealing = Sealing.ContinueWith(_ => Seal(boundaries), CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default).Unwrap();
    }

    /// <summary>
    /// 7. Where no descriptor is left for it, later; where the log is closed before, at the next start.
    /// </summary>
    async Task Seal((long First, byte[] Basis)[] boundaries)
    {
        while (true)
        {
            try
            {
                // Every full tile and bundle before the boundary is stored by now. The checkpoint that is published
                // covers it, so that a start finds a basis it may trust.
                publisher.Publish();
                writer.Flush();
                foreach (var (first, basis) in boundaries) writer.PutBasis(first, basis);
                return;
            }
            catch (Exception e) when (DiskTrouble.LacksDescriptors(e))
            {
                publisher.LastError = e.Message;
            }
            catch (Exception e)
            {
                failed(e);
                return;
            }
            try
            {
                await Task.Delay(options.PublishEvery, time, untilClosing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
