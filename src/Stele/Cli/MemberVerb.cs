using System.Collections.Immutable;
using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class MemberVerb
{
    public static Verb Verb => Verb.Group("member", "add, change, remove and list members and their roles", """
        A member is a random id with keys and roles; names never enter the ledger. Roles are owner, builder, evaluator, approver,
        deployer, node and service, everywhere or scoped: approver@mortgage, deployer@mortgage/prod.
        """,
        new("add", "register a member, or change one (owners)", """
            stele member add --member ID --key PUBLIC... --role ROLE[@SYSTEM[/ENV]]...
            stele member add --member ID --keep [--key PUBLIC]... [--role ROLE]...

            States a member's whole set of keys and roles from this entry on. Naming a member that is known replaces what it had, unless
            --keep says to add to it.
            """,
            [
                new Option<string>("--member")
                {
                    HelpName = "ID",
                    Description = "the member's id: 32 hex digits, as stele key new prints them"
                },
                new Option<string[]>("--key")
                {
                    HelpName = "PUBLIC",
                    Description = "a public key of theirs, as stele key new prints it; once for each"
                },
                new Option<string[]>("--role")
                {
                    HelpName = "ROLE",
                    Description = "a role, or ROLE@SYSTEM, or ROLE@SYSTEM/ENV; once for each"
                },
                new Option<bool>(
                    "--keep") { Description = "the keys and roles they have stay theirs; what is given is added" },
            ], Add) { Needs = "the role owner" },
        new("remove", "take a member out (owners)", """
            stele member remove ID

            The member has no keys and no roles from this entry on. What it signed before stays valid; to take force from that
            too, revoke its key (stele key revoke). The last owner can't be removed.
            """, [new Argument<string>("id")], Remove) { Needs = "the role owner" },
        new("list", "who is known, with which roles", """
            stele member list

            Every member with roles and keys; a key that was revoked says so.
            """, [], List));

    static async Task<int> Add(Call call)
    {
        var id = call.Need("--member");
        if (!Names.IsMember(id))
            throw call.Wrong($"'{id}' is not a member id", "32 hex digits, as stele key new prints them");
        var keys = (call.Get<string[]>("--key") ?? []).Select(Parsing.Key).ToImmutableArray();
        var roles = (call.Get<string[]>("--role") ?? []).Select(ParseRole).ToImmutableArray();
        var keep = call.Get<bool>("--keep");
        if (!keep && (keys.IsEmpty || roles.IsEmpty))
            throw call.Wrong("a member needs at least one --key and one --role",
                "to add to what a member has: --keep; to take one out: stele member remove ID");
        await using var desk = await Desk.Open(call);
        var present = desk.State.Members.GetValueOrDefault(id);
        if (keep)
        {
            if (present is null) throw Unknown(id);
            keys = [.. present.Keys, .. keys.Where(k => present.Keys.All(had => had.Id != k.Id))];
            roles = [.. present.Roles, .. roles.Where(r => !present.Roles.Contains(r))];
            if (keys.Length == present.Keys.Length && roles.Length == present.Roles.Length)
            {
                call.Terminal.Result(Json.Object(("entry", present.Entry), ("done", "nothing: it is so already")),
                    () => call.Terminal.Line($"member {id[..8]}… has all that already, since entry {present.Entry}"));
                return 0;
            }
        }
        return await desk.Submit(new MemberStatement(id, present?.Entry, keys, roles, present?.Name)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        },
            $"{(present is null ? "added" : "changed")} member {id[..8]}… as "
            + $"{string.Join(", ", roles.Select(r => r.ToString()))}, with {keys.Length} "
            + $"key{(keys.Length == 1 ? "" : "s")}");
    }

    static async Task<int> Remove(Call call)
    {
        await using var desk = await Desk.Open(call);
        var id = call.Need("id");
        if (!desk.State.Members.TryGetValue(id, out var m)) throw Unknown(id);
        return await desk.Submit(new MemberStatement(id, m.Entry, [], [], m.Name)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"removed member {id[..8]}…");
    }

    static CliError Unknown(string id) =>
        new($"no member '{id}'", "stele member list shows who is known, with whole ids");

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var members = desk.State.Members.Values.ToArray();
        call.Terminal.Result(
            Json.Object(("members", Json.Array(members.Select(m => Json.Object(
                ("member", m.Id), ("entry", m.Entry), ("roles", Json.Array(m.Roles.Select(r => Json.Of(r.ToString())))),
                ("keys", Json.Array(m.Keys.Select(k => Json.Object(
                    ("key", k.Id), ("revoked", desk.State.IsRevoked(k.Id))))))))))),
            () => call.Terminal.Table(members.Select(m => new[]
            {
                m.Id + (m.Id == desk.Home.Member ? " (you)" : ""), m.Keys.IsEmpty ? "(removed)" : m.Roles.IsEmpty
                    ? "no roles yet" : string.Join(", ", m.Roles.Select(r => r.ToString())),
                string.Join(", ", m.Keys.Select(k => k.Id.Short + (desk.State.IsRevoked(k.Id) ? " revoked" : ""))),
            })));
        return 0;
    }

    internal static Role ParseRole(string text)
    {
        var (name, scope) = text.Split('@', 2) is [var n, var s] ? (n, s.Split('/', 2)) : (text, []);
        try
        {
            return Role.FromJson(Json.Object(("role", name), ("system", scope.Length > 0 ? Json.Of(scope[0]) : null),
                ("environment", scope.Length > 1 ? Json.Of(scope[1]) : null)));
        }
        catch (FormatException e)
        {
            throw new CliError($"'{text}' is not a role: {e.Message}", "ROLE, ROLE@SYSTEM or ROLE@SYSTEM/ENVIRONMENT",
                CliError.Usage);
        }
    }
}
