namespace Stele.Proof.Governance;

/// <summary>
/// Why the fold refused an entry. A closed set: the API's codes and the tests' vocabulary. Names are permanent.
/// </summary>
public enum RefusalCode
{
    Malformed, TooLarge, UnknownKind, NotGenesis, UnknownFoldVersion, WrongLedger,
    TimeBackwards, OutsideWindow,
    BadSignature, UnknownSigner, RevokedKey, SameMemberTwice, RoleMissing, TooFewOwners, NotTheServer,
    StaleHead, StaleReplace,
    UnknownSystem, UnknownEnvironment, UnknownMember, UnknownRelease, UnknownLog, UnknownArtifact, UnknownEvaluation,
    AlreadyKnown, KeyTaken, LastOwner,
    DocumentMissing, DocumentInvalid, WrongSystem, NoOrigin, Revoked,
    PolicyMissing, CheckMissing, PolicyFailed,
    AuthorApproves, ShownDiffers, PoliciesDiffer, Expired, NeverDeployed, BadRoutes, NotAReturn,
    BadCheckpoint, Inconsistent, OutOfRange,
    OnHold, UnknownHold,
    PolicyTestFailed, OutOfScope,
}

/// <summary>One row a code: its permanent name, the HTTP status it becomes, and what to do next.</summary>
public static class Refusals
{
    static readonly Dictionary<RefusalCode, (string Name, int Status, string Hint)> Table = new()
    {
        [RefusalCode.Malformed] = ("malformed", 400,
            "send one DSSE envelope in canonical JSON; a current stele client writes it so"),
        [RefusalCode.TooLarge] = ("too-large", 413, "put large content in a blob and name it by digest"),
        [RefusalCode.UnknownKind] = ("unknown-kind", 400,
            "this server does not know that statement; check its version"),
        [RefusalCode.NotGenesis] = ("not-genesis", 409, "the first entry is genesis, and only the first"),
        [RefusalCode.UnknownFoldVersion] = ("unknown-fold-version", 400, "use a version that every judge knows"),
        [RefusalCode.WrongLedger] = ("wrong-ledger", 409,
            "the statement was made for another ledger; check the trust file in use"),
        [RefusalCode.TimeBackwards] = ("time-backwards", 409, "entry times never go back; check the server's clock"),
        [RefusalCode.OutsideWindow] = ("outside-window", 409,
            "sign it again: a statement is good from 5 minutes before to 24 hours after it was issued; check your clock"),
        [RefusalCode.BadSignature] = ("bad-signature", 401,
            "sign with the key you registered; signatures are minimal DER with low s"),
        [RefusalCode.UnknownSigner] = ("unknown-signer", 401, "an owner must add you first: stele member add"),
        [RefusalCode.RevokedKey] = ("revoked-key", 401,
            "make a new key (stele key new) and ask an owner to register it"),
        [RefusalCode.SameMemberTwice] = ("same-member-twice", 400, "each signature must be by another member"),
        [RefusalCode.RoleMissing] = ("role-missing", 403,
            "ask an owner for the role in this scope, or a member who holds it: stele member list"),
        [RefusalCode.TooFewOwners] = ("too-few-owners", 403, "collect the owners' signatures in one envelope"),
        [RefusalCode.NotTheServer] = ("not-the-server", 403, "only the server's key from genesis signs this"),
        [RefusalCode.StaleHead] = ("stale-head", 409, "look at the present head (stele status) and decide again"),
        [RefusalCode.StaleReplace] = ("stale-replace", 409, "name the entry that is in force now (stele status)"),
        [RefusalCode.UnknownSystem] = ("unknown-system", 404, "declare it first: stele system add"),
        [RefusalCode.UnknownEnvironment] = ("unknown-environment", 404,
            "the system does not have that environment: stele status"),
        [RefusalCode.UnknownMember] = ("unknown-member", 404, "stele member list shows who is known"),
        [RefusalCode.UnknownRelease] = ("unknown-release", 404, "declare it first: stele release"),
        [RefusalCode.UnknownLog] = ("unknown-log", 404, "an owner opens a decision log first"),
        [RefusalCode.UnknownArtifact] = ("unknown-artifact", 404, "freeze it first: stele freeze"),
        [RefusalCode.UnknownEvaluation] = ("unknown-evaluation", 404,
            "it must name an evaluation of the same check and release"),
        [RefusalCode.AlreadyKnown] = ("already-known", 409, "it is there already; nothing is to be done"),
        [RefusalCode.KeyTaken] = ("key-taken", 409, "a public key belongs to one member forever; make a new one"),
        [RefusalCode.LastOwner] = ("last-owner", 409, "add another owner first"),
        [RefusalCode.DocumentMissing] = ("document-missing", 422,
            "upload the document as a blob before the statement that names it"),
        [RefusalCode.DocumentInvalid] = ("document-invalid", 422,
            "the document does not say what the statement needs; see the message"),
        [RefusalCode.WrongSystem] = ("wrong-system", 409, "a release runs only in its own system's environments"),
        [RefusalCode.NoOrigin] = ("no-origin", 409, "state where it comes from: stele freeze or stele run"),
        [RefusalCode.Revoked] = ("revoked", 409, "use something that was not revoked"),
        [RefusalCode.PolicyMissing] = ("policy-missing", 409, "no policy in force = no deployment: stele policy set"),
        [RefusalCode.CheckMissing] = ("check-missing", 409, "run the check that the policy requires: stele check"),
        [RefusalCode.PolicyFailed] = ("policy-failed", 403,
            "fix what the rule names, or ask for a waiver: stele waive"),
        [RefusalCode.AuthorApproves] = ("author-approves", 403, "someone who had no hand in the release must approve"),
        [RefusalCode.ShownDiffers] = ("shown-differs", 409,
            "the world moved on since you looked; look again and approve that"),
        [RefusalCode.PoliciesDiffer] = ("policies-differ", 409,
            "other policies are in force now; look again and approve that"),
        [RefusalCode.Expired] = ("expired", 409, "choose a time that is still to come"),
        [RefusalCode.NeverDeployed] = ("never-deployed", 409,
            "a rollback goes to a release that this environment ran before; to run a new one, deploy it"),
        [RefusalCode.BadRoutes] = ("bad-routes", 400,
            "deploy and rollback take one release at 100; canary two or more that add up to 100; halt none"),
        [RefusalCode.NotAReturn] = ("not-a-return", 403,
            "a node may only return to the previous head, and only where the environment allows it"),
        [RefusalCode.BadCheckpoint] = ("bad-checkpoint", 422, "the checkpoint is not a note signed by the log's key"),
        [RefusalCode.Inconsistent] = ("inconsistent", 409,
            "the log does not extend what was anchored before: this is a fork or a loss, and worth an investigation"),
        [RefusalCode.OutOfRange] = ("out-of-range", 400, "the number lies outside what the ledger has"),
        [RefusalCode.OnHold] = ("on-hold", 409,
            "a legal hold forbids it: stele hold list; owners release it: stele hold release"),
        [RefusalCode.UnknownHold] = ("unknown-hold", 404,
            "stele hold list shows the holds that stand, and their entries"),
        [RefusalCode.PolicyTestFailed] = ("policy-test-failed", 422,
            "fix the rule or its test: stele policy test FILE"),
        [RefusalCode.OutOfScope] = ("out-of-scope", 409,
            "its 'scope' and the actions of its rules say where it may be put in force: set it there"),
    };

    public static string Name(this RefusalCode code) => Table[code].Name;

    /// <summary>The HTTP status of a refused write.</summary>
    public static int Status(this RefusalCode code) => Table[code].Status;

    /// <summary>What to do next, for people.</summary>
    public static string Hint(this RefusalCode code) => Table[code].Hint;

    /// <summary>
    /// Whether every judge must come to the same at any later time. A document that was not at hand may be so later,
    /// and a later version knows kinds and fold versions that this one does not: such refusals are never recorded.
    /// </summary>
    public static bool IsLasting(this RefusalCode code) =>
        code is not (RefusalCode.DocumentMissing or RefusalCode.UnknownKind or RefusalCode.UnknownFoldVersion);

    public static bool TryParse(string name, out RefusalCode code)
    {
        foreach (var (key, row) in Table)
        {
            if (row.Name != name) continue;
            code = key;
            return true;
        }
        code = default;
        return false;
    }
}
