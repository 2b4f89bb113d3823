using System.CommandLine;
using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Interchange;

namespace Stele.Cli;

static class ExportVerb
{
    static readonly Option<string> Out = new("--out") { HelpName = "FILE", Description = "where it is written" };
    static readonly Option<string> Key = new("--key")
    {
        HelpName = "NAME",
        Description = "which of your own keys signs; the one that signs your statements unless given"
    };
    static readonly Option<bool> LogKey = new("--log-key") { Description =
        "sign with the log's own Ed25519 key instead (EdDSA); to be run where the server's data folder is" };

    public static Verb Verb => Verb.Group("export", "statements and proofs in the formats of others", """
        What others verify without knowing Stele: Sigstore bundles, COSE receipts (RFC 9942), and the keys and trusted root to verify them with.
        Everything comes from entries and proofs that were verified here.
        """,
        new("bundle", "a statement as a Sigstore bundle", """
            stele export bundle ENTRY [--signer KEYID] [--with-proof] [--out FILE]

            One signature of the statement in ENTRY as a Sigstore bundle of version 0.3, for any Sigstore client that holds the signer's key
            (stele export key). With --with-proof it also holds the entry's place in the ledger, under the signed checkpoint: stele-verify
            bundle --trusted-root takes that; Sigstore's own clients refuse kinds of entries that they do not know.
            """,
            [
                new Argument<long>("entry"),
                new Option<string>("--signer")
                {
                    HelpName = "KEYID",
                    Description =
                        "whose signature, where the statement has several: a bundle has one. The first unless given"
                },
                new Option<bool>("--with-proof") { Description = "with the ledger's proof of the entry" },
                Out,
            ], BundleOf),
        new("entry", "an entry's bytes as they stand in the ledger", """
            stele export entry ENTRY [--out FILE]

            The leaf itself: what inclusion proofs and COSE receipts are about.
            """, [new Argument<long>("entry"), Out], EntryOf),
        new("cose", "a COSE receipt that an entry stands in the ledger", """
            stele export cose ENTRY --out FILE [--key NAME | --log-key]

            An inclusion receipt (RFC 9942), signed over the root of the tree that was verified here: by you (ES256), which says that you have
            seen it; or by the log itself.
            """, [new Argument<long>("entry"), Key, LogKey, Out], Inclusion),
        new("growth", "a COSE receipt that the ledger has only grown since a size", """
            stele export growth SIZE --out FILE [--key NAME | --log-key]

            A consistency receipt (RFC 9942) from the tree of SIZE entries to the present one. Anyone who holds a checkpoint of that size
            verifies it: stele-verify cose FILE --checkpoint CHECKPOINT.
            """, [new Argument<long>("size"), Key, LogKey, Out], Growth),
        new("key", "the public key of a member, as PEM", """
            stele export key KEYID [--out FILE]

            KEYID is sha256:… of a key that this ledger knows, as stele log list --json and bundles name it; or "log" for the key that signs the
            ledger's checkpoints, or "server".
            """, [new Argument<string>("keyid"), Out], KeyOf),
        new("trusted-root", "this ledger as a trusted root of Sigstore's", """
            stele export trusted-root [--out FILE]

            Names the ledger's log and its key, so that bundles made with --with-proof can be held to it.
            """, [Out], Root),
        new("checkpoint", "the ledger's newest signed checkpoint", """
            stele export checkpoint [--out FILE]

            As it was verified here. Keep it: anyone who holds one can later demand a proof that the ledger has only grown since.
            """, [Out], CheckpointOf));

    static async Task<int> BundleOf(Call call)
    {
        await using var desk = await Desk.Open(call);
        var folded = At(call, desk);
        var envelope = folded.Entry.Envelope;
        var signature = envelope.Signatures[0];
        if (call.Get<string>("--signer") is { } id)
        {
            var wanted = Parsing.Digest(id, "a key");
            signature = envelope.Signatures.FirstOrDefault(s => s.KeyId == wanted)
                ?? throw new CliError($"entry {folded.Index} is not signed by {wanted}",
                    $"its signers are {string.Join(", ", envelope.Signatures.Select(s => s.KeyId))}");
        }
        Json? proof = null;
        if (call.Get<bool>("--with-proof"))
        {
            var (note, checkpoint) = Covering(desk, folded.Index);
            proof = TransparencyEntry.OfLedger(desk.Trust.Key, folded.Entry, folded.Index, note, checkpoint.Size,
                checkpoint.Root, desk.Log.InclusionProof(folded.Index, checkpoint.Size));
        }
        var bundle = Bundle.OfStatement(envelope, signature, proof);
        return Write(call, Encoding.UTF8.GetBytes(bundle + "\n"), Json.Object(("entry", folded.Index),
            ("signer", signature.KeyId), ("signatures", envelope.Signatures.Length)),
            $"verify it: stele export key {signature.KeyId} --out signer.pem; stele-verify bundle FILE --key signer.pem");
    }

    static async Task<int> EntryOf(Call call)
    {
        await using var desk = await Desk.Open(call);
        var folded = At(call, desk);
        return Write(call, folded.Entry.Bytes, Json.Object(("entry", folded.Index), ("leaf", folded.Entry.LeafHash)),
            null);
    }

    static async Task<int> Inclusion(Call call)
    {
        var file = call.Need("--out");
        await using var desk = await Desk.Open(call);
        var folded = At(call, desk);
        var (_, checkpoint) = Covering(desk, folded.Index);
        using var signer = Signer.Of(call, desk);
        var receipt = CoseReceipt.Inclusion(signer.Algorithm, signer.KeyId, desk.Trust.Origin, folded.Index,
            checkpoint.Size, desk.Log.InclusionProof(folded.Index, checkpoint.Size), checkpoint.Root, signer.Sign);
        return Write(call, receipt.Encode(), Json.Object(("entry", folded.Index), ("size", checkpoint.Size),
            ("root", checkpoint.Root), ("algorithm", signer.Algorithm.ToString())),
            $"verify it: stele export entry {folded.Index} --out entry; stele-verify cose "
            + $"{System.IO.Path.GetFileName(file)} --entry entry --key KEY");
    }

    static async Task<int> Growth(Call call)
    {
        var file = call.Need("--out");
        await using var desk = await Desk.Open(call);
        var checkpoint = Checkpoint.Parse(Note.Parse(desk.Checkpoint).Text);
        var from = call.Get<long>("size");
        if (from < 1 || from > checkpoint.Size)
            throw new CliError($"there was no tree of {from}: the ledger has {checkpoint.Size} entries",
                "the second line of a checkpoint is its size", CliError.Usage);
        using var signer = Signer.Of(call, desk);
        var receipt = CoseReceipt.Consistency(signer.Algorithm, signer.KeyId, desk.Trust.Origin, from, checkpoint.Size,
            desk.Log.ConsistencyProof(from, checkpoint.Size), checkpoint.Root, signer.Sign);
        return Write(call, receipt.Encode(), Json.Object(("from", from), ("size", checkpoint.Size),
            ("root", checkpoint.Root), ("algorithm", signer.Algorithm.ToString())),
            $"verify it: stele-verify cose {System.IO.Path.GetFileName(file)} --checkpoint CHECKPOINT --key KEY");
    }

    static async Task<int> KeyOf(Call call)
    {
        var asked = call.Need("keyid");
        await using var desk = await Desk.Open(call);
        var spki = asked switch
        {
            "log" => ForeignKey.Of(desk.Trust.Key).Spki.ToArray(),
            "server" => desk.State.ServerKey!.Spki.ToArray(),
            _ => KnownKey(desk, Parsing.Digest(asked, "a key")).Spki.ToArray(),
        };
        return Write(call,
            Encoding.ASCII.GetBytes(System.Security.Cryptography.PemEncoding.WriteString("PUBLIC KEY", spki) + "\n"),
            Json.Object(("key", Digest.Of(spki))), null);
    }

    static async Task<int> Root(Call call)
    {
        await using var desk = await Desk.Open(call);
        return Write(call,
            Encoding.UTF8.GetBytes(TrustedRoot.OfLedger(desk.Trust.Key, desk.Replay.Entries[0].Entry.Time) + "\n"),
            Json.Object(("log", desk.Trust.Key.ToString())), null);
    }

    static async Task<int> CheckpointOf(Call call)
    {
        await using var desk = await Desk.Open(call);
        return Write(call, Encoding.UTF8.GetBytes(desk.Checkpoint), Json.Object(("size", desk.State.Size)), null);
    }

    static Folded At(Call call, Desk desk)
    {
        var entry = call.Get<long>("entry");
        return entry >= 0 && entry < desk.State.Size ? desk.Replay.Entries[(int)entry]
            : throw new CliError(
                $"there is no entry {entry}: the ledger has {desk.State.Size}, from 0 to {desk.State.Size - 1}",
                "stele log list", CliError.Usage);
    }

    /// <summary>The newest checkpoint, which covers whatever was folded here.</summary>
    static (string Note, Checkpoint Checkpoint) Covering(Desk desk, long entry)
    {
        var checkpoint = Checkpoint.Parse(Note.Parse(desk.Checkpoint).Text);
        return entry < checkpoint.Size
            ? (desk.Checkpoint, checkpoint)
            : throw new CliError($"no checkpoint covers entry {entry} yet", "try again");
    }

    /// <summary>
    /// A key that any entry made a member's, in force or not: its signatures are to be verified either way.
    /// </summary>
    static PublicKey KnownKey(Desk desk, Digest id)
    {
        if (desk.State.ServerKey is { } server && server.Id == id) return server;
        var genesis = (Proof.Statements.GenesisStatement)desk.Replay.Entries[0].Statement;
        var keys = genesis.Owners.SelectMany(o => o.Keys).Append(genesis.RecoveryKey).Concat(
            desk.Replay.Of<Proof.Statements.MemberStatement>().SelectMany(
                f => ((Proof.Statements.MemberStatement)f.Statement).Keys));
        if (keys.FirstOrDefault(k => k.Id == id) is { } found) return found;
        throw new CliError($"this ledger knows no key {id}", "stele log list --json names who signed");
    }

    /// <summary>Writes the file, or to standard output where none is named and the thing is text.</summary>
    static int Write(Call call, byte[] bytes, Json about, string? next)
    {
        if (call.Get<string>("--out") is not { } file)
        {
            if (call.Terminal.Json) call.Terminal.Result(about.With("content", Base64.Encode(bytes)), () => { });
            else call.Terminal.Document(Encoding.UTF8.GetString(bytes));
            return 0;
        }
        Files.Write(System.IO.Path.GetFullPath(file), bytes, Readers.Owner);
        call.Terminal.Result(about.With("file", file).With("bytes", bytes.Length), () =>
        {
            call.Terminal.Line($"{file}  {Terminal.Size(bytes.Length)}");
            if (next is not null) call.Terminal.Note(next);
        });
        return 0;
    }

    /// <summary>Who signs a receipt: a member with their own key, or the log with its.</summary>
    sealed class Signer(CoseAlgorithm algorithm, byte[] keyId, Func<byte[], byte[]> sign, IDisposable key) : IDisposable
    {
        public CoseAlgorithm Algorithm => algorithm;
        public byte[] KeyId => keyId;
        public Func<byte[], byte[]> Sign => sign;

        public static Signer Of(Call call, Desk desk)
        {
            if (!call.Get<bool>("--log-key"))
            {
                var own = desk.Home.Key(call.Get<string>("--key"));
                return new(CoseAlgorithm.Es256, own.Public.Id.ToArray(), message =>
                {
                    var rs = new byte[64];
                    return EcdsaSignature.TryDecode(own.Sign(message), rs)
                        ? rs
                        : throw new InvalidOperationException("our own signature is not in our own form");
                }, own);
            }
            var file = new Control.ServerFolder(call.DataHere).LogKey;
            if (!File.Exists(file))
                throw new CliError($"the log's key is not in {call.DataHere}",
                    "run it where the server's data folder is, and name it: --data DIR");
            var log = NoteSigner.Open(file);
            if (log.Key.ToString() == desk.State.LogKeyAt(desk.State.Size))
                return new(CoseAlgorithm.EdDsa, TrustedRoot.LogId(log.Key), log.SignBytes, log);
            log.Dispose();
            throw new CliError($"the key in {file} is not this ledger's",
                "name the data folder of its server: --data DIR");
        }

        public void Dispose() => key.Dispose();
    }
}
