//! The setups with stops.

use crate::Setup;
use crate::setup::{BLOCKS, TWO, VOTES};

/// What an operator or the witness does, at any time and as slowly as it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Stops the key, by the stop of this number.
    Stop(u8),
    /// Lifts all stops in the key's stop item at the beginning, with nothing signed elsewhere.
    Resume,
    /// Writes the stops in the key's stop item into the marks that lack them, as the witness does after a crash.
    Spread,
}

/// The bounds of a model with stops.
#[derive(Debug, Clone, Copy)]
pub struct StopSetup {
    /// Name in reports.
    pub name: &'static str,
    /// The signers.
    pub signers: Setup,
    /// The commands, each of which runs once at most.
    pub commands: &'static [Command],
    /// Whether a stop also creates marks that do not exist yet, on a chain that it knows of.
    pub creates: bool,
}

const SIGNERS: Setup =
    Setup { kinds: &[VOTES], levels: 1, times_sent: 1, crashes: 0, faults: 0, reads_stops: true, ..TWO };

/// A stop that finds only the marks that exist, while the first mark may be created.
const STOP: StopSetup = StopSetup { name: "", signers: SIGNERS, commands: &[Command::Stop(0)], creates: false };

const RESUMED: &[Command] = &[Command::Stop(0), Command::Resume];

/// Checked in every run.
pub const STOP_SETUPS: &[StopSetup] = &[
    StopSetup { name: "votes, a stop", signers: Setup { times_sent: 2, crashes: 1, ..SIGNERS }, ..STOP },
    StopSetup {
        name: "blocks, a stop",
        signers: Setup { kinds: &[BLOCKS], times_sent: 2, crashes: 1, ..SIGNERS },
        ..STOP
    },
    StopSetup { name: "votes, two levels and a fault", signers: Setup { levels: 2, faults: 1, ..SIGNERS }, ..STOP },
    StopSetup { name: "votes, stop and resume", commands: RESUMED, ..STOP },
    StopSetup {
        name: "blocks, stop and resume",
        signers: Setup { kinds: &[BLOCKS], faults: 1, ..SIGNERS },
        commands: RESUMED,
        ..STOP
    },
    StopSetup {
        name: "votes, two stops and a resume",
        commands: &[Command::Stop(0), Command::Stop(1), Command::Resume],
        ..STOP
    },
    StopSetup {
        name: "votes, resume while stops spread",
        commands: &[Command::Stop(0), Command::Resume, Command::Spread],
        ..STOP
    },
    StopSetup {
        name: "votes, with the earlier release",
        signers: Setup { earlier: 1, times_sent: 2, ..SIGNERS },
        creates: true,
        ..STOP
    },
];

/// For broken variants.
pub(super) const SMALL: StopSetup = StopSetup { name: "stop", ..STOP };
pub(super) const SMALL_LEVELS: StopSetup =
    StopSetup { name: "levels", signers: Setup { bakers: 1, levels: 2, ..SIGNERS }, ..STOP };
pub(super) const SMALL_TWICE: StopSetup =
    StopSetup { name: "twice", signers: Setup { times_sent: 2, ..SIGNERS }, ..STOP };
pub(super) const SMALL_RESUMED: StopSetup = StopSetup { name: "resume", commands: RESUMED, ..STOP };
pub(super) const SMALL_RESUMED_LEVELS: StopSetup =
    StopSetup { name: "resume", signers: Setup { levels: 2, ..SIGNERS }, commands: RESUMED, ..STOP };
pub(super) const SMALL_EARLIER: StopSetup =
    StopSetup { name: "earlier", signers: Setup { earlier: 1, ..SIGNERS }, ..STOP };
