//! `azurehsm-signer doctor`, as the shipped binary, with healthy and with faulty deployments.

mod all_well;
mod audit;
mod binding;
mod calendar;
pub(crate) mod deployment;
mod embedded;
mod keys;
mod levels;
pub(crate) mod node;
mod peers;
mod problems;
mod slow_and_dead;
