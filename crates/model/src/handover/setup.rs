//! The setups with two stores.

use crate::Setup;
use crate::setup::{BLOCKS, TWO, VOTES};
use crate::stops::{Command, StopSetup};

/// The bounds of a model with two stores.
#[derive(Debug, Clone, Copy)]
pub struct HandoverSetup {
    /// Name in reports.
    pub name: &'static str,
    /// The signers of A. Those of B are the same, in front of another baker.
    pub signers: Setup,
    /// How often the key is handed over: from A to B, and back.
    pub handovers: usize,
    /// Number of the baker in front of B. The one in front of A is 0: if it is the same, what B receives may be a repeat of what A
    /// has signed.
    pub baker_of_b: u8,
    /// Whether B imports the marks of A.
    pub imports: bool,
    /// Whether a stop covers the chain, so that it creates marks where they are absent.
    pub covers: bool,
    /// Whether B raises its marks above the head.
    pub raises: bool,
}

const SIGNERS: Setup = Setup {
    instances: 1,
    kinds: &[VOTES],
    bakers: 1,
    levels: 2,
    times_sent: 1,
    crashes: 0,
    faults: 0,
    reads_stops: true,
    ..TWO
};

const BACK: HandoverSetup = HandoverSetup {
    name: "",
    signers: SIGNERS,
    handovers: 2,
    baker_of_b: 1,
    imports: true,
    covers: true,
    raises: true,
};

/// Checked in every run. Either of import and raise is enough: the marks are exported after the stop.
pub const HANDOVER_SETUPS: &[HandoverSetup] = &[
    HandoverSetup { name: "votes, there", signers: Setup { instances: 2, ..SIGNERS }, handovers: 1, ..BACK },
    HandoverSetup { name: "votes, there and back", ..BACK },
    HandoverSetup {
        name: "blocks, the same baker",
        signers: Setup { kinds: &[BLOCKS], ..SIGNERS },
        baker_of_b: 0,
        raises: false,
        ..BACK
    },
    HandoverSetup { name: "votes, without the raise", raises: false, handovers: 1, ..BACK },
    HandoverSetup { name: "votes, without the import", imports: false, handovers: 1, ..BACK },
];

/// For broken variants.
pub(super) const SMALL: HandoverSetup =
    HandoverSetup { name: "there", signers: Setup { levels: 1, ..SIGNERS }, handovers: 1, ..BACK };
pub(super) const SMALL_LEVELS: HandoverSetup = HandoverSetup { name: "levels", handovers: 1, ..BACK };
pub(super) const SMALL_UNRAISED: HandoverSetup = HandoverSetup { raises: false, ..SMALL };
pub(super) const SMALL_NEITHER: HandoverSetup = HandoverSetup { raises: false, imports: false, ..SMALL };
pub(super) const SMALL_UNCOVERED: HandoverSetup = HandoverSetup { name: "back", covers: false, ..BACK };
pub(super) const SMALL_BACK: HandoverSetup = HandoverSetup { name: "back", ..BACK };

const A_AND_BACK: &[Command] = &[Command::Stop(0), Command::Resume];
const B: &[Command] = &[Command::Stop(1)];

impl HandoverSetup {
    /// The setups of A and B.
    pub(super) fn sites(&self) -> [StopSetup; 2] {
        let b = Setup { site: 1, first_baker: self.baker_of_b, ..self.signers };
        let of = |signers, commands| StopSetup { name: self.name, signers, commands, creates: self.covers };
        [of(self.signers, A_AND_BACK), of(b, B)]
    }
}
