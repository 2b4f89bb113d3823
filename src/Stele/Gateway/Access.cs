using Microsoft.AspNetCore.Http;
using Stele.Host;
using Stele.Identity;

namespace Stele.Gateway;

/// <summary>
/// Who asks this node, by token, and whether they may: every act is checked here, at the node, whatever a client
/// checked before.
/// </summary>
/// <param name="own">The token of <c>node/token</c>, which earlier builds made: it has every right of a node. Null
/// where there is none.</param>
sealed class Access(NodeFolder folder, string? own, TimeProvider time)
{
    /// <summary>The name under which the holder of <c>node/token</c> is recorded; no other token may have it.</summary>
    public const string OwnName = "node";

    /// <summary>Who is recorded where the node's folder was opened on its machine, with the node stopped.</summary>
    public const string LocalName = "local";

    readonly TokenFile _tokens = new(folder.Principals, time,
        own is null ? null : new TokenHolder(OwnName, Token.DigestOf(own), RightNames.OfNode));

    /// <summary>Who asks; null for strangers.</summary>
    /// <exception cref="GatewayException"><see cref="GatewayError.NotServing"/>: the file of tokens can't be
    /// read.</exception>
    public TokenHolder? Of(HttpRequest request)
    {
        try
        {
            return _tokens.Authenticate(request.Headers.Authorization);
        }
        catch (Exception e) when (e is FormatException or IOException)
        {
            throw new GatewayException(GatewayError.NotServing, $"the list of tokens can't be read: {e.Message}");
        }
    }

    /// <summary>Who asks, as far as it can be told now; null for strangers, and while the file of tokens can't be
    /// read.</summary>
    public TokenHolder? Seen(HttpRequest request)
    {
        try
        {
            return Of(request);
        }
        catch (GatewayException)
        {
            return null;
        }
    }

    /// <summary>How many principals may ask every environment, as earlier builds made them.</summary>
    public int Everywhere => _tokens.Holders.Count(h => h.Has(Rights.Decide) && h.Places is null);

    /// <summary>Who asks, held to have a right, or one of several.</summary>
    /// <exception cref="GatewayException"><see cref="GatewayError.Unauthenticated"/> or <see
    /// cref="GatewayError.Forbidden"/></exception>
    public TokenHolder Demand(HttpRequest request, Rights right)
    {
        var holder = Of(request) ?? throw new GatewayException(GatewayError.Unauthenticated,
            $"this needs a token of this node with the right {right.Names()[^1]}");
        return (holder.Rights & right) != Rights.None ? holder : throw Lacks(holder, right);
    }

    public static GatewayException Lacks(TokenHolder holder, Rights right) =>
        new(GatewayError.Forbidden, $"the token '{holder.Name}' does not have the right {right.Names()[^1]}");
}
