using Cel.Check;
using Cel.Plan;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// The network extension: IP addresses and ranges of them, as values. What is an address says <see cref="NetAddress"/>.
/// </summary>
internal static class NetworkExtension
{
    public static void Declare(FunctionTable t)
    {
        CelType s = CelType.String, b = CelType.Bool, i = CelType.Int, ip = CelType.Ip, cidr = CelType.Cidr;

        t.Global("ip", s, ip, (in CelValue x) => Ip(in x), Traverse);
        t.Global("isIP", s, b, (in CelValue x) => CelValue.Bool(NetAddress.ParseIp(x.RawString, out _) is not null),
            Traverse);
        t.Global("ip.isCanonical", s, b, (in CelValue x) => Ip(in x) is var a && a.IsError
            ? a
            : CelValue.Bool(string.Equals(a.RawAddress.ToString(), x.RawString)), Traverse);
        t.Global("string", ip, s, (in CelValue x) => CelValue.ValidString(x.RawAddress.ToString()));
        t.Method("family", ip, i, (in CelValue x) => CelValue.Int(x.RawAddress.IsV6 ? 6 : 4));
        t.Method("isUnspecified", ip, b, (in CelValue x) => CelValue.Bool(x.RawAddress.IsUnspecified));
        t.Method("isLoopback", ip, b, (in CelValue x) => CelValue.Bool(x.RawAddress.IsLoopback));
        t.Method("isGlobalUnicast", ip, b, (in CelValue x) => CelValue.Bool(x.RawAddress.IsGlobalUnicast));
        t.Method("isLinkLocalUnicast", ip, b, (in CelValue x) => CelValue.Bool(x.RawAddress.IsLinkLocalUnicast));
        t.Method("isLinkLocalMulticast", ip, b, (in CelValue x) => CelValue.Bool(x.RawAddress.IsLinkLocalMulticast));

        t.Global("cidr", s, cidr, (in CelValue x) => Cidr(in x), Traverse);
        t.Global("isCIDR", s, b, (in CelValue x) => CelValue.Bool(NetAddress.ParseCidr(x.RawString, out _) is not null),
            Traverse);
        t.Global("string", cidr, s, (in CelValue x) => CelValue.ValidString(x.RawAddress.ToString()));
        t.Method("ip", cidr, ip, (in CelValue x) => CelValue.Address(x.RawAddress.Ip));
        t.Method("masked", cidr, cidr, (in CelValue x) => CelValue.Address(x.RawAddress.Masked));
        t.Method("isMask", cidr, b, (in CelValue x) => CelValue.Bool(x.RawAddress.Equals(x.RawAddress.Masked)));
        t.Method("prefixLength", cidr, i, (in CelValue x) => CelValue.Int(x.RawAddress.Prefix));
        t.Method("containsIP", cidr, ip, b, (in CelValue x, in CelValue y) => Contains(in x, y));
        t.Method("containsIP", cidr, s, b, (in CelValue x, in CelValue y) => Contains(in x, Ip(in y)), Second);
        t.Method("containsCIDR", cidr, cidr, b, (in CelValue x, in CelValue y) => Contains(in x, y));
        t.Method("containsCIDR", cidr, s, b, (in CelValue x, in CelValue y) => Contains(in x, Cidr(in y)), Second);
    }

    static long Traverse(in CelValue x) => Costs.Traversal(Costs.Size(in x));

    static long Second(in CelValue x, in CelValue y) => Costs.Traversal(Costs.Size(in y));

    static CelValue Contains(in CelValue range, CelValue other) => other.IsError
        ? other
        : CelValue.Bool(range.RawAddress.Contains(other.RawAddress));

    static CelValue Ip(in CelValue text) =>
        NetAddress.ParseIp(text.RawString, out var problem) is { } address
            ? CelValue.Address(address)
            : Bad(in text, problem);

    static CelValue Cidr(in CelValue text) =>
        NetAddress.ParseCidr(text.RawString, out var problem) is { } range
            ? CelValue.Address(range)
            : Bad(in text, problem);

    static CelValue Bad(in CelValue text, string problem) =>
        CelValue.Error(CelErrorKind.InvalidArgument, $"{text}: {problem}");
}
