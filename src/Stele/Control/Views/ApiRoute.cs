using System.Collections.Immutable;
using Stele.Identity;

namespace Stele.Control.Views;

/// <summary>Where a route is mapped, below the API's root.</summary>
enum RoutePlace
{
    /// <summary>Under the version; and at the root too, as builds before it have it.</summary>
    Versioned,

    /// <summary>At the root alone: where a standard, or a supervisor of the process, expects it.</summary>
    Root,
}

/// <summary>
/// A route of an API, as it is mapped, opened and described: nothing else says which there are. Its handler is with the
/// API's own table.
/// </summary>
/// <param name="Methods">One, or <c>GET HEAD</c>.</param>
/// <param name="Path">Below the root; <c>{name}</c> is one segment, <c>{**name}</c> all that is left, at least
/// one.</param>
/// <param name="Rights">The asker has one of them; none: anybody may ask.</param>
abstract record ApiRoute(string Methods, string Path, Rights Rights, RoutePlace Place, Operation Operation)
{
    /// <summary>The one version there is so far.</summary>
    public const string Version = "v1";

    public ImmutableArray<string> Each { get; } = [.. Methods.Split(' ')];

    /// <summary>Its paths below a root that ends with a slash, the one that is described first.</summary>
    public ImmutableArray<string> PathsUnder(string root) => Place == RoutePlace.Root
        ? [root + Path] : [$"{root}{Version}/{Path}", root + Path];
}

/// <typeparam name="TApi">What answers.</typeparam>
sealed record ApiRoute<TApi>(string Methods, string Path, Rights Rights, RoutePlace Place,
    Func<TApi, HttpContext, Task> Handler, Operation Operation) : ApiRoute(Methods, Path, Rights, Place, Operation);

/// <summary>What a route takes and gives.</summary>
/// <param name="Says">One sentence.</param>
/// <param name="Replies">Those that are no problems.</param>
sealed record Operation(string Says, params ImmutableArray<Reply> Replies)
{
    public ImmutableArray<Parameter> Query { get; init; } = [];

    /// <summary>The body of a request.</summary>
    public Content? Takes { get; init; }

    /// <summary>The problems of its own, in addition to those of every route of its API.</summary>
    public ImmutableArray<ProblemKind> Problems { get; init; } = [];
}

sealed record Parameter(string Name, ParameterForm Form, string Says);

enum ParameterForm { Text, Number, RequiredText, RequiredNumber }

/// <param name="View">The type of JSON content; null: bytes or text.</param>
sealed record Content(string Type, Type? View = null)
{
    public const string Json = "application/json";

    public static Content Of<T>() => new(Json, typeof(T));
}

sealed record Reply(int Status, Content? Content, string Says)
{
    /// <summary>200, with a view.</summary>
    public static Reply Of<T>(string says = "") => new(StatusCodes.Status200OK, Views.Content.Of<T>(), says);
}

/// <param name="Code">What a client acts on.</param>
sealed record ProblemKind(string Code, int Status)
{
    public static ImmutableArray<ProblemKind> Of(params ReadOnlySpan<ProblemCode> codes)
    {
        var all = ImmutableArray.CreateBuilder<ProblemKind>(codes.Length);
        foreach (var code in codes)
            if (Problem.Of(code, "") is var problem) all.Add(new(problem.Code, problem.Status));
        return all.ToImmutable();
    }
}
