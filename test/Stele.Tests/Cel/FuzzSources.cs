using System.Text;

namespace Stele.Tests.Cel;

/// <summary>
/// Expressions to try an evaluator with: grown by type from the grammar, so that most compile and do something; and
/// programs of people, cut up and put together again. The same seed gives the same expressions.
/// </summary>
sealed class FuzzSources(int seed, IReadOnlyList<string> people)
{
    readonly Random _random = new(seed);
    readonly List<(string Name, char Type)> _locals = [];
    readonly List<(string Name, char Type)> _defined = [];
    int _names;
    int _left;

    public string Next() => _random.Next(10) switch
    {
        < 5 => Grown(),
        < 6 => Tower(),
        _ => Mutated(),
    };

    /// <summary>
    /// Definitions, of which each may use those before it, and every expression from now on may use all.
    /// </summary>
    public List<(string Name, string Source)> Define(int count)
    {
        _defined.Clear();
        var made = new List<(string, string)>();
        for (var i = 0; i < count; i++)
        {
            _locals.Clear();
            _left = _random.Next(4, 40);
            var type = "bisdlLmyO"[_random.Next(9)];
            made.Add(($"def{i}", Of(type, _random.Next(1, 7))));
            _defined.Add(($"def{i}", type));
        }
        return made;
    }

    string Grown()
    {
        _locals.Clear();
        _left = _random.Next(4, 60);
        return Of("bisdlLmyO"[_random.Next(9)], _random.Next(1, 9));
    }

    T Pick<T>(params ReadOnlySpan<T> from) => from[_random.Next(from.Length)];

    /// <summary>
    /// b bool, i int, u uint, d double, s string, l list of int, L list of string, m map of string to int, y dyn.
    /// </summary>
    string Of(char type, int depth)
    {
        if (depth <= 0 || --_left < 0) return Leaf(type);
        var fitting = _locals.FindAll(l => l.Type == type);
        if (fitting.Count > 0 && _random.Next(4) == 0) return fitting[_random.Next(fitting.Count)].Name;
        if (_random.Next(12) == 0) return $"({Of('b', depth - 1)} ? {Of(type, depth - 1)} : {Of(type, depth - 1)})";
        if (_random.Next(25) == 0) return Bound(type, depth);
        string Sub(char t) => Of(t, depth - 1);
        return type switch
        {
            'b' => _random.Next(17) switch
            {
                0 => $"({Sub('b')} && {Sub('b')})",
                1 => $"({Sub('b')} || {Sub('b')})",
                2 => $"!({Sub('b')})",
                3 => $"({Sub('i')} {Pick("<", "<=", ">", ">=", "==", "!=")} {Sub('i')})",
                4 => $"({Sub('s')} {Pick("<", "<=", ">", ">=", "==", "!=")} {Sub('s')})",
                5 => $"({Sub('l')} == {Sub('l')})",
                6 => $"({Sub('m')} == {Sub('m')})",
                7 => $"({Sub('y')} {Pick("==", "!=")} {Sub('y')})",
                8 => $"({Sub('i')} in {Sub('l')})",
                9 => $"({Sub('s')} in {Sub(Pick('L', 'm'))})",
                10 => $"{Sub('s')}.{Pick("contains", "startsWith", "endsWith")}({Sub('s')})",
                11 => $"{Sub('s')}.matches({(_random.Next(2) == 0 ? Pattern() : Sub('s'))})",
                12 => $"has(m.{Pick("a", "b", "zz")})",
                13 => Macro(Pick('l', 'L', 'm', 'y'), depth, x => $"{Pick("all", "exists", "exists_one")}({x}, ", 'b'),
                14 => $"({Sub('d')} {Pick("<", "==", ">=")} {Sub('d')})",
                15 =>
                    $"{Sub('l')}.{Pick("all", "exists", "existsOne")}({Local('i')}, {Local('i')}, {Scoped('b', depth, 2)})",
                _ => $"bool({Pick("'true'", "'0'", "s", "dyn(b)")})",
            },
            'i' => _random.Next(17) switch
            {
                14 => $"{Sub('O')}.orValue({Sub('i')})",
                15 => $"[{Sub('O')}, {Sub('O')}].unwrapOpt()[0]",
                16 => $"cidr({Pick("'10.0.0.0/8'", "'::/0'", "s")}).prefixLength()",

                < 4 => $"({Sub('i')} {Pick("+", "-", "*", "/", "%")} {Sub('i')})",
                4 => $"-({Sub('i')})",
                5 => $"size({Sub(Pick('s', 'l', 'L', 'm'))})",
                6 => $"{Sub('l')}[{Sub('i')}]",
                7 => $"m[{Sub('s')}]",
                8 => $"int({Sub(Pick('s', 'd', 'i'))})",
                9 => $"{Sub('s')}.{Pick("indexOf", "lastIndexOf")}({Sub('s')})",
                10 => $"math.{Pick("greatest", "least")}({Sub(Pick('l', 'i'))})",
                11 =>
                    $"timestamp({Sub('i')}).{Pick("getFullYear", "getDayOfYear", "getHours")}({Pick("", "'+05:30'", "s")})",
                12 => $"math.bitShiftLeft({Sub('i')}, {Sub('i')})",
                _ => $"duration({Sub('s')}).getSeconds()",
            },
            'd' => _random.Next(5) switch
            {
                < 3 => $"({Sub('d')} {Pick("+", "-", "*", "/")} {Sub('d')})",
                3 => $"double({Sub(Pick('i', 's'))})",
                _ => $"math.{Pick("ceil", "floor", "sqrt", "round")}({Sub('d')})",
            },
            's' => _random.Next(18) switch
            {
                16 => $"base64.encode(bytes({Sub('s')}))",
                17 => $"string(base64.decode({Sub('s')}))",

                < 3 => $"({Sub('s')} + {Sub('s')})",
                3 => $"string({Sub(Pick('i', 'd', 'b', 's'))})",
                4 => $"{Sub('s')}.replace({Sub('s')}, {Sub('s')})",
                5 => $"{Sub('L')}.join({(_random.Next(2) == 0 ? "" : Sub('s'))})",
                6 => $"{Sub('s')}.substring({Sub('i')})",
                7 => $"{Sub('s')}.{Pick("lowerAscii", "upperAscii", "trim", "reverse")}()",
                8 => $"{Sub('s')}.charAt({Sub('i')})",
                9 => $"{Sub('L')}[{Sub('i')}]",
                10 =>
                    $"{Pick("'%s %s'", "'%d%f'", "'%.30e|%x'", "'%s'", Sub('s'))}.format([{Sub(Pick('i', 'd', 's', 'y'))}, {Sub(Pick('l', 'd', 's', 'm'))}])",
                11 => $"string(bytes({Sub('s')}))",
                12 => $"strings.quote({Sub('s')})",
                13 => $"string(timestamp({Sub('i')}) + duration({Sub('s')}))",
                14 => $"{Sub('s')}.substring({Sub('i')}, {Sub('i')})",
                _ => $"string(type({Sub('y')}) == int)",
            },
            'l' => _random.Next(8) switch
            {
                < 2 => $"({Sub('l')} + {Sub('l')})",
                2 => $"[{Sub('i')}, {Sub('i')}, {Sub('i')}]",
                3 => Macro(Pick('l', 'L', 'm'), depth, x => $"map({x}, ", 'i'),
                4 => Macro('l', depth, x => $"filter({x}, ", 'b'),
                5 => $"{Sub('l')}.map({Local('i')}, {Scoped('b', depth, 0)}, {Scoped('i', depth, 1)})",
                6 =>
                    $"{Sub(Pick('l', 'm') is 'l' ? 'l' : 'l')}.transformList({Local('i')}, {Local('i')}, {Scoped('i', depth, 2)})",
                _ => $"[{Sub('l')}, {Sub('l')}][{Sub('i')}]",
            },
            'L' => _random.Next(7) switch
            {
                < 2 => $"({Sub('L')} + {Sub('L')})",
                2 => $"[{Sub('s')}, {Sub('s')}]",
                3 => $"{Sub('s')}.split({Sub('s')})",
                4 => Macro(Pick('l', 'L', 'm'), depth, x => $"map({x}, ", 's'),
                5 => Macro('L', depth, x => $"filter({x}, ", 'b'),
                _ => $"{Sub('s')}.split({Sub('s')}, {Sub('i')})",
            },
            'O' => _random.Next(7) switch
            {
                0 => $"optional.of({Sub('i')})",
                1 => $"m[?{Sub('s')}]",
                2 => $"l[?{Sub('i')}]",
                3 => $"{Sub('O')}.optMap({Local('i')}, {Scoped('i', depth, 1)})",
                4 => $"{Sub('O')}.optFlatMap({Local('i')}, {Scoped('O', depth, 1)})",
                5 => $"{Sub('O')}.or({Sub('O')})",
                _ => $"optional.ofNonZeroValue({Sub('i')})",
            },
            'm' => _random.Next(6) switch
            {
                4 =>
                    $"l.transformMapEntry({Local('i')}, {Local('i')}, {{{Pick("string(i)", "'k'", "s")} + string({_locals[^1].Name}): {Scoped('i', depth, 2)}}})",
                5 => $"{{?{Sub('s')}: {Sub('O')}}}",

                0 => $"{{{Sub('s')}: {Sub('i')}, {Sub('s')}: {Sub('i')}}}",
                1 => $"m.transformMap({Local('s')}, {Local('i')}, {Scoped('i', depth, 2)})",
                2 =>
                    $"{Sub('m')}.transformMap({Local('s')}, {Local('i')}, {Scoped('b', depth, 0)}, {Scoped('i', depth, 2)})",
                _ => Leaf('m'),
            },
            _ => _random.Next(14) switch
            {
                0 => $"dyn({Sub(Pick('b', 'i', 'd', 's', 'l', 'L', 'm'))})",
                1 => $"o{Pick(".a", ".b[0]", ".b", "['c']", ".d.e.f", "")}",
                2 => $"[dyn({Sub('y')}), dyn({Sub(Pick('i', 's', 'l'))})]",
                5 => $"[?optional.ofNonZeroValue({Sub('y')}), ?{Sub('y')}.?a, {Sub('y')}]",
                6 => $"{{?'k': optional.of({Sub('y')}), 'l': {Sub('s')}}}.{Pick("?", "")}k",
                7 =>
                    $"{Sub(Pick('y', 'l', 'm'))}[?{Sub('y')}]{Pick("", ".orValue(0)", ".or(optional.none())", ".hasValue()", ".value()")}",
                8 => $"optional.of({Sub('y')}).{Pick("optMap", "optFlatMap")}({Local('y')}, {Scoped('y', depth, 1)})",
                9 =>
                    $"cel.block([{Sub('y')}, [cel.index(0), {Sub('s')}]], {Pick("cel.index(1)", "[cel.index(0), cel.index(1)]", "type(cel.index(0))")})",
                10 => $"{Sub('l')}.transformMapEntry({Local('i')}, {Local('i')}, {{{Scoped('i', depth, 2)}: 1}})",
                11 =>
                    $"{Pick("ip", "cidr", "isIP", "base64.decode", "timestamp", "duration", "strings.quote")}({Sub('s')})",
                12 =>
                    $"timestamp({Sub('i')}).{Pick("getHours", "getFullYear", "getDayOfYear")}({Pick("'Europe/Berlin'", "'-07:00'", "'Pacific/Apia'", "'Africa/Casablanca'", "'Asia/Kathmandu'", "'UTC'", Sub('s'))})",
                3 => $"{{'k': dyn({Sub('y')})}}",
                4 => $"({Sub('y')} + {Sub('y')})",
                _ => $"[{Sub('y')}].map({Local('y')}, {Scoped('y', depth, 1)})",
            },
        };
    }

    string Local(char type)
    {
        _locals.Add(($"v{_names++ % 40}", type));
        return _locals[^1].Name;
    }

    /// <summary>An expression that sees the last locals, which then go.</summary>
    string Scoped(char type, int depth, int leaving)
    {
        var e = Of(type, depth - 1);
        _locals.RemoveRange(Math.Max(0, _locals.Count - leaving), Math.Min(leaving, _locals.Count));
        return e;
    }

    string Macro(char range, int depth, Func<string, string> head, char body)
    {
        var over = Of(range, depth - 1);
        var name = Local(range switch { 'l' => 'i', 'L' or 'm' => 's', _ => 'y' });
        return $"{over}.{head(name)}{Scoped(body, depth, 1)})";
    }

    string Bound(char type, int depth)
    {
        var of = Pick('i', 's', 'l', 'O');
        var value = Of(of, depth - 1);
        return $"cel.bind({Local(of)}, {value}, {Scoped(type, depth, 1)})";
    }

    string Leaf(char type)
    {
        var fitting = _locals.FindAll(l => l.Type == type);
        if (fitting.Count > 0 && _random.Next(2) == 0) return fitting[_random.Next(fitting.Count)].Name;
        var defined = _defined.FindAll(d => d.Type == type);
        if (defined.Count > 0 && _random.Next(3) == 0) return defined[_random.Next(defined.Count)].Name;
        return type switch
        {
            'b' => Pick("true", "false", "b"),
            'O' => Pick("optional.none()", "m.?a", "optional.of(i)", "m.?zz"),
            'i' =>
                Pick("0", "1", "-1", "2", "7", "100", "i", "9223372036854775807", "-9223372036854775808", "4294967297"),
            'd' => Pick("0.0", "1.5", "-1e300", "1e-300", "d", "0.1"),
            's' => Pick("''", "'a'", "s", "big", "'é😀'", "'aaaaaaaaaab'", "'%s%d'", "'1h30m'", "'12'", Pattern()),
            'l' => Pick("l", "[]", "[1, 2, 3]", "[0]", "huge", "[?m.?a]"),
            'L' => Pick("L", "['a', 'b']", "[s]", "[]"),
            'm' => Pick("m", "{'a': 1}", "{}"),
            _ => Pick("r", "r.a", "r['b']", "r[?'c']", "r.?c.k", "o", "null", "dyn(1)", "dyn('x')", "b'bytes'", "int",
                "dyn([])"),
        };
    }

    string Pattern()
    {
        var b = new StringBuilder("r'");
        for (var n = _random.Next(1, 6); n > 0; n--)
            b.Append(Pick("a", "(a*)*", "(a|aa)+", "[a-z]", ".", ".*", "x{1,100}", "(?i)k", @"\pL+", @"\b", "(", ")",
                "|", "^", "$", "[^é]", "(?:ab?){3,}", @"\p{Greek}", "+", "(a{30}){30}", @"[\pL\d]{50}", @"[^\pL\pN]",
                @"(?i)\pL", "(?i)[!-\uffff]", "[[:alpha:][:^digit:]]", "(?:a{900}){0}", "(?i:aAkſ)", @"\P{Lu}{20}",
                "a[ab]{14}c", @"(?m)^x$|\w\b"));
        return b.Append('\'').ToString();
    }

    /// <summary>What grows by being repeated: strings, lists, types, nesting.</summary>
    string Tower()
    {
        var (start, link, end) = Pick(
            ("[s]", ".map(x, x + x)", ""),
            ("[l]", ".map(x, x + x)", ".size()"),
            ("[[1]]", ".map(x, [x, x])", ""),
            ("[{'a': 1}]", ".map(x, {'a': x, 'b': x})", ""),
            ("s", " + s", ""),
            ("s", ".replace('', s)", ".size()"),
            ("s", ".replace('a', 'aa')", ""),
            ("l", ".map(x, x + 1)", ""),
            ("[L]", ".map(x, [x.join(s)])", ""),
            ("'%s%s'", ".format([s, l])", ""),
            ("o", ".a", ""),
            ("l", "[0]", ""),
            ("", "-", "i"),
            ("", "!", "b"),
            ("", "(", "1"),
            ("", "[", ""),
            ("", "[1].map(x, ", "1"),
            ("", "l.all(x, ", "true"),
            ("", "l.map(x, l.map(y, x + y).size() > 0 ? ", "1 : 2"),
            ("", "{'a': ", "1"),
            ("b", " && b", ""),
            ("b", " ? b : b", ""),
            ("i", " + i * i", ""),
            ("1", " < 1 ? 1", " : 2"),
            ("[]", ".map(y, [].map(x, [[{x: x}], [{x: x}].filter(q, x == y)])[0])", ""),
            ("[0]", ".map(x, [x] + [x])", ""),
            ("s", ".split('')", ""),
            ("big", ".matches('(a|b)*' + big)", ""),
            ("optional.of(l)", ".optMap(x, x)", ""),
            ("o", ".?a", ".hasValue()"),
            ("[dyn(1)]", ".map(x, [optional.of(x)])[0]", ""),
            ("", "cel.bind(x, [x, x], ", "x"),
            ("", "{?'a': optional.of(", "1"),
            ("l", ".transformMapEntry(i, x, {i: x})", ""),
            ("dyn(l)", ".map(x, dyn([x, o, s]))", ""),
            ("", "cel.bind(x, ", "1, x + x)"),
            ("optional.of(i)", ".optMap(x, [x, x])", ""),
            ("", "optional.of(", "i"),
            ("{}", ".transformMap(k, v, {'a': v}).transformMapEntry(k, v, {k + 'a': v, k + 'b': v})", ""),
            ("{'': 1}", ".transformMapEntry(k, v, {k + 'a': v, k + 'b': v})", ".size()"),
            ("bytes(s)", " + bytes(s + s)", ""),
            ("huge", " + huge", ".size()"),
            ("huge.map(x, [x, x])", ".map(x, x + x)", ""),
            ("big", " + big", ""),
            ("[big]", ".map(x, x.split('a').join('aa'))", ""),
            ("s", ".matches('x{1,1000}' + s) ? s : s", ""),
            ("'%.100f'", ".format([1e300]) + '%.100e%s'", ".format([1e-300, big])"));
        var n = Pick(2, 5, 12, 30, 70, 200, 600);
        var b = new StringBuilder(start);
        for (var i = 0; i < n; i++) b.Append(link);
        b.Append(end);
        if (start.Length == 0)
            for (var (i, open) = (0, link.Count(c => c is '(' or '[' or '{')); i < n; i++)
                b.Append(link.Contains('{', StringComparison.Ordinal) ? "}" : link == "[" ? "]"
                    : new string(')', open > 1 ? 1 : open));
        return b.ToString();
    }

    string Mutated()
    {
        var tokens = Tokens(people[_random.Next(people.Count)]);
        for (var n = _random.Next(1, 6); n > 0 && tokens.Count is > 0 and < 4000; n--)
        {
            var at = _random.Next(tokens.Count);
            var length = Math.Min(tokens.Count - at, _random.Next(1, 8));
            switch (_random.Next(8))
            {
                case 0: tokens.RemoveRange(at, length); break;
                case 1: tokens.InsertRange(at, tokens.GetRange(at, length)); break;
                case 2: tokens[at] = Leaf("bidslLmy"[_random.Next(8)]); break;
                case 3: tokens.InsertRange(at, Tokens(people[_random.Next(people.Count)])); break;
                case 4:
                    tokens[at] = Pick("+", "-", "*", "/", "%", "==", "<", "in", "&&", "||", "?", ":", ",", "(", ")",
                        "[", "]", "{", "}", ".", "!"); break;
                case 5:
                    tokens.Insert(0, Pick("[", "(", "dyn(", "size(", "l.map(x, ", "type(", "string("));
                    tokens.Add(tokens[0].EndsWith('[') ? "]" : ")");
                    break;
                case 6:
                    tokens.Add(Pick(".map(x, x)", ".size()", "[0]", ".a", ".all(x, x == x)", " == o", " + s",
                        ".matches('(a*)*')", ".exists(x, true)", ".filter(x, true)")); break;
                default: (tokens[at], tokens[0]) = (tokens[0], tokens[at]); break;
            }
        }
        return string.Concat(tokens);
    }

    /// <summary>Words, strings and single characters, with what is between them.</summary>
    static List<string> Tokens(string source)
    {
        var tokens = new List<string>();
        for (var at = 0; at < source.Length;)
        {
            var end = at + 1;
            if (char.IsAsciiLetterOrDigit(source[at]) || source[at] == '_')
                while (end < source.Length && (char.IsAsciiLetterOrDigit(source[end]) || source[end] == '_')) end++;
            else if (source[at] is '\'' or '"')
            {
                while (end < source.Length && source[end] != source[at]) end += source[end] == '\\' ? 2 : 1;
                end = Math.Min(end + 1, source.Length);
            }
            else if (char.IsHighSurrogate(source[at]) && end < source.Length) end++;
            tokens.Add(source[at..end]);
            at = end;
        }
        return tokens;
    }
}
