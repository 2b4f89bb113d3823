using Stele.Disk;
using Stele.Proof;

namespace Stele.Runtime;

/// <summary>
/// What of a sandbox's confinement holds on this machine, and what does not, with why: for a node's status and those
/// who start one.
/// </summary>
static class Enforcement
{
    /// <summary>
    /// Every limit by name, with its value and whether it holds: memory in bytes, processors, processes, those of its
    /// user in all, descriptors a process, bytes a file; and the user.
    /// </summary>
    public static Json ToJson()
    {
        var limits = Limits.Default;
        var held = ControlGroup.Holding;
        return Json.Object(
            ("user", Libc.EffectiveUser != 0 ? "the node's own" : HostUser.Why is null ? "its own" : "root"),
            ("memory", Held("memory", limits.Memory)), ("processors", Held("cpu", limits.Processors)),
                ("processes", Held("pids", limits.Processes)),
                ("userProcesses", Json.Object(("limit", limits.UserProcesses), ("enforced", true))),
            ("descriptors", Json.Object(("limit", limits.Descriptors), ("enforced", true))),
                ("fileBytes", Json.Object(("limit", limits.FileBytes), ("enforced", true))),
            ("systemCalls", SystemCalls.Filter() is not null),
            ("notEnforced", Json.Array(Gaps().Select(Json.Of))));

        Json Held(string controller, Json limit) => Json.Object(("limit", limit),
            ("enforced", held.Contains(controller)));
    }

    /// <summary>What does not hold, a sentence each; nothing where all does.</summary>
    public static IEnumerable<string> Gaps()
    {
        if (HostUser.Why is { } user) yield return
            $"user: not enforced; a release is root for this machine, without capabilities ({user})";
        var limits = Limits.Default.UserProcesses.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var missing = ((string, string)[])[("memory", "memory"), ("cpu", "processors"),
            ("pids", $"processes ({limits} of this user's in all are)")];
        var names = missing.Where(m => !ControlGroup.Holding.Contains(m.Item1)).Select(m => m.Item2).ToArray();
        if (names.Length > 0) yield return $"{string.Join(", ", names)}: not enforced ({ControlGroup.Why})";
        if (SystemCalls.Filter() is null) yield return
            "system calls: not enforced (no table for this kind of processor)";
    }
}
