namespace Stele.Tests.Control;

/// <summary>
/// A clock whose hands a test moves; the wall's and the monotonic one apart. Timers run on the real clock.
/// </summary>
sealed class ManualTime(DateTimeOffset start) : TimeProvider
{
    TimeSpan _wall, _mono;

    public override DateTimeOffset GetUtcNow() => start + _wall;
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    public override long GetTimestamp() => _mono.Ticks;

    public void Pass(TimeSpan time) => (_wall, _mono) = (_wall + time, _mono + time);

    /// <summary>Sets the wall clock, as an operator or a broken time service does.</summary>
    public void Jump(TimeSpan by) => _wall += by;
}
