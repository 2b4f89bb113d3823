using System.Collections.Generic;

namespace Mortgage.Train;

/// <summary>
/// Reweighing (Kamiran and Calders, "Data preprocessing techniques for classification without discrimination", 2012): a
/// row of group g and label l weighs P(g)·P(l) / P(g, l), so that under the weights group and label are independent.
/// </summary>
internal static class Weights
{
    public static double[] Reweigh(IReadOnlyList<string> groups, IReadOnlyList<string> labels)
    {
        var ofGroup = new Dictionary<string, int>();
        var ofLabel = new Dictionary<string, int>();
        var ofBoth = new Dictionary<(string, string), int>();
        for (var i = 0; i < groups.Count; i++)
        {
            ofGroup[groups[i]] = ofGroup.GetValueOrDefault(groups[i]) + 1;
            ofLabel[labels[i]] = ofLabel.GetValueOrDefault(labels[i]) + 1;
            ofBoth[(groups[i], labels[i])] = ofBoth.GetValueOrDefault((groups[i], labels[i])) + 1;
        }

        var weights = new double[groups.Count];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = (double)ofGroup[groups[i]]
                * ofLabel[labels[i]] / ((double)groups.Count * ofBoth[(groups[i], labels[i])]);
        }

        return weights;
    }
}
