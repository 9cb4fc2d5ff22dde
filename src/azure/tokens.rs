use super::identity::LONGEST_ANSWER;
use super::{Identity, IdentitySettings, TlsRoots, keep_running, reason_of};
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::time::OffsetDateTime;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
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
    tasks: Mutex<JoinSet<()>>,
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
    /// Why the last question was not answered, if it was not.
    pub trouble: Option<String>,
}

/// Between two questions about one scope, whatever happens.
const SHORTEST: Duration = Duration::from_millis(500);

/// While the identity endpoint does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Tokens {
    /// Tokens of the identity that the environment offers.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(settings: IdentitySettings, roots: &TlsRoots) -> Result<Arc<Self>, reqwest::Error> {
        let client = roots.client(LONGEST_ANSWER)?;
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
        known.unwrap_or_else(|| TokenState { token: None, trouble: Some("nobody asks for tokens any more".to_owned()) })
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
                // The machine slept, or its clock was set: the task has not noticed yet.
                self.renew(name);
                Err(Error::with_message(ErrorKind::Credential, "the token has expired, another one is asked for"))
            }
            (_, trouble) => Err(Error::with_message(ErrorKind::Credential, trouble.unwrap_or_default())),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").field("settings", &self.settings).finish_non_exhaustive()
    }
}

async fn keep_fresh(scope: Arc<Scope>, settings: IdentitySettings, client: reqwest::Client) {
    let mut pause = SHORTEST;
    loop {
        let known = scope.state.borrow().clone();
        let was_well = known.as_ref().is_some_and(|known| known.trouble.is_none());
        let wait = match settings.token(&client, &scope.name).await {
            Ok((identity, token)) => {
                if !was_well {
                    info!(scope = scope.name, %identity, "there is a token");
                }
                let half_life = (token.expires_on - OffsetDateTime::now_utc()) / 2;
                scope.state.send_replace(Some(TokenState { token: Some((identity, token)), trouble: None }));
                pause = SHORTEST;
                Duration::try_from(half_life).unwrap_or_default()
            }
            Err(error) => {
                let trouble = reason_of(&error);
                if was_well || known.is_none() {
                    warn!(scope = scope.name, reason = trouble, "no new token");
                }
                let token = known.and_then(|known| known.token);
                scope.state.send_replace(Some(TokenState { token, trouble: Some(trouble) }));
                pause = (pause * 2).min(LONGEST_PAUSE);
                pause
            }
        };
        let renew_at = OffsetDateTime::now_utc() + wait;
        tokio::time::sleep(SHORTEST).await;
        tokio::select! {
            () = reached(renew_at) => {}
            () = scope.renew.notified() => {}
        }
    }
}

/// Waits for a time of day. The clock that waits are measured with stands still while a machine sleeps.
async fn reached(time: OffsetDateTime) {
    const LONGEST: Duration = Duration::from_mins(1);
    loop {
        let Ok(left) = Duration::try_from(time - OffsetDateTime::now_utc()) else { return };
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST)).await;
    }
}
