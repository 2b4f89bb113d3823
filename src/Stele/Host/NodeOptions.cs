namespace Stele.Host;

/// <summary>How a node goes about its work. What it runs is not said here: the ledger says it.</summary>
sealed record NodeOptions
{
    /// <summary>Where the fold begins at the start.</summary>
    public Control.FoldFrom Fold { get; init; }

    /// <summary>How long one question to the server for news may stay open.</summary>
    public TimeSpan SyncWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait before a server that did not answer is asked again; also the first pause before a
    /// release that did not start is tried again.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How often at most a decision log is anchored; besides, at every change of head and at an orderly stop.
    /// </summary>
    public TimeSpan AnchorEvery { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A decision log's journal goes on in a new file when one has reached this. Whole files are what is pruned and
    /// moved.
    /// </summary>
    public long SegmentBytes { get; init; } = 64 << 20;

    /// <summary>
    /// How often a running release is inspected, without any sign of change: files, processes, environment, network.
    /// </summary>
    public TimeSpan InspectEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often its processes alone are looked at: what they execute and where they listen, without reading
    /// files. What differs is inspected at once.</summary>
    public TimeSpan LookEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How often the checkpoint is cosigned again while nothing changes, so that others see how fresh it is.
    /// </summary>
    public TimeSpan CosignEvery { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How often such an inspection is stated in the ledger when nothing has changed. A shorter observation gap of the
    /// environment goes first.
    /// </summary>
    public TimeSpan ObserveEvery { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>In what time every file of a running release is digested once, little by little.</summary>
    public TimeSpan RehashEvery { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a release may take from its start to its first healthy answer.</summary>
    public TimeSpan HealthTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long requests inside a release that is being replaced may take to end.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long such a release may then take to end itself, before it is killed.</summary>
    public TimeSpan EndTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The same two where nothing may run any more (a halt, a revocation, a lost role): each at most
    /// this.</summary>
    public TimeSpan HaltTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long one inspection of a running release may take. Its files are read whole.</summary>
    public TimeSpan InspectTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How often a running release is asked for its health path.</summary>
    public TimeSpan ProbeEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long it may take to answer.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest pause before a release that does not start, or ends again and again, is started again.
    /// Pauses double from <see cref="RetryAfter"/> on.</summary>
    public TimeSpan RetryAtMost { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a release must have run for its end not to count as one more in a row.</summary>
    public TimeSpan SteadyAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The folder of the trees of running releases; null, but for tests that look into it: the user's
    /// (<see cref="Runtime.TreePlace"/>).</summary>
    public string? Trees { get; init; }

    /// <summary>How old the server's last confirmation may be before the node is said to lag.</summary>
    public TimeSpan LagAfter { get; init; } = TimeSpan.FromSeconds(30);
}
