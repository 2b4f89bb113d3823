using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// When a rule is asked: before an act is admitted to the ledger, before a request is let through, or while a system is
/// watched. One rule has one occasion.
/// </summary>
public enum Occasion { Admission, Request, Monitor }

/// <summary>Everything a rule may be asked about. Names are permanent.</summary>
public static class Actions
{
    public const string Deploy = "deploy", Rollback = "rollback", Canary = "canary", Halt = "halt";
    public const string Decide = "decide", Monitor = "monitor", Policy = "policy", System = "system", Member = "member",
        Waiver = "waiver", Revocation = "revocation";

    /// <summary>What moves an environment's head: the words of <see cref="DeploymentAction"/>.</summary>
    public static readonly ImmutableArray<string> Deployments = [Deploy, Rollback, Canary, Halt];

    /// <summary>What concerns the ledger as a whole: only policies in force for all of it are asked.</summary>
    public static readonly ImmutableArray<string> OfLedger = [Member, Revocation];

    public static readonly ImmutableArray<string> All = [.. Deployments, Policy, System, Member, Waiver, Revocation,
        Decide, Monitor];

    public static Occasion OccasionOf(string action) => action switch
    {
        Decide => Occasion.Request,
        Monitor => Occasion.Monitor,
        _ => Occasion.Admission
    };

    /// <summary>As people read it.</summary>
    public static string Spell(this Occasion occasion) => occasion switch
    {
        Occasion.Request => "a request (decide)",
        Occasion.Monitor => "monitoring (monitor)",
        _ => "an act on the ledger"
    };
}
