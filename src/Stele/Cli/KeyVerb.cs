using System.CommandLine;
using Stele.Proof;

namespace Stele.Cli;

static class KeyVerb
{
    public static Verb Verb => Verb.Group("key", "make, list and revoke your own keys", """
        Your keys sign everything you state. They are made here, stay in your home (mode 0600), and are never sent anywhere.
        An owner registers the public part; from then on the ledger knows you by it. A public key belongs to one member for ever.
        """,
        new("new", "make a key", """
            stele key new [NAME]

            Makes an ECDSA P-256 key and prints its public part, which an owner needs to register you:
            stele member add --member ID --key PUBLIC --role ROLE. The first key also makes your member id.
            """, [new Argument<string>("name") { Arity = ArgumentArity.ZeroOrOne }], New),
        new("list", "list your keys", """
            stele key list

            Shows your member id and the name, id and public part of each key in this home.
            """, [], List),
        new("revoke", "revoke one of your own keys", """
            stele key revoke KEYID [--from ENTRY] [--stop]

            States that the key (sha256:… of its public part) has no force from an entry on (the present end, unless --from says
            otherwise). The key may sign this itself; owners may revoke any key. History is never un-applied: what the key signed
            from that entry on only stops counting for new admissions. With --stop, what runs of it stops too.
            """, [new Argument<string>("keyid"), new Option<long?>("--from") { HelpName = "ENTRY" }, new Option<bool>("--stop")], Revoke));

    static Task<int> New(Call call)
    {
        var home = Home.Open(call.HomePath);
        using var key = home.NewKey(call.Get<string>("name") ?? home.KeyName);
        call.Terminal.Result(Json.Object(("member", home.Member!), ("key", key.Public.Id), ("public", key.Public.ToString())), () =>
        {
            call.Terminal.Line($"member  {home.Member}");
            call.Terminal.Line($"key     {key.Public.Id}");
            call.Terminal.Line($"public  {key.Public}");
            call.Terminal.Note($"An owner registers you with: stele member add --member {home.Member} --key {key.Public} --role ROLE");
        });
        return Task.FromResult(0);
    }

    static Task<int> List(Call call)
    {
        var home = Home.Open(call.HomePath);
        var keys = home.Keys.Select(name =>
        {
            using var key = home.Key(name);
            return (Name: name, key.Public);
        }).ToArray();
        call.Terminal.Result(
            Json.Object(("member", home.Member is { } m ? Json.Of(m) : null), ("keys", Json.Array(keys.Select(k => Json.Object(("name", k.Name), ("key", k.Public.Id), ("public", k.Public.ToString())))))),
            () =>
            {
                call.Terminal.Line($"member {home.Member ?? "(none yet: stele key new)"}");
                call.Terminal.Table(keys.Select(k => new[] { k.Name + (k.Name == home.KeyName ? " *" : ""), k.Public.Id.ToString(), k.Public.ToString() }));
            });
        return Task.FromResult(0);
    }

    static async Task<int> Revoke(Call call)
    {
        await using var desk = await Desk.Open(call);
        var key = Digest.Parse(call.Need("keyid"));
        var own = desk.Home.Keys.FirstOrDefault(name =>
        {
            using var k = desk.Home.Key(name);
            return k.Public.Id == key;
        });
        var statement = new Proof.Statements.Revocation(Proof.Statements.Revocation.Key, key, call.Get<long?>("--from") ?? desk.State.Size,
            call.Get<bool>("--stop") ? Proof.Statements.Revocation.Stop : Proof.Statements.Revocation.BlockNew)
        { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now };
        return await desk.Submit(statement, "revoked", own);
    }
}
