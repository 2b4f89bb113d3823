namespace Stele.Verify;

/// <summary>An option of a command: with a value, whose name is shown in the help, or a plain flag.</summary>
sealed record Option(string Name, string? Value, string Help);

/// <summary>
/// One thing that can be verified: what is typed, the help in prose, and what it does. It returns the exit code.
/// </summary>
/// <param name="Operand">
/// The names of its operands as the help shows them, as <c>FILE</c>, in brackets where it may be left out.
/// </param>
sealed record Command(string Name, string Operand, string Help, Option[] Options, Func<Call, int> Run)
{
    public const int Usage = 2;

    public static readonly Option Trust = new("--trust", "FILE", """
        The trust file that the ledger's owners gave you themselves, not with what you verify: it pins the
        ledger's genesis and key, and the witnesses that count. Without one the best there is to
        say is "consistent, unauthenticated".
        """);

    public static readonly Option MinSize = new("--min-size", "N", """
        Fail if the ledger's checkpoint covers fewer than N entries: a shorter ledger than one that
        you have seen before hides something.
        """);

    public static readonly Option NotOlderThan = new("--not-older-than", "TIME",
        "Fail unless a trusted witness cosigned at or after TIME, as 2026-11-22T00:00:00Z.");

    public static readonly Option Json = new("--json", null, "The result as one line of JSON on standard output.");

    public string Synopsis =>
        $"stele-verify {Name} {Operand}{string.Concat(Options.Select(o => $" [{o.Name}{(o.Value is null ? "" : " " + o.Value)}]"))}";
}

/// <summary>What was asked wrongly, and what to type instead: exit code 2.</summary>
sealed class MisuseException(string message, string hint = "stele-verify --help") : Exception(message)
{
    public string Hint => hint;
}
