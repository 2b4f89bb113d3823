using System.CommandLine;
using System.Globalization;
using Stele.Build;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class AttestVerb
{
    const string Member = "the role approver or owner, for the whole system";

    static Symbol[] About => [new Argument<string>("control"), System(), Release()];

    static Option<string> System() => new("--system") { HelpName = "SYSTEM", Description = "the system it is about" };
    static Option<string> Release() => new("--release")
    {
        HelpName = "RELEASE",
        Description = "one release alone, by name or digest; every release of the system unless given"
    };
    static Option<string> Reason() => new("--reason")
    {
        HelpName = "TEXT",
        Description = "why; kept in your home, the ledger commits to it"
    };

    public static Verb Verb => new("attest", "give your word that a control is met (approvers)", """
        stele attest CONTROL --system SYSTEM --for TERM [--release RELEASE] [--evidence ARTIFACT] [--reason TEXT]

        What no machine can check, people answer for: your signed word stands in the ledger until TERM is over, three years at most.
        CONTROL is CATALOGUE/CONTROL, as in iso-42001/A.3.3. Your next word on the same thing takes the place of this one; a
        word goes with your role, with the key it was signed by if that is revoked, and with its evidence. Policies can demand it.
        """,
        [
            .. About,
            new Option<string>("--for") { HelpName = "TERM", Description = "how long: 365d, 12h" },
            new Option<string>("--evidence")
            {
                HelpName = "ARTIFACT",
                Description = "a frozen artifact that your word rests on, by name or digest"
            },
            Reason(),
        ], Attest)
    {
        Needs = Member,
        Verbs =
        [
            new("withdraw", "take your word back (approvers)", """
                stele attest withdraw CONTROL --system SYSTEM [--release RELEASE] [--reason TEXT]

                From this entry on your word on that counts no longer. What it let through before stays as it was.
                """, [.. About, Reason()], Withdraw) { Needs = Member },
            new("list", "whose word stands on what, and until when", """
                stele attest list [--system SYSTEM]

                Every member's last word on every control, also those that are over.
                """, [System()], List),
        ],
    };

    static async Task<int> Attest(Call call)
    {
        var control = ControlOf(call);
        var expires = Parsing.Term(call.Get<string>("--for") ?? throw call.Wrong("for how long do you give your word?",
            $"stele attest {control} --system SYSTEM --for 365d"), call.Now);
        await using var desk = await Desk.Open(call);
        var (system, release, last) = Thing(call, desk, control);
        Digest? evidence = call.Get<string>("--evidence") is { } artifact ? desk.Artifact(artifact) : null;
        return await desk.Submit(new Attestation(control, system, release?.Digest, last?.By.Entry, expires, evidence,
            Reasons.Keep(desk.Home, call.Get<string>("--reason")))
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"your word on {control} for {release?.Name ?? system}, until {Terminal.Time(expires)}");
    }

    static async Task<int> Withdraw(Call call)
    {
        var control = ControlOf(call);
        await using var desk = await Desk.Open(call);
        var (system, release, last) = Thing(call, desk, control);
        if (last is null)
            throw new CliError($"you have given no word on {control} for {release?.Name ?? system}",
                "stele attest list shows whose word stands on what");
        if (last.Attestation.Expires is null)
        {
            call.Terminal.Result(Json.Object(("entry", last.By.Entry), ("done", "nothing: it is so already")),
                () => call.Terminal.Line($"you took it back already, in entry {last.By.Entry}"));
            return 0;
        }
        return await desk.Submit(new Attestation(control, system, release?.Digest, last.By.Entry, null, null,
            Reasons.Keep(desk.Home, call.Get<string>("--reason")))
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"your word on {control} for {release?.Name ?? system} is taken back");
    }

    /// <summary>What the word is about, and this member's last one on it.</summary>
    static (string System, ReleaseFact? Release, AttestationFact? Last) Thing(Call call, Desk desk, string control)
    {
        var (system, environment) = Parsing.Scope(call.Need("--system"), desk.State);
        if (environment is not null)
            throw call.Wrong("a word is about a whole system, or one release of it", $"--system {system}");
        var release = call.Get<string>("--release") is { } r ? desk.Release(r) : null;
        if (release is not null && release.System != system)
            throw call.Wrong($"the release {release.Name} is of system '{release.System}'",
                $"--system {release.System}");
        return (system!, release, Attestations.LastOf(desk.State, desk.Member, control, system!, release?.Digest));
    }

    /// <summary>A control; of a catalogue that comes with the program, one that it has.</summary>
    static string ControlOf(Call call)
    {
        var control = call.Need("control");
        if (!Names.IsControl(control))
            throw call.Wrong($"'{control}' is not a control",
                "CATALOGUE/CONTROL, as in iso-42001/A.3.3; stele policy controls lists those that are known");
        var slash = control.IndexOf('/', StringComparison.Ordinal);
        if (ReadyMade.Catalogue(control[..slash]) is not { } catalogue
            || catalogue.Controls.Any(c => c.Id == control[(slash + 1)..])) return control;
        var below = catalogue.Controls.Where(c => c.Id.StartsWith(control[(slash + 1)..] + ".",
            StringComparison.Ordinal)).Select(catalogue.Reference).ToArray();
        throw call.Wrong($"{catalogue.Name} has no control '{control[(slash + 1)..]}'", below.Length > 0
            ? $"name one of {string.Join(", ", below)}"
            : $"stele policy controls {catalogue.Name} lists them");
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var (system, _) = Parsing.Scope(call.Get<string>("--system"), desk.State);
        var counting = Attestations.InForce(desk.State, call.Now).Select(a => a.By.Entry).ToHashSet();
        var words = Attestations.Last(desk.State).Where(a => a.Attestation.Expires is not null
            && (system is null || a.Attestation.System == system)).ToArray();
        string About(Attestation a) => a.Release is { } r ? desk.NameOf(r) : a.System;
        string Standing(AttestationFact a) =>
            counting.Contains(a.By.Entry) ? $"until {Terminal.Time(a.Attestation.Expires!.Value)}"
            : a.Attestation.Expires <= call.Now ? $"over since {Terminal.Time(a.Attestation.Expires.Value)}"
            : "counts no longer: its member's role or its evidence is gone";
        call.Terminal.Result(
            Json.Object(
                ("attestations",
                    Json.Array(words.Select(a => ShownWord.Of(a, counting.Contains(a.By.Entry)).ToJson().With("text",
                        Reasons.Find(desk.Home, a.Attestation.Reason) is { } text ? Json.Of(text) : Json.Null))))),
            () =>
            {
                if (words.Length == 0)
                    call.Terminal.Line(
                        "nobody has given their word on anything yet: stele attest CONTROL --system SYSTEM --for 365d");
                call.Terminal.Table(words.Select(a => new[]
                {
                    $"entry {a.By.Entry.ToString(CultureInfo.InvariantCulture)}", a.Attestation.Control,
                    About(a.Attestation), $"by {a.By.Member[..8]}…", Standing(a),
                    Reasons.Find(desk.Home, a.Attestation.Reason) ?? "",
                }), "");
            });
        return 0;
    }
}
