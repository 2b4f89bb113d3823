namespace Stele.Tests;

/// <summary>
/// The standards' own test vectors: from STELE_VECTORS, else ../shared/vectors beside the repository. Never committed
/// here.
/// </summary>
static class Vectors
{
    static readonly string Root = Environment.GetEnvironmentVariable("STELE_VECTORS") ?? Beside();

    /// <summary>For tests that can do without.</summary>
    public static bool AreInstalled => Directory.Exists(Root);

    /// <summary>
    /// The folder of one suite. Skips the test, saying so, when no vectors are installed; fails when the suite is
    /// missing or empty.
    /// </summary>
    public static string Dir(string suite)
    {
        if (!Directory.Exists(Root))
            Assert.Skip("no vectors: set STELE_VECTORS to the folder of the standards' test suites");
        var dir = Path.Combine(Root, suite);
        Assert.True(Directory.Exists(dir) && Directory.EnumerateFiles(dir, "*", SearchOption.AllDirectories)
            .Any(f => Path.GetFileName(f) != "SOURCE.txt"), $"vectors are installed but {suite} is missing or empty");
        return dir;
    }

    /// <summary>
    /// All files of a suite that match; zero is a failure, so that a moved folder can't pass silently.
    /// </summary>
    public static string[] Files(string suite, string pattern)
    {
        var files = Directory.GetFiles(Dir(suite), pattern, SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    static string Beside() => Path.Combine(Repository.Root, "..", "shared", "vectors");
}

/// <summary>The working copy the tests were built from.</summary>
static class Repository
{
    public static readonly string Root = Find();

    static string Find()
    {
        for (var d = AppContext.BaseDirectory; d is not null; d = Path.GetDirectoryName(d))
            if (File.Exists(Path.Combine(d, "stele.slnx"))) return d;
        throw new InvalidOperationException("the tests run from a build inside the working copy");
    }
}
