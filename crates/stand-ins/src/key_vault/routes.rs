//! Routing: from method and path to the operation.

use crate::faults::Operation;
use hyper::Method;
use hyper::http::request::Parts;
use std::collections::HashMap;

/// The target of a request. An empty version means the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Keys,
    Versions {
        name: String,
    },
    Key {
        name: String,
        version: String,
    },
    Sign {
        name: String,
        version: String,
    },
    RotationPolicy {
        name: String,
    },
    /// Only with [`KeyVault::allow_unwrap`](super::KeyVault::allow_unwrap), as for a signer with sealed keys.
    Unwrap {
        name: String,
        version: String,
    },
    /// Only with [`KeyVault::allow_update`](super::KeyVault::allow_update): an operator may do it, a signer may not.
    Update {
        name: String,
        version: String,
    },
    /// Not included in a signer's role; with the Azure role action that it would need.
    Forbidden {
        action: &'static str,
    },
}

impl Route {
    pub(super) fn of(head: &Parts) -> Self {
        let path: Vec<_> = head.uri.path().split('/').skip(1).collect();
        let owned = |name: &str| name.to_owned();
        match (&head.method, path.as_slice()) {
            (&Method::GET, ["keys"] | ["keys", ""]) => Self::Keys,
            (&Method::GET, ["keys", name, "versions"]) => Self::Versions { name: owned(name) },
            (&Method::GET, ["keys", name, "rotationpolicy"]) => Self::RotationPolicy { name: owned(name) },
            (&Method::GET, ["keys", name]) => Self::Key { name: owned(name), version: String::new() },
            (&Method::GET, ["keys", name, version]) => Self::Key { name: owned(name), version: owned(version) },
            (&Method::POST, ["keys", name, "sign"]) => Self::Sign { name: owned(name), version: String::new() },
            (&Method::POST, ["keys", name, version, "sign"]) => {
                Self::Sign { name: owned(name), version: owned(version) }
            }
            (&Method::POST, ["keys", name, version, "unwrapkey"]) => {
                Self::Unwrap { name: owned(name), version: owned(version) }
            }
            (&Method::PATCH, ["keys", name, version]) => Self::Update { name: owned(name), version: owned(version) },
            (method, path) => Self::Forbidden { action: action(method, path) },
        }
    }

    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Keys => Operation::ListKeys,
            Self::Versions { .. } => Operation::ListVersions,
            Self::Key { .. } => Operation::GetKey,
            Self::Sign { .. } => Operation::Sign,
            Self::Unwrap { .. } => Operation::UnwrapKey,
            Self::RotationPolicy { .. } => Operation::RotationPolicy,
            Self::Update { .. } => Operation::UpdateKey,
            Self::Forbidden { .. } => Operation::Other,
        }
    }
}

/// The Azure role action for unwrapping a key.
pub(super) const UNWRAP: &str = "Microsoft.KeyVault/vaults/keys/unwrap/action";

/// The Azure role action for releasing a key.
pub(super) const RELEASE: &str = "Microsoft.KeyVault/vaults/keys/release/action";

/// The Azure role action for updating a key.
pub(super) const UPDATE: &str = "Microsoft.KeyVault/vaults/keys/update/action";

fn action(method: &Method, path: &[&str]) -> &'static str {
    match (method, path.last().copied().unwrap_or_default()) {
        (_, "create") => "Microsoft.KeyVault/vaults/keys/create/action",
        (_, "import") => "Microsoft.KeyVault/vaults/keys/import/action",
        (_, "backup") => "Microsoft.KeyVault/vaults/keys/backup/action",
        (_, "restore") => "Microsoft.KeyVault/vaults/keys/restore/action",
        (_, "rotate") => "Microsoft.KeyVault/vaults/keys/rotate/action",
        (_, "rotationpolicy") => "Microsoft.KeyVault/vaults/keyrotationpolicies/write",
        (_, "release") => RELEASE,
        (_, "verify") => "Microsoft.KeyVault/vaults/keys/verify/action",
        (_, "encrypt") => "Microsoft.KeyVault/vaults/keys/encrypt/action",
        (_, "decrypt") => "Microsoft.KeyVault/vaults/keys/decrypt/action",
        (_, "wrapkey") => "Microsoft.KeyVault/vaults/keys/wrap/action",
        (&Method::DELETE, _) => "Microsoft.KeyVault/vaults/keys/delete",
        (&Method::PATCH | &Method::PUT, _) => UPDATE,
        _ => "Microsoft.KeyVault/vaults/other/action",
    }
}

/// The query parameters.
pub(super) fn parameters(head: &Parts) -> HashMap<String, String> {
    url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}
