using System.Runtime.CompilerServices;
using Stele.Runtime;

namespace Stele.Tests;

static class TestTrees
{
    /// <summary>Who runs the tests may run releases too: trees of tests are made elsewhere.</summary>
    [ModuleInitializer]
    internal static void Elsewhere() => Environment.SetEnvironmentVariable(TreePlace.Variable,
        Path.Combine(Path.GetTempPath(), "stele-test-trees"));
}
