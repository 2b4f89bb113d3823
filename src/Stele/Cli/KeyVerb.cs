using System.CommandLine;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class KeyVerb
{
    public static Verb Verb => Verb.Group("key", "make, list and revoke your own keys", """
        Your keys sign everything you state. They are made here, stay in your home (mode 0600), and are never sent anywhere.
        An owner registers the public part; from then on the ledger knows you by it. A public key belongs to one member forever.
        """,
        new("new", "make a key", """
            stele key new [NAME]

            Makes an ECDSA P-256 key and prints its public part, which an owner needs to register you. The first key also makes your
            member id, and is the one that signs.
            """, [new Argument<string>("name") { Arity = ArgumentArity.ZeroOrOne }], New) { Needs = Verb.Nothing },
        new("list", "list your keys", """
            stele key list

            Shows your member id and the name, id and public part of each key in this home. The star is at the key that signs.
            """, [], List) { Needs = Verb.Nothing },
        new("revoke", "revoke one of your own keys", """
            stele key revoke KEYID [--from ENTRY] [--stop]

            States that the key (sha256:… of its public part) has no force from this entry on. The key may sign this itself, and no policy
            is asked. With --from it loses its force from an earlier entry on, and with it fall the members whom it stated from there on
            and all that they signed: that takes owners, or the recovery key, as whose revocation alone frees owners from a policy that
            the key put in force. History is never un-applied: what lost its force only stops counting for new admissions.
            The recovery key is revoked by itself alone; the server's key by nobody.
            """,
            [
                new Argument<string>("keyid"),
                new Option<long?>("--from")
                {
                    HelpName = "ENTRY",
                    Description =
                        "the entry from which on it has no force: since when it may have been in other hands; this "
                        + "one unless given"
                },
                new Option<bool>("--stop") { Description = "what rests on it and runs stops too" },
            ], Revoke) { Needs = "the key itself in this home, the role owner, or the recovery key" });

    static Task<int> New(Call call)
    {
        var home = Home.Open(call.HomePath);
        var first = home.Member is null;
        using var key = home.NewKey(call.Get<string>("name") ?? home.KeyName);
        call.Terminal.Result(new NewKey(home.Member!, key.Public.Id, key.Public.ToString()).ToJson(), () =>
        {
            call.Terminal.Line($"member  {home.Member}");
            call.Terminal.Line($"key     {key.Public.Id}");
            call.Terminal.Line($"public  {key.Public}");
            call.Terminal.Note(first
                ? $"An owner registers you with: stele member add --member {home.Member} --key {key.Public} --role ROLE"
                : $"An owner adds it to your keys with: stele member add --member {home.Member} --keep --key "
                    + $"{key.Public}");
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
            Json.Object(("member", home.Member is { } m ? Json.Of(m) : null),
                ("keys",
                    Json.Array(keys.Select(k =>
                        Json.Object(("name", k.Name), ("key", k.Public.Id), ("public", k.Public.ToString())))))),
            () =>
            {
                call.Terminal.Line($"member {home.Member ?? "(none yet: stele key new)"}");
                call.Terminal.Table(keys.Select(k => new[] { k.Name + (k.Name == home.KeyName ? " *" : ""),
                    k.Public.Id.ToString(), k.Public.ToString() }));
            });
        return Task.FromResult(0);
    }

    static async Task<int> Revoke(Call call)
    {
        var key = Parsing.Digest(call.Need("keyid"), "a key: take it from stele key list");
        if (call.Get<long?>("--from") < 0) throw call.Wrong("--from takes an entry number");
        await using var desk = await Desk.Open(call);
        var own = desk.Home.Keys.FirstOrDefault(name =>
        {
            using var k = desk.Home.Key(name);
            return k.Public.Id == key;
        });
        var from = call.Get<long?>("--from");
        var statement = new Revocation(RevocationTarget.Key, key, from,
            call.Get<bool>("--stop") ? RevocationEffect.Stop : RevocationEffect.BlockNew)
        { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now };
        return await desk.Submit(statement,
            $"revoked key {key.Short}, from {(from is { } entry ? $"entry {entry}" : "this entry")} on",
            from is null ? own : null);
    }
}

sealed record NewKey(string Member, Digest Key, string Public) : IView;
