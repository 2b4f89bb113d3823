using System;
using System.Collections.Generic;

namespace Mortgage.Model;

/// <summary>A command line of <c>--name value</c> pairs; anything else is refused by name.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public Arguments(string[] args, params string[] known)
    {
        for (var i = 0; i < args.Length; i += 2)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal) || Array.IndexOf(known, args[i][2..]) < 0)
            {
                throw new ArgumentException($"unknown argument {args[i]}; known are --{string.Join(", --", known)}");
            }

            if (i + 1 == args.Length || !_values.TryAdd(args[i][2..], args[i + 1]))
            {
                throw new ArgumentException($"{args[i]} stands twice or has no value");
            }
        }
    }

    public string this[string name] => Optional(name) ?? throw new ArgumentException($"--{name} is missing");

    public string? Optional(string name) => _values.GetValueOrDefault(name);
}
