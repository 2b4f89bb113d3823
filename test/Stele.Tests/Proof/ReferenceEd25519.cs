using System.Numerics;
using System.Security.Cryptography;

namespace Stele.Tests.Proof;

/// <summary>
/// RFC 8032 §5.1 signing, written down plainly with big integers: slow, leaky, and independent of the code under test.
/// </summary>
static class ReferenceEd25519
{
    static readonly BigInteger P = BigInteger.Pow(2, 255) - 19;
    static readonly BigInteger L = BigInteger.Pow(2, 252)
        + BigInteger.Parse("27742317777372353535851937790883648493", System.Globalization.CultureInfo.InvariantCulture);
    static readonly BigInteger D = Mod(-121665 * Inverse(121666));
    static readonly (BigInteger X, BigInteger Y) B = (
        BigInteger.Parse("15112221349535400772501151409588531511454012693041857206046113283949847762202",
            System.Globalization.CultureInfo.InvariantCulture),
        BigInteger.Parse("46316835694926478169428394003475163141307993866256225615783033603165251855960",
            System.Globalization.CultureInfo.InvariantCulture));

    public static byte[] PublicKey(byte[] seed) => Encode(Times(Expand(seed).Scalar, B));

    public static byte[] Sign(byte[] seed, byte[] message)
    {
        var (a, prefix) = Expand(seed);
        var r = Scalar(SHA512.HashData([.. prefix, .. message]));
        var encoded = Encode(Times(r, B));
        var k = Scalar(SHA512.HashData([.. encoded, .. PublicKey(seed), .. message]));
        return [.. encoded, .. Bytes((r + k * a) % L)];
    }

    static (BigInteger Scalar, byte[] Prefix) Expand(byte[] seed)
    {
        var h = SHA512.HashData(seed);
        h[0] &= 248;
        h[31] = (byte)(h[31] & 127 | 64);
        return (new BigInteger(h.AsSpan(0, 32), isUnsigned: true), h[32..]);
    }

    static (BigInteger X, BigInteger Y) Times(BigInteger n, (BigInteger X, BigInteger Y) p)
    {
        (BigInteger X, BigInteger Y) sum = (0, 1);
        for (; n > 0; n >>= 1, p = Add(p, p)) if (!n.IsEven) sum = Add(sum, p);
        return sum;
    }

    static (BigInteger X, BigInteger Y) Add((BigInteger X, BigInteger Y) p, (BigInteger X, BigInteger Y) q)
    {
        var t = Mod(D * p.X * q.X * p.Y * q.Y);
        var both = Inverse(1 - t * t);   // 1/(1+t) = (1−t)/(1−t²)
        return (Mod((p.X * q.Y + q.X * p.Y) * (1 - t) * both), Mod((p.Y * q.Y + p.X * q.X) * (1 + t) * both));
    }

    static byte[] Encode((BigInteger X, BigInteger Y) p)
    {
        var bytes = Bytes(p.Y);
        if (!p.X.IsEven) bytes[31] |= 0x80;
        return bytes;
    }

    static byte[] Bytes(BigInteger n)
    {
        var bytes = new byte[32];
        n.TryWriteBytes(bytes, out _, isUnsigned: true);
        return bytes;
    }

    static BigInteger Scalar(byte[] hash) => new BigInteger(hash, isUnsigned: true) % L;
    static BigInteger Mod(BigInteger n) => (n % P + P) % P;
    static BigInteger Inverse(BigInteger n) => BigInteger.ModPow(Mod(n), P - 2, P);
}
