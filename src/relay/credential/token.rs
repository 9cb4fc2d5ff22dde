//! Microsoft Entra tokens for upstreams behind App Service authentication.

use crate::azure::{IdentitySettings, NoToken, TlsRoots, Tokens};
use azure_core::credentials::AccessToken;
use azure_core::time::OffsetDateTime;
use reqwest::header::HeaderValue;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::time::Instant;

/// Between two tokens that are requested because an upstream rejects the current one: it may never accept any.
const MIN_RENEWAL_INTERVAL: Duration = Duration::from_mins(1);

/// `RELAY_TOKEN_SCOPE`, and the identity whose tokens are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// The scope, such as `api://<client id>/.default`.
    pub scope: TokenScope,
    /// The identity that the environment offers.
    pub identity: IdentitySettings,
}

/// The scope of a token: the identifier of an app registration, and `/.default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenScope(String);

/// A text that is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected api://<client id of the app registration>/.default")]
pub struct InvalidTokenScope;

impl std::str::FromStr for TokenScope {
    type Err = InvalidTokenScope;

    fn from_str(text: &str) -> Result<Self, InvalidTokenScope> {
        let application = text.strip_suffix("/.default").ok_or(InvalidTokenScope)?;
        // The SDK passes it to a shell, for `az`.
        let is_plain = application.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte));
        if is_plain && !application.is_empty() { Ok(Self(text.to_owned())) } else { Err(InvalidTokenScope) }
    }
}

/// The token in use, renewed in the background.
pub(super) struct EntraToken {
    settings: TokenSettings,
    tokens: Arc<Tokens>,
    /// When a token was last requested because an upstream had rejected the current one; by upstream.
    renewed: Vec<Mutex<Option<Instant>>>,
}

impl EntraToken {
    /// Keeps the tokens of `previous`, if it is of the same settings. Sends no requests yet.
    ///
    /// # Errors
    /// If no HTTP client can be created.
    pub(super) fn new(
        settings: TokenSettings,
        roots: &TlsRoots,
        upstreams: usize,
        previous: Option<&Self>,
    ) -> Result<Self, reqwest::Error> {
        let tokens = match previous.filter(|previous| previous.settings == settings) {
            Some(previous) => Arc::clone(&previous.tokens),
            None => Tokens::new(settings.identity.clone(), roots)?,
        };
        Ok(Self { settings, tokens, renewed: (0..upstreams).map(|_| Mutex::new(None)).collect() })
    }

    /// The value of the header `Authorization`, marked as sensitive. Waits only until the first request for a token is answered.
    ///
    /// # Errors
    /// [`NoToken`] if there is no valid token.
    pub(super) async fn header(&self) -> Result<HeaderValue, NoToken> {
        let state = self.tokens.state(&self.settings.scope.0).await;
        match (state.token, state.problem) {
            (Some((_, token)), _) if token.expires_on > OffsetDateTime::now_utc() => header(&token),
            (Some(_), None) => {
                self.tokens.renew(&self.settings.scope.0);
                Err(NoToken::BeingRenewed)
            }
            (_, problem) => Err(problem.unwrap_or(NoToken::BeingRenewed)),
        }
    }

    /// Requests a new token, since an upstream has rejected the current one, unless that was done a short time ago. Waits for it.
    pub(super) async fn rejected(&self, upstream: usize) {
        let Some(renewed) = self.renewed.get(upstream) else { return };
        {
            let mut renewed = renewed.lock().unwrap_or_else(PoisonError::into_inner);
            if renewed.is_some_and(|renewed| renewed.elapsed() < MIN_RENEWAL_INTERVAL) {
                return;
            }
            *renewed = Some(Instant::now());
        }
        self.tokens.renewed(&self.settings.scope.0).await;
    }

    /// Records that an upstream accepts the current token: one that is rejected later is renewed at once.
    pub(super) fn accepted(&self, upstream: usize) {
        if let Some(renewed) = self.renewed.get(upstream) {
            *renewed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The source of the token, and when it expires.
    ///
    /// # Errors
    /// Why there is no token, and what to do.
    pub(super) async fn describe(&self) -> Result<String, String> {
        let state = self.tokens.state(&self.settings.scope.0).await;
        match (state.token, state.problem) {
            (Some((identity, token)), None) => {
                Ok(format!("token of the {identity}, valid until {}", super::shown(token.expires_on)))
            }
            (_, problem) => {
                let reason = problem.unwrap_or(NoToken::BeingRenewed);
                Err(format!("no token for {}: {reason}; {}", self.settings.scope.0, self.settings.identity.advice()))
            }
        }
    }
}

fn header(token: &AccessToken) -> Result<HeaderValue, NoToken> {
    let header = HeaderValue::try_from(format!("Bearer {}", token.token.secret()));
    let mut header =
        header.map_err(|_| NoToken::NotRenewed("a token has characters that no header can carry".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_that_of_an_app_registration() {
        for text in ["api://0a1b/.default", "https://signer.example/.default", "0a1b-2c/.default"] {
            assert_eq!(text.parse(), Ok(TokenScope(text.to_owned())));
        }
        for text in ["", "/.default", "api://0a1b", "api://0a1b/.default ", "api://$(id)/.default", "a b/.default"] {
            assert_eq!(text.parse::<TokenScope>(), Err(InvalidTokenScope), "{text}");
        }
    }
}
