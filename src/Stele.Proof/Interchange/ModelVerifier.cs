using System.Security.Cryptography;

namespace Stele.Proof.Interchange;

/// <summary>A file of a model as it stands somewhere; it is opened when its turn comes.</summary>
/// <param name="Path">
/// From the model's root, with '/'; <see cref="ModelStatement.OneFile"/> where the model is one file.
/// </param>
/// <param name="IsLink">Whether it is a symbolic link to a file.</param>
public sealed record ModelFile(string Path, long Length, bool IsLink, Func<Stream> Open);

/// <summary>
/// Whose signature a model's must be: exactly one of a key, trusted certificates, and a trusted root.
/// </summary>
/// <param name="Certificates">Each of them is trusted to give out certificates.</param>
/// <param name="Ignored">
/// Paths that the verifier leaves out besides those that the signer left out, each with all that is below it.
/// </param>
/// <param name="AllowUnsigned">Whether files may lie there that the signature does not name.</param>
public sealed record ModelTerms(
    ForeignKey? Key = null, IReadOnlyList<Certificate>? Certificates = null, TrustedRoot? Root = null,
    string? Identity = null, string? Issuer = null,
    IReadOnlyList<string>? Ignored = null, bool AllowUnsigned = false);

/// <summary>
/// Judges a model against its signature (OMS v1.0): whose it is, and that the files are those that were signed, all of
/// them and no others.
/// </summary>
public static class ModelVerifier
{
    public static Verification Verify(ReadOnlySpan<byte> signature, IReadOnlyList<ModelFile> files, ModelTerms terms,
        int parallel)
    {
        var bytes = signature.ToArray();
        return Verification.Of(j =>
        {
            var statement = Signed(bytes, terms, j);
            Compare(statement, files, terms, parallel, j);
        });
    }

    /// <summary>The signature alone, without the files.</summary>
    internal static ModelStatement Signed(byte[] signature, ModelTerms terms, Verification j)
    {
        var bundle = Bundle.Parse(signature);
        if (bundle.Envelope is not { } envelope)
            throw new FormatException("a model signature holds an envelope, and this bundle does not");
        if (envelope.PayloadType != ModelStatement.PayloadType)
            throw new FormatException(
                $"a model signature's payload is {ModelStatement.PayloadType}, not {envelope.PayloadType}");
        if (bundle is { KeyHint: null, HasChain: false } && bundle.Entries.IsEmpty)
            throw new FormatException("a certificate without a log entry is no method of signing models");
        // Which kind it is comes first, so that a signature of the old version is refused for what it is.
        var statement = ModelStatement.Parse(envelope.Payload.AsSpan());
        if (bundle is { KeyHint: null, HasChain: false })
        {
            if (terms.Root is not { } root)
                throw new FaultException(Fault.NoTrust,
                    "the model was signed with a certificate of Sigstore's, and no trusted root is given");
            BundleVerifier.Verify(bundle, new BundleTerms(null, root, terms.Identity, terms.Issuer), j);
            return statement;
        }
        ForeignKey key;
        if (bundle.KeyHint is not null)
            key = terms.Key
                ?? throw new FaultException(Fault.NoTrust, "the model was signed with a key, and none is given");
        else
        {
            if (terms.Certificates is not { Count: > 0 } trusted)
                throw new FaultException(Fault.NoTrust,
                    "the model was signed with a certificate, and none is given that is trusted");
            key = Certified(bundle, trusted, j);
        }
        if (!key.Verify(envelope.PreAuth, bundle.Signature))
            throw new FaultException(Fault.Signature, "the signature is not by this key");
        j.Note($"the signature is good, by the {key}.");
        return statement;
    }

    /// <summary>
    /// A certificate says when it is valid, and nothing in such a bundle says when it was used. The path is judged at
    /// the first moment at which all of it was valid; that the signature is older than the certificate's end is not
    /// shown, and the verification says so.
    /// </summary>
    static ForeignKey Certified(Bundle bundle, IReadOnlyList<Certificate> trusted, Verification j)
    {
        var leaf = bundle.Certificates[0];
        if (!leaf.Allows(0)
            || leaf.Purposes() is { Count: > 0 } purposes && !purposes.Contains(Certificate.CodeSigning))
            throw new FaultException(Fault.Certificate, $"'{leaf.Name}' is not a certificate for signing");
        var moment = bundle.Certificates.Max(c => c.NotBefore);
        var path = CertificatePath.Find(leaf, [.. bundle.Certificates.Skip(1)], trusted, moment);
        j.Note($"signed with the certificate '{leaf.Name}', which leads to '{path[^1].Name}'; valid from "
            + $"{Rfc3339.Seconds(leaf.NotBefore)} to {Rfc3339.Seconds(leaf.NotAfter)}. When it was used, nothing " +
                $"says.");
        return leaf.Key;
    }

    static void Compare(ModelStatement statement, IReadOnlyList<ModelFile> files, ModelTerms terms, int parallel,
        Verification j)
    {
        var ignored = ModelStatement.NeverSigned.Concat(statement.Ignored).Concat(terms.Ignored ?? []).ToList();
        var here = files.ToDictionary(f => f.Path, StringComparer.Ordinal);
        var parts = statement.Resources.Select(r =>
        {
            var (path, start, end) = statement.Shards ? ModelStatement.Range(r.Name) : (r.Name, 0, -1);
            var file = here.GetValueOrDefault(path)
                ?? throw new FaultException(Fault.Artifact, $"'{path}' was signed and is not there");
            return (Resource: r, File: file, Start: start, End: end < 0 ? file.Length : end);
        }).ToList();
        if (statement.Shards) Whole(statement, parts.Select(p => (p.File, p.Start, p.End)));
        var signed = parts.Select(p => p.File.Path).ToHashSet(StringComparer.Ordinal);
        var others = files.Where(f => !signed.Contains(f.Path)
            && !ignored.Any(i => f.Path == i || f.Path.StartsWith(i + "/", StringComparison.Ordinal))).ToList();
        if (!statement.Symlinks && parts.Select(p => p.File).Concat(others).FirstOrDefault(f => f.IsLink) is { } link)
            throw new FaultException(Fault.Artifact,
                $"'{link.Path}' is a symbolic link, and the model was signed without any");
        // Ranges leave out what has no bytes.
        var unsigned = others.Where(f => !(statement.Shards && f.Length == 0)).Select(f => f.Path)
            .Order(StringComparer.Ordinal).ToList();
        if (unsigned.Count > 0 && !terms.AllowUnsigned)
            throw new FaultException(Fault.Artifact,
                $"'{unsigned[0]}' is there and was not "
                + $"signed{(unsigned.Count > 1 ? $", and {unsigned.Count - 1} more" : "")}");

        var digests = Hash([.. parts.Select(p => (p.File, p.Start, p.End))], parallel);
        for (var i = 0; i < parts.Count; i++)
            if (digests[i] != parts[i].Resource.Digest)
                throw new FaultException(Fault.Artifact, $"'{parts[i].Resource.Name}' is not what was signed");
        j.Note(
            $"{parts.Count} {(statement.Shards ? "ranges" : "files")} are exactly those that were "
            + $"signed{(unsigned.Count > 0 ? $"; {unsigned.Count} others are there too" : "")}. The model's digest "
            + $"is sha256:{statement.Root.Hex}.");
    }

    /// <summary>Holds that the ranges of each file are all of it.</summary>
    static void Whole(ModelStatement statement, IEnumerable<(ModelFile File, long Start, long End)> parts)
    {
        foreach (var file in parts.GroupBy(p => p.File))
        {
            long at = 0;
            foreach (var (_, start, end) in file.OrderBy(p => p.Start))
            {
                if (start != at || end - start > statement.ShardSize)
                    throw new FaultException(Fault.Artifact,
                        $"the signed ranges of '{file.Key.Path}' are not all of it");
                at = end;
            }
            if (at != file.Key.Length)
                throw new FaultException(Fault.Artifact,
                    $"'{file.Key.Path}' has {file.Key.Length} bytes, and {at} were signed");
        }
    }

    /// <summary>The resources of whole files, for signing.</summary>
    public static List<ModelResource> Resources(IReadOnlyList<ModelFile> files, int parallel)
    {
        var digests = Hash([.. files.Select(f => (f, 0L, f.Length))], parallel);
        return [.. files.Select((f, i) => new ModelResource(f.Path, "sha256", digests[i]))];
    }

    /// <summary>SHA-256 of each part, several at a time; which order they are read in changes nothing.</summary>
    static string[] Hash((ModelFile File, long Start, long End)[] parts, int parallel)
    {
        var digests = new string[parts.Length];
        Parallel.For(0, parts.Length, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, parallel) }, i =>
        {
            var (file, start, end) = parts[i];
            using var stream = file.Open();
            if (start > 0) stream.Seek(start, SeekOrigin.Begin);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[(int)Math.Clamp(end - start, 1, 256 * 1024)];
            var left = end - start;
            for (int n; left > 0 && (n = stream.Read(buffer, 0, (int)Math.Min(left, buffer.Length))) > 0; left -= n)
                hash.AppendData(buffer.AsSpan(0, n));
            digests[i] = left == 0 ? Convert.ToHexStringLower(hash.GetHashAndReset()) : "cut short";
        });
        return digests;
    }
}
