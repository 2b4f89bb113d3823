using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>
/// What is different between two releases, component by component, in how they run, in the policy frozen in them and in
/// what was measured of them. Components are paired by role where each release has one of that role, else by role and
/// name.
/// </summary>
static class Diff
{
    const string Added = "added", Removed = "removed", Changed = "changed", Same = "same";

    /// <param name="find">Small documents: release documents and reports.</param>
    public static Json Of(State state, Func<Digest, byte[]?> find, ReleaseFact from, ReleaseFact to)
    {
        var documents = new Documents(find);
        return Json.Object(
            ("size", state.Size), ("from", Head(from)), ("to", Head(to)),
            ("components", Json.Array(
                Pair(from.Components, to.Components).Select(p => Component(state, documents, p.From, p.To)))),
            ("run", Run(Document(documents, from), Document(documents, to))),
            ("policy", Json.Object(("change", Change(from.Policy, to.Policy)),
                ("from", from.Policy is { } a ? Json.Of(a) : null), ("to", to.Policy is { } b ? Json.Of(b) : null))),
            ("checks", Checks(state, documents, from, to)));
    }

    static Json Head(ReleaseFact r) =>
        Json.Object(("release", r.Digest), ("name", r.Name), ("system", r.System), ("entry", r.Entry));

    static ReleaseDocument? Document(Documents documents, ReleaseFact r) =>
        documents.Find(r.Document) is { } bytes ? ReleaseDocument.Parse(bytes) : null;

    static string Change<T>(T? from, T? to) => from is null ? to is null ? Same : Added : to is null ? Removed
        : from.Equals(to) ? Same : Changed;

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

    static Json Component(State state, Documents documents, Component? from, Component? to)
    {
        Json? Strength(Component? c) => c is null ? null : Json.Of(PolicyInput.Name(state.StrengthOf(c.Digest)));
        return Json.Object(
            ("role", (to ?? from)!.Role), ("kind", (to ?? from)!.Kind), ("name", (to ?? from)!.Name),
            // Where and under which name it stands counts too: the same bytes mounted elsewhere are a change.
            ("change", from is not null && to is not null && from.Digest == to.Digest
                ? from == to ? Same : Changed
                : Change(from?.Digest, to?.Digest)),
            ("fromName", from is not null && to is not null && from.Name != to.Name ? Json.Of(from.Name) : null),
            ("from", from is null ? null : Json.Of(from.Digest)), ("to", to is null ? null : Json.Of(to.Digest)),
            ("fromMount", from?.Mount is { } m ? Json.Of(m) : null),
            ("toMount", to?.Mount is { } n ? Json.Of(n) : null),
            ("fromStrength", Strength(from)), ("toStrength", Strength(to)),
            ("files", from is not null && to is not null && from.Digest != to.Digest
                ? Files(documents, from.Digest, to.Digest)
                : null));
    }

    /// <summary>
    /// The files that differ, by their own digests; what a component keeps in one archive of small files counts as one.
    /// Null where a manifest is not at hand.
    /// </summary>
    static Json? Files(Documents documents, Digest from, Digest to)
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
        return Json.Array(a.Keys.Union(b.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Where(path => At(a, path) != At(b, path)).Select(path => Json.Object(
            ("path", path), ("change", !a.ContainsKey(path) ? Added : !b.ContainsKey(path) ? Removed : Changed),
            ("from", At(a, path) is { } x ? Json.Of(x) : null), ("to", At(b, path) is { } y ? Json.Of(y) : null))));
    }

    /// <summary>The members of the run terms that differ.</summary>
    static Json Run(ReleaseDocument? from, ReleaseDocument? to)
    {
        if (from is null || to is null) return Json.Object(("missing", "a release document is not at hand"));
        var (a, b) = (from.Run.ToJson().AsObject, to.Run.ToJson().AsObject);
        return Json.Object(
            ("changes",
                Json.Array(a.Keys.Where(k => !a[k].Equals(b[k]))
                    .Select(k => Json.Object(("member", k), ("from", a[k]), ("to", b[k]))))));
    }

    /// <summary>
    /// Every check that either release has a standing evaluation of, with the newest figures side by side.
    /// </summary>
    static Json Checks(State state, Documents documents, ReleaseFact from, ReleaseFact to)
    {
        EvaluationFact? Newest(ReleaseFact r, Digest check) =>
            PolicyInput.ValidEvaluations(state, r, check).LastOrDefault();
        var checks = state.Evaluations.Values.Where(e => e.Release == from.Digest || e.Release == to.Digest)
            .Select(e => e.Check).Distinct();
        return Json.Array(checks.Select(check => (Check: check, From: Newest(from, check), To: Newest(to, check)))
            .Where(c => c.From is not null || c.To is not null).Select(c =>
        {
            var a = Figures(documents, c.From);
            var b = Figures(documents, c.To);
            return Json.Object(
                ("check", c.Check), ("from", c.From is { } x ? Json.Of(x.By.Entry) : null),
                ("to", c.To is { } y ? Json.Of(y.By.Entry) : null),
                ("figures",
                    Json.Array(a.Keys.Union(b.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal)
                        .Select(name => Json.Object(
                    ("name", name), ("from", a.GetValueOrDefault(name)), ("to", b.GetValueOrDefault(name)),
                    ("change", Change(a.GetValueOrDefault(name), b.GetValueOrDefault(name))))))));
        }));
    }

    /// <summary>Every number of a report under its dotted path.</summary>
    static SortedDictionary<string, Json> Figures(Documents documents, EvaluationFact? evaluation)
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
