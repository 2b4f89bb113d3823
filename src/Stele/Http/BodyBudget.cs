using System.Globalization;

namespace Stele.Http;

/// <summary>
/// How much memory the bodies of requests that are being answered, and of their answers, may take, all together and
/// those of one principal.
/// Invariant: what was taken for a request is given back when the request has ended, however it ends.
/// </summary>
/// <param name="total">Bytes of all.</param>
/// <param name="each">Bytes of one principal; one request alone may take more.</param>
sealed class BodyBudget(long total, long each)
{
    readonly Lock _gate = new();
    readonly Dictionary<string, long> _taken = new(StringComparer.Ordinal);
    long _sum;

    /// <summary>Bytes that are taken now.</summary>
    public long Taken
    {
        get { lock (_gate) return _sum; }
    }

    /// <summary>The most that was taken since it was last forgotten.</summary>
    public long Peak { get; private set; }

    public void Forget()
    {
        lock (_gate) Peak = _sum;
    }

    /// <summary>What a request has taken; null where no listener of ours serves it.</summary>
    public static Share? Of(HttpContext http)
    {
        if (http.Features.Get<Share>() is { } there) return there;
        if (http.Features.Get<Visitor>() is not { Budget: { } budget } visitor) return null;
        var share = new Share(budget, visitor.Principal ?? "");
        http.Features.Set(share);
        http.Response.RegisterForDispose(share);
        return share;
    }

    /// <summary>One request's part of it.</summary>
    public sealed class Share(BodyBudget of, string principal) : IDisposable
    {
        long _own;
        bool _ended;

        /// <param name="bytes">What is taken now.</param>
        /// <param name="expected">What the request may come to take: refused now where that would not fit.</param>
        /// <exception cref="ProblemException">
        /// There is no room: <see cref="ProblemCode.TooMuchAtOnce"/> for this principal, <see cref="ProblemCode.Busy"/>
        /// for anybody.
        /// </exception>
        public void Take(long bytes, long expected = 0)
        {
            lock (of._gate)
            {
                ObjectDisposedException.ThrowIf(_ended, this);
                of.Fits(principal, Math.Max(bytes, expected), _own);
                Put(bytes);
            }
        }

        void Put(long bytes)
        {
            _own += bytes;
            of._sum += bytes;
            of.Peak = Math.Max(of.Peak, of._sum);
            of._taken[principal] = of._taken.GetValueOrDefault(principal) + bytes;
        }

        public void Dispose()
        {
            lock (of._gate)
            {
                if (_ended) return;
                _ended = true;
                of._sum -= _own;
                if (of._taken.TryGetValue(principal, out var taken)
                    && taken > _own) of._taken[principal] = taken - _own;
                else of._taken.Remove(principal);
            }
        }
    }

    /// <param name="own">What the request has already: with no other in flight, it may go on.</param>
    void Fits(string principal, long bytes, long own)
    {
        var others = _taken.GetValueOrDefault(principal) - own;
        if (others > 0 && others + own + bytes > each)
            throw new ProblemException(ProblemCode.TooMuchAtOnce, string.Create(CultureInfo.InvariantCulture,
                $"requests of yours that are being answered take {others + own} bytes; together they may take {each}"));
        if (_sum > own && _sum + bytes > total)
            throw new ProblemException(ProblemCode.Busy, string.Create(CultureInfo.InvariantCulture,
                $"requests that are being answered take {_sum} bytes; together they may take {total}"));
    }
}
