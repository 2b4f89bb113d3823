using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;

namespace Stele.Runtime;

/// <summary>
/// Who a sandbox is to the host. Where root runs this, a user that owns nothing and is nobody else's: one of a range
/// that no account is given, by the name of what runs, so that two releases are two users. Else the user that runs
/// this.
/// </summary>
static class HostUser
{
    // 0x70000000 to 0x77ffffff: beyond those of systemd's containers, and below where programs take a number for
    // negative.
    const uint RangeStart = 0x70000000, RangeCount = 0x08000000, Fewest = 32_768;

    static readonly Lazy<(uint Start, uint Count, string? Why)> Range = new(Find);

    /// <summary>The user's number; null where a sandbox runs as the user of this process.</summary>
    public static uint? Of(string tenant)
    {
        var (start, count, _) = Range.Value;
        return count == 0 ? null : start + BinaryPrimitives.ReadUInt32BigEndian(
            SHA256.HashData(Encoding.UTF8.GetBytes(tenant))) % count;
    }

    /// <summary>Why a sandbox runs as root for the host; null when it does not.</summary>
    public static string? Why => Range.Value.Why;

    static (uint, uint, string?) Find()
    {
        if (Libc.EffectiveUser != 0) return (0, 0, null);
        var (start, count) = Mapped();
        if (count == 0) return (0, 0, "this user namespace has too few users");
        return Fails(start) is { } why ? (0, 0, $"no other user can make a sandbox here: {why}") : (start, count, null);
    }

    /// <summary>
    /// A range of users that exist here: in a container of an ordinary user's, the upper end of those it was given.
    /// </summary>
    static (uint, uint) Mapped()
    {
        var widest = File.ReadLines("/proc/self/uid_map")
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(p => p.Length == 3)
            .Select(p => (Start: ulong.Parse(p[0], CultureInfo.InvariantCulture),
                Count: ulong.Parse(p[2], CultureInfo.InvariantCulture))).MaxBy(r => r.Count);
        return widest.Start <= RangeStart && widest.Start + widest.Count >= RangeStart + (ulong)RangeCount
            ? (RangeStart, RangeCount)
            : widest.Count >= Fewest ? ((uint)(widest.Start + widest.Count) - Fewest / 2, Fewest / 2) : (0u, 0u);
    }

    /// <summary>Why such a user can't do what a sandbox takes, in the words of what failed; null when it can.</summary>
    static string? Fails(uint user)
    {
        var number = user.ToString(CultureInfo.InvariantCulture);
        try
        {
            var start = new ProcessStartInfo("unshare",
                ["--mount", "setpriv", "--reuid", number, "--regid", number, "--clear-groups", Sandbox.Program!,
                    "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"])
            {
                RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
                    WorkingDirectory = "/",
            };
            using var probe = Process.Start(start)!;
            probe.StandardInput.Close();
            var errors = probe.StandardError.ReadToEnd();
            probe.WaitForExit();
            return probe.ExitCode == 0 ? null : errors.Trim();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return e.Message; // no unshare
        }
    }
}
