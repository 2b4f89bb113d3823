namespace Stele.Proof.Packs;

/// <summary>What a finding means for the headline.</summary>
public enum FindingKind
{
    /// <summary>Something is not as it must be.</summary>
    Fault,

    /// <summary>
    /// It is not what the trust file pins. Whatever its keys signed then proves nothing against the keys that are
    /// pinned: no fraud is told.
    /// </summary>
    Stranger,

    /// <summary>One key signed two things that exclude each other, and both signatures were verified here.</summary>
    Fraud,
}

/// <summary>One thing that is not as it must be: its permanent name, where it is, and what is wrong.</summary>
public sealed record Finding(string Name, string Where, string Message, FindingKind Kind = FindingKind.Fault)
{
    public override string ToString() => $"{Name}: {Where}: {Message}";

    public Json ToJson() => Json.Object(
        ("name", Name), ("where", Where), ("message", Message),
        ("kind", Kind switch { FindingKind.Fraud => "fraud", FindingKind.Stranger => "stranger", _ => "fault" }));
}
