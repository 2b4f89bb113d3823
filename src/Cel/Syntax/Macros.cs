namespace Cel.Syntax;

/// <summary>
/// Calls that are not calls: <c>has</c>, the comprehensions and bindings, recognised by name and number of arguments.
/// Names starting with <c>@</c> can't be written, so those of <c>cel.index</c> and its kin never meet another.
/// </summary>
internal static class Macros
{
    /// <summary>The macro's tree if this is one, else a plain call.</summary>
    public static Expr Expand(Parser parser, int at, string function, Expr? target, Expr[] args)
    {
        if (target is null)
        {
            if (function != "has" || args.Length != 1) return parser.MakeCall(at, function, null, args);
            return args[0] is Select { Test: false } s
                ? parser.MakeTest(at, s)
                : throw parser.Fail(args[0].Position, "has() takes a field selection such as has(a.b)");
        }

        if (target is Ident { Name: "cel", Rooted: false } && Binding(parser, at, function, args) is { } binding)
            return binding;
        // More numbers than there are overloads for go in a list.
        if (target is Ident { Name: "math", Rooted: false } && function is "greatest" or "least"
            && args.Length > Limits.Extremes)
            return parser.MakeCall(at, function, target, [parser.MakeList(at, args)]);

        return (function, args.Length) switch
        {
            ("all", 2) => One(MacroKind.All, null, args[1]),
            ("all", 3) => Two(MacroKind.All, null, args[2]),
            ("exists", 2) => One(MacroKind.Exists, null, args[1]),
            ("exists", 3) => Two(MacroKind.Exists, null, args[2]),
            ("exists_one" or "existsOne", 2) => One(MacroKind.ExistsOne, null, args[1]),
            ("exists_one" or "existsOne", 3) => Two(MacroKind.ExistsOne, null, args[2]),
            ("filter", 2) => One(MacroKind.List, args[1], null),
            ("map", 2) => One(MacroKind.List, null, args[1]),
            ("map", 3) => One(MacroKind.List, args[1], args[2]),
            ("transformList", 3) => Two(MacroKind.List, null, args[2]),
            ("transformList", 4) => Two(MacroKind.List, args[2], args[3]),
            ("transformMap", 3) => Two(MacroKind.Map, null, args[2]),
            ("transformMap", 4) => Two(MacroKind.Map, args[2], args[3]),
            ("transformMapEntry", 3) => Two(MacroKind.Entries, null, args[2]),
            ("transformMapEntry", 4) => Two(MacroKind.Entries, args[2], args[3]),
            ("optMap", 2) => One(MacroKind.OptionalMap, null, args[1]),
            ("optFlatMap", 2) => One(MacroKind.OptionalFlatMap, null, args[1]),
            _ => parser.MakeCall(at, function, target, args),
        };

        Comprehension One(MacroKind kind, Expr? filter, Expr? body)
            => parser.MakeComprehension(at, kind, target, Variable(args[0]), null, filter, body);

        Comprehension Two(MacroKind kind, Expr? filter, Expr? body)
        {
            var (first, second) = (Variable(args[0]), Variable(args[1]));
            if (first == second) throw parser.Fail(args[1].Position, $"{function}() needs two different variables");
            return parser.MakeComprehension(at, kind, target, first, second, filter, body);
        }

        string Variable(Expr e) => Name(parser, e, function);
    }

    static string Name(Parser parser, Expr e, string function)
        => e is Ident { Rooted: false } i
            ? i.Name
            : throw parser.Fail(e.Position, $"{function}() takes a simple name as its variable");

    /// <summary>
    /// <c>cel.bind(name, value, body)</c>, and what optimisers write: <c>cel.block([values], body)</c> with
    /// <c>cel.index(n)</c> for the value at n, and <c>cel.iterVar(n, m)</c> and <c>cel.accuVar(n, m)</c> for variables
    /// no one else has.
    /// </summary>
    static Expr? Binding(Parser parser, int at, string function, Expr[] args)
    {
        switch (function, args.Length)
        {
            case ("bind", 3): return parser.MakeBindings(at, [Name(parser, args[0], function)], [args[1]], args[2]);
            case ("block", 2):
                if (args[0] is not ListLiteral { Optional: null } list)
                    throw parser.Fail(args[0].Position, "block() takes a list literal of values first");
                var names = new string[list.Elements.Length];
                for (var i = 0; i < names.Length; i++) names[i] = $"@index{i}";
                return parser.MakeBindings(at, names, list.Elements, args[1]);
            case ("index", 1): return parser.MakeIdent(at, $"@index{Number(0)}");
            case ("iterVar", 2): return parser.MakeIdent(at, $"@it:{Number(0)}:{Number(1)}");
            case ("accuVar", 2): return parser.MakeIdent(at, $"@ac:{Number(0)}:{Number(1)}");
            default: return null;
        }

        long Number(int i) => args[i] is Literal { Value: long n and >= 0 }
            ? n
            : throw parser.Fail(args[i].Position, $"{function}() takes numbers, written out");
    }
}
