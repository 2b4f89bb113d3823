namespace Cel.Syntax;

/// <summary>
/// Recursive descent over the CEL grammar:
/// <code>
/// expr     = binary ["?" binary ":" expr]
/// binary   = unary {op unary}          loosest first: || && relations (+ -) (* / %), all left-associative
/// unary    = {"!"} member | {"-"} member
/// member   = primary {"." ["?"] name | "." name "(" args ")" | "[" ["?"] expr "]"}
/// primary  = ["."] name ["(" args ")"] | "(" expr ")" | "[" list "]" | "{" entries "}" | literal
/// </code>
/// In a list an element, in a map an entry, may start with <c>?</c>. Message literals are not part of this
/// implementation.
/// </summary>
internal sealed class Parser
{
    readonly SourceText _source;
    readonly List<Token> _tokens;
    int _at;
    int _nesting;
    int _ids;

    Parser(SourceText source)
    {
        _source = source;
        _tokens = new Lexer(source).Run();
    }

    /// <summary>The tree, and how many ids it uses.</summary>
    public static (Expr Root, int Ids) Parse(SourceText source)
    {
        if (source.Text.Length > Limits.Source)
            throw new CelException(source, 0,
                $"the source has {source.Text.Length} characters, more than {Limits.Source}");
        var parser = new Parser(source);
        var root = parser.Expression();
        if (parser.Current.Kind == TokenKind.End) return (root, parser._ids);
        var unexpected = parser.Unexpected("an operator or the end");
        unexpected.GoesOn = true;
        throw unexpected;
    }

    Token Current => _tokens[_at];

    Expr Expression()
    {
        if (++_nesting > Limits.Nesting)
            throw Fail(Current.Start, $"the expression is nested more than {Limits.Nesting} deep");
        var start = _at;
        var test = Binary(0);
        if (Current.Kind == TokenKind.Question)
        {
            var at = Take().Start;
            var then = Binary(0);
            Expect(TokenKind.Colon, "':'");
            var otherwise = Expression();
            test = new Conditional
            {
                Id = _ids++,
                Position = at,
                Height = Above(at, test, then, otherwise),
                Test = test,
                Then = then,
                Else = otherwise
            };
            Mark(test, start);
        }
        _nesting--;
        return test;
    }

    static (int Level, string Function) Operator(TokenKind kind) => kind switch
    {
        TokenKind.OrOr => (1, "||"),
        TokenKind.AndAnd => (2, "&&"),
        TokenKind.Less => (3, Operators.Less),
        TokenKind.LessEqual => (3, Operators.LessEqual),
        TokenKind.Greater => (3, Operators.Greater),
        TokenKind.GreaterEqual => (3, Operators.GreaterEqual),
        TokenKind.Equal => (3, Operators.Equal),
        TokenKind.NotEqual => (3, Operators.NotEqual),
        TokenKind.In => (3, Operators.In),
        TokenKind.Plus => (4, Operators.Add),
        TokenKind.Minus => (4, Operators.Subtract),
        TokenKind.Star => (5, Operators.Multiply),
        TokenKind.Slash => (5, Operators.Divide),
        TokenKind.Percent => (5, Operators.Modulo),
        _ => (0, ""),
    };

    /// <summary>Operators that bind tighter than <paramref name="level"/>.</summary>
    Expr Binary(int level)
    {
        var start = _at;
        var left = Unary();
        while (true)
        {
            var op = Current;
            var (found, function) = Operator(op.Kind);
            if (found <= level) return left;
            if (op.Kind is TokenKind.OrOr or TokenKind.AndAnd)
            {
                left = Chain(op, found, left);
                Mark(left, start);
                continue;
            }
            Take();
            left = MakeCall(op.Start, function, null, [left, Binary(found)]);
            Mark(left, start);
        }
    }

    /// <summary>
    /// All terms of one logical operator as one node: such chains may be long, and it is one error-absorbing operation.
    /// </summary>
    Logic Chain(Token op, int level, Expr first)
    {
        var terms = new List<Expr> { first };
        while (Current.Kind == op.Kind)
        {
            Take();
            terms.Add(Binary(level));
        }
        return new Logic
        {
            Id = _ids++,
            Position = op.Start,
            Height = Above(op.Start, [.. terms]),
            IsAnd = op.Kind == TokenKind.AndAnd,
            Terms = [.. terms]
        };
    }

    Expr Unary()
    {
        var op = Current.Kind;
        if (op is not (TokenKind.Not or TokenKind.Minus)) return Member(negative: null);
        var signs = new List<int>();
        while (Current.Kind == op) signs.Add(Take().Start);
        int? negative = null;
        if (op == TokenKind.Minus && Current.Kind is TokenKind.Int or TokenKind.Double)
        {
            negative = signs[^1];
            signs.RemoveAt(signs.Count - 1);
        }
        var operand = Member(negative);
        for (var i = signs.Count - 1; i >= 0; i--)
        {
            operand = MakeCall(signs[i], op == TokenKind.Not ? Operators.Not : Operators.Negate, null, [operand]);
            operand.Mark(signs[i], _tokens[_at - 1].End);
        }
        return operand;
    }

    Expr Member(int? negative)
    {
        var start = _at;
        var operand = Primary(negative);
        if (negative is { } sign) operand.Mark(sign, _tokens[_at - 1].End);
        while (true)
        {
            Mark(operand, start);
            if (Current.Kind == TokenKind.LeftBracket)
            {
                var at = Take().Start;
                var function = TakeQuestion() ? Operators.OptionalIndex : Operators.Index;
                var index = Expression();
                Expect(TokenKind.RightBracket, "']'");
                operand = MakeCall(at, function, null, [operand, index]);
            }
            else if (Current.Kind == TokenKind.Dot)
            {
                var at = Take().Start;
                var optional = TakeQuestion();
                if (Current.Kind is not (TokenKind.Ident or TokenKind.QuotedIdent))
                    throw Unexpected(optional ? "a field name" : "a field or function name");
                var name = Take();
                if (optional)
                {
                    var field = name.Kind == TokenKind.QuotedIdent ? TextOf(name)[1..^1] : TextOf(name);
                    operand = MakeCall(at, Operators.OptionalSelect, null, [operand, MakeLiteral(name.Start, field)]);
                }
                else if (name.Kind == TokenKind.Ident && Current.Kind == TokenKind.LeftParen)
                {
                    var function = TextOf(name);
                    Take();
                    operand = Macros.Expand(this, at, function, operand, Sequence(TokenKind.RightParen, "')'"));
                }
                else
                {
                    var quoted = name.Kind == TokenKind.QuotedIdent;
                    operand = MakeSelect(at, operand, quoted ? TextOf(name)[1..^1] : TextOf(name), quoted);
                }
            }
            else if (Current.Kind == TokenKind.LeftBrace && operand is Ident or Select { Test: false })
            {
                throw Fail(Current.Start, "message literals are not supported");
            }
            else
            {
                return operand;
            }
        }
    }

    Expr Primary(int? negative)
    {
        var start = _at;
        var token = Take();
        switch (token.Kind)
        {
            case TokenKind.Dot:
                if (Current.Kind != TokenKind.Ident) throw Unexpected("a name");
                return Name(Take(), rooted: true);
            case TokenKind.Ident:
                return Name(token, rooted: false);
            case TokenKind.LeftParen:
                var inner = Expression();
                Expect(TokenKind.RightParen, "')'");
                return inner;
            case TokenKind.LeftBracket:
                var marks = new List<bool>();
                var elements = Sequence(TokenKind.RightBracket, "']'", marks);
                return new ListLiteral
                {
                    Id = _ids++,
                    Position = token.Start,
                    Height = Above(token.Start, elements),
                    Elements = elements,
                    Optional = Marks(marks)
                };
            case TokenKind.LeftBrace:
                return Entries(token.Start);
            case TokenKind.Int or TokenKind.UInt or TokenKind.Double:
                var digits = _source.Text.AsSpan(token.Start, token.End - token.Start);
                return MakeLiteral(negative ?? token.Start,
                    (negative is null ? Literals.Number(digits, token.Kind) : Literals.Negated(digits, token.Kind))
                    ?? throw Fail(token.Start, "the number is out of range"));
            case TokenKind.String or TokenKind.Bytes:
                return MakeLiteral(token.Start, Literals.Quoted(_source, token));
            case TokenKind.True:
                return MakeLiteral(token.Start, true);
            case TokenKind.False:
                return MakeLiteral(token.Start, false);
            case TokenKind.Null:
                return MakeLiteral(token.Start, null);
            default:
                _at = start;
                throw Unexpected("an expression");
        }
    }

    Expr Name(Token token, bool rooted)
    {
        var name = TextOf(token);
        if (IsReserved(name)) throw Fail(token.Start, $"'{name}' is a reserved word");
        if (Current.Kind != TokenKind.LeftParen) return new Ident
        {
            Id = _ids++,
            Position = token.Start,
            Height = 1,
            Name = name,
            Rooted = rooted
        };
        Take();
        return Macros.Expand(this, token.Start, rooted ? "." + name : name, null,
            Sequence(TokenKind.RightParen, "')'"));
    }

    /// <summary>
    /// Comma-separated expressions; where <paramref name="marks"/> is given, they are a list's: each may start with
    /// <c>?</c>, and a comma may end them.
    /// </summary>
    Expr[] Sequence(TokenKind close, string what, List<bool>? marks = null)
    {
        var items = new List<Expr>();
        while (Current.Kind != close)
        {
            if (items.Count == Limits.Elements) throw Fail(Current.Start, $"more than {Limits.Elements} elements");
            marks?.Add(TakeQuestion());
            items.Add(Expression());
            if (Current.Kind != TokenKind.Comma) break;
            Take();
            if (Current.Kind == close && marks is null) throw Unexpected("an expression");
        }
        Expect(close, items.Count == 0 ? $"an expression or {what}" : $"',' or {what}");
        return [.. items];
    }

    MapLiteral Entries(int at)
    {
        List<Expr> keys = [], values = [];
        var marks = new List<bool>();
        while (Current.Kind != TokenKind.RightBrace)
        {
            if (keys.Count == Limits.Elements) throw Fail(Current.Start, $"more than {Limits.Elements} entries");
            marks.Add(TakeQuestion());
            keys.Add(Expression());
            Expect(TokenKind.Colon, "':'");
            values.Add(Expression());
            if (Current.Kind != TokenKind.Comma) break;
            Take();
        }
        Expect(TokenKind.RightBrace, "',' or '}'");
        return new MapLiteral
        {
            Id = _ids++,
            Position = at,
            Height = Above(at, [.. keys, .. values]),
            Keys = [.. keys],
            Values = [.. values],
            Optional = Marks(marks)
        };
    }

    bool TakeQuestion()
    {
        if (Current.Kind != TokenKind.Question) return false;
        Take();
        return true;
    }

    static bool[]? Marks(List<bool> marks) => marks.Contains(true) ? [.. marks] : null;

    public Literal MakeLiteral(int at, object? value) => new()
    {
        Id = _ids++,
        Position = at,
        Height = 1,
        Value = value
    };

    Select MakeSelect(int at, Expr operand, string field, bool quoted) => new()
    {
        Id = _ids++, Position = at, Height = Above(at, operand),
        Operand = operand, Field = field, Quoted = quoted, Test = false,
    };

    /// <summary>Whether a field is there, instead of what it holds.</summary>
    public Select MakeTest(int at, Select field) => new()
    {
        Id = _ids++, Position = at, Height = Above(at, field.Operand),
        Operand = field.Operand, Field = field.Field, Quoted = field.Quoted, Test = true,
    };

    public Call MakeCall(int at, string function, Expr? target, Expr[] args)
        => new()
        {
            Id = _ids++,
            Position = at,
            Height = Above(at, target is null ? args : [target, .. args]),
            Function = function,
            Target = target,
            Args = args
        };

    public Comprehension MakeComprehension(int at, MacroKind kind, Expr range, string variable, string? second,
        Expr? filter, Expr? body)
    {
        var parts = new List<Expr> { range };
        if (filter is not null) parts.Add(filter);
        if (body is not null) parts.Add(body);
        return new()
        {
            Id = _ids++,
            Position = at,
            Height = Above(at, [.. parts]),
            Kind = kind,
            Range = range,
            Variable = variable,
            Second = second,
            Filter = filter,
            Body = body
        };
    }

    public Ident MakeIdent(int at, string name) => new()
    {
        Id = _ids++,
        Position = at,
        Height = 1,
        Name = name,
        Rooted = false
    };

    public ListLiteral MakeList(int at, Expr[] elements) => new()
    {
        Id = _ids++,
        Position = at,
        Height = Above(at, elements),
        Elements = elements,
        Optional = null
    };

    public Bindings MakeBindings(int at, string[] names, Expr[] values, Expr body)
    {
        var height = body.Height;
        foreach (var value in values)
            if ((height += value.Height) >= Limits.Height)
                throw Fail(at, $"the bindings' trees are together more than {Limits.Height} high");
        return new() { Id = _ids++, Position = at, Height = height + 1, Names = names, Values = values, Body = body };
    }

    public CelException Fail(int at, string reason) => new(_source, at, reason);

    /// <summary>It stands from that token to the last one taken.</summary>
    void Mark(Expr e, int first) => e.Mark(_tokens[first].Start, _tokens[_at - 1].End);

    int Above(int at, params ReadOnlySpan<Expr> below)
    {
        var height = 0;
        foreach (var e in below) height = Math.Max(height, e.Height);
        return height < Limits.Height
            ? height + 1
            : throw Fail(at, $"the expression's tree is more than {Limits.Height} high");
    }

    Token Take()
    {
        var token = _tokens[_at];
        if (token.Kind != TokenKind.End) _at++;
        return token;
    }

    void Expect(TokenKind kind, string what)
    {
        if (Current.Kind != kind) throw Unexpected(what);
        Take();
    }

    string TextOf(Token token) => _source.Text[token.Start..token.End];

    CelException Unexpected(string wanted)
    {
        if (Current.Kind == TokenKind.End)
            return Fail(Current.Start, $"the expression ends where {wanted} was expected");
        var text = TextOf(Current);
        return Fail(Current.Start,
            $"expected {wanted}, found "
            + $"{(text.Length > 40 ? text[..(char.IsHighSurrogate(text[39]) ? 39 : 40)] + "…" : text)}");
    }

    static bool IsReserved(string name) =>
        name is "as" or "break" or "const" or "continue" or "else" or "for" or "function" or "if" or "import"
        or "let" or "loop" or "package" or "namespace" or "return" or "var" or "void" or "while";
}
