namespace Cel.Syntax;

/// <summary>
/// Cuts a source into tokens, as the CEL language definition's lexis has it, with back-quoted selectors
/// (<c>m.`content-type`</c>) added. Literals are only delimited here; <see cref="Literals"/> gives their values.
/// </summary>
internal sealed class Lexer(SourceText source)
{
    readonly string _text = source.Text;
    int _at;

    /// <summary>Line comments, from the slashes to the end of the line or of the source.</summary>
    public List<(int Start, int End)> Comments { get; } = [];

    public List<Token> Run()
    {
        // Invariant: everything after this line is valid UTF-16, so strings in programs are always valid Unicode.
        for (var i = 0; i < _text.Length; i++)
        {
            if (!char.IsSurrogate(_text[i])) continue;
            if (i + 1 >= _text.Length || !char.IsSurrogatePair(_text[i], _text[i + 1]))
                throw Fail(i, "the source is not valid Unicode: half a surrogate pair");
            i++;
        }

        var tokens = new List<Token>();
        while (true)
        {
            SkipSpace();
            if (_at >= _text.Length)
            {
                tokens.Add(new Token(TokenKind.End, _text.Length, _text.Length));
                return tokens;
            }
            tokens.Add(Next());
        }
    }

    void SkipSpace()
    {
        while (_at < _text.Length)
        {
            if (_text[_at] is ' ' or '\t' or '\n' or '\r' or '\f') _at++;
            else if (_text[_at] == '/' && Peek(1) == '/')
            {
                var start = _at;
                while (_at < _text.Length && _text[_at] != '\n') _at++;
                Comments.Add((start, _at));
            }
            else return;
        }
    }

    Token Next()
    {
        var start = _at;
        var c = _text[_at];
        if (StringStart() is { } prefix) return Quoted(start, prefix);
        if (IsLetter(c)) return Word(start);
        if (char.IsAsciiDigit(c) || (c == '.' && char.IsAsciiDigit(Peek(1)))) return Number(start);
        if (c == '`') return BackQuoted(start);

        var pair = Peek(1);
        return (c, pair) switch
        {
            ('|', '|') => Take(TokenKind.OrOr, 2),
            ('&', '&') => Take(TokenKind.AndAnd, 2),
            ('<', '=') => Take(TokenKind.LessEqual, 2),
            ('>', '=') => Take(TokenKind.GreaterEqual, 2),
            ('=', '=') => Take(TokenKind.Equal, 2),
            ('!', '=') => Take(TokenKind.NotEqual, 2),
            ('<', _) => Take(TokenKind.Less, 1),
            ('>', _) => Take(TokenKind.Greater, 1),
            ('!', _) => Take(TokenKind.Not, 1),
            ('(', _) => Take(TokenKind.LeftParen, 1),
            (')', _) => Take(TokenKind.RightParen, 1),
            ('[', _) => Take(TokenKind.LeftBracket, 1),
            (']', _) => Take(TokenKind.RightBracket, 1),
            ('{', _) => Take(TokenKind.LeftBrace, 1),
            ('}', _) => Take(TokenKind.RightBrace, 1),
            ('.', _) => Take(TokenKind.Dot, 1),
            (',', _) => Take(TokenKind.Comma, 1),
            (':', _) => Take(TokenKind.Colon, 1),
            ('?', _) => Take(TokenKind.Question, 1),
            ('+', _) => Take(TokenKind.Plus, 1),
            ('-', _) => Take(TokenKind.Minus, 1),
            ('*', _) => Take(TokenKind.Star, 1),
            ('/', _) => Take(TokenKind.Slash, 1),
            ('%', _) => Take(TokenKind.Percent, 1),
            ('=', _) => throw Fail(start, "'=' is no operator; equality is '=='"),
            ('&', _) => throw Fail(start, "'&' is no operator; logical and is '&&'"),
            ('|', _) => throw Fail(start, "'|' is no operator; logical or is '||'"),
            _ => throw Fail(start,
                char.IsControl(c) || char.IsSurrogate(c) ? "unexpected character" : $"unexpected character '{c}'"),
        };
    }

    Token Word(int start)
    {
        while (_at < _text.Length && (IsLetter(_text[_at]) || char.IsAsciiDigit(_text[_at]))) _at++;
        Measure(start, _at - start);
        var kind = _text.AsSpan(start, _at - start) switch
        {
            "true" => TokenKind.True,
            "false" => TokenKind.False,
            "null" => TokenKind.Null,
            "in" => TokenKind.In,
            _ => TokenKind.Ident,
        };
        return new Token(kind, start, _at);
    }

    Token BackQuoted(int start)
    {
        _at++;
        while (_at < _text.Length
            && (IsLetter(_text[_at]) || char.IsAsciiDigit(_text[_at]) || _text[_at] is '.' or '-' or '/' or ' ')) _at++;
        if (_at >= _text.Length || _text[_at] != '`')
            throw Fail(start,
                "a back-quoted name holds letters, digits, '_', '.', '-', '/' and spaces, and ends with '`'");
        if (_at == start + 1) throw Fail(start, "a back-quoted name can't be empty");
        Measure(start, _at - start - 1);
        _at++;
        return new Token(TokenKind.QuotedIdent, start, _at);
    }

    void Measure(int start, int length)
    {
        if (length > Limits.Name) throw Fail(start, $"a name has at most {Limits.Name} characters, not {length}");
    }

    Token Number(int start)
    {
        if (_text[_at] == '0' && Peek(1) is 'x' or 'X')
        {
            _at += 2;
            var digits = _at;
            while (_at < _text.Length && char.IsAsciiHexDigit(_text[_at])) _at++;
            if (_at == digits) throw Fail(start, "a hexadecimal number needs digits after '0x'");
            return EndNumber(start, TokenKind.Int);
        }

        var kind = TokenKind.Int;
        Digits();
        if (_at < _text.Length && _text[_at] == '.' && char.IsAsciiDigit(Peek(1)))
        {
            kind = TokenKind.Double;
            _at++;
            Digits();
        }
        if (_at < _text.Length && _text[_at] is 'e' or 'E')
        {
            var sign = Peek(1) is '+' or '-' ? 1 : 0;
            if (!char.IsAsciiDigit(Peek(1 + sign))) throw Fail(start, "a number's exponent needs digits");
            kind = TokenKind.Double;
            _at += 1 + sign;
            Digits();
        }
        return EndNumber(start, kind);
    }

    Token EndNumber(int start, TokenKind kind)
    {
        if (kind == TokenKind.Int && _at < _text.Length && _text[_at] is 'u' or 'U')
        {
            kind = TokenKind.UInt;
            _at++;
        }
        if (_at < _text.Length && (IsLetter(_text[_at]) || char.IsAsciiDigit(_text[_at])))
            throw Fail(_at, "a letter can't follow a number directly");
        return new Token(kind, start, _at);
    }

    /// <summary>Length of the prefix (<c>r b br</c> in any case) if a string or bytes literal starts here.</summary>
    int? StringStart()
    {
        for (var n = 0; n <= 2 && _at + n < _text.Length; n++)
        {
            if (_text[_at + n] is '\'' or '"')
                return n < 2 || (_text[_at] is 'b' or 'B' && _text[_at + 1] is 'r' or 'R') ? n : null;
            if (_text[_at + n] is not ('r' or 'R' or 'b' or 'B')) return null;
        }
        return null;
    }

    Token Quoted(int start, int prefix)
    {
        var raw = _text.AsSpan(start, prefix).IndexOfAny('r', 'R') >= 0;
        var kind = _text.AsSpan(start, prefix).IndexOfAny('b', 'B') >= 0 ? TokenKind.Bytes : TokenKind.String;
        _at += prefix;
        var quote = _text[_at];
        var triple = Peek(1) == quote && Peek(2) == quote;
        _at += triple ? 3 : 1;
        while (true)
        {
            if (_at >= _text.Length) throw Fail(start, "the string is not closed");
            var c = _text[_at];
            if (c == quote && (!triple || (Peek(1) == quote && Peek(2) == quote)))
            {
                _at += triple ? 3 : 1;
                return new Token(kind, start, _at);
            }
            if (!triple && c is '\n' or '\r')
                throw Fail(start, "the string is not closed on its line; only triple-quoted strings span lines");
            _at += c == '\\' && !raw ? 2 : 1;
        }
    }

    void Digits()
    {
        while (_at < _text.Length && char.IsAsciiDigit(_text[_at])) _at++;
    }

    Token Take(TokenKind kind, int length) => new(kind, _at, _at += length);

    char Peek(int ahead) => _at + ahead < _text.Length ? _text[_at + ahead] : '\0';

    static bool IsLetter(char c) => char.IsAsciiLetter(c) || c == '_';

    CelException Fail(int at, string reason) => new(source, at, reason);
}
