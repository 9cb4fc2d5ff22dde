//! Secure Key Release: in a confidential container, a sidecar has a vault's key released, and the signer unwraps with it.
//!
//! The sidecar is `skr` of microsoft/confidential-sidecar-containers. It listens on localhost of the container group, has the hardware
//! attested, and sends the attestation to the vault, which compares it with the key's policy and encrypts the key for the sidecar.

use super::recipient::Recipient;
use super::released_key;
use crate::failure_reason::FailureReason;
use crate::net::loopback_http;
use crate::vault::VaultError;
use crate::vault::blocking::on_blocking_thread;
use crate::vault::key_vault::{KeyIdentifier, VaultUrl};
use azure_core::http::Url;
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// How keys are released to this container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReleaseSettings {
    /// `SECURE_KEY_RELEASE_URL`: the sidecar.
    pub sidecar: SidecarUrl,
    /// `ATTESTATION_ENDPOINT`: the attestation service.
    pub attestation: AttestationEndpoint,
}

/// The address of the sidecar: plain HTTP on this machine, so that the key does not leave the container group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidecarUrl {
    url: String,
    addresses: Vec<SocketAddr>,
}

/// The host name of an attestation service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationEndpoint(String);

/// Why a text is not the address of a sidecar, or not the host name of an attestation service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidEndpoint(&'static str);

impl FromStr for SidecarUrl {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        const EXPECTED: InvalidEndpoint = InvalidEndpoint(
            "expected http://localhost:<port>, or another address of this machine: the sidecar is in the same container group, and the \
             released key must not leave it",
        );
        let url = Url::parse(text).map_err(|_| EXPECTED)?;
        let is_bare = (url.path(), url.query(), url.fragment()) == ("/", None, None);
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        let hosts = match url.host_str().unwrap_or_default() {
            "localhost" => vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)],
            host => host.trim_matches(['[', ']']).parse().into_iter().collect(),
        };
        let is_loopback = !hosts.is_empty() && hosts.iter().all(IpAddr::is_loopback);
        let Some(port) = url.port_or_known_default() else { return Err(EXPECTED) };
        if url.scheme() != "http" || !is_bare || !is_anonymous || !is_loopback {
            return Err(EXPECTED);
        }
        let addresses = hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect();
        Ok(Self { url: url.into(), addresses })
    }
}

impl fmt::Display for SidecarUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

impl FromStr for AttestationEndpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let is_name = Url::parse(&format!("https://{text}/"))
            .is_ok_and(|url| url.domain() == Some(text) && text.contains('.') && url.port().is_none());
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEndpoint(
                "expected the host name of an attestation service, without https://, such as bakery.weu.attest.azure.net",
            ))
        }
    }
}

impl fmt::Display for AttestationEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Has the recipient's key released, and unwraps the data key with it. One call. The released key is compared with the recipient's
/// public key, and everything that contained it is wiped.
///
/// # Errors
/// [`VaultError`]. A retry may succeed, also after a 403: roles are granted later.
pub(super) async fn unwrap_key(
    settings: &KeyReleaseSettings,
    vault: &VaultUrl,
    key: &KeyIdentifier,
    recipient: &Recipient,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    // The sidecar makes https://<akv_endpoint>/keys/<kid>/release of these, so there is no scheme, and the version follows the name.
    let request = json!({
        "maa_endpoint": settings.attestation.to_string(),
        "akv_endpoint": vault.as_url().host_str().unwrap_or_default(),
        "kid": key.to_string(),
    });
    let answer = loopback_http::post(&settings.sidecar.addresses, "/key/release", &request.to_string()).await.map_err(
        |error| {
            let log = format!("{}: {error}", settings.sidecar);
            VaultError::unavailable(FailureReason::with_log("the sidecar for key release cannot be reached", log))
        },
    )?;
    if answer.status() != 200 {
        return Err(refusal(answer.status(), answer.body()));
    }
    let recipient = recipient.clone();
    on_blocking_thread(move || {
        let released = released_key::parse(answer.body()).map_err(|error| {
            VaultError::Untrusted(FailureReason::with_log(
                "the sidecar for key release returned no usable key",
                format!("the sidecar for key release returned no usable key: {error}"),
            ))
        })?;
        if released.public_key() != recipient.key().public_key() {
            return Err(VaultError::Untrusted("the released key is not that of the recipient".into()));
        }
        let wrong = || VaultError::unable("the data key cannot be unwrapped with the released key");
        released.unwrap(recipient.wrapped_key()).ok_or_else(wrong)
    })
    .await?
}

/// The sidecar reports everything that the attestation service, the identity or the vault has refused as 403.
fn refusal(status: u16, body: &[u8]) -> VaultError {
    /// Of the text for the log, in characters.
    const MAX_LENGTH: usize = 2000;
    #[derive(Deserialize)]
    struct Body {
        error: String,
    }
    let details = serde_json::from_slice::<Body>(body).map(|body| body.error).unwrap_or_default();
    let details: String = details.chars().take(MAX_LENGTH).collect();
    let answer = format!("key release: {status}");
    let reason = FailureReason::with_log(answer.clone(), format!("{answer}: {details}"));
    match status {
        403 => VaultError::Denied(reason),
        500.. => VaultError::unavailable(reason),
        _ => VaultError::unable(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sidecar_is_on_this_machine() {
        for (text, first) in [
            ("http://localhost:8080", "127.0.0.1:8080"),
            ("http://localhost", "127.0.0.1:80"),
            ("http://127.0.0.2:81/", "127.0.0.2:81"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            let url: SidecarUrl = text.parse().unwrap();
            assert_eq!(url.addresses[0].to_string(), first, "{text}");
        }
        for text in [
            "",
            "localhost:8080",
            "https://localhost:8080",
            "http://10.0.0.4:8080",
            "http://skr:8080",
            "http://localhost.example.org:8080",
            "http://localhost:8080/key/release",
            "http://localhost:8080/?a=b",
            "http://user@localhost:8080",
        ] {
            assert!(text.parse::<SidecarUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_attestation_service_is_a_host_name() {
        assert!("bakery.weu.attest.azure.net".parse::<AttestationEndpoint>().is_ok());
        for text in ["", "bakery", "https://bakery.weu.attest.azure.net", "a.b/", "a.b:443", "a.b?c", "1.2.3.4", "A.b"]
        {
            assert!(text.parse::<AttestationEndpoint>().is_err(), "{text}");
        }
    }
}
