using System.CommandLine;
using Stele.Control.Views;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class PrincipalVerb
{
    public static Verb Verb => Verb.Group("principal", "who may ask a gateway for decisions", """
        A principal is somebody who calls the gateway: a pseudonym, a token, the environments it may ask, and roles that rules look at.
        The list is stored on the node, not in the ledger; leaves name the pseudonym alone. A running gateway sees a change within a second.
        """,
        new("add", "make a principal and its token", """
            stele principal add --for SYSTEM[/ENV]... [--role ROLE]... [--out FILE]

            It may ask these environments and no others. The token is printed once, or written to a new file; only its digest is kept.
            """, [new Option<string[]>("--for") { HelpName = "SYSTEM[/ENV]", Description = "an environment that it may ask, or a system for all that it has; once for each" }, Secrets.Out, new Option<string[]>("--role") { HelpName = "ROLE", Description = "a role that rules may ask for, as in 'desk' in principal.roles; once for each" }], Add) { Needs = Verb.Machine },
        new("list", "which principals there are, with their roles", """
            stele principal list

            Pseudonyms, roles and environments; tokens are not kept.
            """, [], List) { Needs = Verb.Machine },
        new("remove", "take a principal's token away", """
            stele principal remove ID

            Its token opens nothing any more. Decisions that it asked for keep its pseudonym.
            """, [new Argument<string>("id")], Remove) { Needs = Verb.Machine });

    static Task<int> Add(Call call)
    {
        var places = call.Get<string[]>("--for") ?? [];
        if (places.Length == 0) throw call.Wrong("for which environments? --for is needed",
            "stele principal add --for SYSTEM/ENV --role ROLE");
        foreach (var place in places)
            if (!(Names.IsLabel(place) || place.Split('/') is [var s, var e] && Names.IsLabel(s)
                && Names.IsLabel(e))) throw call.Wrong($"'{place}' is neither a system nor an environment",
                "--for SYSTEM, or --for SYSTEM/ENV");
        Secrets.Free(call);
        var roles = (call.Get<string[]>("--role") ?? []).Select(r => Parsing.Label(r, "a role")).ToArray();
        var (id, token) = TokenFile.AddPrincipal(File(call), roles, places);
        call.Terminal.Line($"principal {id}");
        Secrets.Give(call, "token    ", token, new NewPrincipal(id, null, null).ToJson(),
            "It goes into a request to the gateway as 'Authorization: Bearer TOKEN'.");
        return Task.FromResult(0);
    }

    static Task<int> List(Call call)
    {
        var all = TokenFile.All(File(call)).RemoveAll(h => !h.Has(Rights.Decide));
        call.Terminal.Result(Json.Object(("principals", Json.Array(all.Select(p =>
            Json.Object(("id", p.Name), ("roles", Json.Array(p.Roles.Select(Json.Of))),
            ("for", p.Places is { } places ? Json.Array(places.Select(Json.Of)) : null)))))), () =>
        {
            if (all.Length == 0) call.Terminal.Line("no principal yet: stele principal add --for SYSTEM/ENV --role "
                + "ROLE");
            call.Terminal.Table(all.Select(p => new[] { p.Name, p.Roles.IsEmpty ? "no roles"
                : string.Join(", ", p.Roles), p.Places is { } places ? string.Join(", ", places)
                : "every environment" }), "");
            if (all.Count(p => p.Places is null) is > 0 and var n) call.Terminal.Note(Everywhere(n));
        });
        return Task.FromResult(0);
    }

    static Task<int> Remove(Call call)
    {
        var id = call.Need("id");
        if (!Names.IsMember(id))
            throw call.Wrong($"'{id}' is not a principal's id", "32 hex digits, as stele principal list shows them");
        if (!TokenFile.Remove(File(call), id)) throw new CliError($"no principal {id}", "stele principal list");
        call.Terminal.Result(Json.Object(("principal", id), ("removed", true)),
            () => call.Terminal.Line($"removed principal {id}: its token opens nothing any more"));
        return Task.FromResult(0);
    }

    /// <summary>What is to be said of principals that no environments were named for.</summary>
    public static string Everywhere(long n) =>
        $"{(n == 1 ? "1 principal" : $"{n} principals")} of an earlier build may ask every environment of the node: "
            + $"make new ones, stele principal add --for SYSTEM/ENV, and remove the old: stele principal list";

    internal static string File(Call call)
    {
        var folder = NodeFolder.In(call.DataHere);
        return Directory.Exists(folder.Path)
            ? folder.Principals
            : throw new CliError($"there is no node in {call.DataHere}",
                "run this on the node's machine, with the folder it runs from: --data DIR");
    }
}

/// <param name="Token">Where it was not written to <paramref name="File"/>.</param>
sealed record NewPrincipal(string Principal, string? Token, string? File) : IView;
