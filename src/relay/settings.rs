//! The settings of the relay.

use super::credential::{ClientCertificateFiles, FunctionKeySource, TokenSettings};
use super::{HeartbeatSettings, StoreDigest, UpstreamUrl};
use crate::tezos::authentication::AuthorizedKey;
use crate::tezos::{Curve, PublicKeyHash};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// What the environment says, or the defaults.
#[derive(Debug)]
pub struct RelaySettings {
    /// `RELAY_LISTEN`.
    pub listen: SocketAddr,
    /// `RELAY_HOST_NAMES`: names under which clients reach the relay, other than those of the machine itself.
    pub host_names: Vec<HostName>,
    /// `RELAY_UPSTREAMS`, in order of preference; never empty.
    pub upstreams: Vec<UpstreamUrl>,
    /// `RELAY_OBSERVER`.
    pub observer: Option<UpstreamUrl>,
    /// `RELAY_HEDGE_MS`.
    pub hedge: Duration,
    /// `RELAY_DEADLINE_MS`.
    pub deadline: Duration,
    /// `RELAY_STATE_DIR`.
    pub state_dir: PathBuf,
    /// `RELAY_STORE`.
    pub store: Option<StoreDigest>,
    /// `RELAY_OPERATIONS`: the keys that may sign anything but blocks and votes.
    pub operations: Vec<PublicKeyHash>,
    /// `RELAY_ALLOW_DRAIN_DELEGATE`: whether they may sign `drain_delegate`, too.
    pub allow_drain: bool,
    /// `RELAY_AUTHORIZED_KEYS`.
    pub authorized_keys: Vec<AuthorizedKey>,
    /// `RELAY_AUTHENTICATION_KEY_FILE`: the authorized key that signs requests for clients that do not sign theirs.
    pub authentication_key: Option<PathBuf>,
    /// `RELAY_COMPANIONS`.
    pub companions: Vec<CompanionPair>,
    /// `RELAY_FUNCTION_KEYS` or `RELAY_FUNCTION_KEYS_FILE`.
    pub function_keys: FunctionKeySource,
    /// `RELAY_TOKEN_SCOPE`, and the identity that the environment offers.
    pub token: Option<TokenSettings>,
    /// `RELAY_CLIENT_CERTIFICATE_FILE` and `RELAY_CLIENT_KEY_FILE`.
    pub client_certificate: Option<ClientCertificateFiles>,
    /// `RELAY_HEARTBEAT_URL` or `RELAY_HEARTBEAT_URL_FILE`, and `RELAY_HEARTBEAT_SECONDS`.
    pub heartbeat: Option<HeartbeatSettings>,
}

/// A host name without a port, as clients write it in the header `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// A text that is not a host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a host name or an IP address without a port, such as relay.example or 10.0.0.5")]
pub struct InvalidHostName;

impl HostName {
    /// Whether this is the host that a client names.
    pub(super) fn is(&self, host: &str) -> bool {
        self.0.eq_ignore_ascii_case(host)
    }
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(std::net::IpAddr::V6(address)) = bare.parse() {
            return Ok(Self(format!("[{address}]")));
        }
        let is_plain = !text.is_empty()
            && text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if is_plain { Ok(Self(text.to_owned())) } else { Err(InvalidHostName) }
    }
}

/// A consensus key, and the companion key that signs the same votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompanionPair {
    /// The consensus key.
    pub consensus: PublicKeyHash,
    /// The companion key.
    pub companion: PublicKeyHash,
}

/// A text that is not a pair of tz4 keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected <consensus key>=<companion key>, two different tz4 addresses")]
pub struct InvalidCompanionPair;

impl FromStr for CompanionPair {
    type Err = InvalidCompanionPair;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (consensus, companion) = text.split_once('=').ok_or(InvalidCompanionPair)?;
        let key = |text: &str| text.trim().parse::<PublicKeyHash>().map_err(|_| InvalidCompanionPair);
        let pair = Self { consensus: key(consensus)?, companion: key(companion)? };
        let are_bls = [pair.consensus, pair.companion].iter().all(|key| key.curve() == Curve::Bls);
        if are_bls && pair.consensus != pair.companion { Ok(pair) } else { Err(InvalidCompanionPair) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_have_no_port() {
        for (text, expected) in [
            ("relay.example", Some("relay.example")),
            ("10.0.0.5", Some("10.0.0.5")),
            ("fd00::5", Some("[fd00::5]")),
            ("[fd00::5]", Some("[fd00::5]")),
            ("relay.example:6732", None),
            ("http://relay.example", None),
            ("*", None),
            ("", None),
        ] {
            let name = text.parse::<HostName>().ok();
            assert_eq!(name.as_ref().map(|name| name.0.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn companions_are_two_different_tz4_keys() {
        let (first, second) = ("tz4HVR6aty9KwsQFHh81C1G7gBdhxT8kuytm", "tz4NhiAC3w3PjbQ98CgHGJoio5rSynDHNqiP");
        let other = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";
        for (text, is_pair) in [
            (format!("{first}={second}"), true),
            (format!("{first} = {second}"), true),
            (format!("{first}={first}"), false),
            (format!("{first}={other}"), false),
            (format!("{other}={second}"), false),
            (first.to_owned(), false),
            ("=".to_owned(), false),
        ] {
            assert_eq!(text.parse::<CompanionPair>().is_ok(), is_pair, "{text}");
        }
    }
}
