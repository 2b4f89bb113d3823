using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Two sets of rules decide a request, and one no is enough: the policy frozen in the release, and those in force for
/// the environment (see <see cref="RequestJudgement"/>). Each is compiled once. A rule that does not evaluate says no;
/// a policy that is not at hand leaves nothing decided. Where no rule is about requests (<c>decide</c>), an
/// authenticated principal may ask.
/// </summary>
sealed class Rules(Func<Digest, byte[]?> document)
{
    readonly Documents _documents = new(document);

    /// <exception cref="GatewayException"><see cref="GatewayError.Undecidable"/></exception>
    public RequestJudgement Judge(Asked asked) => RequestJudgement.Of(asked, Compiled);

    Policy Compiled(Digest digest)
    {
        try
        {
            return _documents.Policy(digest)
                ?? throw new GatewayException(GatewayError.Undecidable, $"the policy {digest} is not at hand");
        }
        catch (FormatException e)
        {
            throw new GatewayException(GatewayError.Undecidable, $"the policy {digest}: {e.Message}");
        }
    }
}
