//! Request authentication: which authorized key, if any, signed a request.

use super::{Failure, NotSigned, Refusal, SignRequest, Unauthenticated};
use crate::tezos::authentication::{AuthorizedKey, find_requester, is_slow, request_to_authenticate};
use crate::tezos::{PublicKeyHash, SignatureText};

/// The keys whose owners may send signing requests for keys that require authentication.
#[derive(Debug, Clone, Default)]
pub struct AuthorizedKeys(Vec<AuthorizedKey>);

impl AuthorizedKeys {
    /// Authorizes exactly these keys.
    pub const fn new(keys: Vec<AuthorizedKey>) -> Self {
        Self(keys)
    }

    /// Whether no key is authorized.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hashes of the authorized keys, in the order of configuration.
    pub fn hashes(&self) -> impl Iterator<Item = PublicKeyHash> {
        self.0.iter().map(|key| key.hash)
    }

    /// The authorized key that signed the request. Where authentication is not required, a missing or wrong one yields `None`, and
    /// a valid one still names the requester: octez signs all its requests once any key is authorized.
    ///
    /// # Errors
    /// Refused as [`Unauthenticated`] if authentication is required and no authorized key signed the request.
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
        let (keys, version) = (self.0.clone(), request.version);
        let find = move || find_requester(&keys, &signed, version, &signature);
        let requester = if is_slow(&self.0) {
            tokio::task::spawn_blocking(find).await.map_err(|error| Failure::task_failed(&error))?
        } else {
            find()
        };
        requester.ok_or_else(|| Unauthenticated::Wrong.into())
    }
}
