using Cel.Syntax;

namespace Cel;

/// <summary>
/// What an expression may read, by its text alone: each name in it, with the field that follows at once
/// (<c>request.body</c> of <c>request.body.amount</c>, and of <c>has(request.body)</c>), or by itself where something
/// else follows (<c>request</c> of <c>size(request)</c>). Names of functions and of a comprehension's own variables are
/// among them. It may say too much, never too little.
/// </summary>
public static class Reads
{
    /// <exception cref="CelException">The source can't be read.</exception>
    public static IReadOnlySet<string> Of(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var tokens = new Lexer(new SourceText(source)).Run();
        var found = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < tokens.Count; i++)
        {
            if (tokens[i].Kind != TokenKind.Ident) continue;
            var name = Text(i);
            // A method's name after the dot is no field: what it is called on is read whole.
            var field = i + 2 < tokens.Count && tokens[i + 1].Kind == TokenKind.Dot
                && tokens[i + 2].Kind == TokenKind.Ident
                && !(i + 3 < tokens.Count && tokens[i + 3].Kind == TokenKind.LeftParen);
            found.Add(field ? $"{name}.{Text(i + 2)}" : name);
        }
        return found;

        string Text(int token) => source[tokens[token].Start..tokens[token].End];
    }
}
