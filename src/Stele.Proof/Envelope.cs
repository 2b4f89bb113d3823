using System.Collections.Immutable;
using System.Text;

namespace Stele.Proof;

/// <summary>One signature of an envelope: who (the id of the public key) and the bytes.</summary>
public sealed record Signature(Digest KeyId, ImmutableArray<byte> Bytes);

/// <summary>
/// A DSSE v1 envelope in its one accepted form:
/// <c>{"payload":base64,"payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":base64
/// SHA-256(SPKI),"sig":base64 DER}]}</c>, canonical JSON, padded base64, signatures sorted by key id, each key once.
/// </summary>
public sealed class Envelope
{
    public const string PayloadType = "application/vnd.in-toto+json";
    public const int MaxPayload = 48_000;
    public const int MaxSignatures = 16;

    Envelope(byte[] payload, ImmutableArray<Signature> signatures) =>
        (PayloadBytes, Signatures) = (payload, signatures);

    byte[] PayloadBytes { get; }

    public ReadOnlySpan<byte> Payload => PayloadBytes;

    public ImmutableArray<Signature> Signatures { get; }

    /// <summary>What is signed: DSSE's pre-authentication encoding of a payload.</summary>
    public static byte[] PreAuth(string payloadType, ReadOnlySpan<byte> payload)
    {
        var head =
            Encoding.UTF8.GetBytes($"DSSEv1 {Encoding.UTF8.GetByteCount(payloadType)} {payloadType} {payload.Length} ");
        return [.. head, .. payload];
    }

    public static Envelope Sign(ReadOnlySpan<byte> payload, params ReadOnlySpan<PrivateKey> keys)
    {
        if (payload.Length > MaxPayload)
            throw new FormatException($"a payload of {payload.Length} bytes; at most {MaxPayload} fit an entry");
        var message = PreAuth(PayloadType, payload);
        var signatures = new List<Signature>();
        foreach (var key in keys) signatures.Add(new Signature(key.Public.Id, [.. key.Sign(message)]));
        return new Envelope(payload.ToArray(), [.. signatures.OrderBy(s => s.KeyId)]);
    }

    /// <summary>The same with one signature more; nothing changes for a key that has signed already.</summary>
    public Envelope SignedAlso(PrivateKey key) => Signatures.Any(s => s.KeyId == key.Public.Id) ? this
        : new Envelope(PayloadBytes,
            [.. Signatures.Append(new Signature(key.Public.Id, [.. key.Sign(PreAuth(PayloadType, PayloadBytes))]))
                .OrderBy(s => s.KeyId)]);

    // Signatures of this envelope that were found good. Whether one is depends on nothing but the envelope and the key,
    // which its id stands for; so the first to ask, on whatever thread, asks for all.
    volatile Signature[] _good = [];

    /// <summary>
    /// Whether the signature is by this key over this payload. One that was found good is not computed again.
    /// </summary>
    public bool Verify(Signature signature, PublicKey key)
    {
        if (signature.KeyId != key.Id) return false;
        foreach (var good in _good) if (ReferenceEquals(good, signature)) return true;
        if (!key.Verify(PreAuth(PayloadType, PayloadBytes), signature.Bytes.AsSpan())) return false;
        foreach (var own in Signatures) if (ReferenceEquals(own, signature)) _good = [.. _good, signature];
        return true;
    }

    public Json ToJson() => Json.Object(
        ("payload", Base64.Encode(PayloadBytes)),
        ("payloadType", PayloadType),
        ("signatures",
            Json.Array(Signatures.Select(s =>
                Json.Object(("keyid", Base64.Encode(s.KeyId.ToArray())), ("sig", Base64.Encode(s.Bytes.AsSpan())))))));

    /// <exception cref="FormatException">
    /// Anything but the one accepted form. Signatures are not verified here: whose keys they must be is the fold's
    /// matter.
    /// </exception>
    public static Envelope FromJson(Json json)
    {
        var envelope = Read(json);
        if (!envelope.ToJson().Equals(json)) throw new FormatException(NotMembers);
        return envelope;
    }

    const string NotMembers = "the envelope has members that an envelope does not have";

    /// <summary>Reads the members that an envelope has; whether there are others is for the caller to see.</summary>
    internal static Envelope Read(Json json)
    {
        if (json["payloadType"].AsString != PayloadType) throw new FormatException($"payloadType is not {PayloadType}");
        var payload = Base64.Decode(json["payload"].AsString);
        if (payload.Length > MaxPayload)
            throw new FormatException($"a payload of {payload.Length} bytes; at most {MaxPayload} are taken");
        var list = json["signatures"].AsArray;
        if (list.Length is 0 or > MaxSignatures)
            throw new FormatException($"{list.Length} signatures; want 1 to {MaxSignatures}");
        var signatures = list.Select(s => new Signature(Digest.From(Base64.Decode(s["keyid"].AsString)),
            [.. Base64.Decode(s["sig"].AsString)])).ToImmutableArray();
        for (var i = 1; i < signatures.Length; i++)
            if (signatures[i - 1].KeyId >= signatures[i].KeyId)
                throw new FormatException("signatures are not sorted by key id, or one key signed twice");
        return new Envelope(payload, signatures);
    }

    /// <summary>Reads an envelope's canonical bytes.</summary>
    public static Envelope Parse(ReadOnlySpan<byte> utf8) =>
        CanonicalJson.ParseRecord(utf8, Entry.MaxBytes, Read, e => e.ToJson().ToBytes(), _ => NotMembers);
}

/// <summary>
/// One leaf of the ledger: canonical JSON <c>{"envelope":…,"time":milliseconds since 1970 UTC}</c>, at most 65,535
/// bytes (C2SP tlog-tiles' limit).
/// </summary>
public sealed class Entry
{
    public const int MaxBytes = 65_535;

    /// <summary>
    /// The last millisecond of the year 9999. Times run from 1970 to here, so that every judge can show them.
    /// </summary>
    public const long MaxTime = 253_402_300_799_999;

    public Entry(long time, Envelope envelope)
    {
        if (time is < 0 or > MaxTime) throw new FormatException("a time lies between 1970 and 9999, in milliseconds");
        (Time, Envelope) = (time, envelope);
        Bytes = Json.Object(("envelope", envelope.ToJson()), ("time", time)).ToBytes();
        if (Bytes.Length > MaxBytes)
            throw new FormatException($"an entry of {Bytes.Length} bytes; at most {MaxBytes} fit");
    }

    public long Time { get; }
    public Envelope Envelope { get; }

    /// <summary>The leaf's bytes, as they stand in the entry bundle.</summary>
    public byte[] Bytes { get; }

    public Digest LeafHash => Merkle.Leaf(Bytes);

    /// <exception cref="FormatException">Not an entry's canonical form.</exception>
    public static Entry Parse(ReadOnlySpan<byte> bytes) => CanonicalJson.ParseRecord(
        bytes, MaxBytes, json => new Entry(json["time"].AsInt, Envelope.Read(json["envelope"])), e => e.Bytes,
        _ => "the entry has members that an entry does not have");
}
