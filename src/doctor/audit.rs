//! Checks of the history of signatures: whether blocks could be appended to its container.

use super::{Finding, INSTALL_CERTIFICATES};
pub(super) use crate::audit::SCOPE;
use crate::audit::{BlobError, Container, ContainerUrl};
use crate::azure::reason_of;
use crate::wiring::Azure;
use std::sync::Arc;

/// Writes nothing: it tries to append to a blob that does not exist, which the service refuses only after it has checked the role.
pub(super) async fn check(url: &ContainerUrl, azure: &Azure) -> Finding {
    const CHECK: &str = "audit.container";
    let container = match Container::new(url.clone(), Arc::clone(&azure.tokens), &azure.roots) {
        Ok(container) => container,
        Err(error) => return Finding::failed(CHECK, reason_of(&error), INSTALL_CERTIFICATES).about(url),
    };
    match container.may_append().await {
        Ok(()) => Finding::ok(CHECK, "blocks may be appended"),
        Err(error) => {
            let advice = match &error {
                BlobError::Status { status: 403, .. } => {
                    "give the signer's identity a role with the data action \
                     Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action on the container, and check the \
                     account's network rules; signing is not affected, but the history has a gap"
                }
                BlobError::Status { .. } => "check AUDIT_CONTAINER_URL: the container must exist",
                BlobError::Token(_) => "see the checks of the identity",
                BlobError::NoAnswer(_) | BlobError::Unreadable(_) => {
                    "check AUDIT_CONTAINER_URL, and that this machine can reach the account; signing is not affected, but the history \
                     has a gap"
                }
            };
            Finding::warning(CHECK, error.to_string(), advice)
        }
    }
    .about(url)
}
