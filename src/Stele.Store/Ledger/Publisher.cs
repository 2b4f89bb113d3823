using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// Makes the stored objects follow a log: full tiles and bundles as they fill up; the partial ones and the checkpoint
/// in a paced loop. All of it derives from the records, so what the store does not take now is tried again, and is made
/// again at the next start. Invariant: a checkpoint is stored after all that it implies, so that the objects alone are
/// always a consistent log, at most a moment behind.
/// </summary>
sealed class Publisher(LogReader log, LogObjects objects, LogTree tree, LogOptions options, TimeProvider time)
{
    readonly Lock _publication = new();

    /// <summary>
    /// Why what derives from the records could not be stored when it was last tried; null: it was. It is tried again.
    /// </summary>
    public string? LastError { get; set; }

    /// <summary>5, when the store takes it. What it does not, the next publication or the next start stores.</summary>
    public void TryWriteFull()
    {
        try
        {
            tree.WriteFull();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LastError = e.Message;
            if (tree.Unwritten > options.UnwrittenTiles) throw;
        }
    }

    /// <summary>6, as the log grows, until it is closed.</summary>
    /// <param name="published">The size that was published before.</param>
    /// <param name="failed">Told what ends it otherwise.</param>
    public async Task Run(long published, Action<Exception> failed, CancellationToken untilClosing)
    {
        try
        {
            while (!untilClosing.IsCancellationRequested)
            {
                await log.WaitBeyond(published, untilClosing);
                try
                {
                    published = Publish();
                    LastError = null;
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    LastError = e.Message;   // objects lag behind; the log itself does not
                }
                await Task.Delay(options.PublishEvery, time, untilClosing);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            failed(e);
        }
    }

    /// <summary>
    /// 6. Partial tiles and bundle first, then the checkpoint that implies them; all larger, full ones before both.
    /// Returns the size that it covers.
    /// </summary>
    public long Publish()
    {
        lock (_publication)
        {
            var head = log.Head;
            tree.WriteFull();   // what that checkpoint implies is stored by then, or is among these
            for (var level = Tile.Entries; level < Tile.LevelsAt(head.Size); level++)
            {
                var n = head.Size >> (level == Tile.Entries ? 8 : 8 * (level + 1));
                var width = Tile.WidthAt(head.Size, level, n);
                if (width == 0) continue;
                // What stands there is right: it was checked at opening or written since, and never changes. If the
                // tile is full by now, that one serves in its place.
                var tile = new Tile(level, n, width);
                if (!objects.Exists(tile)) objects.Write(tile, tree.Read(level, n, width));
            }
            if (head.Checkpoint.Length > 0 && objects.Checkpoint != head.Checkpoint)
                objects.WriteCheckpoint(head.Checkpoint);
            return head.Size;
        }
    }
}
