using System.Collections.Concurrent;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Two sets of rules decide a request, and one no is enough: the policy frozen in the release, and those in force for the environment (see <see cref="RequestJudgement"/>). Each is compiled once.
/// A rule that does not evaluate says no; a policy that is not at hand leaves nothing decided. Where no rule is about requests (<c>decide</c>), an authenticated principal may ask.
/// </summary>
sealed class Rules(Func<Digest, byte[]?> document)
{
    readonly ConcurrentDictionary<Digest, Policy> _compiled = new();

    /// <exception cref="GatewayException"><see cref="GatewayError.Undecidable"/></exception>
    public RequestJudgement Judge(Asked asked) => RequestJudgement.Of(asked, Compiled);

    Policy Compiled(Digest digest)
    {
        if (_compiled.TryGetValue(digest, out var policy)) return policy;
        try
        {
            var bytes = document(digest) ?? throw new GatewayException(GatewayError.Undecidable, $"the policy {digest} is not at hand");
            if (Digest.Of(bytes) != digest) throw new GatewayException(GatewayError.Undecidable, $"what is at hand as the policy {digest} is something else");
            return _compiled[digest] = Policy.Parse(bytes);
        }
        catch (FormatException e)
        {
            throw new GatewayException(GatewayError.Undecidable, $"the policy {digest}: {e.Message}");
        }
    }
}
