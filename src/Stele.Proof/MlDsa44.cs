using static Stele.Proof.MlDsaRing;

namespace Stele.Proof;

/// <summary>
/// ML-DSA-44 verification (FIPS 204 §5.3, pure, parameter set of §4), in managed code so that every platform judges
/// alike. Signing is not here: it must run in constant time, and belongs to the platform's library. Only public data
/// passes through here.
/// </summary>
public static class MlDsa44
{
    public const int PublicKeySize = 32 + Rows * T1Size;
    public const int SignatureSize = ChallengeSize + Columns * ZSize + MaxHints + Rows;

    const int Rows = 4, Columns = 4;              // k and ℓ
    const int ChallengeSize = 32, Ones = 39;      // λ/4 and τ
    const int Gamma1 = 1 << 17, Gamma2 = (Q - 1) / 88, Beta = 78;
    const int MaxHints = 80;                      // ω
    const int Dropped = 13;                       // d
    const int T1Bits = 10, ZBits = 18, W1Bits = 6;
    const int T1Size = Degree * T1Bits / 8, ZSize = Degree * ZBits / 8, W1Size = Degree * W1Bits / 8;

    /// <summary>
    /// Whether <paramref name="signature"/> is this key's signature of <paramref name="message"/>. Wrong lengths are
    /// refusals, not errors.
    /// </summary>
    /// <param name="context">At most 255 bytes; C2SP cosignatures have none.</param>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature,
        ReadOnlySpan<byte> context = default)
    {
        if (publicKey.Length != PublicKeySize || signature.Length != SignatureSize || context.Length > 255)
            return false;
        var hints = new bool[Rows * Degree];
        if (!TryUnpackHints(signature[^(MaxHints + Rows)..], hints)) return false;
        var z = new int[Columns][];
        for (var s = 0; s < Columns; s++)
            if (!TryUnpackZ(signature.Slice(ChallengeSize + s * ZSize, ZSize), z[s] = new int[Degree])) return false;
            else Transform(z[s]);

        // What is signed: the digest of the key and of the message under its context.
        Span<byte> key = stackalloc byte[64], digest = stackalloc byte[64];
        Shake.Of256().Absorb(publicKey).Squeeze(key);
        Shake.Of256().Absorb(key).Absorb([0, (byte)context.Length]).Absorb(context).Absorb(message).Squeeze(digest);

        // w = A·z − c·t1·2^d, row by row; its high bits, corrected by the hints, are what the signer hashed.
        var challenge = SampleInBall(signature[..ChallengeSize]);
        Transform(challenge);
        var hash = Shake.Of256().Absorb(digest);
        Span<int> w = stackalloc int[Degree], a = stackalloc int[Degree];
        Span<byte> w1 = stackalloc byte[W1Size];
        for (var r = 0; r < Rows; r++)
        {
            w.Clear();
            for (var s = 0; s < Columns; s++)
            {
                Sample(Shake.Of128().Absorb(publicKey[..32]).Absorb([(byte)s, (byte)r]), a);
                AddProduct(w, a, z[s]);
            }
            UnpackT1(publicKey.Slice(32 + r * T1Size, T1Size), a);
            Transform(a);
            SubtractProduct(w, challenge, a);
            Untransform(w);
            PackHighBits(w, hints.AsSpan(r * Degree, Degree), w1);
            hash.Absorb(w1);
        }
        Span<byte> again = stackalloc byte[ChallengeSize];
        hash.Squeeze(again);
        return again.SequenceEqual(signature[..ChallengeSize]);
    }

    /// <summary>
    /// Algorithm 21: for each row the places of its hints, ascending; then, for each row, how many there are up to its
    /// end. Whatever is not used is zero.
    /// </summary>
    static bool TryUnpackHints(ReadOnlySpan<byte> packed, Span<bool> hints)
    {
        var n = 0;
        for (var row = 0; row < Rows; row++)
        {
            var end = packed[MaxHints + row];
            if (end < n || end > MaxHints) return false;
            for (var first = n; n < end; n++)
            {
                if (n > first && packed[n - 1] >= packed[n]) return false;
                hints[row * Degree + packed[n]] = true;
            }
        }
        return !packed[n..MaxHints].ContainsAnyExcept((byte)0);
    }

    /// <summary>
    /// Each coefficient is γ1 less what is packed, and must be smaller than γ1 − β in absolute value.
    /// </summary>
    static bool TryUnpackZ(ReadOnlySpan<byte> packed, Span<int> z)
    {
        Unpack(packed, ZBits, z);
        foreach (ref var c in z)
        {
            c = Gamma1 - c;
            if (Math.Abs(c) >= Gamma1 - Beta) return false;
            if (c < 0) c += Q;
        }
        return true;
    }

    static void UnpackT1(ReadOnlySpan<byte> packed, Span<int> t)
    {
        Unpack(packed, T1Bits, t);
        foreach (ref var c in t) c <<= Dropped;   // at most 1023·2¹³ = q − 1
    }

    /// <summary>Algorithm 29: a polynomial with 39 coefficients ±1, the others 0.</summary>
    static int[] SampleInBall(ReadOnlySpan<byte> seed)
    {
        var shake = Shake.Of256().Absorb(seed);
        Span<byte> signs = stackalloc byte[8];
        shake.Squeeze(signs);
        var c = new int[Degree];
        for (var i = Degree - Ones; i < Degree; i++)
        {
            int j;
            do j = shake.Squeeze();
            while (j > i);
            c[i] = c[j];
            var bit = i + Ones - Degree;
            c[j] = (signs[bit >> 3] >> (bit & 7) & 1) == 0 ? 1 : Q - 1;
        }
        return c;
    }

    /// <summary>
    /// Algorithms 36 and 40: r = r1·2γ2 + r0 with r0 in (−γ2, γ2]; a hint moves r1 one step towards where r0 lies.
    /// </summary>
    static void PackHighBits(ReadOnlySpan<int> w, ReadOnlySpan<bool> hints, Span<byte> to)
    {
        const int Steps = (Q - 1) / (2 * Gamma2);   // 44
        to.Clear();
        for (var i = 0; i < Degree; i++)
        {
            var r0 = w[i] % (2 * Gamma2);
            if (r0 > Gamma2) r0 -= 2 * Gamma2;
            var r1 = (w[i] - r0) / (2 * Gamma2);
            if (w[i] - r0 == Q - 1) (r1, r0) = (0, r0 - 1);
            if (hints[i]) r1 = (r1 + (r0 > 0 ? 1 : Steps - 1)) % Steps;
            for (var bit = 0; bit < W1Bits; bit++)
                to[(i * W1Bits + bit) >> 3] |= (byte)((r1 >> bit & 1) << (i * W1Bits + bit & 7));
        }
    }

    /// <summary>Numbers of a fixed count of bits, the lowest bit first.</summary>
    static void Unpack(ReadOnlySpan<byte> packed, int bits, Span<int> to)
    {
        ulong held = 0;
        int count = 0, at = 0;
        for (var i = 0; i < to.Length; i++)
        {
            for (; count < bits; count += 8) held |= (ulong)packed[at++] << count;
            to[i] = (int)(held & (1UL << bits) - 1);
            held >>= bits;
            count -= bits;
        }
    }
}
