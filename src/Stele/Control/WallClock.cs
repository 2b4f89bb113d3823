using System.Globalization;
using Stele.Proof;

namespace Stele.Control;

/// <summary>
/// The time that entries are stamped with, and the judgement whether it can be believed. Entry times never go back, so
/// one stamp from a wrong clock would bind every later one. Not thread-safe: its owner is the admission loop.
/// </summary>
sealed class WallClock(TimeProvider time)
{
    /// <summary>
    /// How far the wall clock may lie behind the last entry, or part from the monotonic clock at once.
    /// </summary>
    public const long Tolerance = 5 * 60 * 1000;

    /// <summary>
    /// Refuses to start a server whose clock lies behind what it is known to have seen: it could stamp nothing, or
    /// would stamp what every verifier then finds false.
    /// </summary>
    /// <param name="seen">Milliseconds since 1970 UTC.</param>
    /// <param name="what">What says that it was that time already, with its article.</param>
    /// <exception cref="ProblemException">The clock lies more than <see cref="Tolerance"/> behind it.</exception>
    public static void Demand(TimeProvider time, long seen, string what)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (now >= seen - Tolerance) return;
        throw new ProblemException(ProblemCode.Clock, string.Create(CultureInfo.InvariantCulture,
            $"{what} says {Rfc3339.Seconds(seen)}, and this machine's clock says {Rfc3339.Seconds(now)}, " +
                $"{(seen - now) / 1000} s earlier: " +
                $"the server does not start. If the clock was wrong, set it right. ") +
            "If it is right, that time came from a wrong one: the ledger takes nothing more until then, and only a " +
                "copy " +
                "of the server's folder from before it goes on");
    }

    long _wall = time.GetUtcNow().ToUnixTimeMilliseconds(), _mark = time.GetTimestamp();
    string? _jumped;

    /// <summary>Milliseconds since 1970 UTC for the next entry; or the reason why there is none.</summary>
    public bool TryStamp(long lastEntry, out long stamp, out string? reason)
    {
        var wall = time.GetUtcNow().ToUnixTimeMilliseconds();
        var mark = time.GetTimestamp();
        var parted = wall - _wall - (long)time.GetElapsedTime(_mark, mark).TotalMilliseconds;
        (_wall, _mark) = (wall, mark);
        if (Math.Abs(parted) > Tolerance)
            _jumped = string.Create(CultureInfo.InvariantCulture,
                $"the server's clock jumped by {parted / 1000} s while it ran; nothing is admitted until it was "
                + $"restarted with the right time");
        stamp = Math.Max(wall, lastEntry);
        reason = _jumped ?? (wall < lastEntry - Tolerance
            ? string.Create(CultureInfo.InvariantCulture,
                $"the server's clock is {(lastEntry - wall) / 1000} s behind the ledger's last entry; nothing is "
                + $"admitted until it is right") : null);
        return reason is null;
    }
}
