using System.Numerics;
using System.Security.Cryptography;

namespace Stele.Tests.Proof;

/// <summary>
/// FIPS 204 key generation and signing for ML-DSA-44, written down plainly: transforms by their definition instead of
/// butterflies, the platform's SHAKE (more of it than ever is needed, for not every platform gives it bit by bit),
/// leaky, and independent of the code under test.
/// </summary>
sealed class ReferenceMlDsa44
{
    const int N = 256, Q = 8380417, K = 4, L = 4, Tau = 39, Beta = 78, Gamma1 = 1 << 17, Gamma2 = (Q - 1) / 88,
        Omega = 80;

    // Value i of a transform is the polynomial at ζ^(2·rev(i)+1).
    static readonly long[] At = [.. Enumerable.Range(0, N).SelectMany(i =>
        Enumerable.Range(0, N).Select(j => (long)BigInteger.ModPow(1753, (2 * Reverse(i) + 1) * j % 512, Q)))];

    readonly byte[] _rho, _k, _tr;
    readonly long[][] _s1, _s2, _t0;   // transforms
    readonly long[][][] _a;

    public byte[] PublicKey { get; }

    public ReferenceMlDsa44(byte[] seed)
    {
        var expanded = Shake256(128, [.. seed, K, L]);
        (_rho, _k) = (expanded[..32], expanded[96..]);
        var secret = Enumerable.Range(0, L + K).Select(r => Bounded([.. expanded[32..96], (byte)r, 0])).ToArray();
        _a = [.. Enumerable.Range(0, K)
            .Select(r => Enumerable.Range(0, L).Select(s => Uniform([.. _rho, (byte)s, (byte)r])).ToArray())];
        (_s1, _s2) = ([.. secret[..L].Select(Transform)], [.. secret[L..].Select(Transform)]);
        var t = Enumerable.Range(0, K).Select(r => Untransform(Sum(Row(r, _s1), _s2[r]))).ToArray();
        var t1 = t.Select(p => p.Select(c => (c + 4095) >> 13).ToArray()).ToArray();
        _t0 = [.. t.Select((p, r) => Transform([.. p.Select((c, i) => Mod(c - (t1[r][i] << 13)))]))];
        PublicKey = [.. _rho, .. t1.SelectMany(p => Pack(p, 10))];
        _tr = Shake256(64, PublicKey);
    }

    /// <param name="rnd">32 bytes; zeros for the deterministic variant.</param>
    public byte[] Sign(byte[] message, byte[]? context = null, byte[]? rnd = null)
    {
        context ??= [];
        var mu = Shake256(64, [.. _tr, 0, (byte)context.Length, .. context, .. message]);
        var seed = Shake256(64, [.. _k, .. rnd ?? new byte[32], .. mu]);
        for (var kappa = 0; ; kappa += L)
        {
            var y = Enumerable.Range(0, L)
                .Select(r => Unpack(Shake256(32 * 18, [.. seed, (byte)(kappa + r), (byte)(kappa + r >> 8)]), 18)
                    .Select(c => Mod(Gamma1 - c)).ToArray()).ToArray();
            var yt = y.Select(Transform).ToArray();
            var w = Enumerable.Range(0, K).Select(r => Untransform(Row(r, yt))).ToArray();
            var challenge = Shake256(32, [.. mu, .. w.SelectMany(p => Pack([.. p.Select(c => High(c))], 6))]);
            var c = Transform(InBall(challenge));
            var z = Enumerable.Range(0, L).Select(s => Sum(y[s], Untransform(Product(c, _s1[s])))).ToArray();
            var less = Enumerable.Range(0, K).Select(r => Difference(w[r], Untransform(Product(c, _s2[r])))).ToArray();
            if (z.Any(p => Norm(p) >= Gamma1 - Beta) || less.Any(p => p.Max(v => Math.Abs(Low(v))) >= Gamma2 - Beta))
                continue;
            var ct0 = Enumerable.Range(0, K).Select(r => Untransform(Product(c, _t0[r]))).ToArray();
            if (ct0.Any(p => Norm(p) >= Gamma2)) continue;
            var hints = Enumerable.Range(0, K).Select(r => Enumerable.Range(0, N)
                .Where(i => High(less[r][i]) != High(Mod(less[r][i] + ct0[r][i]))).ToArray()).ToArray();
            if (hints.Sum(h => h.Length) > Omega) continue;
            var packed = new byte[Omega + K];
            var n = 0;
            for (var r = 0; r < K; packed[Omega + r++] = (byte)n)
                foreach (var i in hints[r]) packed[n++] = (byte)i;
            return [.. challenge, .. z.SelectMany(p => Pack([.. p.Select(v => Gamma1 - Centred(v))], 18)), .. packed];
        }
    }

    static long[] InBall(byte[] seed)
    {
        var bytes = Shake256(1000, seed);
        var signs = BitConverter.ToUInt64(bytes);
        var c = new long[N];
        var at = 8;
        for (var i = N - Tau; i < N; i++)
        {
            int j;
            do j = bytes[at++];
            while (j > i);
            c[i] = c[j];
            c[j] = (signs >> (i + Tau - N) & 1) == 0 ? 1 : Q - 1;
        }
        return c;
    }

    static long[] Uniform(byte[] seed) =>
        [.. Shake128.HashData(seed, 1200).Chunk(3).Select(b => b[0] | b[1] << 8 | (b[2] & 127) << 16).Where(v => v < Q)
            .Take(N).Select(v => (long)v)];

    static long[] Bounded(byte[] seed) =>
        [.. Shake256(1000, seed).SelectMany(b => new[] { b & 15, b >> 4 }).Where(v => v < 15).Take(N)
            .Select(v => Mod(2 - v % 5))];

    long[] Row(int r, long[][] v) => Enumerable.Range(0, L).Select(s => Product(_a[r][s], v[s])).Aggregate(Sum);

    // Products are below 2⁴⁶, so that 256 of them add up in 64 bits.
    static long[] Transform(long[] p)
    {
        var values = new long[N];
        for (var i = 0; i < N; i++)
        {
            long sum = 0;
            for (var j = 0; j < N; j++) sum += p[j] * At[i * N + j];
            values[i] = sum % Q;
        }
        return values;
    }

    // By orthogonality: coefficient j is 256⁻¹ · Σ value · point⁻ʲ, and point⁻ʲ = −point^(256−j), for every point has
    // point²⁵⁶ = −1.
    static long[] Untransform(long[] values)
    {
        var p = new long[N];
        for (var i = 0; i < N; i++)
            for (var j = 0; j < N; j++) p[j] += values[i] * (j == 0 ? 1 : Q - At[i * N + N - j]);
        return [.. p.Select(c => c % Q * 8347681 % Q)];
    }

    static int Reverse(int i) => Enumerable.Range(0, 8).Sum(b => (i >> b & 1) << 7 - b);
    static long Mod(long a) => (a % Q + Q) % Q;
    static long Centred(long a) => a > Q / 2 ? a - Q : a;
    static long Norm(long[] p) => p.Max(c => Math.Abs(Centred(c)));
    static long[] Sum(long[] a, long[] b) => [.. a.Zip(b, (x, y) => (x + y) % Q)];
    static long[] Difference(long[] a, long[] b) => [.. a.Zip(b, (x, y) => Mod(x - y))];
    static long[] Product(long[] a, long[] b) => [.. a.Zip(b, (x, y) => x * y % Q)];

    static (long High, long Low) Decompose(long r)
    {
        var low = r % (2 * Gamma2);
        if (low > Gamma2) low -= 2 * Gamma2;
        return r - low == Q - 1 ? (0, low - 1) : ((r - low) / (2 * Gamma2), low);
    }

    static long High(long r) => Decompose(r).High;
    static long Low(long r) => Decompose(r).Low;

    static byte[] Pack(long[] values, int bits)
    {
        var bytes = new byte[values.Length * bits / 8];
        for (var i = 0; i < values.Length * bits; i++)
            bytes[i / 8] |= (byte)((values[i / bits] >> i % bits & 1) << i % 8);
        return bytes;
    }

    static long[] Unpack(byte[] bytes, int bits)
    {
        var values = new long[bytes.Length * 8 / bits];
        for (var i = 0; i < values.Length * bits; i++)
            values[i / bits] |= (long)(bytes[i / 8] >> i % 8 & 1) << i % bits;
        return values;
    }

    static byte[] Shake256(int length, byte[] data) => System.Security.Cryptography.Shake256.HashData(data, length);
}
