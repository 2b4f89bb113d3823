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
        var functions = new FunctionTable(StandardLibrary.Functions);
        foreach (var declared in Data.Messages("type_env"))
        {
            var name = declared.Text("name")!;
            if (declared.Message("ident") is { } ident) variables[name] = TypeOf(ident.Message("type")!);
            foreach (var overload in declared.Message("function")?.Messages("overloads") ?? [])
            {
                functions.Add(name, new Overload
                {
                    Form = overload.Word("is_instance_function") == "true" ? CallForm.Method : CallForm.Function,
                    Parameters = [.. overload.Messages("params").Select(TypeOf)],
                    Result = TypeOf(overload.Message("result_type")!),
                    Variadic = _ => throw new NotSupportedException("a declared function is only there to be checked"),
                });
            }
        }
        var bindings = new Dictionary<string, CelValue>();
        foreach (var binding in Data.Messages("bindings"))
        {
            if (binding.Message("value")!.Message("value") is not { } value) return "binds no value";
            bindings[binding.Text("key")!] = ValueOf(value);
        }

        var wantsError = Data.Has("eval_error") || Data.Has("any_eval_errors");
        var declarations = new Declarations(variables, functions)
        {
            Container = Data.Text("container") ?? "",
            Strict = Data.Word("disable_check") != "true"
        };
        CelProgram program;
        try
        {
            program = CelProgram.Compile(Data.Text("expr")!, declarations, null);
        }
        catch (CelException e)
        {
            // An error expected of the evaluation must come from it, not from the compiler, unless the test says that
            // it is the checker's.
            return wantsError
                && Data.Messages("eval_error")
                    .Any(x =>
                        x.Messages("errors").Any(y => y.Text("message")!.StartsWith("found no matching overload",
                            StringComparison.Ordinal))) ? null : e.Message;
        }

        var typed = Data.Message("typed_result");
        if (typed?.Message("deduced_type") is { } deduced && !program.Type.Equals(TypeOf(deduced)))
            return $"deduced {program.Type}, expected {TypeOf(deduced)}";
        if (Data.Word("check_only") == "true") return null;

        var result = program.Eval(bindings, 1_000_000);
        if (TraceTests.Differs(program, bindings, result) is { } traced) return $"traced, {traced}";
        if (wantsError) return result.Error is null ? $"gave {result.Value}, expected an error" : null;
        if (result.Error is not null) return result.Error.Message;
        var expected = (Data.Message("value") ?? typed?.Message("result")) is { } v ? ValueOf(v) : CelValue.True;
        return Same(result.Value, expected)
            ? null
            : $"gave {result.Value} ({result.Value.TypeOf()}), expected {expected} ({expected.TypeOf()})";
    }

    /// <summary>Stricter than the language's equality: kinds must match, NaN is itself, zero has a sign.</summary>
    static bool Same(CelValue a, CelValue b)
    {
        if (a.Kind != b.Kind) return false;
        switch (a.Kind)
        {
            case CelKind.Double:
                return a.AsDouble().Equals(b.AsDouble())
                    && double.IsNegative(a.AsDouble()) == double.IsNegative(b.AsDouble());
            case CelKind.List:
                return a.AsList().Count == b.AsList().Count
                    && a.AsList().Zip(b.AsList()).All(p => Same(p.First, p.Second));
            case CelKind.Map:
                var left = a.AsMap().ToList();
                var right = b.AsMap().ToList();
                return left.Count == right.Count
                    && left.TrueForAll(x => right.Exists(y => Same(x.Key, y.Key) && Same(x.Value, y.Value)));
            default: return a == b;
        }
    }

    /// <summary>
    /// The value, as an embedder would bind it: what protobuf has for JSON (Value, Struct, ListValue) and its boxes for
    /// scalars are the values they stand for.
    /// </summary>
    static CelValue ValueOf(Textproto v)
    {
        var (name, value) = v.Fields[0];
        switch (name)
        {
            case "null_value": return CelValue.Null;
            case "number_value": return CelValue.Double(double.Parse((string)value, CultureInfo.InvariantCulture));
            case "struct_value": return StructOf((Textproto)value);
            case "list_value": return CelValue.List([.. ((Textproto)value).Messages("values").Select(ValueOf)]);
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
            case "type_value":
                return CelValue.Type(CelType.Named(v.Text(name)!)
                    ?? throw new NotSupportedException($"type {v.Text(name)}"));
            case "map_value":
                return CelValue.Map([.. ((Textproto)value).Messages("entries")
                    .Select(e => KeyValuePair.Create(ValueOf(e.Message("key")!), ValueOf(e.Message("value")!)))]);
            case "object_value"
                when ((Textproto)value).Fields[0] is ("[type.googleapis.com/google.protobuf.Duration]", Textproto d):
                return CelValue.Duration(Number(d, "seconds") * 1_000_000_000 + Number(d, "nanos"));
            case "object_value"
                when ((Textproto)value).Fields[0] is ("[type.googleapis.com/google.protobuf.Timestamp]", Textproto t):
                return CelValue.Timestamp(Number(t, "seconds"), (int)Number(t, "nanos"));
            case "object_value" when ((Textproto)value).Fields[0] is (var any, Textproto m)
                && any.StartsWith(Protobuf, StringComparison.Ordinal):
                return any[Protobuf.Length..^1] switch
                {
                    "Value" => m.Fields.Count == 0 ? CelValue.Null : ValueOf(m),
                    "Struct" => StructOf(m),
                    "ListValue" => CelValue.List([.. m.Messages("values").Select(ValueOf)]),
                    "BoolValue" => CelValue.Bool(m.Word("value") == "true"),
                    "Int32Value" or "Int64Value" => CelValue.Int(Number(m, "value")),
                    "UInt32Value" or "UInt64Value" =>
                        CelValue.UInt(ulong.Parse(m.Word("value") ?? "0", CultureInfo.InvariantCulture)),
                    "FloatValue" => CelValue.Double(float.Parse(m.Word("value") ?? "0", CultureInfo.InvariantCulture)),
                    "DoubleValue" =>
                        CelValue.Double(double.Parse(m.Word("value") ?? "0", CultureInfo.InvariantCulture)),
                    "StringValue" => CelValue.String(m.Text("value") ?? ""),
                    "BytesValue" => CelValue.Bytes(m.Bytes("value") ?? []),
                    _ => throw new NotSupportedException($"{name} {any}"),
                };
            default:
                throw new NotSupportedException(
                    $"{name} {(value is Textproto { Fields: [var (inner, _), ..] } ? inner : "")}");
        }
    }

    const string Protobuf = "[type.googleapis.com/google.protobuf.";

    static CelValue StructOf(Textproto m)
        =>
        CelValue.Map(
            [.. m.Messages("fields").Select(f => KeyValuePair.Create(f.Text("key")!, ValueOf(f.Message("value")!)))]);

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
            ("message_type", byte[]) when t.Text(name) is "google.protobuf.Struct" =>
                CelType.Map(CelType.String, CelType.Dyn),
            ("message_type", byte[]) when t.Text(name) is "google.protobuf.ListValue" => CelType.List(CelType.Dyn),
            ("message_type", byte[]) when t.Text(name) is { } boxed && boxed.StartsWith("google.protobuf.",
                StringComparison.Ordinal) && boxed.EndsWith("Value", StringComparison.Ordinal) => CelType.Dyn,
            ("type_param", byte[]) => CelType.Param(t.Text(name)!),
            ("abstract_type", Textproto a) when a.Text("name") == "optional_type" =>
                CelType.Optional(TypeOf(a.Message("parameter_types")!)),
            ("abstract_type", Textproto a) =>
                CelType.Opaque(a.Text("name")!, [.. a.Messages("parameter_types").Select(TypeOf)]),
            ("message_type", byte[]) when CelType.Named(t.Text(name)!) is { } named => named,
            ("list_type", Textproto l) => CelType.List(TypeOf(l.Message("elem_type")!)),
            ("map_type", Textproto m) => CelType.Map(TypeOf(m.Message("key_type")!), TypeOf(m.Message("value_type")!)),
            _ => throw new NotSupportedException($"type {name} {(value is byte[] ? t.Text(name) : value)}"),
        };
    }
}
