//! What is requested of the upstreams, and how their signatures are verified.

use super::upstream::Call;
use crate::answer::header;
use crate::tezos::{BlsPublicKey, Curve, PublicKey, PublicKeyHash, Signature, SignatureVersion};
use crate::traces::TraceParent;
use axum::body::Bytes;
use axum::http::Method;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};

/// A request for a signature.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The key that is to sign.
    pub(super) key: PublicKey,
    pub(super) subject: Subject,
    /// The key that is to sign the same bytes.
    pub(super) companion: Option<Companion>,
    /// The parent of the signers' spans.
    pub(super) parent: Option<TraceParent>,
}

/// A companion key.
#[derive(Debug, Clone)]
pub(super) struct Companion {
    pub(super) key: PublicKey,
    /// The relay's signature of a request for this key.
    pub(super) authentication: Option<String>,
}

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// A payload.
    Payload {
        payload: Bytes,
        version: SignatureVersion,
        /// An authorized key's signature of the request.
        authentication: Option<String>,
    },
    /// A proof of possession, about this key or another one.
    Possession { about: Option<String> },
}

/// Two requests that are identical may share an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RequestIdentity(PublicKeyHash, Subject, Option<PublicKeyHash>);

impl Request {
    pub(super) fn identity(&self) -> RequestIdentity {
        RequestIdentity(
            self.key.hash(),
            self.subject.clone(),
            self.companion.as_ref().map(|companion| companion.key.hash()),
        )
    }

    /// The name of the signature in an answer.
    pub(super) const fn field(&self) -> &'static str {
        match self.subject {
            Subject::Payload { .. } => "signature",
            Subject::Possession { .. } => "bls_prove_possession",
        }
    }

    /// The request to an upstream.
    pub(super) fn call(&self) -> Call {
        let hash = self.key.hash();
        match &self.subject {
            Subject::Payload { payload, version, authentication } => {
                let authentication = authentication.clone().map(|text| ("authentication", text));
                Call {
                    method: Method::POST,
                    path: format!("/keys/{hash}"),
                    query: std::iter::once(("version", version.to_string())).chain(authentication).collect(),
                    headers: self.headers(),
                    body: Some(format!("\"{}\"", hex::encode(payload)).into()),
                }
            }
            Subject::Possession { about } => {
                let about = about.clone().map(|key| ("bls_pk", key));
                let (query, headers) = (about.into_iter().collect(), self.headers());
                Call { query, headers, ..Call::get(format!("/bls_prove_possession/{hash}")) }
            }
        }
    }

    fn headers(&self) -> HeaderMap {
        let companion = self.companion.as_ref();
        let authentication = companion.and_then(|companion| companion.authentication.clone());
        let headers = [
            (HeaderName::from_static(header::COMPANION), companion.map(|companion| companion.key.hash().to_string())),
            (HeaderName::from_static(header::COMPANION_AUTHENTICATION), authentication),
            (TraceParent::HEADER, self.parent.map(|parent| parent.to_string())),
        ];
        headers.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value?).ok()?))).collect()
    }

    /// Whether `signature` is one by the key over the subject.
    pub(super) async fn is_signed(&self, signature: Signature) -> bool {
        self.is_signed_by(&self.key, signature).await
    }

    /// The same, of another key.
    pub(super) async fn is_signed_by(&self, key: &PublicKey, signature: Signature) -> bool {
        let (key, subject) = (key.clone(), self.subject.clone());
        if key.curve() != Curve::Bls {
            return verify(&key, &subject, &signature);
        }
        // It takes milliseconds, and would hold up other requests.
        tokio::task::spawn_blocking(move || verify(&key, &subject, &signature)).await.unwrap_or(false)
    }
}

fn verify(key: &PublicKey, subject: &Subject, signature: &Signature) -> bool {
    match subject {
        Subject::Payload { payload, version, .. } => {
            let scheme = version.scheme_to_verify(key.curve());
            key.verify(payload, scheme, signature).is_ok()
        }
        Subject::Possession { about } => {
            let about = about.as_deref().map(str::parse::<PublicKey>);
            match about {
                None => key.verify_possession(None, signature).is_ok(),
                Some(Ok(about)) => BlsPublicKey::try_from(&about)
                    .is_ok_and(|about| key.verify_possession(Some(&about), signature).is_ok()),
                Some(Err(_)) => false,
            }
        }
    }
}
