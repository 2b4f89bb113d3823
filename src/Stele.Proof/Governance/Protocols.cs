namespace Stele.Proof.Governance;

/// <summary>
/// What a request's body says in the protocols that are known here: the tool that an agent calls (JSON-RPC 2.0, method
/// <c>tools/call</c>) with its arguments, and the model that is asked for.
/// <code>
/// body                                                       tool        arguments    model
/// none, a scalar, an array of other things                   ""          {}           ""
/// {"method":"tools/call","params":{"name":T,"arguments":A}}  T           A, or {}     ""
/// {…,"model":M}                                              as above    as above     M
/// what can't be told for sure                                absent      absent       absent
/// </code>
/// Absent, and so an error in every rule that reads it without asking <c>has()</c>, is what somebody might read
/// otherwise: tool and arguments for a batch (an array with an object that has a <c>method</c>), for a method that is
/// no string, for a call whose params are no object, whose name is no string or whose arguments are no object, and
/// where <c>jsonrpc</c>, <c>method</c>, <c>params</c>, or <c>name</c> and <c>arguments</c> in a call's params, are
/// written in another case; the model where it is no string, is written in another case, or stands in an array's
/// object.
/// </summary>
static class Protocols
{
    const string Tool = "tool", Arguments = "arguments", Model = "model";

    /// <summary>The fields that are read from the body.</summary>
    public static readonly string[] Fields = [Tool, Arguments, Model];

    /// <summary>The request with what its body says.</summary>
    public static Json Describe(Json request)
    {
        var body = request.Find("body") ?? Json.Null;
        var (tool, arguments) = Call(body);
        var model = Asked(body);
        return Json.Object(
            request.AsObject.Concat(new[] { KeyValuePair.Create(Tool, tool!), KeyValuePair.Create(Arguments,
                arguments!), KeyValuePair.Create(Model, model!) }.Where(m => m.Value is not null)));
    }

    static (Json? Tool, Json? Arguments) Call(Json body)
    {
        (Json?, Json?) none = ("", Json.EmptyObject), untold = default;
        if (body.Kind == JsonKind.Array) return body.AsArray.Any(e => Has(e, "method")) ? untold : none;
        if (body.Kind != JsonKind.Object) return none;
        if (HasStray(body, "jsonrpc", "method", "params")) return untold;
        if (body.Find("method") is not { } method) return none;
        if (method.Kind != JsonKind.String) return untold;
        if (method.AsString != "tools/call") return none;
        if (body.Find("params") is not { Kind: JsonKind.Object } call || HasStray(call, "name", "arguments")
            || call.Find("name") is not { Kind: JsonKind.String } name) return untold;
        return call.Find("arguments") switch
        {
            null => (name, Json.EmptyObject),
            { Kind: JsonKind.Object } arguments => (name, arguments),
            _ => untold
        };
    }

    static Json? Asked(Json body)
    {
        Json none = "";
        if (body.Kind == JsonKind.Array) return body.AsArray.Any(e => Has(e, Model)) ? null : none;
        if (body.Kind != JsonKind.Object) return none;
        if (HasStray(body, Model)) return null;
        return body.Find(Model) is not { } model ? none : model.Kind == JsonKind.String ? model : null;
    }

    static bool Has(Json element, string name) =>
        element.Kind == JsonKind.Object && element.AsObject.Any(m => MayBe(m.Key, name));

    /// <summary>Whether an object has a member that is one of these but for its case.</summary>
    static bool HasStray(Json body, params ReadOnlySpan<string> names)
    {
        foreach (var (key, _) in body.AsObject)
            foreach (var name in names) if (key != name && MayBe(key, name)) return true;
        return false;
    }

    /// <summary>
    /// Whether a reader that does not look at case may take a member for this one, whose name is lower-case ASCII. All
    /// characters that fold to such letters stand here: a judge asks no table of its runtime.
    /// </summary>
    static bool MayBe(string member, string name)
    {
        if (member.Length != name.Length) return false;
        for (var i = 0; i < name.Length; i++)
            if (name[i] != member[i] switch
            {
                >= 'A' and <= 'Z' and var c => (char)(c | 0x20),
                '\u017f' => 's',
                '\u212a' => 'k',
                '\u0130' or '\u0131' => 'i',
                var c => c
            }) return false;
        return true;
    }
}
