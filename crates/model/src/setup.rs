//! The setups to explore: how large each model is.

use crate::payload::Form;

/// A way in which the store loses marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The container is deleted and created again. Keys are bound to the first one.
    Container,
    /// One mark disappears from the same container. Only an instance that has seen the mark can notice.
    Mark,
}

const NO_LOSS: (u8, Loss) = (0, Loss::Mark);

/// The bounds of a model. Everything within them is explored.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is one bound")]
pub struct Setup {
    /// Name in reports.
    pub name: &'static str,
    /// Signer instances, each of which may receive any request.
    pub instances: usize,
    /// Bakers, all with the same key.
    pub bakers: usize,
    /// Payload types to sign: for each kind, the forms that the bakers use in turn.
    pub kinds: &'static [&'static [Form]],
    /// Number of levels; at each, every baker has a different payload.
    pub levels: u8,
    /// How often each payload is sent: once by the baker, and further times as repeats by the Functions host, a client or a
    /// relay.
    pub times_sent: usize,
    /// Maximum number of crashes in a run.
    pub crashes: u8,
    /// Maximum number of other faults in a run.
    pub faults: u8,
    /// Maximum number of times that the store loses marks in a run, and how.
    pub losses: (u8, Loss),
    /// Whether the vault may answer for a vote at any time, before its mark is recorded or after. Otherwise it has answered
    /// or failed by the time the mark is recorded. The two are indistinguishable: an early signature waits unseen, and a late
    /// one changes nothing that anyone reads. So both are checked, and the larger models use the second.
    pub slow_vault: bool,
    /// Whether each payload may be signed with a second key, too: the companion of a tz4 consensus key.
    pub has_companion: bool,
    /// Whether the keys are sealed: the store of their marks is in the file that an instance has opened, and not in a tag.
    pub is_sealed: bool,
    /// Whether the key may be stopped, so that reading its stop item is a step.
    pub reads_stops: bool,
    /// Whether marks keep their last signatures.
    pub keeps_trail: bool,
    /// The number of the first baker: bakers with different numbers have different payloads.
    pub first_baker: u8,
    /// The number of the store, if there are several: their vaults sign differently.
    pub site: u8,
    /// How many of the instances, the first ones, are of the release that does not know stops.
    pub earlier: usize,
}

pub(crate) const BLOCKS: &[Form] = &[Form::Block];
/// Two bakers at one slot; one attests DAL content.
pub(crate) const VOTES: &[Form] = &[Form::Attestation, Form::AttestationWithDal];

/// Two instances, two bakers, two levels, every payload sent twice, one crash and one other fault.
pub(crate) const TWO: Setup = Setup {
    name: "",
    instances: 2,
    bakers: 2,
    kinds: &[],
    levels: 2,
    times_sent: 2,
    crashes: 1,
    faults: 1,
    losses: NO_LOSS,
    slow_vault: false,
    has_companion: false,
    is_sealed: false,
    reads_stops: false,
    keeps_trail: false,
    first_baker: 0,
    site: 0,
    earlier: 0,
};

/// Three instances, without crashes.
const THREE: Setup = Setup { instances: 3, crashes: 0, faults: 0, ..TWO };

/// The container is created again, in addition to a crash and another fault.
const CREATED_AGAIN: Setup = Setup { levels: 1, losses: (1, Loss::Container), ..TWO };

/// One instance, which survives the store's loss of a mark: a new one could not notice.
const LOST: Setup = Setup { instances: 1, crashes: 0, losses: (1, Loss::Mark), ..TWO };

/// Checked in every run.
pub const SETUPS: &[Setup] = &[
    Setup { name: "blocks", kinds: &[BLOCKS], ..TWO },
    Setup { name: "votes", kinds: &[VOTES], ..TWO },
    Setup { name: "blocks, 3 instances", kinds: &[BLOCKS], ..THREE },
    Setup { name: "votes, 3 instances", kinds: &[VOTES], ..THREE },
    Setup { name: "votes, slow vault", kinds: &[VOTES], levels: 1, slow_vault: true, ..TWO },
    Setup { name: "blocks, more faults", kinds: &[BLOCKS], levels: 1, crashes: 2, faults: 2, ..TWO },
    Setup { name: "votes, more faults", kinds: &[VOTES], levels: 1, crashes: 2, faults: 2, ..TWO },
    Setup { name: "blocks, container created again", kinds: &[BLOCKS], ..CREATED_AGAIN },
    Setup { name: "votes, container created again", kinds: &[VOTES], ..CREATED_AGAIN },
    Setup { name: "blocks, a mark is lost", kinds: &[BLOCKS], ..LOST },
    Setup { name: "votes, a mark is lost", kinds: &[VOTES], ..LOST },
    Setup { name: "blocks and votes at once", kinds: &[BLOCKS, VOTES], levels: 1, times_sent: 1, ..TWO },
];

/// Checked only with `--thorough`.
pub const THOROUGH: &[Setup] = &[
    Setup { name: "blocks and votes at once, 2 levels", kinds: &[BLOCKS, VOTES], times_sent: 1, faults: 0, ..TWO },
    Setup { name: "blocks, two of each fault", kinds: &[BLOCKS], crashes: 2, faults: 2, ..TWO },
    Setup { name: "votes, two of each fault", kinds: &[VOTES], crashes: 2, faults: 2, ..TWO },
    Setup { name: "blocks, 3 instances, a fault", kinds: &[BLOCKS], faults: 1, ..THREE },
    Setup { name: "votes, 3 instances, a fault", kinds: &[VOTES], faults: 1, ..THREE },
];

/// For broken variants: as small as possible.
const SMALL: Setup = Setup { levels: 1, crashes: 0, slow_vault: true, ..TWO };
const SMALL_CREATED_AGAIN: Setup = Setup { crashes: 1, slow_vault: false, ..CREATED_AGAIN };

pub(crate) const SMALL_BLOCKS: Setup = Setup { name: "blocks", kinds: &[BLOCKS], ..SMALL };
pub(crate) const SMALL_VOTES: Setup = Setup { name: "votes", kinds: &[VOTES], ..SMALL };
pub(crate) const SMALL_BLOCKS_CREATED_AGAIN: Setup = Setup { name: "blocks", kinds: &[BLOCKS], ..SMALL_CREATED_AGAIN };
pub(crate) const SMALL_VOTES_CREATED_AGAIN: Setup = Setup { name: "votes", kinds: &[VOTES], ..SMALL_CREATED_AGAIN };
pub(crate) const SMALL_BLOCKS_LOST: Setup = Setup { name: "blocks", kinds: &[BLOCKS], levels: 1, ..LOST };
pub(crate) const SMALL_VOTES_LOST: Setup = Setup { name: "votes", kinds: &[VOTES], levels: 1, ..LOST };
