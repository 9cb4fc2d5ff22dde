use super::identity::ANSWER_TIMEOUT;
use super::{Identity, IdentitySettings, TlsRoots, reason_of};
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

/// Tokens of the process's identity, one for each scope, kept fresh in the background.
///
/// A token is renewed from half of its life on. While one is good, whoever asks has it at once, whatever has become of the
/// identity endpoint meanwhile; so no signature waits for a token. The SDK's own credentials renew inside a request, with
/// all others waiting, and only in the last five minutes.
pub struct Tokens {
    settings: IdentitySettings,
    client: reqwest::Client,
    scopes: Mutex<HashMap<String, Arc<Scope>>>,
    tasks: Mutex<JoinSet<Infallible>>,
}

struct Scope {
    name: String,
    state: watch::Sender<Option<TokenState>>,
    renew: Notify,
}

/// What is known of a scope's token.
#[derive(Clone)]
pub struct TokenState {
    /// The last token, which may have expired, and where it came from.
    pub token: Option<(Identity, AccessToken)>,
    /// Why the last question gave no token that is good, if so.
    pub trouble: Option<NoToken>,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// None was given.
    #[error("{0}")]
    NotRenewed(String),
    /// One was given, and is worth nothing by this machine's clock.
    #[error(
        "a token that was issued just now expired {} s ago by this machine's clock, so the clock is probably ahead: set it \
         (timedatectl set-ntp true, or chronyc makestep; a container has its host's clock)",
        expired.whole_seconds()
    )]
    ClockAhead {
        /// How long ago.
        expired: time::Duration,
    },
    /// The last one has expired meanwhile: the machine slept, or its clock was set.
    #[error("the token has expired, and another one is requested")]
    BeingRenewed,
}

impl From<NoToken> for Error {
    fn from(why: NoToken) -> Self {
        let text = why.to_string();
        Self::with_error(ErrorKind::Credential, why, text)
    }
}

/// Between two questions about one scope, whatever happens.
const MIN_INTERVAL: Duration = Duration::from_millis(500);

/// While the identity endpoint does not answer.
const MAX_INTERVAL: Duration = Duration::from_secs(2);

impl Tokens {
    /// Tokens of the identity that the environment offers.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(settings: IdentitySettings, roots: &TlsRoots) -> Result<Arc<Self>, reqwest::Error> {
        let client = roots.client(ANSWER_TIMEOUT)?;
        Ok(Arc::new(Self { settings, client, scopes: Mutex::default(), tasks: Mutex::default() }))
    }

    /// Begins to keep a token for a scope, before anyone needs it.
    pub fn keep(&self, scope: &str) {
        drop(self.scope(scope));
    }

    /// Asks for a new token, since the service did not take the present one.
    pub fn renew(&self, scope: &str) {
        self.scope(scope).renew.notify_one();
    }

    /// What is known of the token for a scope, after the first question has been answered.
    pub async fn state(&self, scope: &str) -> TokenState {
        let mut state = self.scope(scope).state.subscribe();
        let known = state.wait_for(Option::is_some).await.ok().and_then(|state| state.clone());
        known.unwrap_or(TokenState { token: None, trouble: Some(NoToken::BeingRenewed) })
    }

    fn scope(&self, name: &str) -> Arc<Scope> {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scope) = scopes.get(name) {
            return Arc::clone(scope);
        }
        let scope = Arc::new(Scope { name: name.to_owned(), state: watch::Sender::new(None), renew: Notify::new() });
        scopes.insert(name.to_owned(), Arc::clone(&scope));
        let (kept, settings, client) = (Arc::clone(&scope), self.settings.clone(), self.client.clone());
        let task = keep_running("tokens", move || keep_fresh(Arc::clone(&kept), settings.clone(), client.clone()));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
        scope
    }
}

#[async_trait]
impl TokenCredential for Tokens {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let [name] = scopes else {
            return Err(Error::with_message(ErrorKind::Credential, "expected one scope"));
        };
        let state = self.state(name).await;
        match (state.token, state.trouble) {
            (Some((_, token)), _) if token.expires_on > OffsetDateTime::now_utc() => Ok(token),
            (Some(_), None) => {
                self.renew(name);
                Err(NoToken::BeingRenewed.into())
            }
            (_, trouble) => Err(trouble.unwrap_or(NoToken::BeingRenewed).into()),
        }
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
        let was_well = known.as_ref().is_some_and(|known| known.trouble.is_none());
        let answer = settings.token(&client, &scope.name).await;
        let (token, trouble, life) = match answer {
            Ok((identity, token)) => {
                let life = token.expires_on - OffsetDateTime::now_utc();
                let trouble = (!life.is_positive()).then(|| NoToken::ClockAhead { expired: life.abs() });
                (Some((identity, token)), trouble, life)
            }
            Err(error) => {
                let token = known.as_ref().and_then(|known| known.token.clone());
                (token, Some(NoToken::NotRenewed(reason_of(&error))), time::Duration::ZERO)
            }
        };
        let identity = token.as_ref().map(|(identity, _)| *identity);
        scope.state.send_replace(Some(TokenState { token, trouble: trouble.clone() }));
        let wait = match trouble {
            None => {
                if let Some(identity) = identity.filter(|_| !was_well) {
                    info!(event = "token_acquired", scope = scope.name, %identity, "token acquired");
                }
                backoff.reset();
                Duration::try_from(life / 2).unwrap_or_default()
            }
            Some(trouble) => {
                if was_well || known.is_none() {
                    warn!(event = "token_refresh_failed", scope = scope.name, reason = %trouble, "token refresh failed");
                }
                backoff.pause(None)
            }
        };
        let wait = have_passed(wait);
        tokio::time::sleep(MIN_INTERVAL).await;
        tokio::select! {
            () = wait => {}
            () = scope.renew.notified() => {}
        }
    }
}

/// Waits until so much time has passed since this was called, by either of two clocks: the one that waits are measured with
/// stands still while a machine sleeps, and the wall clock may be set back.
fn have_passed(wait: Duration) -> impl Future<Output = ()> {
    const MAX_SLEEP: Duration = Duration::from_mins(1);
    let (start, until) = (Instant::now(), OffsetDateTime::now_utc() + wait);
    async move {
        loop {
            let by_the_wall = Duration::try_from(until - OffsetDateTime::now_utc()).unwrap_or_default();
            let left = by_the_wall.min(wait.saturating_sub(start.elapsed()));
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

    /// Tokio's clock goes at once wherever it is waited for, and the wall clock does not, as if it were set back all the while.
    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_also_when_the_wall_clock_is_set_back() {
        let hour = Duration::from_hours(1);
        assert!(timeout(2 * hour, have_passed(hour)).await.is_ok(), "no token is asked for until the clock is there");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_not_cut_short() {
        let hour = Duration::from_hours(1);
        assert!(timeout(hour / 2, have_passed(hour)).await.is_err());
    }
}
