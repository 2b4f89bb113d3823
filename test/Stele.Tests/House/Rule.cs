namespace Stele.Tests.House;

static class Rule
{
    /// <summary>
    /// Fails with every violation, each on its own line and in full, so that one run shows all there is to fix.
    /// </summary>
    public static void Holds(IEnumerable<string?> violations)
    {
        var all = violations.Distinct().ToList();
        if (all.Count > 0) Assert.Fail(string.Join('\n', all));
    }
}
