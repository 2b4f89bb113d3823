namespace Stele.Proof.Statements;

/// <summary>
/// The retention classes of a system, in milliseconds from a decision's own time; null = kept forever.
/// <paramref name="Bodies"/>: how long the keys and salts of what was asked and answered are kept.
/// <paramref name="Leaves"/>: how long the records themselves are kept; what has no record has no keys either.
/// </summary>
public sealed record RetentionTerms(long? Bodies, long? Leaves)
{
    public Json ToJson() =>
        Json.Object(("bodies", Bodies is { } b ? Json.Of(b) : null), ("leaves", Leaves is { } l ? Json.Of(l) : null));

    public static RetentionTerms FromJson(Json j)
    {
        var terms = new RetentionTerms(j.Find("bodies") is { } b ? Names.Time(b) : null,
            j.Find("leaves") is { } l ? Names.Time(l) : null);
        if (terms is { Bodies: null, Leaves: null })
            throw new FormatException("retention terms that keep everything are left out");
        if (terms is { Bodies: { } bodies, Leaves: { } leaves } && bodies > leaves)
            throw new FormatException("bodies are not kept longer than their leaves");
        return terms;
    }
}
