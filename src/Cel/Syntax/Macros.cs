namespace Cel.Syntax;

/// <summary>Calls that are not calls: <c>has</c> and the comprehensions, recognised by name and number of arguments.</summary>
internal static class Macros
{
    /// <summary>The macro's tree if this is one, else a plain call.</summary>
    public static Expr Expand(Parser parser, int at, string function, Expr? target, Expr[] args)
    {
        if (target is null)
        {
            if (function != "has" || args.Length != 1) return parser.MakeCall(at, function, null, args);
            return args[0] is Select { Test: false } s
                ? parser.MakeSelect(at, s.Operand, s.Field, s.Quoted, test: true)
                : throw parser.Fail(args[0].Position, "has() takes a field selection such as has(a.b)");
        }

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

        string Variable(Expr e) => e is Ident { Rooted: false } i ? i.Name : throw parser.Fail(e.Position, $"{function}() takes a simple name as its variable");
    }
}
