using Cel.Check;
using Cel.Values;

namespace Cel.Library;

/// <summary>Parts of timestamps, in UTC, a fixed offset or a named zone, and durations in whole units.</summary>
internal static class TimeFunctions
{
    public static void Declare(FunctionTable t)
    {
        Part(t, "getFullYear", c => c.Year);
        Part(t, "getMonth", c => c.Month - 1);
        Part(t, "getDate", c => c.Day);
        Part(t, "getDayOfMonth", c => c.Day - 1);
        Part(t, "getDayOfWeek", c => c.Weekday);
        Part(t, "getDayOfYear", c => c.DayOfYear);
        Part(t, "getHours", c => c.Hour);
        Part(t, "getMinutes", c => c.Minute);
        Part(t, "getSeconds", c => c.Second);
        // An offset of whole seconds leaves the fraction alone, but the zone must still be one.
        t.Method("getMilliseconds", CelType.Timestamp, CelType.Int,
            (in CelValue x) => CelValue.Int(x.RawNanos / 1_000_000));
        t.Method("getMilliseconds", CelType.Timestamp, CelType.String, CelType.Int, (in CelValue x, in CelValue zone)
            => Times.TryOffset(zone.RawString, x.RawInt, out _)
                ? CelValue.Int(x.RawNanos / 1_000_000)
                : BadZone(in zone));

        Whole(t, "getHours", 3_600_000_000_000);
        Whole(t, "getMinutes", 60_000_000_000);
        Whole(t, "getSeconds", 1_000_000_000);
        // Unlike the others the remainder below a second.
        t.Method("getMilliseconds", CelType.Duration, CelType.Int,
            (in CelValue x) => CelValue.Int(x.RawInt % 1_000_000_000 / 1_000_000));
    }

    static void Part(FunctionTable t, string name, Func<Times.Civil, int> part)
    {
        t.Method(name, CelType.Timestamp, CelType.Int, (in CelValue x) => CelValue.Int(part(Times.ToCivil(x.RawInt))));
        t.Method(name, CelType.Timestamp, CelType.String, CelType.Int, (in CelValue x, in CelValue zone)
            => Times.TryOffset(zone.RawString, x.RawInt, out var offset)
                ? CelValue.Int(part(Times.ToCivil(x.RawInt + offset)))
                : BadZone(in zone));
    }

    static void Whole(FunctionTable t, string name, long unit)
        => t.Method(name, CelType.Duration, CelType.Int, (in CelValue x) => CelValue.Int(x.RawInt / unit));

    static CelValue BadZone(in CelValue zone)
        =>
        CelValue.Error(CelErrorKind.InvalidArgument,
            $"{zone} is no time zone: UTC, an offset such as +02:00 or a name such as Europe/Berlin");
}
