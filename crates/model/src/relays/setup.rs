//! The setups with relays.

use crate::Setup;
use crate::setup::{BLOCKS, TWO, VOTES};

/// What is behind an address in the relays' list of upstreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// The instance of this number.
    Signer(usize),
    /// A signer with the same keys and another mark store, which signs everything.
    OtherStore,
}

/// The bounds of a model with relays.
#[derive(Debug, Clone, Copy)]
pub struct RelaySetup {
    /// Name in reports.
    pub name: &'static str,
    /// The signers. [`Setup::times_sent`] is the maximum number of legs of a payload.
    pub signers: Setup,
    /// The upstreams of all relays. Relays with an odd number have them in reverse order.
    pub upstreams: &'static [Upstream],
    /// The calls: the number of the payload, in order of level and baker, and of the relay.
    pub calls: &'static [(usize, usize)],
    /// Maximum number of times that a relay is killed in a run.
    pub kills: u8,
    /// Maximum number of replies that are lost in a run.
    pub lost_replies: u8,
    /// Whether the mark of the companion key was raised to the first level: it signs nothing there.
    pub companion_is_ahead: bool,
}

const BOTH: &[Upstream] = &[Upstream::Signer(0), Upstream::Signer(1)];

/// The signers of two regions.
const SIGNERS: Setup = Setup { kinds: &[VOTES], levels: 1, times_sent: 3, crashes: 0, faults: 0, ..TWO };

/// Two bakers at one level, the first with two relays.
const TWO_BAKERS: RelaySetup = RelaySetup {
    name: "",
    signers: SIGNERS,
    upstreams: BOTH,
    calls: &[(0, 0), (0, 1), (1, 1)],
    kills: 1,
    lost_replies: 0,
    companion_is_ahead: false,
};

/// One of two upstreams is a signer with another store.
const WITH_OTHER_STORE: RelaySetup = RelaySetup {
    upstreams: &[Upstream::Signer(0), Upstream::OtherStore],
    calls: &[(0, 0), (1, 1)],
    lost_replies: 1,
    ..TWO_BAKERS
};

/// The second baker is one level ahead.
const TWO_LEVELS: RelaySetup =
    RelaySetup { signers: Setup { levels: 2, ..SIGNERS }, calls: &[(0, 0), (3, 1)], lost_replies: 1, ..TWO_BAKERS };

/// Each vote needs a second signature, by a companion key.
const WITH_COMPANION: RelaySetup =
    RelaySetup { signers: Setup { has_companion: true, ..SIGNERS }, calls: &[(0, 0), (1, 1)], kills: 0, ..TWO_BAKERS };

/// Checked in every run.
pub const RELAY_SETUPS: &[RelaySetup] = &[
    RelaySetup { name: "votes", ..TWO_BAKERS },
    RelaySetup {
        name: "blocks",
        signers: Setup { kinds: &[BLOCKS], ..SIGNERS },
        calls: &[(0, 0), (1, 1)],
        lost_replies: 1,
        ..TWO_BAKERS
    },
    RelaySetup {
        name: "votes, a signer crashes",
        signers: Setup { crashes: 1, ..SIGNERS },
        calls: &[(0, 0), (1, 1)],
        ..TWO_BAKERS
    },
    RelaySetup { name: "votes, two levels", ..TWO_LEVELS },
    RelaySetup { name: "votes, another store", ..WITH_OTHER_STORE },
    RelaySetup { name: "votes, companion key", ..WITH_COMPANION },
    RelaySetup {
        name: "companion key, a crash",
        signers: Setup { has_companion: true, crashes: 1, times_sent: 2, ..SIGNERS },
        ..WITH_COMPANION
    },
    RelaySetup {
        name: "companion key, a fault",
        signers: Setup { has_companion: true, faults: 1, times_sent: 2, ..SIGNERS },
        ..WITH_COMPANION
    },
    RelaySetup {
        name: "companion key, its mark is ahead",
        companion_is_ahead: true,
        lost_replies: 1,
        ..WITH_COMPANION
    },
];

/// For broken variants.
pub(super) const SMALL_LEVELS: RelaySetup = RelaySetup { name: "levels", kills: 0, lost_replies: 0, ..TWO_LEVELS };
pub(super) const SMALL_OTHER_STORE: RelaySetup =
    RelaySetup { name: "store", kills: 0, lost_replies: 0, ..WITH_OTHER_STORE };
pub(super) const SMALL_COMPANION: RelaySetup = RelaySetup { name: "keys", ..WITH_COMPANION };
