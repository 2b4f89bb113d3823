using System.Numerics;

namespace Stele.Proof;

/// <summary>
/// SHAKE128 and SHAKE256 (FIPS 202): bytes are absorbed, then as many as wanted are squeezed. In managed code because
/// ML-DSA stands on it and every platform must judge alike.
/// </summary>
sealed class Shake
{
    const int Lanes = 25, Rounds = 24;

    /// <summary>
    /// FIPS 202 §3.2.5, made as its algorithm 5 says: bit 2^j − 1 of round r is the output of a linear feedback shift
    /// register at step j + 7r.
    /// </summary>
    static readonly ulong[] RoundConstants = MakeRoundConstants();

    /// <summary>
    /// Where lane i goes in the walk of ρ and π, and by how much it is rotated: FIPS 202 §3.2.2 and §3.2.3.
    /// </summary>
    static readonly (int To, int By)[] Walk = MakeWalk();

    readonly ulong[] _state = new ulong[Lanes];
    readonly int _rate;
    int _at;
    bool _squeezing;

    Shake(int rate) => _rate = rate;

    public static Shake Of128() => new(168);
    public static Shake Of256() => new(136);

    public Shake Absorb(ReadOnlySpan<byte> data)
    {
        if (_squeezing) throw new InvalidOperationException("what has been squeezed absorbs no more");
        foreach (var b in data)
        {
            Xor(_at, b);
            if (++_at == _rate) Permute();
        }
        return this;
    }

    public void Squeeze(Span<byte> to)
    {
        if (!_squeezing)
        {
            // The suffix 1111 that tells SHAKE from SHA-3, then the padding 10…01.
            Xor(_at, 0x1F);
            Xor(_rate - 1, 0x80);
            Permute();
            _squeezing = true;
        }
        for (var i = 0; i < to.Length; i++)
        {
            if (_at == _rate) Permute();
            to[i] = (byte)(_state[_at >> 3] >> 8 * (_at & 7));
            _at++;
        }
    }

    public byte Squeeze()
    {
        Span<byte> one = stackalloc byte[1];
        Squeeze(one);
        return one[0];
    }

    void Xor(int at, byte b) => _state[at >> 3] ^= (ulong)b << 8 * (at & 7);

    /// <summary>Keccak-p[1600, 24], FIPS 202 §3.3. Lane (x, y) stands at x + 5y.</summary>
    void Permute()
    {
        var a = _state.AsSpan();
        Span<ulong> b = stackalloc ulong[Lanes], c = stackalloc ulong[5];
        for (var round = 0; round < Rounds; round++)
        {
            for (var x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
            for (var x = 0; x < 5; x++)
            {
                var d = c[(x + 4) % 5] ^ BitOperations.RotateLeft(c[(x + 1) % 5], 1);
                for (var y = x; y < Lanes; y += 5) a[y] ^= d;
            }
            for (var i = 0; i < Lanes; i++) b[Walk[i].To] = BitOperations.RotateLeft(a[i], Walk[i].By);
            for (var y = 0; y < Lanes; y += 5)
            {
                a[y] = b[y] ^ ~b[y + 1] & b[y + 2];
                a[y + 1] = b[y + 1] ^ ~b[y + 2] & b[y + 3];
                a[y + 2] = b[y + 2] ^ ~b[y + 3] & b[y + 4];
                a[y + 3] = b[y + 3] ^ ~b[y + 4] & b[y];
                a[y + 4] = b[y + 4] ^ ~b[y] & b[y + 1];
            }
            a[0] ^= RoundConstants[round];
        }
        _at = 0;
    }

    static ulong[] MakeRoundConstants()
    {
        var constants = new ulong[Rounds];
        var register = 1;
        for (var round = 0; round < Rounds; round++)
            for (var j = 0; j < 7; j++)
            {
                if ((register & 1) == 1) constants[round] |= 1UL << (1 << j) - 1;
                register <<= 1;
                if (register > 0xFF) register ^= 0x171;   // x⁸ + x⁶ + x⁵ + x⁴ + 1
            }
        return constants;
    }

    static (int, int)[] MakeWalk()
    {
        var walk = new (int, int)[Lanes];
        int x = 1, y = 0;
        for (var t = 0; t < Lanes - 1; t++)
        {
            var (tox, toy) = (y, (2 * x + 3 * y) % 5);
            walk[x + 5 * y] = (tox + 5 * toy, (t + 1) * (t + 2) / 2 % 64);
            (x, y) = (tox, toy);
        }
        return walk;
    }
}
