//! The path of a request: find the key, authenticate, decode, policy, binding, head, commit and sign, verify, release.
//!
//! [`Signer::sign`] takes these steps, each in a module. The verdict is *signed*, *refused* ([`Refusal`]), or *failed*
//! ([`Failure`]).

mod admission;
mod authenticate;
mod binding;
mod commit;
mod companion;
mod head;
mod held_keys;
mod keyring;
mod newer_versions;
mod observed;
mod observing;
pub mod policy;
pub mod policy_check;
mod possession;
mod purpose;
mod records;
mod repeats;
mod request;
mod sign;
mod trace;
mod unauthenticated;
mod verdict;
mod verify;

pub use authenticate::AuthorizedKeys;
pub use companion::Companion;
pub use head::{HeadRule, UnknownAction, WhenHeadUnknown};
pub use keyring::KeyRing;
pub use observing::Withheld;
pub use policy::Policy;
pub use request::SignRequest;
pub use sign::Signer;
pub use unauthenticated::Unauthenticated;
pub use verdict::{Failure, NotSigned, Refusal};
