namespace Stele.Proof.Interchange;

/// <summary>What a bundle is held to. Something must say whose signature it is: a key, or a trusted root.</summary>
/// <param name="Key">For a bundle that was signed with a key.</param>
/// <param name="Root">For certificates, log entries and time stamps.</param>
/// <param name="Identity">
/// Whom the certificate must name; anyone whom the trusted root's authorities know unless given.
/// </param>
/// <param name="Issuer">Who must have vouched for that identity.</param>
/// <param name="Artifact">What must have been signed: the artifact itself, or a subject of the statement.</param>
public sealed record BundleTerms(ForeignKey? Key = null, TrustedRoot? Root = null, string? Identity = null,
    string? Issuer = null, ArtifactDigests? Artifact = null);

/// <summary>
/// Judges a Sigstore bundle offline, after the client specification and sigstore-js, and more strictly where the two
/// leave a choice:
/// <code>
/// 1. parse                 a bundle of version 0.1, 0.2 or 0.3
/// 2. the time              RFC 3161 time stamps over the signature; a log's promise with its time. Never the clock
/// 3. the key               the given one; or a certificate that leads to a trusted root at each of those times,
///                          vouched for by a certificate transparency log, and naming the identity
/// 4. the log entries       promise, inclusion proof, checkpoint; and about this very bundle
/// 5. the signature         over DSSE's encoding or the artifact's digest
/// 6. the artifact
/// </code>
/// A bundle with a certificate needs a log entry and a trusted time. One with a key needs neither; what it has of them
/// is verified when there is a trusted root to do it by.
/// </summary>
public static class BundleVerifier
{
    const string InToto = "application/vnd.in-toto+json";

    public static Verification Verify(ReadOnlySpan<byte> bundle, BundleTerms terms)
    {
        var bytes = bundle.ToArray();
        return Verification.Of(j => Verify(Bundle.Parse(bytes), terms, j));
    }

    internal static void Verify(Bundle bundle, BundleTerms terms, Verification j)
    {
        // 1. What kind of bundle it is, and who could say anything about it.
        if (terms.Key is null && terms.Root is null)
            throw new FaultException(Fault.NoTrust, "neither a key nor a trusted root says whose signature it must be");
        if (bundle.KeyHint is not null && terms.Key is null)
            throw new FaultException(Fault.NoTrust, "the bundle was signed with a key, and none is given");
        if (bundle.KeyHint is null && terms.Root is null)
            throw new FaultException(Fault.NoTrust,
                "the bundle was signed with a certificate, and no trusted root is given");
        if (bundle.Version == 3 && bundle.HasChain)
            throw new FaultException(Fault.Malformed, "a bundle of version 0.3 has one certificate, not a chain");
        if (bundle.Certificates.Skip(1).Any(c => c.IsSelfIssued))
            throw new FaultException(Fault.Certificate,
                "the bundle holds a root certificate; a root is trusted by its reader, not by what it is to verify");

        // 2. Times. Each is signed by an authority or a log that is trusted.
        var times = new List<long>();
        foreach (var stamp in bundle.Timestamps) if (Stamped(bundle, stamp.AsSpan(), terms.Root, j) is { } time)
            times.Add(time);
        foreach (var entry in bundle.Entries)
            if (terms.Root is { } root && entry.Verify(root,
                bundle.Version > 1 ? Inclusion.Proven : Inclusion.Promised) is { } time)
            {
                times.Add(time);
                j.Note($"the log took it in at {Rfc3339.Seconds(time)}, by its signed promise.");
            }

        // 3. The key.
        var key = bundle.KeyHint is { } hint ? Given(terms.Key!, hint, bundle, j) : Certified(bundle, terms, times, j);

        // 4. The log entries: whose they are was seen above; what they are about is seen here.
        Logged(bundle, terms.Root, key, j);

        // 5. and 6.
        Signed(bundle, key, terms.Artifact, j);
    }

    static long? Stamped(Bundle bundle, ReadOnlySpan<byte> stamp, TrustedRoot? root, Verification j)
    {
        var token = TimestampToken.Parse(stamp);
        if (!token.Covers(bundle.Signature))
            throw new FaultException(Fault.Timestamp, "the time stamp is about something else than the signature");
        if (root is null || root.TimestampAuthorities.IsEmpty)
        {
            j.Note("not judged: a time stamp, for no time-stamping authority is trusted here.");
            return null;
        }
        FaultException? reason = null;
        foreach (var authority in root.TimestampAuthorities)
            try
            {
                var time = token.Verify(bundle.Signature, authority.Certificates);
                if (authority.Validity is not { } validity
                    || !validity.Holds(time.Time)) throw new FaultException(Fault.Timestamp,
                    $"the authority '{time.Authority}' was not trusted at {Rfc3339.Seconds(time.Time)}");
                j.Note($"signed before {Rfc3339.Seconds(time.Time)}, by the time stamp of '{time.Authority}'.");
                return time.Time;
            }
            catch (FaultException e)
            {
                reason = e;
            }
        throw reason!;
    }

    static ForeignKey Given(ForeignKey key, string hint, Bundle bundle, Verification j)
    {
        if (bundle.Envelope is { } e && hint.Length > 0 && e.Signatures[0].KeyId.Length > 0
            && e.Signatures[0].KeyId != hint)
            throw new FaultException(Fault.Malformed, "the bundle's hint and its envelope name different keys");
        j.Note($"the key that was given: {key}.");
        return key;
    }

    static ForeignKey Certified(Bundle bundle, BundleTerms terms, List<long> times, Verification j)
    {
        var (leaf, root) = (bundle.Certificates[0], terms.Root!);
        if (bundle.Entries.IsEmpty)
            throw new FaultException(Fault.Log, "a bundle with a certificate needs a log's entry, and has none");
        if (times.Count == 0)
            throw new FaultException(Fault.Timestamp, "nobody who is trusted says when it was signed");
        if (leaf.IsAuthority || !leaf.Purposes().Contains(Certificate.CodeSigning) || !leaf.Allows(0))
            throw new FaultException(Fault.Certificate, $"'{leaf.Name}' is not a certificate for signing code");
        List<Certificate> path = [];
        foreach (var time in times) path = Path(leaf, bundle, root, time);
        if (root.CertificateLogs.IsEmpty)
            j.Note(
                "not judged: whether a certificate transparency log vouches for the certificate, for none is trusted "
                + "here.");
        else if (Issued(leaf))
            j.Note(
                $"the certificate is vouched for by the transparency log "
                + $"{CertificateVoucher.Verify(leaf, path[1], root)}.");
        else
            throw new FaultException(Fault.CertificateLog,
                "no certificate transparency log vouches for the certificate");

        var (identities, issuer) = (leaf.Identities(), leaf.TokenIssuer());
        if (terms.Identity is { } wanted && !identities.Contains(wanted, StringComparer.Ordinal))
            throw new FaultException(Fault.Identity, $"the certificate names {Named(identities)}, not '{wanted}'");
        if (terms.Issuer is { } by && issuer != by)
            throw new FaultException(Fault.Identity,
                $"the signer's identity is vouched for by '{issuer}', not by '{by}'");
        j.Note(
            $"signed by {Named(identities)}{(issuer is null ? "" : $", whom {issuer} vouches for")}; the certificate "
            + $"leads to '{path[^1].Name}' at the time of signing.");
        return leaf.Key;

        static bool Issued(Certificate c) => c.Extensions.ContainsKey(Certificate.SignedCertificateTimestamps);
        static string Named(IReadOnlyList<string> identities) => identities.Count == 0
            ? "nobody"
            : string.Join(" and ", identities);
    }

    static List<Certificate> Path(Certificate leaf, Bundle bundle, TrustedRoot root, long time)
    {
        var reason = new FaultException(Fault.Certificate,
            $"no certificate authority is trusted at {Rfc3339.Seconds(time)}");
        foreach (var authority in root.CertificateAuthorities)
        {
            if (authority.Validity is not { } validity || !validity.Holds(time)) continue;
            try
            {
                var roots = authority.Certificates.Where(c => c.IsSelfIssued).ToList();
                if (roots.Count == 0) roots.Add(authority.Certificates[^1]);
                return CertificatePath.Find(leaf, [.. authority.Certificates, .. bundle.Certificates.Skip(1)], roots,
                    time);
            }
            catch (FaultException e)
            {
                reason = e;
            }
        }
        throw reason;
    }

    static void Logged(Bundle bundle, TrustedRoot? root, ForeignKey key, Verification j)
    {
        for (var i = 0; i < bundle.Entries.Length; i++)
        {
            var entry = bundle.Entries[i];
            if (bundle.Entries.Take(i)
                .Any(e => e.Index == entry.Index && e.LogId.AsSpan().SequenceEqual(entry.LogId.AsSpan())))
                throw new FaultException(Fault.Log, "the bundle holds one log entry twice");
            EntryBody.Check(entry, bundle, key);
            if (root is not null)
                j.Note(
                    $"entry {entry.Index} of the log "
                    + $"{root.Logs.First(l => l.KeyId.AsSpan().SequenceEqual(entry.LogId.AsSpan())).BaseUrl} is this "
                    + $"signature{(entry.Proof is { } p ? $", proven in its tree of {p.Size}" : "")}.");
            else
            {
                if (entry.Proof is not null) entry.VerifyProof(out _, out _);
                j.Note(
                    $"entry {entry.Index} of a log holds this signature and its proof agrees; whose log it is was "
                    + $"not judged, for no trusted root was given.");
            }
        }
    }

    static void Signed(Bundle bundle, ForeignKey key, ArtifactDigests? artifact, Verification j)
    {
        if (bundle.Envelope is { } envelope)
        {
            if (!key.Verify(envelope.PreAuth, bundle.Signature))
                throw new FaultException(Fault.Signature, "the signature over the envelope is not by this key");
            j.Note($"the signature is good, over {envelope.Payload.Length} bytes of {envelope.PayloadType}.");
            if (artifact is null) return;
            if (envelope.PayloadType != InToto)
                throw new FaultException(Fault.Unsupported,
                    $"which artifact a payload of the type {envelope.PayloadType} is about");
            var statement = CanonicalJson.Parse(envelope.Payload.AsSpan(), Bundle.MaxBytes);
            if (!statement["subject"].AsArray.Any(s => s.Given("digest") is { } d && Matches(d, artifact)))
                throw new FaultException(Fault.Artifact, "the statement is about other artifacts than the one at hand");
            j.Note("the artifact at hand is a subject of the statement.");
            return;
        }
        var message = bundle.Message!;
        if (artifact is null)
            throw new FaultException(Fault.Artifact, "the signature is over an artifact, and none is given");
        if (!message.Digest.IsEmpty && !message.Digest.AsSpan().SequenceEqual(artifact.In(message.Algorithm)))
            throw new FaultException(Fault.Artifact, "the bundle is about another artifact");
        if (key.Kind == ForeignKeyKind.Ed25519)
            throw new FaultException(Fault.Unsupported, "an Ed25519 signature over a whole artifact");
        if (!key.VerifyHash(artifact.In(message.Algorithm), message.Signature.AsSpan(), message.Algorithm))
            throw new FaultException(Fault.Signature, "the signature over the artifact is not by this key");
        j.Note("the signature is good, over the artifact at hand.");
    }

    /// <summary>Any one digest of a kind that is trusted decides; a weak one never.</summary>
    static bool Matches(Json digests, ArtifactDigests artifact)
    {
        foreach (var (name, digest) in new[] { ("sha256", artifact.Sha256), ("sha384", artifact.Sha384),
            ("sha512", artifact.Sha512) })
            if (digest.Length > 0 && digests.Given(name) is { } said)
                return said.AsString == Convert.ToHexStringLower(digest);
        return false;
    }
}
