namespace Stele.Http;

/// <summary>
/// Who is at the other end of a connection, as far as that is known. A feature of the connection, and so of its
/// requests.
/// </summary>
sealed class Visitor(Connections of, Action close)
{
    /// <summary>Where it stands among those that nobody knows; null: it was recognised, or is gone.</summary>
    internal LinkedListNode<Visitor>? Place { get; set; }

    /// <summary>When it came, as the time provider's stamp.</summary>
    internal long Came { get; init; }

    internal bool Asked { get; set; }
    internal bool Left { get; set; }

    /// <summary>Whom a token last said it is; null: a stranger.</summary>
    public string? Principal { get; internal set; }

    public BodyBudget Budget => of.Budget;

    internal void Close() => close();

    /// <summary>A request could not be answered for want of descriptors.</summary>
    internal void Lacks() => of.Lacks();

    /// <summary>A request's headers came.</summary>
    internal void Asks() => of.Asks(this);

    internal void Recognised(string principal)
    {
        if (!string.Equals(Principal, principal, StringComparison.Ordinal)) of.Recognised(this, principal);
    }
}

static class Visitors
{
    /// <summary>
    /// A token was found good: from here on the connection is not closed to make room for others, and what its bodies
    /// take is counted as this principal's.
    /// </summary>
    public static void Recognise(this HttpContext http, string principal) =>
        http.Features.Get<Visitor>()?.Recognised(principal);
}
