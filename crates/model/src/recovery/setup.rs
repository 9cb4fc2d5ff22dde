//! The setups with recoveries.

use crate::Setup;
use crate::setup::{BLOCKS, Loss, TWO, VOTES};

/// The bounds of a model with recoveries.
#[derive(Debug, Clone, Copy)]
pub struct RecoverySetup {
    /// Name in reports.
    pub name: &'static str,
    /// The signers, and how often the store loses its marks.
    pub signers: Setup,
    /// How often an operator runs `marks recover`: at any time, also one before the other has ended.
    pub recoveries: usize,
    /// Whether the marks are restored in the same container: then only an instance that has seen them can notice.
    pub is_in_place: bool,
}

const SIGNERS: Setup =
    Setup { kinds: &[VOTES], levels: 1, times_sent: 1, crashes: 0, faults: 0, losses: (1, Loss::Container), ..TWO };

/// Sealed keys: the store of their marks is in their files, which `sealed rewrap --store` replaces after the marks were raised.
const SEALED: Setup = Setup { is_sealed: true, ..SIGNERS };
/// A consensus key and a companion key, with a mark each.
const SEALED_KEYS: Setup = Setup { has_companion: true, instances: 1, ..SEALED };

const ONCE: RecoverySetup = RecoverySetup { name: "", signers: SIGNERS, recoveries: 1, is_in_place: false };

/// Checked in every run.
pub const RECOVERY_SETUPS: &[RecoverySetup] = &[
    RecoverySetup { name: "votes, lost or restored", ..ONCE },
    RecoverySetup { name: "votes, two levels", signers: Setup { instances: 1, levels: 2, ..SIGNERS }, ..ONCE },
    RecoverySetup { name: "votes, and a crash", signers: Setup { crashes: 1, ..SIGNERS }, ..ONCE },
    RecoverySetup { name: "blocks, and a fault", signers: Setup { kinds: &[BLOCKS], faults: 1, ..SIGNERS }, ..ONCE },
    RecoverySetup {
        name: "votes, twice",
        signers: Setup { instances: 1, losses: (2, Loss::Container), ..SIGNERS },
        recoveries: 2,
        ..ONCE
    },
    RecoverySetup {
        name: "blocks and votes",
        signers: Setup { instances: 1, kinds: &[BLOCKS, VOTES], ..SIGNERS },
        ..ONCE
    },
    RecoverySetup {
        name: "votes, restored in place",
        signers: Setup { instances: 1, levels: 2, ..SIGNERS },
        is_in_place: true,
        ..ONCE
    },
    RecoverySetup { name: "sealed votes, lost or restored", signers: SEALED, ..ONCE },
    RecoverySetup { name: "sealed votes, and a crash", signers: Setup { crashes: 1, ..SEALED }, ..ONCE },
    RecoverySetup { name: "sealed votes, with a companion", signers: SEALED_KEYS, ..ONCE },
];

/// For broken variants.
pub(super) const SMALL: RecoverySetup = RecoverySetup { name: "recover", ..ONCE };
pub(super) const SMALL_KINDS: RecoverySetup = RecoverySetup {
    name: "kinds",
    signers: Setup { instances: 1, crashes: 1, kinds: &[BLOCKS, VOTES], ..SIGNERS },
    ..ONCE
};
pub(super) const SMALL_SEALED: RecoverySetup = RecoverySetup { name: "sealed", signers: SEALED, ..ONCE };
/// The signer is restarted: without a tag, it signs nothing more once it has noticed that the container was created again.
pub(super) const SMALL_SEALED_KEYS: RecoverySetup =
    RecoverySetup { name: "keys", signers: Setup { crashes: 1, ..SEALED_KEYS }, ..ONCE };
