using System.CommandLine;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class PrincipalVerb
{
    public static Verb Verb => Verb.Group("principal", "who may ask a gateway for decisions", """
        A principal is whoever calls the gateway: a pseudonym, a token and roles that rules look at. The list lies with the node, not in the
        ledger; leaves name the pseudonym alone. A running gateway sees a change within a second.
        """,
        new("add", "make a principal and its token", """
            stele principal add [--role ROLE]...

            Prints the token once; only its digest is kept.
            """, [new Option<string[]>("--role") { HelpName = "ROLE", Description = "a role that rules may ask for, as in 'desk' in principal.roles; once for each" }], Add) { Needs = Verb.Machine },
        new("list", "which principals there are, with their roles", """
            stele principal list

            Pseudonyms and roles; tokens are not kept.
            """, [], List) { Needs = Verb.Machine },
        new("remove", "take a principal's token away", """
            stele principal remove ID

            Its token opens nothing any more. Decisions that it asked for keep its pseudonym.
            """, [new Argument<string>("id")], Remove) { Needs = Verb.Machine });

    static Task<int> Add(Call call)
    {
        var roles = (call.Get<string[]>("--role") ?? []).Select(r => Given.Label(r, "a role")).ToArray();
        var (id, token) = Principals.Add(File(call), roles);
        call.Terminal.Result(Json.Object(("principal", id), ("token", token)), () =>
        {
            call.Terminal.Line($"principal {id}");
            call.Terminal.Line($"token     {token}");
            call.Terminal.Note("The token is shown this once. It goes into a request to the gateway as 'Authorization: Bearer TOKEN'.");
        });
        return Task.FromResult(0);
    }

    static Task<int> List(Call call)
    {
        var all = Principals.All(File(call));
        call.Terminal.Result(Json.Object(("principals", Json.Array(all.Select(p => p.ToJson())))), () =>
        {
            if (all.Length == 0) call.Terminal.Line("no principal yet: stele principal add --role ROLE");
            call.Terminal.Table(all.Select(p => new[] { p.Id, p.Roles.IsEmpty ? "no roles" : string.Join(", ", p.Roles) }), "");
        });
        return Task.FromResult(0);
    }

    static Task<int> Remove(Call call)
    {
        var id = call.Need("id");
        if (!Names.IsMember(id)) throw call.Wrong($"'{id}' is not a principal's id", "32 hex digits, as stele principal list shows them");
        if (!Principals.Remove(File(call), id)) throw new CliError($"no principal {id}", "stele principal list");
        call.Terminal.Result(Json.Object(("principal", id), ("removed", true)), () => call.Terminal.Line($"removed principal {id}: its token opens nothing any more"));
        return Task.FromResult(0);
    }

    static string File(Call call)
    {
        var folder = new NodeFolder(System.IO.Path.Combine(call.DataHere, "node"));
        return Directory.Exists(folder.Path) ? folder.Principals : throw new CliError($"there is no node in {call.DataHere}", "run this on the node's machine, with the folder it runs from: --data DIR");
    }
}
