namespace Cel.Syntax;

/// <summary>
/// What keeps a hostile source from costing more than it should. A change here changes which programs exist, so it is
/// part of the language version.
/// </summary>
public static class Limits
{
    /// <summary>UTF-16 units in a source.</summary>
    public const int Source = 16 * 1024;

    /// <summary>
    /// Characters of a name or field, without back quotes: what is looked up is hashed each time, and costs one unit.
    /// </summary>
    public const int Name = 256;

    /// <summary>Brackets, conditionals and macros inside one another: bounds the parser's own stack.</summary>
    public const int Nesting = 64;

    /// <summary>
    /// Height of the syntax tree, which also grows along chains such as <c>a + b + c</c>: bounds the stack of
    /// everything that walks it.
    /// </summary>
    public const int Height = 256;

    /// <summary>Steps of type checking: types that contain one another can be made exponentially large.</summary>
    public const int Checking = 500_000;

    /// <summary>Arguments, list elements or map entries written in one place.</summary>
    public const int Elements = 1024;

    /// <summary>
    /// Arguments of <c>math.greatest</c> and <c>math.least</c> with types of their own; beyond, they are a list.
    /// </summary>
    internal const int Extremes = 8;
}
