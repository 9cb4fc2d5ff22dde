use super::commit::verify;
use super::{NotSigned, Refusal, SignRequest};
use crate::tezos::authentication::request_to_authenticate;
use crate::tezos::{BlsScheme, InvalidSignature, PublicKey, PublicKeyHash, SignatureText};
use std::str::FromStr;
use thiserror::Error;

/// Keys whose owners may ask for signatures of the keys that require it.
#[derive(Debug, Clone, Default)]
pub struct AuthorizedKeys(Vec<AuthorizedKey>);

/// A key whose owner may ask for signatures.
#[derive(Debug, Clone)]
pub struct AuthorizedKey {
    /// The public key.
    pub public_key: PublicKey,
    /// Its hash, which `GET /authorized_keys` lists.
    pub hash: PublicKeyHash,
}

impl FromStr for AuthorizedKey {
    type Err = crate::tezos::InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let public_key: PublicKey = text.parse()?;
        let hash = public_key.hash();
        Ok(Self { public_key, hash })
    }
}

/// The request does not come from an authorized key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unauthenticated {
    /// No `authentication`.
    #[error(
        "missing authentication signature: sign the request with an authorized key and add authentication=<signature>, as octez does; \
         for a client that cannot, set \"require_authentication\": false for this key in the policy"
    )]
    Missing,
    /// An `authentication` that is no signature.
    #[error("the authentication is not a signature: {0}")]
    Unreadable(InvalidSignature),
    /// A signature of another key, or of something else.
    #[error("invalid authentication signature: it is of no authorized key, or not of this request")]
    Wrong,
}

impl AuthorizedKeys {
    /// These keys and no others.
    pub const fn new(keys: Vec<AuthorizedKey>) -> Self {
        Self(keys)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their hashes.
    pub fn hashes(&self) -> impl Iterator<Item = PublicKeyHash> {
        self.0.iter().map(|key| key.hash)
    }

    /// Which authorized key signed the request. Where that is not required, an authentication that is missing or wrong is that of
    /// nobody known, and octez, which signs all its requests once keys are authorized, is known.
    ///
    /// # Errors
    /// Refused as [`Unauthenticated`] if it is required and none did.
    pub async fn check(&self, request: &SignRequest, is_required: bool) -> Result<Option<PublicKeyHash>, NotSigned> {
        match self.find_requester(request).await {
            Ok(requester) => Ok(Some(requester)),
            Err(NotSigned::Refused(Refusal::Unauthenticated(_))) if !is_required => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn find_requester(&self, request: &SignRequest) -> Result<PublicKeyHash, NotSigned> {
        let text = request.authentication.as_deref().ok_or(Unauthenticated::Missing)?;
        let signature: SignatureText = text.parse().map_err(Unauthenticated::Unreadable)?;
        let signed = request_to_authenticate(&request.key, &request.payload);
        for key in &self.0 {
            let curve = key.public_key.curve();
            let scheme = request.version.scheme(curve).unwrap_or(BlsScheme::ProofOfPossession);
            if let Some(signature) = signature.of_curve(curve)
                && verify(&key.public_key, &signed, scheme, &signature).await?.is_ok()
            {
                return Ok(key.hash);
            }
        }
        Err(Unauthenticated::Wrong.into())
    }
}
