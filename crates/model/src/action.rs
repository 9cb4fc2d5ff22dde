//! The steps of a run: what can happen next in a state.

/// One step of a run. Requests are identified by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A request arrives at an instance and becomes the one in progress for its mark.
    Arrive {
        /// Number of the request.
        request: usize,
        /// Number of the instance.
        instance: usize,
    },
    /// The store reads the mark for a request.
    StoreReads(usize),
    /// The response to the read arrives.
    ReadIsAnswered(usize),
    /// The vault signs for a request, and the signature arrives.
    VaultSigns(usize),
    /// A write arrives at the store, and is applied if the version matches.
    StoreWrites(usize),
    /// The response to the write arrives.
    WriteIsAnswered(usize),
    /// A write that nobody waits for any more arrives at the store.
    StrayArrives(usize),
    /// An instance crashes and restarts.
    Crash(usize),
    /// The container is deleted and created again.
    ContainerIsCreatedAgain,
    /// An instance checks which container is in use.
    ContainerIsChecked(usize),
    /// An instance reads the key's tag.
    TagIsRead(usize),
    /// The store loses a mark.
    MarkIsLost(usize),
    /// A fault affects a request.
    Fault(usize, Fault),
}

impl Action {
    /// The request in progress that takes this step; `None` if it is a step of something else.
    pub(crate) const fn request_in_progress(self) -> Option<usize> {
        match self {
            Self::StoreReads(request)
            | Self::ReadIsAnswered(request)
            | Self::VaultSigns(request)
            | Self::StoreWrites(request)
            | Self::WriteIsAnswered(request)
            | Self::Fault(request, _) => Some(request),
            Self::Arrive { .. }
            | Self::StrayArrives(_)
            | Self::Crash(_)
            | Self::ContainerIsCreatedAgain
            | Self::ContainerIsChecked(_)
            | Self::TagIsRead(_)
            | Self::MarkIsLost(_) => None,
        }
    }
}

/// A fault that affects one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Reading fails for good.
    ReadFails,
    /// The vault fails for good.
    VaultFails,
    /// A write times out; it is still on its way, or lost.
    WriteTimesOut,
    /// A write is sent twice, by the network or by a client library's retry.
    WriteIsDuplicated,
    /// The store reports that it has not written, and will not.
    WriteIsTurnedAway,
    /// The response to a write is lost.
    WriteAnswerIsLost,
    /// The client library retries a completed write inside the same call, and reports success.
    WriteIsSentAgain,
    /// The deadline expires: the caller gets an error, and everything in progress is abandoned.
    Deadline,
}
