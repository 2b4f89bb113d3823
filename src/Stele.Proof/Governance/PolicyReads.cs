using System.Collections.Immutable;
using Cel;

namespace Stele.Proof.Governance;

// What expressions read: for looking back at requests of which something was erased.
public sealed partial class Policy
{
    ImmutableDictionary<string, ImmutableHashSet<string>> _reads =
        ImmutableDictionary<string, ImmutableHashSet<string>>.Empty;

    /// <summary>What an expression may read, through the policy's definitions.</summary>
    ImmutableHashSet<string> ReadBy(string source)
    {
        if (_reads.TryGetValue(source, out var known)) return known;
        var found = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        var open = new Stack<string>([source]);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (open.TryPop(out var next))
            foreach (var read in Reads.Of(next))
            {
                found.Add(read);
                // A field of a definition is still that definition.
                var name = read.Split('.')[0];
                if (Document.Definitions.TryGetValue(name, out var definition) && seen.Add(name)) open.Push(definition);
            }
        var reads = found.ToImmutable();
        ImmutableInterlocked.TryAdd(ref _reads, source, reads);
        return reads;
    }
}
