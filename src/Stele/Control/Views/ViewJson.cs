using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using Stele.Proof;

namespace Stele.Control.Views;

/// <summary>
/// What server, node and commands show, as a record whose parameters are the members of one JSON object: each by its
/// name in camelCase, in the order of RFC 8785. <see cref="ViewJson"/> alone writes and reads it, and
/// <see cref="ViewSchema"/> says its form, so none of the three can differ from the record.
/// <para>A parameter is a string, integer, boolean, <see cref="Digest"/>, <see cref="Json"/> (any value), an enum (its
/// name in lower case), an <see cref="ImmutableArray{T}"/>, a view, or a type with <c>ToJson</c> and
/// <c>FromJson</c>. Null is left out.</para>
/// </summary>
interface IView;

/// <summary>Where there is nothing, <c>null</c> is written.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
sealed class WrittenNullAttribute : Attribute;

/// <summary>Its members are members of the whole; of a part that may be missing, the first one says whether it is
/// there.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
sealed class InlineAttribute : Attribute;

/// <summary>The one way from a view to JSON, and the one way back.</summary>
static class ViewJson
{
    /// <summary>A parameter of a view.</summary>
    /// <param name="Type">Without <see cref="Nullable{T}"/>.</param>
    internal sealed record Member(string Name, Type Type, bool Optional, bool WrittenNull, bool Inline,
        PropertyInfo Property, object? Default);

    sealed record Shape(ConstructorInfo Made, ImmutableArray<Member> Members);

    /// <summary>A type of ours that writes and reads itself.</summary>
    sealed record Own(Func<object, Json> Write, Func<Json, object> Read);

    static readonly ConcurrentDictionary<Type, Shape> Shapes = new();
    static readonly ConcurrentDictionary<Type, Own?> Owns = new();

    public static Json ToJson(this IView view)
    {
        var all = new List<KeyValuePair<string, Json>>();
        foreach (var m in MembersOf(view.GetType()))
        {
            var value = m.Property.GetValue(view);
            if (value is null && m.WrittenNull) all.Add(new(m.Name, Json.Null));
            else if (value is not null && m.Inline) all.AddRange(Written(value, m.Type).AsObject);
            else if (value is not null) all.Add(new(m.Name, Written(value, m.Type)));
        }
        return Json.Object(all);
    }

    /// <summary>Members that the view does not have are passed over: a later build may say more.</summary>
    /// <exception cref="FormatException">A member is missing, or is something else.</exception>
    public static T Read<T>(Json json) where T : class, IView => (T)View(json, typeof(T));

    /// <summary>Answers with a view.</summary>
    public static Task Write(this HttpContext http, IView view, int status = StatusCodes.Status200OK) =>
        http.Write(view.ToJson(), status);

    internal static ImmutableArray<Member> MembersOf(Type view) => ShapeOf(view).Members;

    /// <summary>The name of an enum's value in JSON: its words, in lower case, with hyphens between.</summary>
    public static string Name(Enum value) => string.Concat(value.ToString().Select((c, i) =>
        !char.IsUpper(c) ? $"{c}" : $"{(i > 0 ? "-" : "")}{char.ToLowerInvariant(c)}"));

    static Shape ShapeOf(Type view) => Shapes.GetOrAdd(view, static type =>
    {
        var made = type.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)
            .Single(c => c.GetParameters() is not [var only] || only.ParameterType != type);
        var nullability = new NullabilityInfoContext();
        return new Shape(made, [.. made.GetParameters().Select(p => new Member(
            char.ToLowerInvariant(p.Name![0]) + p.Name[1..], Nullable.GetUnderlyingType(p.ParameterType)
                ?? p.ParameterType,
            p.HasDefaultValue || nullability.Create(p).ReadState == NullabilityState.Nullable,
            p.IsDefined(typeof(WrittenNullAttribute)), p.IsDefined(typeof(InlineAttribute)),
            type.GetProperty(p.Name)!, p.HasDefaultValue ? p.DefaultValue : null))]);
    });

    static Own? OwnOf(Type type) => Owns.GetOrAdd(type, static t =>
        t.GetMethod("ToJson", Type.EmptyTypes) is not { } write ? null
        : new(value => (Json)Call(write, value)!,
            t.GetMethod("FromJson", BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static,
                [typeof(Json)]) is { } read ? json => Call(read, null, json)!
            : throw new NotSupportedException($"{t} has no FromJson")));

    /// <exception cref="FormatException">As the method itself throws it.</exception>
    static object? Call(MethodInfo method, object? on, params object[] arguments) =>
        method.Invoke(on, BindingFlags.DoNotWrapExceptions, null, arguments, null);

    internal static Type? ItemOf(Type type) => type.IsGenericType
        && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>) ? type.GenericTypeArguments[0] : null;

    static Json Written(object value, Type type) => value switch
    {
        Json json => json,
        string text => text,
        long n => n,
        int n => n,
        bool b => b,
        Digest digest => digest,
        Enum one => Name(one),
        IView view => view.ToJson(),
        _ when ItemOf(type) is { } item =>
            Json.Array(((IEnumerable)value).Cast<object>().Select(x => Written(x, item))),
        _ => OwnOf(type) is { } own ? own.Write(value) : throw new NotSupportedException($"{type} is no view"),
    };

    static object View(Json json, Type type)
    {
        var shape = ShapeOf(type);
        return shape.Made.Invoke(BindingFlags.DoNotWrapExceptions, null,
            [.. shape.Members.Select(m => Of(json, m))], null);
    }

    static object? Of(Json json, Member m)
    {
        if (m.Inline)
            return m.Optional && json.Find(MembersOf(m.Type)[0].Name) is null ? null : Read(json, m.Type);
        var value = json.Find(m.Name);
        if (value is not null && (value.Kind != JsonKind.Null || m.Type == typeof(Json))) return Read(value, m.Type);
        return !m.Optional ? Read(json[m.Name], m.Type)
            // A list that an earlier build leaves out has nothing in it.
            : m.Default is null && ItemOf(m.Property.PropertyType) is not null ? Read(Json.EmptyArray, m.Type)
            : m.Default;
    }

    static object Read(Json json, Type type)
    {
        if (type == typeof(Json)) return json;
        if (type == typeof(string)) return json.AsString;
        if (type == typeof(long)) return json.AsInt;
        if (type == typeof(int)) return json.AsInt is >= int.MinValue and <= int.MaxValue and var n ? (int)n
            : throw new FormatException($"{json.AsInt} is too large here");
        if (type == typeof(bool)) return json.AsBool;
        if (type == typeof(Digest)) return json.AsDigest;
        if (type.IsEnum) return Value(json.AsString, type);
        if (typeof(IView).IsAssignableFrom(type)) return View(json, type);
        if (ItemOf(type) is { } item) return Call(ListOf.MakeGenericMethod(item), null, json)!;
        return OwnOf(type) is { } own ? own.Read(json) : throw new NotSupportedException($"{type} is no view");
    }

    static readonly MethodInfo ListOf = typeof(ViewJson).GetMethod(nameof(List),
        BindingFlags.NonPublic | BindingFlags.Static)!;

    static ImmutableArray<T> List<T>(Json json) => [.. json.AsArray.Select(x => (T)Read(x, typeof(T)))];

    static Enum Value(string name, Type type)
    {
        foreach (Enum value in Enum.GetValues(type)) if (Name(value) == name) return value;
        throw new FormatException($"'{name}' is none of "
            + string.Join(", ", Enum.GetValues(type).Cast<Enum>().Select(Name)));
    }
}
