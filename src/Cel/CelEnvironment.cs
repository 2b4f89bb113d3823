using Cel.Check;
using Cel.Library;
using Cel.Syntax;
using Cel.Values;

namespace Cel;

/// <summary>
/// What programs may name: typed variables, the functions of the language, and definitions, which are expressions with
/// a name. A program evaluates a definition where it first needs it, at most once an evaluation; its cost is the
/// program's, and its errors are shown in its own source. To be filled and compiled with by one thread at a time; the
/// programs serve any.
/// </summary>
/// <example><code>
/// var environment = new CelEnvironment(new Dictionary&lt;string, CelType&gt; { ["amount"] = CelType.Int });
/// environment.Define("large", "amount &gt; 100");
/// var program = environment.Compile("large ? 'ask' : 'pay'", CelType.String);
/// </code></example>
public sealed class CelEnvironment
{
    readonly Definitions _definitions = new();
    readonly Declarations _declared;

    public CelEnvironment(IReadOnlyDictionary<string, CelType> variables) =>
        _declared = new(variables, StandardLibrary.Functions) { Definitions = _definitions };

    /// <summary>The definitions so far.</summary>
    public IEnumerable<string> Names => _definitions.Names;

    /// <summary>
    /// Whether an identifier of the language, which is no reserved word: what a definition can be called.
    /// </summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= Limits.Name && (char.IsAsciiLetter(name[0]) || name[0] == '_')
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') && !Reserved.Contains(name)
        && CelType.Named(name) is null;

    static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
        "let", "loop", "package", "namespace", "return", "var", "void", "while",
    };

    /// <summary>
    /// Defines a name. Other definitions may be used before they are defined; what they are is looked at when a program
    /// needs this one.
    /// </summary>
    /// <exception cref="ArgumentException">The name is taken, or can't be one.</exception>
    /// <exception cref="CelException">The source can't be parsed.</exception>
    public void Define(string name, string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!IsName(name)) throw new ArgumentException($"'{name}' can't be the name of a definition", nameof(name));
        if (_declared.Variables.ContainsKey(name)) throw new ArgumentException($"'{name}' is a variable", nameof(name));
        var text = new SourceText(source, name);
        var (root, ids) = Parser.Parse(text);
        if (!_definitions.Add(new Definition(text, root, ids)))
            throw new ArgumentException($"'{name}' is defined twice", nameof(name));
    }

    /// <summary>The type of a definition, and of those that it uses, found by checking.</summary>
    /// <exception cref="CelException">
    /// It is no valid expression here; the message names the definition and shows where.
    /// </exception>
    public CelType Check(string name)
    {
        var definition = _definitions.Find(name)
            ?? throw new ArgumentException($"'{name}' is not defined", nameof(name));
        return _definitions.Check(definition, _declared, 0, circle => new InvalidOperationException(circle)).Type;
    }

    /// <inheritdoc cref="CelProgram.Compile(string, IReadOnlyDictionary{string, CelType}, CelType?)"/>
    public CelProgram Compile(string source, CelType? result = null) => CelProgram.Compile(source, _declared, result);
}
