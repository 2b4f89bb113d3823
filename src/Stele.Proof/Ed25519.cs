using System.Collections.Concurrent;
using System.Numerics;
using System.Security.Cryptography;

namespace Stele.Proof;

/// <summary>
/// Ed25519 verification (RFC 8032 §5.1.7) under one strict rule, in managed code so that every platform judges alike:
/// A and R in their one canonical encoding, S &lt; L, A and R not of low order, and the equation without the cofactor,
/// R = S·B − k·A. Only public data passes through here, so nothing runs in constant time and nothing needs to.
/// </summary>
public static class Ed25519
{
    public const int PublicKeySize = 32;
    public const int SignatureSize = 64;

    /// <summary>L, the order of the base point: 2²⁵² + 27742317777372353535851937790883648493.</summary>
    static readonly BigInteger Order = (BigInteger.One << 252) + new BigInteger([0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
        0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14]);

    const int BaseWindow = 8, KeyWindow = 5;
    static readonly Point[] BaseMultiples = OddMultiples(Point.Base, BaseWindow);

    /// <summary>
    /// Keys that verify again and again, as decision logs' do: from so many times on a key has a table, with which a
    /// verification takes a third of the time. So many keys at most have one: 133 KB each.
    /// </summary>
    const int Often = 16, MostKeys = 64;
    static readonly ConcurrentDictionary<Digest, Known> Keys = new();
    static readonly Lazy<Comb> BaseComb = new(() => new Comb(Point.Base, 7));

    sealed class Known(Point negated)
    {
        int _times;

        public Point Negated => negated;
        public Lazy<Comb> Comb { get; } = new(() => new Comb(negated, 5));
        public bool IsOften => Volatile.Read(ref _times) >= Often || Interlocked.Increment(ref _times) >= Often;
    }

    /// <summary>
    /// Whether <paramref name="signature"/> is this key's signature of <paramref name="message"/> under the strict
    /// rule. Wrong lengths are refusals, not errors.
    /// </summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != PublicKeySize || signature.Length != SignatureSize) return false;
        var s = new BigInteger(signature[32..], isUnsigned: true);
        if (s >= Order) return false;
        if (KeyOf(publicKey) is not { } key) return false;

        Span<byte> hash = stackalloc byte[64];
        using (var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA512))
        {
            sha.AppendData(signature[..32]);
            sha.AppendData(publicKey);
            sha.AppendData(message);
            sha.GetHashAndReset(hash);
        }
        var k = new BigInteger(hash, isUnsigned: true) % Order;

        var r = key.IsOften ? BaseComb.Value.Times(s).Plus(key.Comb.Value.Times(k))
            : SumOfMultiples(s, BaseMultiples, k, OddMultiples(key.Negated, KeyWindow));
        // What Encode writes is canonical; so a non-canonical R never equals it.
        Span<byte> encoded = stackalloc byte[32];
        r.Encode(encoded);
        return encoded.SequenceEqual(signature[..32]) && !r.IsLowOrder;
    }

    static Known? KeyOf(ReadOnlySpan<byte> publicKey)
    {
        var name = Digest.From(publicKey);
        if (Keys.TryGetValue(name, out var known)) return known;
        if (!Point.TryDecode(publicKey, out var a) || a.IsLowOrder) return null;
        if (Keys.Count >= MostKeys) Keys.Clear();
        return Keys.GetOrAdd(name, new Known(a.Negated));
    }

    /// <summary>
    /// Multiples of one point: j·2^(w·i)·P for every i up to 256 bits and j up to 2^(w−1), so that a multiple of it is
    /// a sum with no doublings.
    /// </summary>
    sealed class Comb
    {
        readonly int _window, _most;
        readonly Addend[] _multiples;

        public Comb(in Point p, int window)
        {
            (_window, _most) = (window, 1 << (window - 1));
            _multiples = new Addend[(256 / window + 1) * _most];
            var first = p;
            for (var at = 0; at < _multiples.Length; at += _most)
            {
                var sum = first;
                for (var j = 0; j < _most; j++, sum = sum.Plus(first)) _multiples[at + j] = sum.ToAddend();
                for (var i = 0; i < window; i++) first = first.Doubled;
            }
        }

        public Point Times(BigInteger scalar)
        {
            Span<byte> bytes = stackalloc byte[40];
            bytes.Clear();
            scalar.TryWriteBytes(bytes, out _, isUnsigned: true);
            var (sum, carry) = (Point.Identity, 0);
            for (var (bit, at) = (0, 0); at < _multiples.Length; bit += _window, at += _most)
            {
                var eight = System.Buffers.Binary.BinaryPrimitives.ReadUInt16LittleEndian(bytes[(bit >> 3)..]);
                var digit = (eight >> (bit & 7) & (2 * _most - 1)) + carry;
                carry = digit > _most ? 1 : 0;
                digit -= carry * 2 * _most;
                if (digit > 0) sum = sum.Plus(_multiples[at + digit - 1]);
                else if (digit < 0) sum = sum.Minus(_multiples[at - digit - 1]);
            }
            return sum;
        }
    }

    /// <summary>
    /// Whether the bytes are a key that some signature can verify under: canonical and not of low order.
    /// </summary>
    public static bool IsPublicKey(ReadOnlySpan<byte> publicKey) =>
        publicKey.Length == PublicKeySize && Point.TryDecode(publicKey, out var a) && !a.IsLowOrder;

    /// <summary>P, 3P, 5P, … for a window of w bits: 2^(w−2) points.</summary>
    static Point[] OddMultiples(Point p, int window)
    {
        var multiples = new Point[1 << (window - 2)];
        var twice = p.Doubled;
        multiples[0] = p;
        for (var i = 1; i < multiples.Length; i++) multiples[i] = multiples[i - 1].Plus(twice);
        return multiples;
    }

    /// <summary>s·P + k·Q from the odd multiples of P and Q: one chain of doublings, signed digits (Straus).</summary>
    static Point SumOfMultiples(BigInteger s, Point[] p, BigInteger k, Point[] q)
    {
        Span<sbyte> sDigits = stackalloc sbyte[256], kDigits = stackalloc sbyte[256];
        SignedDigits(s, BaseWindow, sDigits);
        SignedDigits(k, KeyWindow, kDigits);
        var sum = Point.Identity;
        for (var i = 255; i >= 0; i--)
        {
            sum = sum.Doubled;
            sum = Add(sum, p, sDigits[i]);
            sum = Add(sum, q, kDigits[i]);
        }
        return sum;

        static Point Add(in Point sum, Point[] odd, int digit) =>
            digit == 0 ? sum : digit > 0 ? sum.Plus(odd[digit >> 1]) : sum.Plus(odd[-digit >> 1].Negated);
    }

    /// <summary>
    /// The width-w non-adjacent form: each digit is zero or odd with |digit| &lt; 2^(w−1), and scalar = Σ digit·2^i.
    /// </summary>
    static void SignedDigits(BigInteger scalar, int window, Span<sbyte> digits)
    {
        digits.Clear();
        Span<byte> bytes = stackalloc byte[33];
        bytes.Clear();
        scalar.TryWriteBytes(bytes, out _, isUnsigned: true);
        var carry = 0;
        for (var i = 0; i < 256;)
        {
            var bit = (bytes[i >> 3] >> (i & 7)) & 1;
            if (bit == carry)
            {
                i++;
                continue;
            }
            var value = carry;
            for (var j = 0; j < window && i + j < 256; j++) value += ((bytes[(i + j) >> 3] >> ((i + j) & 7)) & 1) << j;
            carry = value >> (window - 1) & 1;
            digits[i] = (sbyte)(value - (carry << window));
            i += window;
        }
    }

    /// <summary>
    /// A point of −x² + y² = 1 + d·x²·y² as (X : Y : Z : T) with x = X/Z, y = Y/Z, xy = T/Z (Hisil, Wong, Carter,
    /// Dawson 2008).
    /// </summary>
    readonly struct Point(Field x, Field y, Field z, Field t)
    {
        static readonly Field D = Field.Of(121665).Negated * Field.Of(121666).Inverted;
        static readonly Field TwiceD = D + D;
        // 2^((p−1)/4): (p−1)/4 = 8(2²⁵⁰−1) + 3
        static readonly Field RootOfMinusOne = Field.Of(2).ToPower250Minus1(out _).Squared(3) * Field.Of(2).Squared(1)
            * Field.Of(2);

        public static readonly Point Identity = new(Field.Zero, Field.One, Field.One, Field.Zero);
        public static readonly Point Base = DecodeBase();

        readonly Field _x = x, _y = y, _z = z, _t = t;

        static Point DecodeBase()
        {
            Span<byte> bytes = stackalloc byte[32];
            (Field.Of(4) * Field.Of(5).Inverted).Encode(bytes);   // y = 4/5, x even
            return TryDecode(bytes, out var b)
                ? b
                : throw new InvalidOperationException("the base point is not on the curve");
        }

        /// <summary>RFC 8032 §5.1.3, and refuses y ≥ p and a negative zero.</summary>
        public static bool TryDecode(ReadOnlySpan<byte> bytes, out Point point)
        {
            point = default;
            var y = Field.Decode(bytes);
            var sign = bytes[31] >> 7;
            Span<byte> canonical = stackalloc byte[32];
            y.Encode(canonical);
            canonical[31] |= (byte)(sign << 7);
            if (!canonical.SequenceEqual(bytes)) return false;

            // x² = u/v; the candidate root is u·v³·(u·v⁷)^((p−5)/8), right up to a factor √−1.
            var yy = y * y;
            var u = yy - Field.One;
            var v = D * yy + Field.One;
            var v3 = v * v * v;
            var x = u * v3 * (u * v3 * v3 * v).ToPowerOfRoot;
            var check = v * x * x;
            if (!check.SameAs(u))
            {
                if (!check.SameAs(u.Negated)) return false;
                x *= RootOfMinusOne;
            }
            if (x.IsZero && sign == 1) return false;
            if (x.IsOdd != (sign == 1)) x = x.Negated;
            point = new(x, y, Field.One, x * y);
            return true;
        }

        public void Encode(Span<byte> bytes)
        {
            var inverse = _z.Inverted;
            (_y * inverse).Encode(bytes);
            if ((_x * inverse).IsOdd) bytes[31] |= 0x80;
        }

        /// <summary>Whether eight times the point is the identity.</summary>
        public bool IsLowOrder
        {
            get
            {
                var p = Doubled.Doubled.Doubled;
                return p._x.IsZero && p._y.SameAs(p._z);
            }
        }

        public Point Negated => new(_x.Negated, _y, _z, _t.Negated);

        public Point Plus(in Point q) => Plus(q.ToAddend());

        public Point Plus(in Addend q) => Sum((_y - _x) * q.Minus, (_y + _x) * q.Plus, _t * q.T2d, _z * q.Z);

        public Point Minus(in Addend q)
        {
            var (a, b) = ((_y - _x) * q.Plus, (_y + _x) * q.Minus);
            return Sum(a, b, (_t * q.T2d).Negated, _z * q.Z);
        }

        static Point Sum(in Field a, in Field b, in Field c, in Field z)
        {
            var d = z + z;
            Field e = b - a, f = d - c, g = d + c, h = b + a;
            return new(e * f, g * h, f * g, e * h);
        }

        public Addend ToAddend() => new(_y - _x, _y + _x, _z, _t * TwiceD);

        public Point Doubled
        {
            get
            {
                Field a = _x.Squared(1), b = _y.Squared(1), c = _z.Squared(1);
                var h = a + b;
                var e = h - (_x + _y).Squared(1);
                var g = a - b;
                var f = c + c + g;
                return new(e * f, g * h, f * g, e * h);
            }
        }
    }

    /// <summary>A point as it is added to another: y − x, y + x, z and 2d·t.</summary>
    readonly record struct Addend(Field Minus, Field Plus, Field Z, Field T2d);

    /// <summary>
    /// An integer modulo p = 2²⁵⁵ − 19 in five limbs of 51 bits. Invariant: every limb is below 2⁵² between operations,
    /// so sums of products fit 128 bits.
    /// </summary>
    readonly struct Field
    {
        const ulong Mask = (1UL << 51) - 1;

        readonly ulong _0, _1, _2, _3, _4;

        Field(ulong l0, ulong l1, ulong l2, ulong l3, ulong l4)
        {
            // One pass of carries; the top one comes back times 19.
            l1 += l0 >> 51;
            l2 += l1 >> 51;
            l3 += l2 >> 51;
            l4 += l3 >> 51;
            (_0, _1, _2, _3, _4) = ((l0 & Mask) + 19 * (l4 >> 51), l1 & Mask, l2 & Mask, l3 & Mask, l4 & Mask);
        }

        public static Field Of(uint n) => new(n, 0, 0, 0, 0);
        public static Field Zero => default;
        public static Field One => Of(1);

        /// <summary>The low 255 bits, little-endian; may be p or more.</summary>
        public static Field Decode(ReadOnlySpan<byte> b)
        {
            static ulong Read(ReadOnlySpan<byte> b) => System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(b);
            return new(Read(b) & Mask, Read(b[6..]) >> 3 & Mask, Read(b[12..]) >> 6 & Mask, Read(b[19..]) >> 1 & Mask,
                Read(b[24..]) >> 12 & Mask);
        }

        /// <summary>32 bytes, little-endian, fully reduced.</summary>
        public void Encode(Span<byte> to)
        {
            var f = new Field(_0, _1, _2, _3, _4);
            // q = 1 iff the value is p or more: whether adding 19 overflows 255 bits.
            var q = (f._0 + 19) >> 51;
            q = (f._1 + q) >> 51;
            q = (f._2 + q) >> 51;
            q = (f._3 + q) >> 51;
            q = (f._4 + q) >> 51;
            var l0 = f._0 + 19 * q;
            var l1 = f._1 + (l0 >> 51);
            var l2 = f._2 + (l1 >> 51);
            var l3 = f._3 + (l2 >> 51);
            var l4 = f._4 + (l3 >> 51);
            (l0, l1, l2, l3, l4) = (l0 & Mask, l1 & Mask, l2 & Mask, l3 & Mask, l4 & Mask);
            static void Write(Span<byte> to, ulong value) =>
                System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(to, value);
            Write(to, l0 | l1 << 51);
            Write(to[8..], l1 >> 13 | l2 << 38);
            Write(to[16..], l2 >> 26 | l3 << 25);
            Write(to[24..], l3 >> 39 | l4 << 12);
        }

        public bool IsZero => SameAs(Zero);

        public bool IsOdd
        {
            get
            {
                Span<byte> bytes = stackalloc byte[32];
                Encode(bytes);
                return (bytes[0] & 1) == 1;
            }
        }

        public bool SameAs(in Field other)
        {
            Span<byte> a = stackalloc byte[32], b = stackalloc byte[32];
            Encode(a);
            other.Encode(b);
            return a.SequenceEqual(b);
        }

        public static Field operator +(in Field a, in Field b) =>
            new(a._0 + b._0, a._1 + b._1, a._2 + b._2, a._3 + b._3, a._4 + b._4);

        // 4p is added first, limb by limb, so that no limb goes below zero: its limbs are 2⁵³−76 and four times 2⁵³−4.
        public static Field operator -(in Field a, in Field b) => new(
            a._0 + 0x1F_FFFF_FFFF_FFB4 - b._0, a._1 + 0x1F_FFFF_FFFF_FFFC - b._1, a._2 + 0x1F_FFFF_FFFF_FFFC - b._2,
            a._3 + 0x1F_FFFF_FFFF_FFFC - b._3, a._4 + 0x1F_FFFF_FFFF_FFFC - b._4);

        public Field Negated => Zero - this;

        public static Field operator *(in Field a, in Field b)
        {
            ulong b1 = 19 * b._1, b2 = 19 * b._2, b3 = 19 * b._3, b4 = 19 * b._4;
            return Reduce(
                Math.BigMul(a._0, b._0) + Math.BigMul(a._1, b4) + Math.BigMul(a._2, b3) + Math.BigMul(a._3, b2)
                + Math.BigMul(a._4, b1),
                Math.BigMul(a._0, b._1) + Math.BigMul(a._1, b._0) + Math.BigMul(a._2, b4) + Math.BigMul(a._3, b3)
                + Math.BigMul(a._4, b2),
                Math.BigMul(a._0, b._2) + Math.BigMul(a._1, b._1) + Math.BigMul(a._2, b._0) + Math.BigMul(a._3, b4)
                + Math.BigMul(a._4, b3),
                Math.BigMul(a._0, b._3) + Math.BigMul(a._1, b._2) + Math.BigMul(a._2, b._1) + Math.BigMul(a._3, b._0)
                + Math.BigMul(a._4, b4),
                Math.BigMul(a._0, b._4) + Math.BigMul(a._1, b._3) + Math.BigMul(a._2, b._2) + Math.BigMul(a._3, b._1)
                + Math.BigMul(a._4, b._0));
        }

        static Field Reduce(UInt128 r0, UInt128 r1, UInt128 r2, UInt128 r3, UInt128 r4)
        {
            r1 += (ulong)(r0 >> 51);
            r2 += (ulong)(r1 >> 51);
            r3 += (ulong)(r2 >> 51);
            r4 += (ulong)(r3 >> 51);
            var top = (ulong)(r4 >> 51);
            var l0 = (UInt128)((ulong)r0 & Mask) + Math.BigMul(19, top);
            return new((ulong)l0 & Mask, ((ulong)r1 & Mask) + (ulong)(l0 >> 51), (ulong)r2 & Mask, (ulong)r3 & Mask,
                (ulong)r4 & Mask);
        }

        /// <summary>The value squared n times: to the power 2ⁿ.</summary>
        public Field Squared(int times)
        {
            var f = this;
            for (var i = 0; i < times; i++)
            {
                ulong d0 = 2 * f._0, d1 = 2 * f._1, n3 = 19 * f._3, n4 = 19 * f._4;
                f = Reduce(
                    Math.BigMul(f._0, f._0) + Math.BigMul(d1, n4) + Math.BigMul(2 * f._2, n3),
                    Math.BigMul(d0, f._1) + Math.BigMul(2 * f._2, n4) + Math.BigMul(f._3, n3),
                    Math.BigMul(d0, f._2) + Math.BigMul(f._1, f._1) + Math.BigMul(2 * f._3, n4),
                    Math.BigMul(d0, f._3) + Math.BigMul(d1, f._2) + Math.BigMul(f._4, n4),
                    Math.BigMul(d0, f._4) + Math.BigMul(d1, f._3) + Math.BigMul(f._2, f._2));
            }
            return f;
        }

        /// <summary>To the power 2²⁵⁰ − 1, by the usual chain; <paramref name="eleven"/> is the power 11.</summary>
        public Field ToPower250Minus1(out Field eleven)
        {
            var two = Squared(1);
            var nine = two.Squared(2) * this;
            eleven = nine * two;
            var e5 = eleven.Squared(1) * nine;
            var e10 = e5.Squared(5) * e5;
            var e20 = e10.Squared(10) * e10;
            var e40 = e20.Squared(20) * e20;
            var e50 = e40.Squared(10) * e10;
            var e100 = e50.Squared(50) * e50;
            var e200 = e100.Squared(100) * e100;
            return e200.Squared(50) * e50;
        }

        /// <summary>To the power p − 2 = 2⁵·(2²⁵⁰−1) + 11.</summary>
        public Field Inverted => ToPower250Minus1(out var eleven).Squared(5) * eleven;

        /// <summary>To the power (p − 5)/8 = 2²·(2²⁵⁰−1) + 1.</summary>
        public Field ToPowerOfRoot => ToPower250Minus1(out _).Squared(2) * this;
    }
}
