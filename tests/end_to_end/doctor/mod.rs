//! `azurehsm-signer doctor`, as the shipped binary, in deployments that are well and in those that are not.

mod all_well;
mod binding;
mod deployment;
mod embedded;
mod keys;
mod levels;
mod node;
mod slow_and_dead;
mod what_is_wrong;
