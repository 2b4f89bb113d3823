using Microsoft.AspNetCore.Http;

namespace Stele.Tests.Http;

public sealed class BodyBudgetTests
{
    static ProblemCode Refused(BodyBudget.Share share, long bytes)
    {
        var problem = Assert.Throws<ProblemException>(() => share.Take(bytes)).Problem;
        Assert.NotNull(problem.RetryAfter);
        return problem.Is(ProblemCode.Busy) ? ProblemCode.Busy : problem.Is(ProblemCode.TooMuchAtOnce)
            ? ProblemCode.TooMuchAtOnce
            : default;
    }

    [Fact]
    public void What_is_taken_is_bounded_for_one_and_for_all_and_comes_back()
    {
        var budget = new BodyBudget(100, 60);
        BodyBudget.Share Of(string who) => new(budget, who);
        using (var a = Of("a"))
        {
            a.Take(50);
            using (var second = Of("a"))
            {
                second.Take(10);
                Assert.Equal(ProblemCode.TooMuchAtOnce, Refused(second, 1));
                Assert.Equal(ProblemCode.TooMuchAtOnce, Refused(a, 1));
            }
            a.Take(10);   // alone again
            using var b = Of("b");
            b.Take(40);
            Assert.Equal(ProblemCode.Busy, Refused(b, 1));
            using var c = Of("c");
            Assert.Equal(ProblemCode.Busy, Refused(c, 1));
            Assert.Equal(100, budget.Taken);
        }
        Assert.Equal(0, budget.Taken);
        Assert.Equal(100, budget.Peak);
        // One request alone may take more than its share, or a large body could never be sent.
        using var large = Of("a");
        large.Take(1000);
        large.Dispose();
        large.Dispose();
        Assert.Equal(0, budget.Taken);
    }

    /// <summary>What a request may come to take is known to fit before it is begun, and not taken yet.</summary>
    [Fact]
    public void What_is_expected_is_refused_where_it_would_not_fit()
    {
        var budget = new BodyBudget(100, 60);
        using var next = new BodyBudget.Share(budget, "a");
        using (var slow = new BodyBudget.Share(budget, "a"))
        {
            slow.Take(50);
            var problem = Assert.Throws<ProblemException>(() => next.Take(1, expected: 11)).Problem;
            Assert.True(problem.Is(ProblemCode.TooMuchAtOnce));
            next.Take(1, expected: 10);
            Assert.Equal(51, budget.Taken);
            using var b = new BodyBudget.Share(budget, "b");
            b.Take(40, expected: 40);
            Assert.True(Assert.Throws<ProblemException>(() => new BodyBudget.Share(budget, "c").Take(1, expected: 10))
                .Problem.Is(ProblemCode.Busy));
        }
        next.Take(1, expected: 60);
    }

    [Fact]
    public void Values_are_counted_before_they_are_made()
    {
        var http = new DefaultHttpContext();
        Assert.True(http.HasFewValues("[{},{},{\"a\":[1,2]}]"u8, 8));
        Assert.False(http.HasFewValues("[{},{},{\"a\":[1,2]}]"u8, 7));
        Assert.True(http.HasFewValues("[{},{},"u8, 8));
        Assert.True(http.HasFewValues("no json"u8, 8));
    }
}
