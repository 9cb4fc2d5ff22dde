//! Participation: which votes and blocks of the keys are on chain, and why the others are not.
//!
//! A duty is a vote or a block that a key had the right to. Its outcome is decided once the block that should show it is final: it is
//! on chain, or it was signed and is not on chain, or this process refused or failed it, or nobody requested it. Nothing here decides
//! what is signed.
//!
//! | module | |
//! | --- | --- |
//! | `duty`, `outcome`, `signatures` | what was due, and what became of it. Pure |
//! | `branch`, `cycle`, `rights`, `standing` | what is known of the chain. Pure |
//! | `branches` | the blocks of all nodes, and which of them have been judged |
//! | `answers`, `from_log` | what this process, or the one of a log, answered recently |
//! | `tally`, `state` | outcomes by key, cycle and kind |
//! | `node` | reads rights and standings from a node |
//! | `follow` | judges the duties of each final block in a running signer |
//! | `review` | looks back at the last blocks, for a command |

mod answers;
mod branch;
mod branches;
mod cycle;
mod duty;
mod follow;
mod from_log;
mod node;
mod outcome;
mod review;
mod rights;
mod signatures;
mod standing;
mod state;
mod tally;

pub use answers::{Answers, Unsigned};
pub use branches::Branches;
pub use cycle::Cycle;
pub use duty::{BlockOnChain, Duty, DutyKind};
pub use follow::{Records, follow, sources};
pub use from_log::answers_of_log;
pub use node::ChainSource;
pub use outcome::{Missed, Outcome, Signatures, judge};
pub use review::{KeyReview, NextRights, Review, review};
pub use standing::Standing;
pub use state::Participation;
pub use tally::{Counts, Tally};
