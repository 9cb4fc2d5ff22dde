//! The signer in Azure: the shipped binary, against stand-ins of Key Vault, Cosmos DB and managed identity over TLS. With
//! `SIGNER_PACKAGE` (`target/package/azurehsm-signer.zip`), the package behind a stand-in of the Functions host.

mod accounts;
mod audit;
mod bind;
mod binding;
mod canary;
pub(crate) mod cloud;
mod commands;
mod faults;
mod identity;
mod idle;
mod in_process;
pub(crate) mod instance;
mod keys;
mod marks;
mod marks_export;
mod metrics;
mod outages;
mod recover;
mod runner;
mod sealed;
mod sealed_container;
mod sealed_regions;
mod sealed_tampering;
mod secrets;
mod stops;
mod store_identity;
mod two_bakers;
mod unusable_keys;
mod vault;

/// Operations carry no level, so they are signed without a mark.
const ANY_OPERATION: (&str, &str) = ("POLICY", r#"{"default": {"operations": ["any"]}}"#);
