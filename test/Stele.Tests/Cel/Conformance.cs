using System.Globalization;
using Cel;
using Cel.Check;
using Cel.Library;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>One test of the CEL specification's own suite.</summary>
sealed record ConformanceTest(string File, string Section, string Name, Textproto Data)
{
    public string Id => $"{Section}/{Name}";

    public static List<ConformanceTest> Load(string path)
    {
        var tests = new List<ConformanceTest>();
        foreach (var section in Textproto.Parse(System.IO.File.ReadAllText(path)).Messages("section"))
            foreach (var test in section.Messages("test"))
                tests.Add(new(Path.GetFileNameWithoutExtension(path), section.Text("name")!, test.Text("name")!, test));
        return tests;
    }

    /// <summary>Null when the test passes, else what went wrong.</summary>
    public string? Run()
    {
        var variables = new Dictionary<string, CelType>();
        foreach (var declared in Data.Messages("type_env"))
        {
            if (declared.Message("ident") is not { } ident) return "declares a function";
            variables[declared.Text("name")!] = TypeOf(ident.Message("type")!);
        }
        var bindings = new Dictionary<string, CelValue>();
        foreach (var binding in Data.Messages("bindings"))
        {
            if (binding.Message("value")!.Message("value") is not { } value) return "binds no value";
            bindings[binding.Text("key")!] = ValueOf(value);
        }

        var wantsError = Data.Has("eval_error") || Data.Has("any_eval_errors");
        var declarations = new Declarations(variables, StandardLibrary.Functions) { Container = Data.Text("container") ?? "", Strict = Data.Word("disable_check") != "true" };
        CelProgram program;
        try
        {
            program = CelProgram.Compile(Data.Text("expr")!, declarations, null);
        }
        catch (CelException e)
        {
            // An error expected of the evaluation must come from it, not from the compiler.
            return e.Message;
        }

        var typed = Data.Message("typed_result");
        if (typed?.Message("deduced_type") is { } deduced && !program.Type.Equals(TypeOf(deduced))) return $"deduced {program.Type}, expected {TypeOf(deduced)}";
        if (Data.Word("check_only") == "true") return null;

        var result = program.Eval(bindings, 1_000_000);
        if (TraceTests.Differs(program, bindings, result) is { } traced) return $"traced, {traced}";
        if (wantsError) return result.Error is null ? $"gave {result.Value}, expected an error" : null;
        if (result.Error is not null) return result.Error.Message;
        var expected = (Data.Message("value") ?? typed?.Message("result")) is { } v ? ValueOf(v) : CelValue.True;
        return Same(result.Value, expected) ? null : $"gave {result.Value} ({result.Value.TypeOf()}), expected {expected} ({expected.TypeOf()})";
    }

    /// <summary>Stricter than the language's equality: kinds must match, NaN is itself, zero has a sign.</summary>
    static bool Same(CelValue a, CelValue b)
    {
        if (a.Kind != b.Kind) return false;
        switch (a.Kind)
        {
            case CelKind.Double: return a.AsDouble().Equals(b.AsDouble()) && double.IsNegative(a.AsDouble()) == double.IsNegative(b.AsDouble());
            case CelKind.List: return a.AsList().Count == b.AsList().Count && a.AsList().Zip(b.AsList()).All(p => Same(p.First, p.Second));
            case CelKind.Map:
                var left = a.AsMap().ToList();
                var right = b.AsMap().ToList();
                return left.Count == right.Count && left.TrueForAll(x => right.Exists(y => Same(x.Key, y.Key) && Same(x.Value, y.Value)));
            default: return a == b;
        }
    }

    static CelValue ValueOf(Textproto v)
    {
        var (name, value) = v.Fields[0];
        switch (name)
        {
            case "null_value": return CelValue.Null;
            case "bool_value": return CelValue.Bool((string)value == "true");
            case "int64_value": return CelValue.Int(long.Parse((string)value, CultureInfo.InvariantCulture));
            case "uint64_value": return CelValue.UInt(ulong.Parse((string)value, CultureInfo.InvariantCulture));
            case "double_value":
                return CelValue.Double(((string)value).ToLowerInvariant() switch
                {
                    "inf" or "infinity" => double.PositiveInfinity,
                    "-inf" or "-infinity" => double.NegativeInfinity,
                    "nan" => double.NaN,
                    var d => double.Parse(d, CultureInfo.InvariantCulture),
                });
            case "string_value": return CelValue.String(v.Text(name)!);
            case "bytes_value": return CelValue.Bytes((byte[])value);
            case "type_value": return CelValue.Type(CelType.Named(v.Text(name)!) ?? throw new NotSupportedException($"type {v.Text(name)}"));
            case "list_value": return CelValue.List([.. ((Textproto)value).Messages("values").Select(ValueOf)]);
            case "map_value":
                return CelValue.Map([.. ((Textproto)value).Messages("entries").Select(e => KeyValuePair.Create(ValueOf(e.Message("key")!), ValueOf(e.Message("value")!)))]);
            case "object_value" when ((Textproto)value).Fields[0] is ("[type.googleapis.com/google.protobuf.Duration]", Textproto d):
                return CelValue.Duration(Number(d, "seconds") * 1_000_000_000 + Number(d, "nanos"));
            case "object_value" when ((Textproto)value).Fields[0] is ("[type.googleapis.com/google.protobuf.Timestamp]", Textproto t):
                return CelValue.Timestamp(Number(t, "seconds"), (int)Number(t, "nanos"));
            default: throw new NotSupportedException($"{name} {(value is Textproto { Fields: [var (inner, _), ..] } ? inner : "")}");
        }
    }

    static long Number(Textproto m, string name) => long.Parse(m.Word(name) ?? "0", CultureInfo.InvariantCulture);

    static CelType TypeOf(Textproto t)
    {
        var (name, value) = t.Fields[0];
        return (name, value) switch
        {
            ("dyn", _) => CelType.Dyn,
            ("null", _) => CelType.Null,
            ("primitive", "BOOL") => CelType.Bool,
            ("primitive", "INT64") => CelType.Int,
            ("primitive", "UINT64") => CelType.UInt,
            ("primitive", "DOUBLE") => CelType.Double,
            ("primitive", "STRING") => CelType.String,
            ("primitive", "BYTES") => CelType.Bytes,
            ("well_known", "TIMESTAMP") => CelType.Timestamp,
            ("well_known", "DURATION") => CelType.Duration,
            ("message_type", byte[]) when CelType.Named(t.Text(name)!) is { } named => named,
            ("list_type", Textproto l) => CelType.List(TypeOf(l.Message("elem_type")!)),
            ("map_type", Textproto m) => CelType.Map(TypeOf(m.Message("key_type")!), TypeOf(m.Message("value_type")!)),
            _ => throw new NotSupportedException($"type {name} {(value is byte[] ? t.Text(name) : value)}"),
        };
    }
}
