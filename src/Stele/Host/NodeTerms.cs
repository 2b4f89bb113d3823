namespace Stele.Host;

/// <summary>How a node goes about its work. What it runs is not said here: the ledger says it.</summary>
sealed record NodeTerms
{
    /// <summary>How long one question to the server for news may stay open.</summary>
    public TimeSpan SyncWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait before a server that did not answer is asked again; also the first pause before a release that would not start is tried again.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often at most a decision log is anchored; besides, at every change of head and at an orderly stop.</summary>
    public TimeSpan AnchorEvery { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A decision log's journal goes on in a new file when one has reached this. Whole files are what is pruned and moved.</summary>
    public long SegmentBytes { get; init; } = 64 << 20;

    /// <summary>How often a running release is inspected, without any sign of change: files, processes, environment, network.</summary>
    public TimeSpan InspectEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often the checkpoint is cosigned anew while nothing changes, so that others see how fresh it is.</summary>
    public TimeSpan CosignEvery { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often such an inspection is stated in the ledger when nothing has changed. A shorter observation gap of the environment goes first.</summary>
    public TimeSpan ObserveEvery { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>In what time every file of a running release is digested once, little by little.</summary>
    public TimeSpan RehashEvery { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a release may take from its start to its first healthy answer.</summary>
    public TimeSpan HealthPatience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long requests inside a release that is being replaced may take to end.</summary>
    public TimeSpan DrainPatience { get; init; } = TimeSpan.FromSeconds(10);
}
