using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>What became of something from one release to another. Names are permanent.</summary>
enum Change { Added, Removed, Changed, Same }

/// <summary>
/// What is different between two releases, component by component, in how they run, in the policy frozen in them and in
/// what was measured of them. Components are paired by role where each release has one of that role, else by role and
/// name.
/// </summary>
/// <param name="Checks">Every check that either release has a standing evaluation of.</param>
sealed record Diff(long Size, DiffedRelease From, DiffedRelease To, ImmutableArray<DiffedComponent> Components,
    DiffedRun Run, DiffedPolicy Policy, ImmutableArray<DiffedCheck> Checks) : IView
{
    /// <param name="find">Small documents: release documents and reports.</param>
    public static Diff Of(State state, Func<Digest, byte[]?> find, ReleaseFact from, ReleaseFact to)
    {
        var documents = new Documents(find);
        return new(state.Size, DiffedRelease.Of(from), DiffedRelease.Of(to),
            [.. Pair(from.Components, to.Components).Select(p =>
                DiffedComponent.Of(state, documents, p.From, p.To))],
            DiffedRun.Of(Document(documents, from), Document(documents, to)),
            new(ChangeOf(from.Policy, to.Policy), from.Policy, to.Policy), DiffedCheck.Of(state, documents, from, to));
    }

    static ReleaseDocument? Document(Documents documents, ReleaseFact r) =>
        documents.Find(r.Document) is { } bytes ? ReleaseDocument.Parse(bytes) : null;

    internal static Change ChangeOf<T>(T? from, T? to) => from is null ? to is null ? Change.Same : Change.Added
        : to is null ? Change.Removed : from.Equals(to) ? Change.Same : Change.Changed;

    static IEnumerable<(Component? From, Component? To)> Pair(ImmutableArray<Component> from,
        ImmutableArray<Component> to)
    {
        var left = to.ToList();
        foreach (var a in from)
        {
            var b = left.FirstOrDefault(b => b.Role == a.Role && b.Name == a.Name);
            if (b is null && from.Count(x => x.Role == a.Role) == 1 && to.Count(x => x.Role == a.Role) == 1)
                b = left.FirstOrDefault(x => x.Role == a.Role);
            if (b is not null) left.Remove(b);
            yield return (a, b);
        }
        foreach (var b in left) yield return (null, b);
    }
}

sealed record DiffedRelease(Digest Release, string Name, string System, long Entry) : IView
{
    public static DiffedRelease Of(ReleaseFact r) => new(r.Digest, r.Name, r.System, r.Entry);
}

/// <param name="FromName">Its name before, where that was another.</param>
/// <param name="Files">Nothing where it is the same, or where a manifest is not at hand.</param>
sealed record DiffedComponent(string Role, string Kind, string Name, Change Change, string? FromName, Digest? From,
    Digest? To, string? FromMount, string? ToMount, string? FromStrength, string? ToStrength,
    ImmutableArray<DiffedFile>? Files) : IView
{
    public static DiffedComponent Of(State state, Documents documents, Component? from, Component? to)
    {
        string? Strength(Component? c) => c is null ? null : PolicyInput.Name(state.StrengthOf(c.Digest));
        var both = from is not null && to is not null;
        return new((to ?? from)!.Role, (to ?? from)!.Kind, (to ?? from)!.Name,
            // Where and under which name it stands counts too: the same bytes mounted elsewhere are a change.
            both && from!.Digest == to!.Digest ? from == to ? Change.Same : Change.Changed
                : Diff.ChangeOf(from?.Digest, to?.Digest),
            both && from!.Name != to!.Name ? from.Name : null, from?.Digest, to?.Digest, from?.Mount, to?.Mount,
            Strength(from), Strength(to),
            both && from!.Digest != to!.Digest ? DiffedFile.Between(documents, from.Digest, to.Digest) : null);
    }
}

sealed record DiffedFile(string Path, Change Change, Digest? From, Digest? To) : IView
{
    /// <summary>
    /// The files that differ, by their own digests; what a component keeps in one archive of small files counts as one.
    /// Null where a manifest is not at hand.
    /// </summary>
    public static ImmutableArray<DiffedFile>? Between(Documents documents, Digest from, Digest to)
    {
        SortedDictionary<string, Digest>? Of(Digest artifact)
        {
            if (documents.Find(artifact) is not { } manifest) return null;
            var files = new SortedDictionary<string, Digest>(StringComparer.Ordinal);
            foreach (var layer in Artifact.Parse(manifest).Layers)
                if (Artifact.IsTree(layer)) files["(small files)"] = layer.Digest;
                else if (layer.MediaType != Descriptor.Empty.MediaType)
                    files[Artifact.FileOf(layer).Path] = layer.Digest;
            return files;
        }
        if (Of(from) is not { } a || Of(to) is not { } b) return null;
        Digest? At(SortedDictionary<string, Digest> files, string path) => files.TryGetValue(path, out var d)
            ? d
            : null;
        return [.. a.Keys.Union(b.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Where(path => At(a, path) != At(b, path)).Select(path => new DiffedFile(path,
                !a.ContainsKey(path) ? Change.Added : !b.ContainsKey(path) ? Change.Removed : Change.Changed,
                At(a, path), At(b, path)))];
    }
}

/// <summary>The members of the run terms that differ.</summary>
/// <param name="Missing">Why they could not be compared.</param>
sealed record DiffedRun(ImmutableArray<DiffedMember>? Changes, string? Missing) : IView
{
    public static DiffedRun Of(ReleaseDocument? from, ReleaseDocument? to)
    {
        if (from is null || to is null) return new(null, "a release document is not at hand");
        var (a, b) = (from.Run.ToJson().AsObject, to.Run.ToJson().AsObject);
        return new([.. a.Keys.Where(k => !a[k].Equals(b[k])).Select(k => new DiffedMember(k, a[k], b[k]))], null);
    }
}

sealed record DiffedMember(string Member, Json From, Json To) : IView;

sealed record DiffedPolicy(Change Change, Digest? From, Digest? To) : IView;

/// <param name="From">The entry of the evaluation.</param>
sealed record DiffedCheck(Digest Check, long? From, long? To, ImmutableArray<DiffedFigure> Figures) : IView
{
    /// <summary>Each with the newest figures side by side.</summary>
    public static ImmutableArray<DiffedCheck> Of(State state, Documents documents, ReleaseFact from, ReleaseFact to)
    {
        EvaluationFact? Newest(ReleaseFact r, Digest check) =>
            PolicyInput.ValidEvaluations(state, r, check).LastOrDefault();
        var checks = state.Evaluations.Values.Where(e => e.Release == from.Digest || e.Release == to.Digest)
            .Select(e => e.Check).Distinct();
        return [.. checks.Select(check => (Check: check, From: Newest(from, check), To: Newest(to, check)))
            .Where(c => c.From is not null || c.To is not null).Select(c =>
            {
                var a = DiffedFigure.All(documents, c.From);
                var b = DiffedFigure.All(documents, c.To);
                return new DiffedCheck(c.Check, c.From?.By.Entry, c.To?.By.Entry,
                    [.. a.Keys.Union(b.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(name =>
                        new DiffedFigure(name, a.GetValueOrDefault(name), b.GetValueOrDefault(name),
                            Diff.ChangeOf(a.GetValueOrDefault(name), b.GetValueOrDefault(name))))]);
            })];
    }
}

sealed record DiffedFigure(string Name, Json? From, Json? To, Change Change) : IView
{
    /// <summary>Every number of a report under its dotted path.</summary>
    public static SortedDictionary<string, Json> All(Documents documents, EvaluationFact? evaluation)
    {
        var figures = new SortedDictionary<string, Json>(StringComparer.Ordinal);
        if (evaluation is null || documents.Find(evaluation.Report) is not { } bytes) return figures;
        var report = Report.Parse(bytes);
        void Walk(string path, Json j)
        {
            if (j.Kind == JsonKind.Object) foreach (var (name, value) in j.AsObject) Walk($"{path}.{name}", value);
            else figures[path] = j;
        }
        Walk("metrics", report.Metrics);
        Walk("groups", report.Groups);
        Walk("counts", report.Counts);
        return figures;
    }
}
