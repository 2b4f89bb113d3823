#pragma warning disable // Each type below does one thing that is banned somewhere, so that the walk can be seen to catch it.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Stele.Tests.House;

static partial class BannedFixtures
{
    internal sealed class CaughtNow { object M() => DateTime.UtcNow; }
    internal sealed class CaughtNowInLambda { Func<object> M() => () => DateTimeOffset.Now; }
    internal sealed class CaughtSystemClock { object M() => TimeProvider.System; }
    internal sealed class CaughtStopwatch { System.Diagnostics.Stopwatch? watch; }
    internal sealed class CaughtTicks { long M() => Environment.TickCount64; }
    internal sealed class CaughtGuid { object M() => Guid.NewGuid(); }
    internal sealed class CaughtGuidMethodGroup { Func<Guid> M() => Guid.NewGuid; }
    internal sealed class CaughtRandom { object M() => new Random(1); }
    internal sealed class CaughtRandomShared { object M() => Random.Shared.Next(); }
    internal sealed class CaughtCulture { object M() => CultureInfo.CurrentCulture; }
    internal sealed class CaughtCultureCompare { int M() => string.Compare("a", "b"); }
    internal sealed class CaughtCultureComparer { object M() => StringComparer.CurrentCulture; }
    internal sealed class CaughtPrefixByCulture { bool M(string s) => s.StartsWith("b"); }

    internal sealed class CaughtWriteText { void M() => File.WriteAllText("a", "b"); }
    internal sealed class CaughtWriteTextAsync { async Task M() => await File.WriteAllTextAsync("a", "b"); }
    internal sealed class CaughtWriteStream { object M() => new FileStream("a", FileMode.Open); }
    internal sealed class CaughtWriteOpen { object M() => File.Open("a", FileMode.Create); }
    internal sealed class CaughtWriteHandle { object M() => File.OpenHandle("a", FileMode.Create, FileAccess.Write); }
    internal sealed class CaughtWriteWriter { object M() => new StreamWriter("a"); }
    internal sealed class CaughtWriteAt { void M(Microsoft.Win32.SafeHandles.SafeFileHandle h) =>
        RandomAccess.Write(h, new byte[1], 0); }
    internal sealed class CaughtWriteDirectory { void M() => Directory.CreateDirectory("a"); }
    internal sealed class CaughtWriteDelete { void M() => new FileInfo("a").Delete(); }
    internal sealed class CaughtWriteMode { void M() => File.SetUnixFileMode("a", UnixFileMode.None); }
    internal sealed class CaughtWriteAttribute { void M() => new FileInfo("a").IsReadOnly = true; }
    internal sealed class CaughtWriteZip { void M() => System.IO.Compression.ZipFile.ExtractToDirectory("a", "b"); }
    internal sealed class CaughtWriteTar { void M(System.Formats.Tar.TarEntry e) => e.ExtractToFile("a", true); }
    internal sealed partial class CaughtWriteImport { [LibraryImport("libc", EntryPoint = "unlink")]
    private static partial int Remove(nint path); }

    internal sealed class CaughtConsole { void M() => Console.WriteLine(); }
    internal sealed class CaughtConsoleError { object M() => Console.Error; }

    internal sealed class CaughtPureRead { object M() => File.ReadAllText("a"); }
    internal sealed class CaughtPureEnvironment { object M() => Environment.NewLine; }
    internal sealed class CaughtPureNet { object M() => new System.Net.Http.HttpClient(); }
    internal sealed class CaughtPureRegex { Regex? regex; }
    internal sealed partial class CaughtPureGeneratedRegex { [GeneratedRegex("a")] private static partial Regex A(); }
    internal sealed class CaughtPureRandomness { object M() => RandomNumberGenerator.GetBytes(2); }
    internal sealed class CaughtPureClock { object M(TimeProvider t) => t.GetUtcNow(); }
    internal sealed class CaughtPureConsole { void M() => Console.WriteLine(); }
    internal sealed class CaughtPureKey { object M() => ECDsa.Create(ECCurve.NamedCurves.nistP256); }

    internal sealed class Innocent
    {
        object Reads() =>
            File.ReadAllBytes("a").Length + File.OpenRead("a").Length + Directory.EnumerateFiles("a").Count()
            + new FileInfo("a").Length;
        object Random() => RandomNumberGenerator.GetBytes(16);
        object Time(TimeProvider clock) => clock.GetUtcNow();
        object Words() => "DateTime.UtcNow".StartsWith("D", StringComparison.Ordinal);
        object Stream(Stream s) => new StreamWriter(s);
        object Culture() => 1.5.ToString(CultureInfo.InvariantCulture);
    }

    internal sealed class InnocentPure
    {
        IEnumerable<int> Iterate() { yield return 1; }
        object Hash() => SHA256.HashData([1]);
        object Key(ECParameters p) => ECDsa.Create(p);
        object Memory() => new MemoryStream();
    }
}
