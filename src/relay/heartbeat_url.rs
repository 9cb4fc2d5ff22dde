//! The address of a dead man's switch, which is a secret: who knows it can send heartbeats.

use super::upstream_url::is_loopback;
use crate::text;
use azure_core::http::Url;
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Where heartbeats go, and how often.
#[derive(Debug, Clone)]
pub struct HeartbeatSettings {
    /// `RELAY_HEARTBEAT_URL` or `RELAY_HEARTBEAT_URL_FILE`.
    pub url: HeartbeatSource,
    /// `RELAY_HEARTBEAT_SECONDS`.
    pub interval: Duration,
}

/// Where the address comes from.
#[derive(Debug, Clone)]
pub enum HeartbeatSource {
    /// `RELAY_HEARTBEAT_URL`.
    Given(HeartbeatUrl),
    /// `RELAY_HEARTBEAT_URL_FILE`.
    File(PathBuf),
}

/// An address: `https`, or `http` on this machine. It is never shown.
#[derive(Debug, Clone)]
pub struct HeartbeatUrl(SecretString);

/// Why a text is not such an address. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected an address with https://, such as https://hc-ping.com/<uuid>; http:// is accepted for this machine only"
)]
pub struct InvalidHeartbeatUrl;

/// Why there is no address. Does not contain it.
#[derive(Debug, Error)]
pub(super) enum NoHeartbeatUrl {
    /// The file cannot be read.
    #[error("RELAY_HEARTBEAT_URL_FILE: {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file contains something else.
    #[error("RELAY_HEARTBEAT_URL_FILE: {}: {source}", path.display())]
    Invalid { path: PathBuf, source: InvalidHeartbeatUrl },
}

impl FromStr for HeartbeatUrl {
    type Err = InvalidHeartbeatUrl;

    fn from_str(text: &str) -> Result<Self, InvalidHeartbeatUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidHeartbeatUrl)?;
        let host = url.host_str().ok_or(InvalidHeartbeatUrl)?;
        let is_accepted = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(host));
        if is_accepted { Ok(Self(String::from(url).into())) } else { Err(InvalidHeartbeatUrl) }
    }
}

impl HeartbeatSource {
    /// The address. A file is read each time, so that a new address in it is used at once.
    ///
    /// # Errors
    /// [`NoHeartbeatUrl`].
    pub(super) fn read(&self) -> Result<HeartbeatUrl, NoHeartbeatUrl> {
        match self {
            Self::Given(url) => Ok(url.clone()),
            Self::File(path) => {
                let text = text::read_secret(path)
                    .map_err(|source| NoHeartbeatUrl::Unreadable { path: path.clone(), source })?;
                text.parse().map_err(|source| NoHeartbeatUrl::Invalid { path: path.clone(), source })
            }
        }
    }
}

impl HeartbeatUrl {
    /// The address, for the HTTP client only.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encrypted_or_local_and_not_shown() {
        for (text, is_accepted) in [
            ("https://hc-ping.com/0a1b", true),
            ("https://monitoring.example:8443/ping?token=0a1b\n", true),
            ("http://127.0.0.1:8000/ping/0a1b", true),
            ("http://[::1]:8000/0a1b", true),
            ("http://hc-ping.com/0a1b", false),
            ("hc-ping.com/0a1b", false),
            ("file:///0a1b", false),
            ("", false),
        ] {
            match text.parse::<HeartbeatUrl>() {
                Ok(url) => assert!(is_accepted && !format!("{url:?}").contains("0a1b"), "{url:?}"),
                Err(error) => assert!(!is_accepted && !error.to_string().contains("0a1b"), "{text}"),
            }
        }
    }
}
