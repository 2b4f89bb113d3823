using System.Security.Cryptography;

namespace Stele.Identity;

/// <summary>
/// A name that nobody had before and nobody can guess: 128 random bits in 32 lower-case hex digits. A member's or
/// principal's id, a statement's nonce, a folder of a running release.
/// </summary>
static class RandomId
{
    public static string New() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
}
