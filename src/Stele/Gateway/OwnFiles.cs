using Stele.Ledger;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>What reading and changing a node's own files on request ends with, where it fails.</summary>
static class OwnFiles
{
    /// <exception cref="GatewayException">
    /// <see cref="GatewayError.BadRequest"/>: what was asked is not written as it should be.
    /// <see cref="GatewayError.Unrecorded"/>: the files failed.
    /// </exception>
    public static async Task Use(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception e) when (e is FormatException or UnknownKindException)
        {
            throw new GatewayException(GatewayError.BadRequest, e.Message);
        }
        catch (Exception e) when (e is IOException or LogException)
        {
            throw new GatewayException(GatewayError.Unrecorded, $"the node's own files failed: {e.Message}");
        }
    }
}
