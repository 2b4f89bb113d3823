using System.Reflection;

namespace Stele.Tests.House;

/// <summary>
/// What is right in one place and wrong in the second: how a web server is set up, how a request's body becomes memory,
/// how an answer is written, how a token is recognised, how something is waited for.
/// </summary>
public sealed class OnceTests
{
    /// <summary>What is named in one room alone: the room, the members or types, and what to use instead.</summary>
    static readonly (string Room, Func<MemberInfo, bool> Named, string Instead)[] Places =
    [
        ("Http", m => Namespace(m) is { } n && (n.StartsWith("Microsoft.AspNetCore.Server", StringComparison.Ordinal)
            || n == "Microsoft.AspNetCore.Connections"), "Listener"),
        ("Http", m => m is MethodInfo { DeclaringType.FullName: "Microsoft.AspNetCore.Builder.WebApplication" }
            && m.Name.StartsWith("Create", StringComparison.Ordinal), "Listener.Build"),
        ("Http", m => Is(m, "Microsoft.AspNetCore.Http.HttpRequest", "get_Body", "get_BodyReader", "get_Form")
            || Namespace(m) == "Microsoft.AspNetCore.Http.Features" && m.Name == "IHttpMaxRequestBodySizeFeature",
            "http.Body, JsonBody, BodyStream"),
        ("Http", m => Is(m, "Microsoft.AspNetCore.Http.HttpResponse", "get_Body", "get_BodyWriter", "set_Body",
            "set_StatusCode", "set_ContentType", "set_ContentLength"), "http.Write, Send, Relay, Begin and Give"),
        ("Http", m => m.DeclaringType?.FullName == "Stele.Http.ProblemHeaders"
            || Is(m, "Stele.Http.ProblemDocument", "Of"), "http.Write(Problem)"),
        ("Identity", m => Is(m, "Stele.Identity.TokenHolder", "FromJson") || Is(m, "Stele.Identity.Token", "Of"),
            "TokenFile.Authenticate, TokenFile.All"),
        ("Runtime", m => m is ConstructorInfo { DeclaringType.FullName: "System.Threading.CancellationTokenSource" } c
            && c.GetParameters() is [_, { ParameterType.Name: "TimeProvider" }], "time.Within"),
    ];

    /// <summary>Where it is right as well, and why.</summary>
    static readonly (string Where, string Why)[] Elsewhere =
    [
        ("Stele.Gateway.GatewayErrors.Body", "what is recorded as the answer, and then relayed"),
        ("Stele.Gateway.Forwarder.Send", "a client that hangs up stops nothing: what was forwarded is recorded"),
        ("Stele.Host.Guarded.Probes", "what a probe says counts when its time is up, too"),
        ("Stele.Host.Node.Stop", "several steps share one limit"),
    ];

    static string? Namespace(MemberInfo member) => (member as Type ?? member.DeclaringType)?.Namespace;

    static bool Is(MemberInfo member, string type, params string[] names) =>
        member.DeclaringType?.FullName == type && names.Contains(member.Name);

    static IEnumerable<string> Wrong(IEnumerable<Type> types) =>
        from type in types
        let room = RoomOrder.Stele.RoomOf(type)
        from mention in Walk.Type(type)
        from place in Places
        where room != place.Room && place.Named(mention.Named)
        let at = Named(mention)
        where !Elsewhere.Any(e => e.Where == at)
        select $"{at} names {mention.Named.DeclaringType?.Name}.{mention.Named.Name}: "
            + $"that is {place.Room}'s; use {place.Instead}";

    // An async method or a lambda is a type of its own within the one that people wrote.
    static string Named(Mention mention)
    {
        var parts = mention.From.FullName!.Split('+', 2);
        return $"{parts[0]}.{(parts.Length == 2 ? parts[1].Trim('<').Split('>')[0] : mention.Where)}";
    }

    [Fact]
    public void What_is_done_in_one_place_is_done_nowhere_else() => Rule.Holds(Wrong(Product.Load("stele").GetTypes()));

    /// <summary>Each row is about something that there is, in its room.</summary>
    [Fact]
    public void Each_place_is_there()
    {
        var named = Product.Load("stele").GetTypes().ToLookup(RoomOrder.Stele.RoomOf);
        Rule.Holds(from place in Places
            where !named[place.Room].SelectMany(Walk.Type).Any(m => place.Named(m.Named))
            select $"nothing in {place.Room} names what is for {place.Instead}");
    }

    [Fact]
    public void What_is_done_twice_is_seen() => Assert.Equal(2, Wrong([typeof(Second)]).Count());

#pragma warning disable // What follows is wrong on purpose, so that the test can be seen to catch it.
    static class Second
    {
        public static object Start() => Microsoft.AspNetCore.Builder.WebApplication.CreateBuilder();
        public static Stream Read(Microsoft.AspNetCore.Http.HttpRequest request) => request.Body;
    }
}
