using Cel;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>Optionals, bindings, addresses and encoders, where the specification's own tests say nothing.</summary>
public class ExtensionTests
{
    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["m"] = CelType.Map(CelType.String, CelType.Int),
        ["d"] = CelType.Dyn,
        ["l"] = CelType.List(CelType.Int),
        ["o"] = CelType.Optional(CelType.String),
        ["s"] = CelType.String,
    };

    static readonly Dictionary<string, CelValue> Bound = new()
    {
        ["m"] = CelValue.Map([KeyValuePair.Create("a", CelValue.Int(1))]),
        ["d"] = CelValue.Map([KeyValuePair.Create("a", CelValue.Map([KeyValuePair.Create("b", CelValue.Int(2))]))]),
        ["l"] = CelValue.List([CelValue.Int(3), CelValue.Int(4)]),
        ["o"] = CelValue.Some(CelValue.String("some")),
        ["s"] = CelValue.String("text"),
    };

    static CelResult Eval(string source, long limit = 100_000) =>
        CelProgram.Compile(source, Declared).Eval(Bound, limit);

    /// <summary>No place stands for another: none is so large that it is taken for the end.</summary>
    [Theory]
    [InlineData("9223372036854775807")]
    [InlineData("9223372036854775806")]
    [InlineData("4")]
    [InlineData("-1")]
    public void A_place_outside_the_text_is_an_error(string place)
    {
        foreach (var source in new[] { "'abc'.lastIndexOf('b', {0})", "'abc'.indexOf('b', {0})", "'abc'.substring({0})",
            "'abc'.charAt({0})", "'abc'.substring(0, {0})" })
            Assert.True(Eval(source.Replace("{0}", place, StringComparison.Ordinal)).Error?.Kind
                is CelErrorKind.IndexOutOfRange or CelErrorKind.InvalidArgument, source);
        Assert.Equal(1, Eval("'abc'.lastIndexOf('b', 3)").Value.AsInt());
    }

    [Theory]
    // Optionals.
    [InlineData("m.?a.value() == 1 && !m.?b.hasValue()")]
    [InlineData("d.?a.?b.orValue(0) == 2 && d.?a.?c.orValue(5) == 5 && d.?x.y.z.orValue('none') == 'none'")]
    [InlineData("l[?1].value() == 4 && !l[?2].hasValue() && !l[?-1].hasValue() && l[?dyn(1.0)].value() == 4")]
    [InlineData("o.orValue('other') == 'some' && o.or(optional.none()).value() == 'some'")]
    [InlineData("optional.of(1).orValue(1 / 0) == 1 && optional.of(1).or([optional.of(2)][9]).value() == 1")]
    [InlineData("m.?a.optMap(x, x + 1).value() == 2 && m.?a.optFlatMap(x, m.?zz).hasValue() == false")]
    [InlineData("optional.of(optional.of(1)).value().value() == 1")]
    [InlineData("[?m.?a, ?m.?b, 7] == [1, 7] && {?'a': m.?a, ?'b': m.?b, 'c': 3} == {'a': 1, 'c': 3}")]
    [InlineData("[] == [?m.?b] && [1, 2].last().value() == 2 && [1, 2].first().value() == 1 && ![].first().hasValue()")]
    [InlineData("optional.unwrap([m.?a, m.?b, optional.of(3)]) == [1, 3] && [optional.none(), optional.of(2)].unwrapOpt() == [2]")]
    [InlineData("optional.of(1) == dyn(optional.of(1.0)) && optional.of(1) in [dyn(optional.of(1u))] && optional.of(1) != dyn(1)")]
    [InlineData("[null, false, 0, 0u, 0.0, '', b'', [], {}, duration('0s'), timestamp(0)].all(x, !optional.ofNonZeroValue(x).hasValue())")]
    [InlineData("[true, 1, 1u, 0.1, 'x', b'x', [0], {0: 0}, duration('1s'), timestamp(1), int, ip('0.0.0.0')].all(x, optional.ofNonZeroValue(x).hasValue())")]
    [InlineData("type(m.?a) == optional_type && type(optional.of(1)) == type(optional.of('x'))")]
    [InlineData("has(optional.of({'a': 1}).a) && !has(optional.of({'a': 1}).b) && !has(optional.none().b)")]
    [InlineData("m.?`a`.value() == 1 && l.map(x, m.?b.orValue(x)) == l")]
    // Bindings: computed once, when needed; names end with their body.
    [InlineData("cel.bind(x, 1 / 0, true) && cel.bind(x, 1, cel.bind(x, x + 1, x == 2))")]
    [InlineData("cel.bind(x, 1 / 0, x == 1 || true)")]
    [InlineData("l.map(x, cel.bind(y, x * 2, l.map(z, y + z))) == [[9, 10], [11, 12]]")]
    [InlineData("cel.bind(m, 5, m == 5) && m.a == 1 && cel.bind(f, l, f.all(l, l > 2))")]
    [InlineData("cel.block([l.size(), cel.index(0) + 1, 1 / 0], cel.index(1) == 3)")]
    [InlineData("cel.block([1], l.all(x, cel.block([x], cel.index(0) > 2)) && cel.index(0) == 1)")]
    [InlineData("[1, 2].exists(cel.iterVar(0, 0), cel.iterVar(0, 0) == 2)")]
    // Maps from entries.
    [InlineData("['a', 'b'].transformMapEntry(i, v, {v: i}) == {'a': 0, 'b': 1} && {'a': 1}.transformMapEntry(k, v, v > 1, {v: k}) == {}")]
    [InlineData("{'a': 1}.transformMapEntry(k, v, {v: k, v + 1: k}) == {1: 'a', 2: 'a'}")]
    // More extremes than there are overloads.
    [InlineData("math.greatest(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) == 10 && math.least(9, 8, 7u, 6, 5, 4, 3.5, 2, 1, 0.5) == 0.5")]
    // Addresses.
    [InlineData("string(ip('1:0:0:2:0:0:0:3')) == '1:0:0:2::3' && string(ip('::')) == '::' && string(ip('1::')) == '1::' && string(ip('1:2:3:4:5:6:7:0')) == '1:2:3:4:5:6:7:0'")]
    [InlineData("string(ip('0:0:1::')) == '0:0:1::' && string(ip('64:ff9b::192.0.2.1')) == '64:ff9b::c000:201' && ip('::1.2.3.4').family() == 6")]
    [InlineData("ip('::ffff:c0a8:1').family() == 4 && !ip.isCanonical('::ffff:c0a8:1') && string(ip('::FFFF:7f00:1')) == '127.0.0.1'")]
    [InlineData("['', '1', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '+1.2.3.4', '1..2.3', ':', '::1::', ':1', '1:', '12345::', 'g::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1.2.3', '1.2.3.4::', 'fe80::1%eth0', '::ffff:1.2.3.4', '1.2.3.4/8', '１.2.3.4'].all(x, !isIP(x))")]
    [InlineData("['1.2.3.4', '1.2.3.4/', '1.2.3.4/33', '1.2.3.4/-1', '1.2.3.4/08', '1.2.3.4/8 ', '::/129', 'fe80::1%eth0/64', '::ffff:1.2.3.4/96', '::ffff:0:0/96', '/8', '1.2.3.4/8/8', '1.2.3.4/8u'].all(x, !isCIDR(x))")]
    [InlineData("cidr('0.0.0.0/0').containsIP('255.255.255.255') && !cidr('0.0.0.0/0').containsIP('::1') && cidr('::/0').containsIP('ffff::') && cidr('::1/128').containsIP('::1')")]
    [InlineData("cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').isMask() && !cidr('10.0.0.1/8').isMask() && string(cidr('2001:db8:ffff::/33').masked()) == '2001:db8:8000::/33'")]
    [InlineData("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8') && cidr('10.0.0.0/8').containsIP('::ffff:a00:1')")]
    [InlineData("ip('ff12::1').isLinkLocalMulticast() && !ip('ff05::1').isLinkLocalMulticast() && !ip('ff05::1').isGlobalUnicast() && ip('febf::').isLinkLocalUnicast() && !ip('fec0::').isLinkLocalUnicast()")]
    [InlineData("ip('127.255.0.1').isLoopback() && !ip('::2').isLoopback() && ip('10.0.0.1').isGlobalUnicast() && !ip('239.0.0.1').isGlobalUnicast() && ip('240.0.0.1').isGlobalUnicast()")]
    [InlineData("{string(ip('::1')): 1}['::1'] == 1 && ip('::1') in [ip('0::1')] && '%s in %s'.format([ip('10.0.0.1'), cidr('10.0.0.0/8')]) == '10.0.0.1 in 10.0.0.0/8'")]
    // Encoders.
    [InlineData("base64.encode(b'') == '' && base64.decode('') == b'' && base64.decode('/+8=') == base64.decode('/+8') && base64.encode(b'\\xff\\xef') == '/+8='")]
    [InlineData("[b'a', b'ab', b'abc', b'abcd'].all(x, base64.decode(base64.encode(x)) == x)")]
    public void Holds(string source)
    {
        var result = Eval(source);
        Assert.True(result.Error is null && result.Value == CelValue.True,
            result.Error?.Message ?? result.Value.ToString());
    }

    [Theory]
    [InlineData("optional.none().value()", CelErrorKind.InvalidArgument)]
    [InlineData("dyn(1).?a", CelErrorKind.NoSuchKey)]
    [InlineData("dyn('x')[?0]", CelErrorKind.NoSuchOverload)]
    [InlineData("l[?dyn('a')]", CelErrorKind.InvalidArgument)]
    [InlineData("optional.of(1).or(dyn(2)) == optional.of(1) && optional.none().or(dyn(2)).hasValue()",
        CelErrorKind.NoSuchOverload)]
    [InlineData("dyn(1).orValue(2)", CelErrorKind.NoSuchOverload)]
    [InlineData("dyn(1).optMap(x, x)", CelErrorKind.NoSuchOverload)]
    [InlineData("m.?a.optFlatMap(x, dyn(x))", CelErrorKind.NoSuchOverload)]
    [InlineData("[?dyn(1)]", CelErrorKind.NoSuchOverload)]
    [InlineData("{?'a': dyn(1)}", CelErrorKind.NoSuchOverload)]
    [InlineData("{?'a': optional.of(1), 'a': 2}", CelErrorKind.BadKey)]
    [InlineData("optional.unwrap([dyn(1)])", CelErrorKind.NoSuchOverload)]
    [InlineData("cel.bind(x, 1 / 0, x)", CelErrorKind.DivideByZero)]
    [InlineData("['a', 'b'].transformMapEntry(i, v, {'k': v})", CelErrorKind.BadKey)]
    [InlineData("['a'].transformMapEntry(i, v, dyn(v))", CelErrorKind.NoSuchOverload)]
    [InlineData("{optional.of(1).value(): 1}[dyn(optional.of(1))]", CelErrorKind.NoSuchKey)]
    [InlineData("'%s'.format([optional.of(1)])", CelErrorKind.InvalidArgument)]
    [InlineData("ip('fe80::1%en0')", CelErrorKind.InvalidArgument)]
    [InlineData("cidr('10.0.0.0/8').containsIP('x')", CelErrorKind.InvalidArgument)]
    [InlineData("base64.decode('a')", CelErrorKind.InvalidArgument)]
    [InlineData("base64.decode('a===')", CelErrorKind.InvalidArgument)]
    [InlineData("base64.decode('aGVs\\nbG8=')", CelErrorKind.InvalidArgument)]
    [InlineData("base64.decode('aGVsbG9')", CelErrorKind.InvalidArgument)]
    [InlineData("base64.decode('-_==')", CelErrorKind.InvalidArgument)]
    [InlineData("base64.decode('aGVsbG8==')", CelErrorKind.InvalidArgument)]
    public void Fails(string source, CelErrorKind kind) => Assert.Equal(kind, Eval(source).Error?.Kind);

    [Theory]
    [InlineData("s.?length", "type string has no fields to select")]
    [InlineData("m.?a + 1", "'+' can't be applied to (optional_type(int), int)")]
    [InlineData("m.?a.orValue('x')", "'orValue' can't be applied to optional_type(int).(string)")]
    [InlineData("m[?1]", "'[?]' can't be applied to (map(string, int), int)")]
    [InlineData("[?m.a]", "an element written ?e is an optional, not int")]
    [InlineData("{?'a': m.a}", "the value of an entry written ?k: v is an optional, not int")]
    [InlineData("m.a.optMap(x, x)", "optMap() is a method of an optional, not int")]
    [InlineData("m.?a.optFlatMap(x, x)", "the body of optFlatMap() is an optional, not int")]
    [InlineData("m.?a()", "expected an operator or the end, found (")]
    [InlineData("cel.bind(a.b, 1, 1)", "bind() takes a simple name as its variable")]
    [InlineData("cel.bind(x, x, 1)", "undeclared reference to 'x'")]
    [InlineData("cel.bind(x, 1, 2) + x", "undeclared reference to 'x'")]
    [InlineData("cel.block(l, 1)", "block() takes a list literal of values first")]
    [InlineData("cel.block([cel.index(1), 1], 1)", "undeclared reference to '@index1'")]
    [InlineData("cel.index(-1)", "index() takes numbers, written out")]
    [InlineData("cel.index(s)", "index() takes numbers, written out")]
    [InlineData("l.transformMapEntry(i, v, v)", "transformMapEntry() puts together a map")]
    [InlineData("isIP(cidr('10.0.0.0/8'))", "'isIP' can't be applied to (net.CIDR)")]
    [InlineData("ip('::1') < ip('::2')", "'<' can't be applied to (net.IP, net.IP)")]
    public void Is_refused(string source, string reason)
        =>
        Assert.StartsWith(reason, Assert.Throws<CelException>(() => CelProgram.Compile(source, Declared)).Reason,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("m.?a", "optional_type(int)")]
    [InlineData("d.?a", "optional_type(dyn)")]
    [InlineData("m.?a.optMap(x, [x])", "optional_type(list(int))")]
    [InlineData("l[?0].or(optional.none()).orValue(1)", "int")]
    [InlineData("optional.of(m).a", "optional_type(int)")]
    [InlineData("[?m.?a]", "list(int)")]
    [InlineData("{'a': 's', ?'b': o}", "map(string, string)")]
    [InlineData("cel.bind(x, m.?a, x.value())", "int")]
    [InlineData("['a'].transformMapEntry(i, v, {v: i})", "map(string, int)")]
    [InlineData("cidr('10.0.0.0/8').ip()", "net.IP")]
    [InlineData("l.first()", "optional_type(int)")]
    public void Types(string source, string type) =>
        Assert.Equal(type, CelProgram.Compile(source, Declared).Type.ToString());

    /// <summary>In the units of cel-go's model, whose own figures are told where it has them.</summary>
    [Theory]
    [InlineData("m.?a", 2)] // as m.a
    [InlineData("m[?'a']", 2)]
    [InlineData("optional.of(1)", 1)]
    [InlineData("optional.none()", 1)]
    [InlineData("m.?a.orValue(l[0])", 3)] // the alternative costs only when it is needed
    [InlineData("m.?b.orValue(l[0])", 5)]
    [InlineData("m.?a.optMap(x, x + 1)", 17)] // hasValue, value, of and a binding (10); x and + in it; m.?a
    [InlineData("m.?b.optMap(x, x + 1)", 4)] // hasValue and none; m.?b
    [InlineData("cel.bind(x, 0, x == 0)", 12)] // cel-go: 12
    [InlineData("cel.bind(a, l, cel.bind(b, a[0], cel.bind(c, a[1], b + c))) == 7", 39)] // cel-go: 39
    // cel-go: 28
    [InlineData("cel.bind(a, 'hello!', cel.bind(b, 'goodbye', a + ' and, ' + b)) == 'hello! and, goodbye'", 28)]
    [InlineData("cel.bind(x, l.map(y, y), true)", 10)] // what is not needed costs nothing
    [InlineData("cel.block([1, cel.index(0) + 1], cel.index(1))", 13)]
    [InlineData("[?m.?a]", 12)]
    [InlineData("{?'a': m.?a}", 32)]
    [InlineData("ip('10.0.0.1')", 1)]
    [InlineData("cidr('10.0.0.0/8').containsIP('10.0.0.1')", 2)]
    [InlineData("isIP('2001:db8:1111:2222:3333:4444:5555:6666')", 4)]
    [InlineData("base64.decode('aGVsbG8gd29ybGQ=')", 2)]
    [InlineData("timestamp(0).getHours('Europe/Berlin')", 2)]
    public void Costs(string source, long cost) => Assert.Equal(cost, Eval(source).Cost);

    /// <summary>
    /// A trace shows what a bound name stands for below the name that needed it first; what is made of an optional is
    /// one step.
    /// </summary>
    [Theory]
    [InlineData("m.?a.optMap(x, x + 1).value() == 3", "x + 1: 2", "m.?a.optMap(x, x + 1).value(): 2")]
    [InlineData("m.?a.optFlatMap(x, m.?zz).hasValue()", "m.?zz: optional.none()",
        "m.?a.optFlatMap(x, m.?zz): optional.none()")]
    [InlineData("m.?zz.optMap(x, x + 1).hasValue()", "m.?zz: optional.none()",
        "m.?zz.optMap(x, x + 1): optional.none()")]
    [InlineData("cel.bind(x, m.a + 1, x == 5 && x > 3)", "x > 3: not evaluated", "x: 2")]
    [InlineData("cel.bind(x, m.a, cel.bind(x, x, x > 3))", "x > 3: false", "x: 1")]
    [InlineData("cel.bind(x, 1 / 0, m.a == 2)", "m.a == 2: false", "m.a: 1")]
    [InlineData("cel.block([m.a + 1, cel.index(0) * 2], cel.index(1) == 5)", "cel.index(0) * 2: 4", "cel.index(1): 4")]
    [InlineData("m.transformMapEntry(k, v, {k + 'x': v}) == {}", "'a' + 'x': 'ax'",
        "m.transformMapEntry(k, v, {k + 'x': v}): {'ax': 1}")]
    public void Is_traced(string source, string within, string rests)
    {
        var program = CelProgram.Compile(source, Declared);
        var (result, trace) = program.Trace(Bound, 1000);
        Assert.Equal(program.Eval(Bound, 1000).Cost, result.Cost);
        var all = new List<string>();
        Walk(trace);
        Assert.Contains(within, all);
        Assert.Equal([rests], trace.Rests().Select(r => r.ToString()));

        void Walk(CelTrace t)
        {
            all.Add(t.ToString());
            foreach (var part in t.Parts) Walk(part);
        }
    }

    [Fact]
    public void An_embedder_sees_optionals()
    {
        Assert.Equal("some", Bound["o"].AsOptional()!.Value.AsString());
        Assert.Null(CelValue.None.AsOptional());
        Assert.Equal(CelValue.None, Eval("m.?zz").Value);
        Assert.Equal("optional.of(1)", Eval("m.?a").Value.ToString());
        Assert.Equal("optional.none()", CelValue.None.ToString());
        Assert.Equal("ip('::1')", Eval("ip('0::1')").Value.ToString());
        Assert.Equal(CelValue.Some(CelValue.Int(1)).GetHashCode(), CelValue.Some(CelValue.Double(1)).GetHashCode());
        Assert.Throws<InvalidOperationException>(() => CelValue.Int(1).AsOptional());
        Assert.Equal(CelErrorKind.NoSuchOverload,
            CelProgram.Compile("d", Declared, CelType.Optional(CelType.Int)).Eval(Bound, 10).Error!.Kind);
    }
}
