/// One thing that happens. Requests are named by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A request arrives at an instance, and is the first there for its mark.
    Arrive {
        /// The request.
        request: usize,
        /// The instance.
        instance: usize,
    },
    /// The store reads the mark for a request.
    StoreReads(usize),
    /// What it has read arrives.
    ReadIsAnswered(usize),
    /// The vault signs for a request, and the signature arrives.
    VaultSigns(usize),
    /// A write arrives at the store, and is done if the version is as expected.
    StoreWrites(usize),
    /// What became of it arrives.
    WriteIsAnswered(usize),
    /// A write that nobody waits for arrives at the store.
    StrayArrives(usize),
    /// An instance dies, and starts anew.
    Crash(usize),
    /// The container is deleted and created again.
    ContainerIsCreatedAgain,
    /// The store loses a mark.
    MarkIsLost(usize),
    /// Something else goes wrong.
    Fault(usize, Fault),
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Reading fails, also when tried again.
    ReadFails,
    /// The vault fails, also when tried again.
    VaultFails,
    /// Nothing is heard of a write that is still on its way, or is lost.
    WriteTimesOut,
    /// A write is on the network twice: by the network itself, or since a client below sends it again.
    WriteIsDuplicated,
    /// The store says that it has not written, and will not.
    WriteIsTurnedAway,
    /// The answer to a write is lost.
    WriteAnswerIsLost,
    /// The client below sends a write again after it was done, inside the same call, and reports success.
    WriteIsSentAgain,
    /// The deadline comes: whoever asked is told so, and everything is dropped as it is.
    Deadline,
}
