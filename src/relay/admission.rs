//! Which requests are forwarded at all. Any process on the machine, and any web page in a browser on it, can reach a loopback port.

use super::settings::HostName;
use super::upstream_url::is_loopback;
use crate::tezos::authentication::{AuthorizedKey, find_requester, is_slow, request_to_authenticate};
use crate::tezos::payload::operations::OperationKind;
use crate::tezos::payload::{NotUnderstood, Payload, watermark};
use crate::tezos::{PublicKeyHash, SignatureText, SignatureVersion};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri};
use thiserror::Error;

/// What is forwarded, and for whom.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) host_names: Vec<HostName>,
    /// The keys that may sign anything but blocks and votes.
    pub(super) operations: Vec<PublicKeyHash>,
    /// Whether these may sign `drain_delegate`, too.
    pub(super) allow_drain: bool,
    /// If any, one of these must authenticate every request for a signature.
    pub(super) authorized_keys: Vec<AuthorizedKey>,
}

/// Why a request is not forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum NotAdmitted {
    /// It is for another host: a web page may have pointed its own name at this machine.
    #[error(
        "the relay does not answer requests for the host {host:?}: use localhost or a loopback address, or add the name to \
         RELAY_HOST_NAMES"
    )]
    Host {
        /// The first characters of the host, which is empty if the request names none.
        host: String,
    },
    /// A web page sent it.
    #[error("requests of web pages (with an Origin header) are not forwarded")]
    WebPage,
    /// The key signs blocks and votes only.
    #[error("{key} signs blocks and votes only through this relay: add it to RELAY_OPERATIONS if it may sign {what}")]
    NotAVote {
        /// The key.
        key: PublicKeyHash,
        /// What it would have signed.
        what: &'static str,
    },
    /// It would empty the account of the delegate.
    #[error(
        "drain_delegate is not forwarded: it empties the account of a baker. Set RELAY_ALLOW_DRAIN_DELEGATE=true if this is intended"
    )]
    Drain,
    /// The operation cannot be read.
    #[error("the operation is not forwarded, since it cannot be read: {0}")]
    Unreadable(NotUnderstood),
    /// No authorized key signed the request.
    #[error(
        "{0}: sign the request with a key in RELAY_AUTHORIZED_KEYS, as octez does, and add authentication=<signature>"
    )]
    Unauthenticated(&'static str),
}

impl NotAdmitted {
    /// The status of the answer.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl Admission {
    /// Checks where a request comes from, and for which host it is.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub(super) fn check_origin(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), NotAdmitted> {
        if headers.contains_key(ORIGIN) {
            return Err(NotAdmitted::WebPage);
        }
        // Some clients write the whole address in the request line. Then it is that host which counts.
        let in_line = uri.authority().map(|authority| Some(authority.as_str()));
        let mut hosts = headers.get_all(HOST).iter().map(|host| host.to_str().ok()).chain(in_line).peekable();
        if hosts.peek().is_none() {
            return Err(NotAdmitted::Host { host: String::new() });
        }
        let wrong = hosts.find(|host| !host.is_some_and(|host| self.is_own(host)));
        wrong.map_or(Ok(()), |host| {
            let host = host.unwrap_or_default().chars().take(64).collect();
            Err(NotAdmitted::Host { host })
        })
    }

    fn is_own(&self, authority: &str) -> bool {
        let host = without_port(authority);
        is_loopback(host) || self.host_names.iter().any(|name| name.is(host))
    }

    /// Checks what a key is to sign.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub(super) fn check_payload(&self, key: &PublicKeyHash, payload: &[u8]) -> Result<(), NotAdmitted> {
        let what = match payload.first() {
            // Whether it is well-formed is for the signer to say.
            Some(&(watermark::BLOCK | watermark::PREATTESTATION | watermark::ATTESTATION)) | None => return Ok(()),
            Some(&watermark::OPERATION) => "operations",
            Some(_) => "other data",
        };
        if !self.operations.contains(key) {
            return Err(NotAdmitted::NotAVote { key: *key, what });
        }
        if payload.first() == Some(&watermark::OPERATION) && !self.allow_drain {
            let payload = Payload::decode(payload, key.curve())
                .map_err(|error| NotAdmitted::Unreadable(NotUnderstood::new(error, payload)))?;
            if let Payload::Operations(operations) = payload
                && operations.contents.iter().any(|content| content.kind == OperationKind::DrainDelegate)
            {
                return Err(NotAdmitted::Drain);
            }
        }
        Ok(())
    }

    /// Checks that an authorized key signed the request, if there are any.
    ///
    /// # Errors
    /// [`NotAdmitted::Unauthenticated`].
    pub(super) async fn check_authentication(
        &self,
        key: &PublicKeyHash,
        payload: &[u8],
        version: SignatureVersion,
        authentication: Option<&str>,
    ) -> Result<(), NotAdmitted> {
        if self.authorized_keys.is_empty() {
            return Ok(());
        }
        let text = authentication.ok_or(NotAdmitted::Unauthenticated("missing authentication signature"))?;
        let signature: SignatureText =
            text.parse().map_err(|_| NotAdmitted::Unauthenticated("authentication is not a signature"))?;
        let (keys, signed) = (self.authorized_keys.clone(), request_to_authenticate(key, payload));
        let is_signed = move || find_requester(&keys, &signed, version, &signature).is_some();
        let is_signed = if is_slow(&self.authorized_keys) {
            tokio::task::spawn_blocking(is_signed).await.unwrap_or(false)
        } else {
            is_signed()
        };
        if is_signed { Ok(()) } else { Err(NotAdmitted::Unauthenticated("invalid authentication signature")) }
    }
}

/// The host of `host:port`; an IPv6 address keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{BlsScheme, Curve, SecretKey};

    fn admission() -> Admission {
        let names = vec!["relay.example".parse().unwrap(), "fd00::5".parse().unwrap()];
        Admission { host_names: names, operations: Vec::new(), allow_drain: false, authorized_keys: Vec::new() }
    }

    #[test]
    fn only_requests_for_this_host_and_without_an_origin_are_forwarded() {
        for (target, headers, is_admitted) in [
            ("/keys", vec![("host", "127.0.0.1:6732")], true),
            ("/keys", vec![("host", "127.0.0.1")], true),
            ("/keys", vec![("host", "LOCALHOST:6732")], true),
            ("/keys", vec![("host", "[::1]:6732")], true),
            ("/keys", vec![("host", "[::1]")], true),
            ("/keys", vec![("host", "relay.example:80")], true),
            ("/keys", vec![("host", "Relay.Example")], true),
            ("/keys", vec![("host", "[fd00::5]:6732")], true),
            ("http://localhost:6732/keys", vec![("host", "localhost:6732")], true),
            ("http://rebound.example/keys", vec![("host", "localhost:6732")], false),
            ("/keys", vec![("host", "rebound.example:6732")], false),
            ("/keys", vec![("host", "localhost.rebound.example")], false),
            ("/keys", vec![("host", "127.0.0.1.rebound.example")], false),
            ("/keys", vec![("host", "localhost"), ("host", "rebound.example")], false),
            ("/keys", vec![("host", "localhost@rebound.example")], false),
            ("/keys", vec![("host", "")], false),
            ("/keys", vec![], false),
            ("/keys", vec![("host", "localhost"), ("origin", "http://localhost:6732")], false),
            ("/keys", vec![("host", "localhost"), ("origin", "null")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.append(*name, value.parse().unwrap());
            }
            let admitted = admission().check_origin(&target.parse().unwrap(), &map);
            assert_eq!(admitted.is_ok(), is_admitted, "{target} {headers:?}: {admitted:?}");
        }
    }

    #[test]
    fn keys_sign_blocks_and_votes_and_operations_only_where_they_are_named() {
        let key = SecretKey::generate(Curve::P256).unwrap().public_key().hash();
        let named = Admission { operations: vec![key], ..admission() };
        let lax = Admission { operations: vec![key], allow_drain: true, ..admission() };
        let operation = |contents: &[u8]| [&[0x03][..], &[0; 32], contents].concat();
        // A message to sign, and the drain of one account in favour of another.
        let noop = operation(&[17, 0, 0, 0, 0]);
        let drain = operation(&[&[9][..], &[0; 63]].concat());
        for (payload, by_any, by_named) in [
            (vec![0x11], true, true),
            (vec![0x12], true, true),
            (vec![0x13], true, true),
            (vec![], true, true),
            (vec![0x05, 1], false, true),
            (vec![0x04, 1], false, true),
            (noop, false, true),
            (drain, false, false),
            (operation(&[]), false, false),
        ] {
            assert_eq!(admission().check_payload(&key, &payload).is_ok(), by_any, "{payload:?}");
            let is_operation = payload.first() == Some(&0x03);
            assert_eq!(lax.check_payload(&key, &payload).is_ok(), by_named || is_operation, "{payload:?}");
            let admitted = named.check_payload(&key, &payload);
            assert_eq!(admitted.is_ok(), by_named, "{payload:?}: {admitted:?}");
        }
    }

    #[tokio::test]
    async fn requests_are_authenticated_where_keys_are_configured() {
        for curve in [Curve::Ed25519, Curve::Bls] {
            let [client, other] = [1, 2].map(|_| SecretKey::generate(curve).unwrap());
            let key = other.public_key().hash();
            let own = AuthorizedKey { public_key: client.public_key().clone(), hash: client.public_key().hash() };
            let strict = Admission { authorized_keys: vec![own], ..admission() };
            let sign = |secret: &SecretKey, payload: &[u8]| {
                let request = request_to_authenticate(&key, payload);
                secret.sign(&request, BlsScheme::ProofOfPossession).unwrap().to_string()
            };
            for (authentication, is_admitted) in [
                (Some(sign(&client, b"\x13vote")), true),
                (Some(sign(&client, b"\x13other")), false),
                (Some(sign(&other, b"\x13vote")), false),
                (Some("sig".to_owned()), false),
                (None, false),
            ] {
                let check = strict.check_authentication(
                    &key,
                    b"\x13vote",
                    SignatureVersion::default(),
                    authentication.as_deref(),
                );
                assert_eq!(check.await.is_ok(), is_admitted, "{authentication:?}");
            }
            let lax = admission();
            assert!(lax.check_authentication(&key, b"\x13vote", SignatureVersion::default(), None).await.is_ok());
        }
    }
}
