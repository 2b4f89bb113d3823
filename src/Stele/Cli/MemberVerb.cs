using System.Collections.Immutable;
using System.CommandLine;
using System.Security.Cryptography;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class MemberVerb
{
    public static Verb Verb => Verb.Group("member", "add, change, revoke and list members and their roles", """
        A member is a random id with keys and roles; names never enter the ledger. Roles are owner, builder, evaluator, approver,
        deployer, node and service, everywhere or scoped: approver@mortgage, deployer@mortgage/prod.
        """,
        new("add", "register a member, or change one (owners)", """
            stele member add --member ID --key PUBLIC... --role ROLE[@SYSTEM[/ENV]]...

            States a member's whole set of keys and roles from this entry on. Naming a member that is known replaces what it had:
            give everything it is to have. Owners sign it.
            """, [new Option<string>("--member"), new Option<string[]>("--key") { HelpName = "PUBLIC" }, new Option<string[]>("--role")], Add),
        new("remove", "take a member out (owners)", """
            stele member remove ID

            The member has no keys and no roles from this entry on. What it signed before stays valid; to take force from that
            too, revoke its key (stele key revoke). The last owner can't be removed.
            """, [new Argument<string>("member")], Remove),
        new("list", "who is known, with which roles", """
            stele member list
            """, [], List));

    static async Task<int> Add(Call call)
    {
        await using var desk = await Desk.Open(call);
        var id = call.Need("--member");
        if (!Names.IsMember(id)) throw new CliError($"'{id}' is not a member id", "32 hex digits, as stele key new prints", CliError.Usage);
        var keys = (call.Get<string[]>("--key") ?? []).Select(PublicKey.Parse).ToImmutableArray();
        var roles = (call.Get<string[]>("--role") ?? []).Select(ParseRole).ToImmutableArray();
        if (keys.IsEmpty || roles.IsEmpty) throw new CliError("a member needs at least one --key and one --role", "to take one out: stele member remove", CliError.Usage);
        var present = desk.State.Members.TryGetValue(id, out var m) ? m.Entry : (long?)null;
        return await desk.Submit(new MemberStatement(id, present, keys, roles, null) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now },
            $"{(present is null ? "added" : "changed")} member {id[..8]}… as {string.Join(", ", roles.Select(r => r.ToString()))}");
    }

    static async Task<int> Remove(Call call)
    {
        await using var desk = await Desk.Open(call);
        var id = call.Need("member");
        if (!desk.State.Members.TryGetValue(id, out var m)) throw new CliError($"no member {id}", "stele member list");
        return await desk.Submit(new MemberStatement(id, m.Entry, [], [], m.Name) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now }, $"removed member {id[..8]}…");
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var members = desk.State.Members.Values.ToArray();
        call.Terminal.Result(
            Json.Object(("members", Json.Array(members.Select(m => Json.Object(
                ("member", m.Id), ("entry", m.Entry), ("roles", Json.Array(m.Roles.Select(r => Json.Of(r.ToString())))), ("keys", Json.Array(m.Keys.Select(k => Json.Object(
                    ("key", k.Id), ("revoked", desk.State.IsRevoked(k.Id)))))))))))
            , () => call.Terminal.Table(members.Select(m => new[]
            {
                m.Id + (m.Id == desk.Home.Member ? " (you)" : ""), m.Roles.IsEmpty ? "(out)" : string.Join(", ", m.Roles.Select(r => r.ToString())),
                string.Join(", ", m.Keys.Select(k => k.Id.Short + (desk.State.IsRevoked(k.Id) ? " revoked" : ""))),
            })));
        return 0;
    }

    internal static Role ParseRole(string text)
    {
        var (name, scope) = text.Split('@', 2) is [var n, var s] ? (n, s.Split('/', 2)) : (text, []);
        var role = new Role(name, scope.Length > 0 ? scope[0] : null, scope.Length > 1 ? scope[1] : null);
        try
        {
            return Role.FromJson(role.ToJson());
        }
        catch (FormatException e)
        {
            throw new CliError($"'{text}' is not a role: {e.Message}", "ROLE, ROLE@SYSTEM or ROLE@SYSTEM/ENVIRONMENT", CliError.Usage);
        }
    }
}
