//! The setups with watchers.

use crate::Setup;
use crate::setup::{TWO, VOTES};
use crate::stops::{Command, StopSetup};

/// The bounds of a model with watchers.
#[derive(Debug, Clone, Copy)]
pub struct WitnessSetup {
    /// Name in reports.
    pub name: &'static str,
    /// The signers, and the commands of an operator.
    pub here: StopSetup,
    /// The levels at which the other signer may sign.
    pub elsewhere: &'static [u8],
    /// The watchers, each of which judges one vote.
    pub watchers: usize,
}

const SIGNERS: Setup = Setup {
    kinds: &[VOTES],
    bakers: 1,
    levels: 2,
    times_sent: 1,
    crashes: 0,
    faults: 0,
    reads_stops: true,
    keeps_trail: true,
    ..TWO
};

const HERE: StopSetup = StopSetup { name: "", signers: SIGNERS, commands: &[], creates: false };

const ONE: WitnessSetup = WitnessSetup { name: "", here: HERE, elsewhere: &[], watchers: 1 };

/// Checked in every run.
pub const WITNESS_SETUPS: &[WitnessSetup] = &[
    WitnessSetup {
        name: "votes of our own",
        here: StopSetup { signers: Setup { bakers: 2, times_sent: 2, ..SIGNERS }, ..HERE },
        ..ONE
    },
    WitnessSetup {
        name: "our own, stopped and resumed",
        here: StopSetup { commands: &[Command::Stop(0), Command::Resume], ..HERE },
        ..ONE
    },
    WitnessSetup {
        name: "our own, with the earlier release",
        here: StopSetup { signers: Setup { earlier: 1, times_sent: 2, ..SIGNERS }, ..HERE },
        ..ONE
    },
    WitnessSetup { name: "another signer", elsewhere: &[1, 2], ..ONE },
    WitnessSetup { name: "another signer, two watchers", elsewhere: &[2], watchers: 2, ..ONE },
    WitnessSetup {
        name: "another signer, and a resume",
        here: StopSetup { signers: Setup { instances: 1, ..SIGNERS }, commands: &[Command::Resume], ..HERE },
        elsewhere: &[2],
        watchers: 2,
    },
];

/// For broken variants.
pub(super) const SMALL_OWN: WitnessSetup = WitnessSetup { name: "own", ..ONE };
pub(super) const SMALL: WitnessSetup = WitnessSetup {
    name: "other",
    here: StopSetup { signers: Setup { instances: 1, ..SIGNERS }, commands: &[Command::Resume], ..HERE },
    elsewhere: &[2],
    watchers: 1,
};
pub(super) const SMALL_TWICE: WitnessSetup = WitnessSetup { name: "twice", watchers: 2, ..SMALL };
pub(super) const SMALL_FIRST: WitnessSetup = WitnessSetup { name: "first", elsewhere: &[1], ..SMALL };
