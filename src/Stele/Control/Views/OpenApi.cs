using System.Collections.Immutable;
using System.Globalization;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>
/// An OpenAPI 3.1 document of an API, made of its table of routes and the views that they answer with. The right that
/// opens a route is its security requirement's scope; <c>x-codes</c> names the codes of problems.
/// </summary>
static class OpenApi
{
    public static readonly Operation Route = new("This document.", new Reply(StatusCodes.Status200OK,
        new(Content.Json, typeof(Json)), "OpenAPI 3.1."));

    /// <param name="root">Ends with a slash.</param>
    /// <param name="common">The problems of every route; 401 and 403 only where a right opens it.</param>
    public static Json Of(string title, string says, string root, IEnumerable<ApiRoute> routes,
        ImmutableArray<ProblemKind> common)
    {
        var schemas = new ViewSchema();
        schemas.Add(nameof(Problem), ProblemSchema(schemas));
        var paths = new SortedDictionary<string, Json>(StringComparer.Ordinal);
        var shared = new SortedDictionary<string, Json>(StringComparer.Ordinal);
        foreach (var route in routes)
        {
            var path = route.PathsUnder(root)[0].Replace("{**", "{", StringComparison.Ordinal);
            var operations = route.Each.Select(method => KeyValuePair.Create(method.ToLowerInvariant(),
                Described(route, method, path, common, schemas, shared)));
            paths[path] = Json.Object(paths.GetValueOrDefault(path, Json.EmptyObject).AsObject.Concat(operations));
        }
        return Json.Object(("openapi", "3.1.0"),
            ("info", Json.Object(("title", title), ("description", says), ("version", ApiRoute.Version))),
            ("paths", Json.Object(paths)),
            ("components", Json.Object(("schemas", schemas.All), ("responses", Json.Object(shared)),
                ("securitySchemes", Json.Object(("token",
                    Json.Object(("type", "http"), ("scheme", "bearer"))))))));
    }

    static Json Described(ApiRoute route, string method, string path, ImmutableArray<ProblemKind> common,
        ViewSchema schemas, SortedDictionary<string, Json> shared)
    {
        var (operation, open) = (route.Operation, route.Rights == Rights.None);
        var problems = common.Concat(operation.Problems).Where(p => !open || p.Status is not (401 or 403)).Distinct();
        return Json.Object(
            ("summary", operation.Says),
            ("security", Json.Array(route.Rights.Names().Select(right =>
                Json.Object(("token", Json.Array(right)))))),
            ("parameters", Json.Array([.. InPath(path), .. operation.Query.Select(InQuery)])),
            ("requestBody", operation.Takes is { } body
                ? Json.Object(("required", true), ("content", ContentOf(body, schemas))) : null),
            ("responses", Json.Object(operation.Replies.Select(r => r.Status).Concat(problems.Select(p => p.Status))
                .Distinct().Select(status => KeyValuePair.Create(Text(status), Response(status,
                    operation.Replies.FirstOrDefault(r => r.Status == status), method,
                    [.. problems.Where(p => p.Status == status).Select(p => p.Code).Order(StringComparer.Ordinal)],
                    schemas, shared))))));
    }

    /// <summary>What a status says; the same problems of many routes are written out once.</summary>
    static Json Response(int status, Reply? reply, string method, string[] codes, ViewSchema schemas,
        SortedDictionary<string, Json> shared)
    {
        var content = reply?.Content is { } own && method != "HEAD" ? ContentOf(own, schemas) : Json.EmptyObject;
        if (codes.Length == 0) return Json.Object(("description", reply!.Says),
            ("content", content.AsObject.Count > 0 ? content : null));
        var response = Json.Object(
            ("description", string.Join(", ", codes.Prepend(reply?.Says ?? "").Where(s => s.Length > 0))),
            ("x-codes", Json.Array(codes.Select(Json.Of))),
            ("content", content.With(ProblemDocument.MediaType, Json.Object(("schema",
                Json.Object(("$ref", "#/components/schemas/" + nameof(Problem))))))));
        if (reply is not null || codes.Length > 3) return response;
        var name = $"{Text(status)}-{string.Join('-', codes)}";
        shared[name] = response;
        return Json.Object(("$ref", "#/components/responses/" + name));
    }

    static string Text(int status) => status.ToString(CultureInfo.InvariantCulture);

    static Json ContentOf(Content content, ViewSchema schemas) => Json.Object((content.Type,
        content.View is { } view ? Json.Object(("schema", schemas.Of(view))) : Json.EmptyObject));

    static IEnumerable<Json> InPath(string path) => path.Split('/').Where(s => s.StartsWith('{')).Select(s =>
        Json.Object(("name", s.Trim('{', '}')), ("in", "path"), ("required", true),
            ("schema", Json.Object(("type", "string")))));

    static Json InQuery(Parameter p) => Json.Object(("name", p.Name), ("in", "query"), ("description", p.Says),
        ("required", p.Form is ParameterForm.RequiredText or ParameterForm.RequiredNumber),
        ("schema", Json.Object(("type",
            p.Form is ParameterForm.Number or ParameterForm.RequiredNumber ? "integer" : "string"))));

    /// <summary>RFC 9457's members, and ours.</summary>
    static Json ProblemSchema(ViewSchema schemas)
    {
        var text = Json.Object(("type", "string"));
        return Json.Object(("type", "object"),
            ("required", Json.Array("code", "detail", "hint", "message", "status", "title", "type")),
            ("properties", Json.Object(("type", text), ("title", text), ("detail", text), ("code", text),
                ("message", text), ("hint", text), ("rule", text), ("status", Json.Object(("type", "integer"))),
                ("refusal", Json.Object(("type", "integer"))),
                ("rules", Json.Object(("type", "array"), ("items", schemas.Of(typeof(RuleOutcome))))))));
    }
}
