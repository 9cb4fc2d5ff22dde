//! What signers report about themselves, so that they can be compared. Requests no signature, and writes nothing.

use super::connections::Sharing;
use super::core::Relay;
use super::state::SavedState;
use super::upstream::{Call, Upstream};
use super::{RelayError, RelaySettings, UpstreamUrl};
use crate::azure::TlsRoots;
use futures::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::time::Instant;

/// How long the calls to one signer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a signer reports about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignerReport {
    /// The public key hashes of the keys that can sign.
    pub addresses: BTreeSet<String>,
    /// The public key hashes of the keys that may authenticate requests; empty if no request has to be authenticated.
    pub authorized_keys: BTreeSet<String>,
    /// The digest of its mark store's identity; `None` while it does not know it.
    pub store: Option<String>,
    /// The digest of its policy.
    pub policy: Option<String>,
    /// The version of its program.
    pub version: Option<String>,
}

/// Why a signer reports nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoReport {
    /// It cannot be reached, or did not answer in time.
    #[error("{0}")]
    Unreachable(String),
    /// The answer has no headers of a signer, so it comes from the platform, or from another program.
    #[error("status {0} without a signer's headers, so the answer is not from the signer")]
    NotFromSigner(u16),
    /// The signer's answer is not the one expected.
    #[error("{path}: status {status}, which is not the expected answer of a signer")]
    Unexpected {
        /// The path of the request.
        path: &'static str,
        /// The status of the answer.
        status: u16,
    },
}

/// Calls each upstream with the relay's credentials. The reports are in the order of the upstreams.
///
/// # Errors
/// [`RelayError`], if the credentials cannot be used.
pub async fn inspect(
    settings: &RelaySettings,
    roots: &TlsRoots,
) -> Result<Vec<(UpstreamUrl, Result<SignerReport, NoReport>)>, RelayError> {
    let relay = Relay::new(Arc::new(SavedState::read(&settings.state_dir)?), settings, roots, None)?;
    let calls = relay.upstreams.iter().map(|upstream| async { (upstream.url.clone(), report(upstream).await) });
    Ok(join_all(calls).await)
}

async fn report(upstream: &Upstream) -> Result<SignerReport, NoReport> {
    const KEYS: &str = "/keys";
    const AUTHORIZED_KEYS: &str = "/authorized_keys";
    let deadline = Instant::now() + TIMEOUT;
    let call = async |path: &'static str| {
        let reply = upstream.call(&Call::get(path), Sharing::Any, deadline).await;
        let reply = reply.map_err(|no_reply| NoReport::Unreachable(no_reply.to_string()))?;
        let status = reply.status.as_u16();
        match reply.signer.clone() {
            None => Err(NoReport::NotFromSigner(status)),
            Some(_) if status != 200 => Err(NoReport::Unexpected { path, status }),
            Some(signer) => Ok((reply, signer)),
        }
    };
    let (keys, signer) = call(KEYS).await?;
    let (authorized, _) = call(AUTHORIZED_KEYS).await?;
    let authorized = authorized.authorized_keys().ok_or(NoReport::Unexpected { path: AUTHORIZED_KEYS, status: 200 })?;
    Ok(SignerReport {
        addresses: keys.listed_keys().into_iter().collect(),
        authorized_keys: authorized.iter().map(ToString::to_string).collect(),
        store: signer.store.map(|store| store.to_string()),
        policy: signer.policy,
        version: signer.version,
    })
}
