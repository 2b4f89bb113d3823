namespace Stele.Proof;

/// <summary>
/// The ring of ML-DSA (FIPS 204 §2.3): polynomials of degree below 256 modulo X²⁵⁶ + 1 and q. A polynomial is 256
/// coefficients in [0, q); so is its transform, its values at the odd powers of ζ, where products are taken value by
/// value.
/// </summary>
static class MlDsaRing
{
    public const int Degree = 256;
    public const int Q = 8_380_417;   // 2²³ − 2¹³ + 1

    const int Zeta = 1753;            // a 512th root of unity
    const int InverseOf256 = 8_347_681;

    /// <summary>ζ to the power of each index with its eight bits reversed.</summary>
    static readonly int[] Zetas = MakeZetas();

    public static int Times(int a, int b) => (int)((long)a * b % Q);

    /// <summary>FIPS 204 algorithm 41.</summary>
    public static void Transform(Span<int> w)
    {
        var m = 0;
        for (var half = Degree / 2; half > 0; half >>= 1)
            for (var start = 0; start < Degree; start += 2 * half)
            {
                var zeta = Zetas[++m];
                for (var j = start; j < start + half; j++)
                {
                    var t = Times(zeta, w[j + half]);
                    w[j + half] = Minus(w[j], t);
                    w[j] = Plus(w[j], t);
                }
            }
    }

    /// <summary>FIPS 204 algorithm 42.</summary>
    public static void Untransform(Span<int> w)
    {
        var m = Degree;
        for (var half = 1; half < Degree; half <<= 1)
            for (var start = 0; start < Degree; start += 2 * half)
            {
                var zeta = Q - Zetas[--m];
                for (var j = start; j < start + half; j++)
                {
                    var t = w[j];
                    w[j] = Plus(t, w[j + half]);
                    w[j + half] = Times(zeta, Minus(t, w[j + half]));
                }
            }
        foreach (ref var c in w) c = Times(c, InverseOf256);
    }

    /// <summary>sum + a·b, value by value.</summary>
    public static void AddProduct(Span<int> sum, ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        for (var i = 0; i < Degree; i++) sum[i] = Plus(sum[i], Times(a[i], b[i]));
    }

    /// <summary>sum − a·b, value by value.</summary>
    public static void SubtractProduct(Span<int> sum, ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        for (var i = 0; i < Degree; i++) sum[i] = Minus(sum[i], Times(a[i], b[i]));
    }

    /// <summary>
    /// FIPS 204 algorithm 30: a transform with uniform values, out of a seed. Each three bytes give a number of 23
    /// bits; those below q are taken.
    /// </summary>
    public static void Sample(Shake seeded, Span<int> to)
    {
        Span<byte> block = stackalloc byte[168];   // a multiple of three, and SHAKE128's own block
        for (var n = 0; n < Degree;)
        {
            seeded.Squeeze(block);
            for (var i = 0; i < block.Length && n < Degree; i += 3)
            {
                var value = block[i] | block[i + 1] << 8 | (block[i + 2] & 0x7F) << 16;
                if (value < Q) to[n++] = value;
            }
        }
    }

    static int Plus(int a, int b) => a + b is var sum && sum >= Q ? sum - Q : sum;
    static int Minus(int a, int b) => a - b is var difference && difference < 0 ? difference + Q : difference;

    static int[] MakeZetas()
    {
        var zetas = new int[Degree];
        for (int i = 0, power = 1; i < Degree; i++, power = Times(power, Zeta))
        {
            var reversed = 0;
            for (var bit = 0; bit < 8; bit++) reversed |= (i >> bit & 1) << 7 - bit;
            zetas[reversed] = power;
        }
        return zetas;
    }
}
