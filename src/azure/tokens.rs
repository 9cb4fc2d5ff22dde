//! Access tokens, renewed in the background so that no signature waits for one.

use super::identity::ANSWER_TIMEOUT;
use super::{Identity, IdentitySettings, NoToken, TlsRoots, reason_of};
use crate::background::keep_running;
use crate::net::backoff::Backoff;
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::time::OffsetDateTime;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

/// The tokens of the process's identity, one per scope, renewed in the background.
///
/// Renewal starts halfway through a token's lifetime. Callers get a valid token immediately, even if the identity endpoint has
/// failed in the meantime, so no signature waits for one. The SDK's credentials, in contrast, renew during a request, block
/// all others meanwhile, and do so only in the last five minutes.
pub struct Tokens {
    settings: IdentitySettings,
    client: reqwest::Client,
    scopes: Mutex<HashMap<String, Kept>>,
}

/// A scope, whose token is renewed until this is dropped.
struct Kept {
    scope: Arc<Scope>,
    /// How many [`ScopedTokens`] there are; `None` if the scope is kept as long as the process runs.
    users: Option<usize>,
    _renewal: JoinSet<Infallible>,
}

struct Scope {
    name: String,
    state: watch::Sender<Option<TokenState>>,
    renew: Notify,
}

/// The state of one scope's token.
#[derive(Clone)]
pub struct TokenState {
    /// The last token, possibly expired, and its source.
    pub token: Option<(Identity, AccessToken)>,
    /// Why the last request returned no valid token; `None` if it succeeded.
    pub problem: Option<NoToken>,
}

/// Minimum time between two requests for one scope.
const MIN_INTERVAL: Duration = Duration::from_millis(500);

/// Maximum time between two requests while requests fail.
const MAX_INTERVAL: Duration = Duration::from_secs(2);

impl Tokens {
    /// Tokens of the identity that the environment offers.
    ///
    /// # Errors
    /// If the HTTP client cannot be created.
    pub fn new(settings: IdentitySettings, roots: &TlsRoots) -> Result<Arc<Self>, reqwest::Error> {
        let client = roots.client(ANSWER_TIMEOUT)?;
        Ok(Arc::new(Self { settings, client, scopes: Mutex::default() }))
    }

    /// Starts requesting and renewing a token for a scope, until the result is dropped.
    pub fn scoped(self: Arc<Self>, scope: &str) -> Arc<ScopedTokens> {
        let scope = {
            let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = scopes.entry(scope.to_owned()).or_insert_with(|| self.renewing(scope));
            kept.users = kept.users.map(|users| users + 1);
            Arc::clone(&kept.scope)
        };
        Arc::new(ScopedTokens { tokens: self, scope })
    }

    /// Starts requesting and renewing a token for a scope, before it is needed.
    pub fn keep(&self, scope: &str) {
        drop(self.scope(scope));
    }

    /// Requests a new token, after the service has rejected the current one.
    pub fn renew(&self, scope: &str) {
        self.scope(scope).renew.notify_one();
    }

    /// Requests a new token, after the service has rejected the current one, and waits for the answer. Returns the state after it.
    pub async fn renewed(&self, scope: &str) -> TokenState {
        let kept = self.scope(scope);
        let mut state = kept.state.subscribe();
        state.mark_unchanged();
        kept.renew.notify_one();
        drop(state.changed().await);
        self.state(scope).await
    }

    /// The state of a scope's token. Waits for the first request to complete.
    pub async fn state(&self, scope: &str) -> TokenState {
        self.scope(scope).state().await
    }

    /// The time until each token expires, by scope: zero if there is none. Does not wait.
    pub fn lifetimes(&self) -> Vec<(String, Duration)> {
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let lifetimes = scopes.values().map(|Kept { scope, .. }| {
            let state = scope.state.borrow();
            let expires = state.as_ref().and_then(|state| state.token.as_ref()).map(|(_, token)| token.expires_on);
            let left = expires.and_then(|expires| Duration::try_from(expires - OffsetDateTime::now_utc()).ok());
            (scope.name.clone(), left.unwrap_or_default())
        });
        lifetimes.collect()
    }

    /// A scope that is kept as long as the process runs.
    fn scope(&self, name: &str) -> Arc<Scope> {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = scopes.entry(name.to_owned()).or_insert_with(|| self.renewing(name));
        kept.users = None;
        Arc::clone(&kept.scope)
    }

    fn renewing(&self, name: &str) -> Kept {
        let scope = Arc::new(Scope { name: name.to_owned(), state: watch::Sender::new(None), renew: Notify::new() });
        let (renewed, settings, client) = (Arc::clone(&scope), self.settings.clone(), self.client.clone());
        let task = keep_running("tokens", move || keep_fresh(Arc::clone(&renewed), settings.clone(), client.clone()));
        let mut renewal = JoinSet::new();
        renewal.spawn(task);
        Kept { scope, users: Some(0), _renewal: renewal }
    }
}

impl Scope {
    async fn state(&self) -> TokenState {
        let mut state = self.state.subscribe();
        let known = state.wait_for(Option::is_some).await.ok().and_then(|state| state.clone());
        known.unwrap_or(TokenState { token: None, problem: Some(NoToken::BeingRenewed) })
    }

    async fn token(&self) -> azure_core::Result<AccessToken> {
        let state = self.state().await;
        match (state.token, state.problem) {
            (Some((_, token)), _) if token.expires_on > OffsetDateTime::now_utc() => Ok(token),
            (Some(_), None) => {
                self.renew.notify_one();
                Err(NoToken::BeingRenewed.into())
            }
            (_, problem) => Err(problem.unwrap_or(NoToken::BeingRenewed).into()),
        }
    }
}

/// The tokens of one scope, for the client of one service. While it exists, the token is renewed.
pub struct ScopedTokens {
    tokens: Arc<Tokens>,
    scope: Arc<Scope>,
}

impl ScopedTokens {
    /// Requests a new token, after the service has rejected the current one.
    pub fn renew(&self) {
        self.scope.renew.notify_one();
    }
}

impl Drop for ScopedTokens {
    fn drop(&mut self) {
        let mut scopes = self.tokens.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Kept { users: Some(users), .. }) = scopes.get_mut(&self.scope.name) {
            *users = users.saturating_sub(1);
            if *users == 0 {
                scopes.remove(&self.scope.name);
            }
        }
    }
}

#[async_trait]
impl TokenCredential for ScopedTokens {
    /// Whatever scope the service demands: it gets the token for its own, and cannot have others requested.
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        self.scope.token().await
    }
}

impl fmt::Debug for ScopedTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ScopedTokens({})", self.scope.name)
    }
}

#[async_trait]
impl TokenCredential for Tokens {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let [name] = scopes else {
            return Err(Error::with_message(ErrorKind::Credential, "expected one scope"));
        };
        self.scope(name).token().await
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").field("settings", &self.settings).finish_non_exhaustive()
    }
}

async fn keep_fresh(scope: Arc<Scope>, settings: IdentitySettings, client: reqwest::Client) {
    let mut backoff = Backoff::new(2 * MIN_INTERVAL, MAX_INTERVAL);
    loop {
        let known = scope.state.borrow().clone();
        let was_well = known.as_ref().is_some_and(|known| known.problem.is_none());
        let answer = settings.token(&client, &scope.name).await;
        let (token, problem, lifetime) = match answer {
            Ok((identity, token)) => {
                let lifetime = token.expires_on - OffsetDateTime::now_utc();
                let problem = (!lifetime.is_positive()).then(|| NoToken::ClockAhead { expired: lifetime.abs() });
                (Some((identity, token)), problem, lifetime)
            }
            Err(error) => {
                let token = known.as_ref().and_then(|known| known.token.clone());
                (token, Some(NoToken::NotRenewed(reason_of(&error))), time::Duration::ZERO)
            }
        };
        let identity = token.as_ref().map(|(identity, _)| *identity);
        scope.state.send_replace(Some(TokenState { token, problem: problem.clone() }));
        let wait = match problem {
            None => {
                if let Some(identity) = identity.filter(|_| !was_well) {
                    info!(event = "token_acquired", scope = scope.name, %identity, "token acquired");
                }
                backoff.reset();
                Duration::try_from(lifetime / 2).unwrap_or_default()
            }
            Some(problem) => {
                if was_well || known.is_none() {
                    warn!(event = "token_refresh_failed", scope = scope.name, reason = %problem, "token refresh failed");
                }
                backoff.pause(None)
            }
        };
        let wait = elapsed(wait);
        tokio::time::sleep(MIN_INTERVAL).await;
        tokio::select! {
            () = wait => {}
            () = scope.renew.notified() => {}
        }
    }
}

/// Waits until `wait` has passed since the call, by the monotonic or the wall clock, whichever is first: the monotonic clock
/// stops while the machine sleeps, and the wall clock may be set back.
fn elapsed(wait: Duration) -> impl Future<Output = ()> {
    const MAX_SLEEP: Duration = Duration::from_mins(1);
    let (start, until) = (Instant::now(), OffsetDateTime::now_utc() + wait);
    async move {
        loop {
            let by_wall_clock = Duration::try_from(until - OffsetDateTime::now_utc()).unwrap_or_default();
            let left = by_wall_clock.min(wait.saturating_sub(start.elapsed()));
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(MAX_SLEEP)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    /// Tokio's paused clock advances during a sleep, and the wall clock does not, as if it were constantly set back.
    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_even_if_the_wall_clock_is_set_back() {
        let hour = Duration::from_hours(1);
        assert!(timeout(2 * hour, elapsed(hour)).await.is_ok(), "waits for the wall clock to catch up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_not_cut_short() {
        let hour = Duration::from_hours(1);
        assert!(timeout(hour / 2, elapsed(hour)).await.is_err());
    }
}
