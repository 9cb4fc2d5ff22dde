use crate::payload::Form;

/// How a store loses marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The container is deleted and created again. Keys are bound to the first one.
    Container,
    /// A mark is gone, and the container is the same. Only an instance that has seen the mark can notice.
    Mark,
}

const NO_LOSS: (u8, Loss) = (0, Loss::Mark);

/// How large a model is. Everything within these bounds is explored.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// What it is called.
    pub name: &'static str,
    /// Signer instances, each of which may be asked anything.
    pub instances: usize,
    /// Bakers, all with one key.
    pub bakers: usize,
    /// What each of them asks for: for each kind, the forms that the bakers use in turn.
    pub kinds: &'static [&'static [Form]],
    /// Levels, at each of which every baker wants something else.
    pub levels: u8,
    /// How often each of them asks for each of its payloads: the request itself, and what repeats it (the host, the client, a
    /// relay).
    pub times_asked: usize,
    /// Crashes in one run, at any time.
    pub crashes: u8,
    /// Other faults in one run, at any time.
    pub faults: u8,
    /// How often the store may lose marks in one run, and how.
    pub losses: (u8, Loss),
    /// Whether the vault may answer for a vote at any time, before its mark is recorded or after it. Otherwise it has
    /// answered, or failed, by then. Nobody can tell the two apart: what is early lies there unseen, and what is late changes
    /// nothing that anybody reads. So what is promised is checked with both, and the larger models are of the second.
    pub slow_vault: bool,
}

const BLOCKS: &[Form] = &[Form::Block];
/// Two bakers at one slot, of which one attests DAL content.
const VOTES: &[Form] = &[Form::Attestation, Form::AttestationWithDal];

/// Two instances, two bakers, two levels, everything asked twice, one crash and one other fault.
const TWO: Setup = Setup {
    name: "",
    instances: 2,
    bakers: 2,
    kinds: &[],
    levels: 2,
    times_asked: 2,
    crashes: 1,
    faults: 1,
    losses: NO_LOSS,
    slow_vault: false,
};

/// Three instances that do not crash.
const THREE: Setup = Setup { instances: 3, crashes: 0, faults: 0, ..TWO };

/// The container is created again, beside a crash and another fault.
const CREATED_AGAIN: Setup = Setup { levels: 1, losses: (1, Loss::Container), ..TWO };

/// One instance that lives on when the store has lost a mark: others could not know.
const LOST: Setup = Setup { instances: 1, crashes: 0, losses: (1, Loss::Mark), ..TWO };

/// What is checked each time.
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
    Setup { name: "blocks and votes at once", kinds: &[BLOCKS, VOTES], levels: 1, times_asked: 1, ..TWO },
];

/// What takes longer.
pub const THOROUGH: &[Setup] = &[
    Setup { name: "blocks and votes at once, 2 levels", kinds: &[BLOCKS, VOTES], times_asked: 1, faults: 0, ..TWO },
    Setup { name: "blocks, two of each fault", kinds: &[BLOCKS], crashes: 2, faults: 2, ..TWO },
    Setup { name: "votes, two of each fault", kinds: &[VOTES], crashes: 2, faults: 2, ..TWO },
    Setup { name: "blocks, 3 instances, a fault", kinds: &[BLOCKS], faults: 1, ..THREE },
    Setup { name: "votes, 3 instances, a fault", kinds: &[VOTES], faults: 1, ..THREE },
];

/// Where broken variants are caught: as small as can be.
const SMALL: Setup = Setup { levels: 1, crashes: 0, slow_vault: true, ..TWO };
const SMALL_CREATED_AGAIN: Setup = Setup { crashes: 1, slow_vault: false, ..CREATED_AGAIN };

pub(crate) const SMALL_BLOCKS: Setup = Setup { name: "blocks", kinds: &[BLOCKS], ..SMALL };
pub(crate) const SMALL_VOTES: Setup = Setup { name: "votes", kinds: &[VOTES], ..SMALL };
pub(crate) const SMALL_BLOCKS_CREATED_AGAIN: Setup = Setup { name: "blocks", kinds: &[BLOCKS], ..SMALL_CREATED_AGAIN };
pub(crate) const SMALL_VOTES_CREATED_AGAIN: Setup = Setup { name: "votes", kinds: &[VOTES], ..SMALL_CREATED_AGAIN };
pub(crate) const SMALL_BLOCKS_LOST: Setup = Setup { name: "blocks", kinds: &[BLOCKS], levels: 1, ..LOST };
pub(crate) const SMALL_VOTES_LOST: Setup = Setup { name: "votes", kinds: &[VOTES], levels: 1, ..LOST };
