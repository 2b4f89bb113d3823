namespace Cel.Values;

/// <summary>
/// What a value is, or a type describes. <see cref="Opaque"/>, <see cref="Dyn"/> and <see cref="Param"/> are types
/// only; <see cref="Error"/> is a value only.
/// </summary>
public enum CelKind : byte
{
    Null,
    Bool,
    Int,
    UInt,
    Double,
    String,
    Bytes,
    List,
    Map,
    Timestamp,
    Duration,
    Type,
    Optional,
    Ip,
    Cidr,
    Error,
    Opaque,
    Dyn,
    Param,
}
