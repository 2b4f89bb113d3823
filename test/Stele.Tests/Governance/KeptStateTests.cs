using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>A state that was kept outside memory is the state that was kept, at every size.</summary>
public sealed class KeptStateTests
{
    /// <summary>Nodes in memory; each is read by its reference alone.</summary>
    sealed class NodesInMemory : INodes
    {
        readonly List<byte[]> _all = [];

        public int Reads { get; private set; }
        public int Count => _all.Count;
        public void Change(int node) => _all[node][^1] ^= 1;

        public byte[] Read(NodeRef at)
        {
            Reads++;
            var bytes = _all[(int)at.At];
            return bytes.Length == at.Length && Digest.Of(bytes) == at.Digest ? bytes
                : throw new NodeException($"node {at.At} is another");
        }

        public NodeRef Add(ReadOnlySpan<byte> bytes)
        {
            _all.Add(bytes.ToArray());
            return new(_all.Count - 1, bytes.Length, Digest.Of(bytes));
        }
    }

    [Fact]
    public void At_every_size_the_kept_state_is_the_state()
    {
        var w = Mortgage.Lived().World;
        var nodes = new NodesInMemory();
        for (long size = 1; size <= w.Entries.Count; size++)
        {
            var state = w.Replay.At(size);
            var kept = State.Load(state.Save(nodes), nodes);
            Assert.Equal(StateDigest.Of(state), StateDigest.Of(kept));
            Assert.Equal(StateDigest.ToJson(state), StateDigest.ToJson(kept));
            if (size < w.Entries.Count) Assert.Equal(StateDigest.Of(w.Replay.At(size + 1)),
                StateDigest.Of(Assert.IsType<Outcome.Accepted>(
                    Fold.Apply(kept, Entry.Parse(w.Entries[(int)size]), w.Replay.Documents)).Next));
        }
    }

    /// <summary>What was kept is not kept again, and what is asked for alone is read.</summary>
    [Fact]
    public void Keeping_costs_what_changed_and_reading_what_is_asked_for()
    {
        var w = Mortgage.Lived().World;
        var nodes = new NodesInMemory();
        var saved = w.Replay.State.Save(nodes);
        var before = nodes.Count;
        w.Replay.State.Save(nodes);
        Assert.Equal(before, nodes.Count);
        var kept = State.Load(saved, nodes);
        Assert.Equal(0, nodes.Reads);
        Assert.Equal(StateDigest.Of(w.Replay.State), StateDigest.Of(kept));
        Assert.Equal(0, nodes.Reads);
        Assert.True(kept.Systems.ContainsKey(World.Sys));
        Assert.InRange(nodes.Reads, 1, 10);
    }

    [Fact]
    public void No_changed_node_is_taken_for_what_was_kept()
    {
        var w = Mortgage.Lived().World;
        var nodes = new NodesInMemory();
        var saved = w.Replay.State.Save(nodes);
        for (var node = 0; node < nodes.Count; node++)
        {
            nodes.Change(node);
            Assert.Throws<NodeException>(() => StateDigest.ToJson(State.Load(saved, nodes)) is var all
                && State.Load(saved, nodes) is var again ? (all, again.Used.Count, Listed(again)) : default);
            nodes.Change(node);
        }

        static int Listed(State s) => s.Used.Values.Count() + s.Logs.Values.Sum(l => l.Anchors.ToArray().Length);
    }
}
