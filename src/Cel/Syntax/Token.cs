namespace Cel.Syntax;

internal enum TokenKind
{
    End, Ident, QuotedIdent, Int, UInt, Double, String, Bytes,
    True, False, Null, In,
    LeftParen, RightParen, LeftBracket, RightBracket, LeftBrace, RightBrace,
    Dot, Comma, Colon, Question,
    OrOr, AndAnd, Not, Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual,
    Plus, Minus, Star, Slash, Percent,
}

/// <summary>A lexical element; its text is the source between the two offsets.</summary>
internal readonly record struct Token(TokenKind Kind, int Start, int End);
