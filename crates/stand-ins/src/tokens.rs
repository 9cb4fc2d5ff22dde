//! The tokens that the identity endpoint issued; the other services check requests against them.

use crate::random;
use hyper::header::{AUTHORIZATION, HeaderMap};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// All issued tokens.
#[derive(Debug)]
pub(crate) struct Tokens(Mutex<TokenStore>);

#[derive(Debug)]
struct TokenStore {
    life: Duration,
    /// Every token ever issued; `None` if revoked.
    issued: HashMap<String, Option<Validity>>,
}

#[derive(Debug)]
struct Validity {
    audience: String,
    until: SystemTime,
}

impl Tokens {
    pub(crate) fn new(life: Duration) -> Self {
        Self(Mutex::new(TokenStore { life, issued: HashMap::new() }))
    }

    /// Issues a token, and returns it with its expiry.
    pub(crate) fn issue(&self, audience: &str) -> (String, SystemTime) {
        // Real tokens begin like this.
        let token = format!("eyJ0{}{}", random::identifier(), random::identifier());
        let mut state = self.lock();
        let until = SystemTime::now() + state.life;
        let validity = Validity { audience: without_slash(audience).to_owned(), until };
        state.issued.insert(token.clone(), Some(validity));
        (token, until)
    }

    /// Whether it is valid now, for this audience.
    pub(crate) fn is_valid(&self, token: &str, audience: &str) -> bool {
        let state = self.lock();
        let validity = state.issued.get(token).and_then(Option::as_ref);
        validity.is_some_and(|validity| validity.audience == audience && SystemTime::now() < validity.until)
    }

    /// Whether the request has a bearer token that is valid now, for this audience.
    pub(crate) fn is_authorized(&self, headers: &HeaderMap, audience: &str) -> bool {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.is_valid(token, audience))
    }

    pub(crate) fn revoke_all(&self) {
        self.lock().issued.values_mut().for_each(|validity| *validity = None);
    }

    pub(crate) fn set_life(&self, life: Duration) {
        self.lock().life = life;
    }

    pub(crate) fn issued(&self) -> Vec<String> {
        self.lock().issued.keys().cloned().collect()
    }

    pub(crate) fn audiences(&self) -> BTreeSet<String> {
        self.lock().issued.values().flatten().map(|validity| validity.audience.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, TokenStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without_slash(audience: &str) -> &str {
    audience.strip_suffix('/').unwrap_or(audience)
}
