//! Replies of upstreams: what the signer's headers say, and what a reply means for a request. Pure.
//!
//! A reply without these headers is not the signer's: a platform also answers 401, 403, 404 and 5xx. So it never decides whether
//! something may be signed.

use super::StoreDigest;
use super::credential::CredentialKinds;
use super::decision::Outcome;
use crate::answer::{Cause, Verdict, header};
use crate::tezos::{PublicKey, PublicKeyHash, Signature, SignatureText};
use axum::body::Bytes;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use time::OffsetDateTime;

/// A reply of an upstream, read to its end.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// `None` if the reply is not a signer's.
    pub(super) signer: Option<SignerHeaders>,
    pub(super) body: Bytes,
    /// The time of the upstream's clock, in whole seconds.
    pub(super) date: Option<OffsetDateTime>,
    /// Whether the platform requires a token (`WWW-Authenticate: Bearer`).
    pub(super) requires_token: bool,
}

/// What the headers of a signer's answer say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignerHeaders {
    pub(super) verdict: Verdict,
    /// `None` if it is absent, or if a newer signer sent one that this version does not know.
    pub(super) cause: Option<Cause>,
    /// `None` while the signer does not know its store yet.
    pub(super) store: Option<StoreDigest>,
    pub(super) policy: Option<String>,
    pub(super) version: Option<String>,
    pub(super) companion_signature: Option<String>,
    /// Whether it is an observer, which releases nothing.
    pub(super) observes: bool,
}

impl SignerHeaders {
    /// `None` without a verdict that is known here: then the reply cannot be understood as a signer's.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let owned = |name| text(name).map(str::to_owned);
        Some(Self {
            verdict: text(header::VERDICT)?.parse().ok()?,
            cause: text(header::REASON).and_then(|cause| cause.parse().ok()),
            store: text(header::STORE).and_then(|store| store.parse().ok()),
            policy: owned(header::POLICY),
            version: owned(header::VERSION),
            companion_signature: owned(header::COMPANION_SIGNATURE),
            observes: text(header::OBSERVES) == Some("true"),
        })
    }
}

/// What a reply to a request for a signature means, before the signature is verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A signature of the key's curve. It counts once it is verified.
    Signature(Box<Signature>),
    /// Anything else.
    Other(Outcome, Remark),
}

/// What the log says about a reply, besides the reply itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remark {
    /// Nothing.
    None,
    /// It is the answer of a signer with another store.
    OtherStore,
    /// It has the verdict *signed*, and no signature of the requested key's curve.
    NoSignature,
}

/// Whether the headers of a reply require a bearer token.
pub(super) fn requires_token(headers: &HeaderMap) -> bool {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    let mut schemes = challenges.filter_map(|challenge| challenge.to_str().ok()?.split_whitespace().next());
    schemes.any(|scheme| scheme.eq_ignore_ascii_case("Bearer"))
}

impl Reply {
    /// What a reply means. `pinned` is the store that all upstreams must use, `key` the one that is to sign, and `field` the name
    /// of the signature in the body.
    pub(super) fn meaning(&self, pinned: &StoreDigest, key: &PublicKeyHash, field: &str) -> Meaning {
        let other = |outcome, remark| Meaning::Other(outcome, remark);
        let Some(signer) = &self.signer else { return other(self.outcome_of_platform(), Remark::None) };
        match &signer.store {
            Some(store) if store != pinned => return other(Outcome::Unusable, Remark::OtherStore),
            // Whatever it says, it is not known which marks it is based on.
            None => return other(Outcome::Failed { by_signer: true }, Remark::None),
            Some(_) => {}
        }
        let outcome = match signer.verdict {
            Verdict::Signed => match signature(&self.body, field).and_then(|text| text.of_curve(key.curve())) {
                Some(signature) => return Meaning::Signature(Box::new(signature)),
                None => return other(Outcome::Unusable, Remark::NoSignature),
            },
            Verdict::Refused => Outcome::of_refusal(signer.cause),
            Verdict::Failed | Verdict::Answered => Outcome::Failed { by_signer: true },
        };
        other(outcome, Remark::None)
    }

    /// What a reply that is not a signer's means.
    pub(super) fn outcome_of_platform(&self) -> Outcome {
        // The platform rejects the credential, or there is no such app. Repeating that would change nothing.
        let is_rejected = self.status.is_client_error() && self.status != StatusCode::TOO_MANY_REQUESTS;
        if is_rejected { Outcome::Unusable } else { Outcome::Failed { by_signer: false } }
    }

    /// The public key in the reply to `GET /keys/{hash}`, if it is the one with this hash.
    ///
    /// # Errors
    /// [`NotTheKey`].
    pub(super) fn public_key(&self, hash: &PublicKeyHash) -> Result<PublicKey, NotTheKey> {
        #[derive(Deserialize)]
        struct Body {
            public_key: String,
        }
        let body: Body = self.json().ok_or(NotTheKey::Unreadable)?;
        let key: PublicKey = body.public_key.parse().map_err(|_| NotTheKey::Unreadable)?;
        if key.hash() == *hash { Ok(key) } else { Err(NotTheKey::Other(key.hash())) }
    }

    /// The hashes in the reply to `GET /authorized_keys`; `None` if it is not such a reply.
    pub(super) fn authorized_keys(&self) -> Option<Vec<PublicKeyHash>> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            authorized_keys: Vec<String>,
        }
        let body: Body = self.json()?;
        body.authorized_keys.iter().map(|hash| hash.parse().ok()).collect()
    }

    /// What a reply that is not a signer's says, and what to do about it. `sent` are the kinds of credentials of the request.
    pub(super) fn reason_of_platform(&self, sent: CredentialKinds) -> String {
        let status = self.status.as_u16();
        let advice = match (status, sent) {
            (401, CredentialKinds { token: true, .. }) if self.requires_token => {
                "App Service authentication rejects the token: RELAY_TOKEN_SCOPE must name the app registration whose audience the app \
                 allows, and both must be in one tenant"
            }
            (401, _) if self.requires_token => "App Service authentication requires a token: set RELAY_TOKEN_SCOPE",
            (401, CredentialKinds { token: true, function_key: false, .. }) => {
                "a function key is required as well as the token: set RELAY_FUNCTION_KEYS_FILE"
            }
            (401, _) => "the function key is missing or wrong: check RELAY_FUNCTION_KEYS_FILE",
            (403, CredentialKinds { token: true, .. }) => {
                "the platform denies access: the identity must be one of the app's allowed principals, and the app running and without \
                 an access restriction for this address"
            }
            (403, CredentialKinds { certificate: false, .. }) => {
                "the platform denies access: check the app's access restrictions, whether it is stopped, and whether it requires a \
                 client certificate (RELAY_CLIENT_CERTIFICATE_FILE)"
            }
            (403, _) => "the platform denies access: check the app's access restrictions, and whether it is stopped",
            (404, _) => "there is no such app or route: check RELAY_UPSTREAMS",
            (300..=399, _) => "redirects are not followed: set RELAY_UPSTREAMS to where the app is",
            (429, _) => "the platform limits requests",
            _ => "the platform could not reach the signer, or it is older than the relay",
        };
        format!("status {status} without a signer's headers: {advice}")
    }

    /// Whether a signer refuses.
    pub(super) fn is_refused(&self) -> bool {
        self.signer.as_ref().is_some_and(|signer| signer.verdict == Verdict::Refused)
    }

    /// The message of the error in the body.
    pub(super) fn message(&self) -> String {
        #[derive(Deserialize)]
        struct OctezError {
            msg: String,
        }
        let errors: Vec<OctezError> = serde_json::from_slice(&self.body).unwrap_or_default();
        let message = errors.into_iter().next().map(|error| error.msg);
        message.unwrap_or_else(|| format!("status {}", self.status.as_u16()))
    }

    /// The hashes in the reply to `GET /keys`.
    pub(super) fn listed_keys(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Key {
            public_key_hash: String,
        }
        let keys: Vec<Key> = self.json().unwrap_or_default();
        keys.into_iter().map(|key| key.public_key_hash).collect()
    }

    /// The body of a signer's answer that is 200.
    fn json<T: DeserializeOwned>(&self) -> Option<T> {
        let is_answer = self.status == StatusCode::OK && self.signer.is_some();
        is_answer.then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }
}

/// Why a reply has no public key with the requested hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum NotTheKey {
    /// It is not a signer's answer with a public key.
    #[error("its answer has no public key")]
    Unreadable,
    /// The key has another hash.
    #[error("its answer has the public key of {0}")]
    Other(PublicKeyHash),
}

fn signature(body: &[u8], field: &str) -> Option<SignatureText> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body.get(field)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{BlsScheme, Curve, SecretKey};
    use axum::http::{HeaderName, HeaderValue};

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
        let pairs =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        let headers: HeaderMap = pairs.collect();
        let status = StatusCode::from_u16(status).unwrap();
        Reply {
            status,
            signer: SignerHeaders::read(&headers),
            body: Bytes::from(body.to_owned()),
            date: None,
            requires_token: requires_token(&headers),
        }
    }

    #[test]
    fn only_a_signer_with_the_pinned_store_decides() {
        let (here, elsewhere) = ("0".repeat(64), "1".repeat(64));
        let pinned: StoreDigest = here.parse().unwrap();
        let secret = SecretKey::generate(Curve::P256).unwrap();
        let key = secret.public_key().hash();
        let store = |digest: &'static str| (header::STORE, digest);
        let (here, elsewhere): (&'static str, &'static str) = (here.leak(), elsewhere.leak());
        let (here, elsewhere, unknown) = (store(here), store(elsewhere), store(crate::answer::UNKNOWN));
        let (refused, failed, signed) =
            ((header::VERDICT, "refused"), (header::VERDICT, "failed"), (header::VERDICT, "signed"));
        let cause = |name: &'static str| (header::REASON, name);
        let by_platform = Outcome::Failed { by_signer: false };
        let by_signer = Outcome::Failed { by_signer: true };
        for (reply, outcome, remark) in [
            (reply(401, &[], ""), Outcome::Unusable, Remark::None),
            (reply(404, &[], ""), Outcome::Unusable, Remark::None),
            (reply(409, &[here, cause("different_data")], ""), Outcome::Unusable, Remark::None),
            (reply(429, &[], ""), by_platform, Remark::None),
            (reply(200, &[], "{}"), by_platform, Remark::None),
            (reply(302, &[], ""), by_platform, Remark::None),
            (reply(503, &[], ""), by_platform, Remark::None),
            (reply(200, &[here, (header::VERDICT, "newer")], "{}"), by_platform, Remark::None),
            (reply(500, &[here, failed, cause("store")], ""), by_signer, Remark::None),
            (reply(409, &[unknown, refused, cause("different_data")], ""), by_signer, Remark::None),
            (reply(409, &[refused, cause("different_data")], ""), by_signer, Remark::None),
            (reply(409, &[elsewhere, refused, cause("different_data")], ""), Outcome::Unusable, Remark::OtherStore),
            (reply(409, &[here, refused, cause("different_data")], ""), Outcome::Final, Remark::None),
            (reply(409, &[here, refused, cause("stopped")], ""), Outcome::Final, Remark::None),
            (reply(409, &[here, refused, cause("below_mark")], ""), Outcome::BelowMark, Remark::None),
            (reply(409, &[here, refused, cause("head")], ""), Outcome::Refused, Remark::None),
            (reply(403, &[here, refused, cause("of_a_newer_version")], ""), Outcome::Refused, Remark::None),
            (reply(200, &[here, (header::VERDICT, "answered")], "{}"), by_signer, Remark::None),
            (reply(200, &[here, signed], "{}"), Outcome::Unusable, Remark::NoSignature),
            (reply(200, &[here, signed], "{\"signature\": \"sig\"}"), Outcome::Unusable, Remark::NoSignature),
        ] {
            assert_eq!(reply.meaning(&pinned, &key, "signature"), Meaning::Other(outcome, remark), "{reply:?}");
        }
        let signature = secret.sign(b"\x05x", BlsScheme::ProofOfPossession).unwrap();
        let body = format!("{{\"signature\": \"{signature}\"}}");
        let meaning = |headers: &[_]| reply(200, headers, &body).meaning(&pinned, &key, "signature");
        assert_eq!(meaning(&[here, signed]), Meaning::Signature(Box::new(signature)));
        assert_eq!(meaning(&[elsewhere, signed]), Meaning::Other(Outcome::Unusable, Remark::OtherStore));
        assert_eq!(meaning(&[unknown, signed]), Meaning::Other(by_signer, Remark::None));
    }

    #[test]
    fn a_rejected_credential_is_named() {
        let kinds = |function_key, token, certificate| CredentialKinds { function_key, token, certificate };
        let challenge = [("www-authenticate", "Bearer realm=\"signer.example\"")];
        for (status, headers, sent, expected) in [
            (401, &challenge[..], kinds(true, true, false), "rejects the token: RELAY_TOKEN_SCOPE"),
            (401, &challenge[..], kinds(true, false, false), "requires a token: set RELAY_TOKEN_SCOPE"),
            (401, &[][..], kinds(false, true, false), "function key is required as well"),
            (401, &[][..], kinds(true, true, false), "the function key is missing or wrong"),
            (401, &[][..], kinds(false, false, true), "the function key is missing or wrong"),
            (403, &[][..], kinds(true, true, true), "allowed principals"),
            (403, &[][..], kinds(true, false, false), "RELAY_CLIENT_CERTIFICATE_FILE"),
            (403, &[][..], kinds(true, false, true), "whether it is stopped"),
        ] {
            let reason = reply(status, headers, "").reason_of_platform(sent);
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn a_public_key_is_believed_if_it_has_the_hash() {
        let [key, other] = [1, 2].map(|_| SecretKey::generate(Curve::Secp256k1).unwrap().public_key().clone());
        let answered = [(header::VERDICT, "answered")];
        let body = |key: &PublicKey| format!("{{\"public_key\": \"{key}\"}}");
        for (reply, expected) in [
            (reply(200, &answered, &body(&key)), Ok(key.clone())),
            (reply(200, &answered, &body(&other)), Err(NotTheKey::Other(other.hash()))),
            (reply(200, &[], &body(&key)), Err(NotTheKey::Unreadable)),
            (reply(404, &answered, &body(&key)), Err(NotTheKey::Unreadable)),
            (reply(200, &answered, "{}"), Err(NotTheKey::Unreadable)),
        ] {
            assert_eq!(reply.public_key(&key.hash()), expected);
        }
    }
}
