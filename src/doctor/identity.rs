//! Checks of the identity and its tokens.

use super::Finding;
use super::area::each;
use crate::azure::{Identity, IdentitySettings, TokenState, Tokens};
use time::OffsetDateTime;

/// Reports the identity of the process, and whether it gets a token for each scope.
pub(super) async fn check(settings: &IdentitySettings, tokens: &Tokens, scopes: &[String]) -> Vec<Finding> {
    let states: Vec<_> = each(scopes, async |scope: &String| tokens.state(scope).await).await;
    let known = states.iter().find_map(|state| state.token.as_ref()).map(|(identity, _)| *identity);
    let mut findings = vec![Finding::ok("identity", which(settings, known))];
    findings.extend(scopes.iter().zip(states).map(|(scope, state)| token(settings, scope, state)));
    findings
}

fn which(settings: &IdentitySettings, known: Option<Identity>) -> String {
    let candidates = settings.candidates();
    let name = match known {
        Some(identity) => identity.to_string(),
        None => candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
    };
    match (&settings.client_id, known.or_else(|| candidates.first().copied())) {
        (_, Some(Identity::Developer)) | (None, Some(Identity::Workload)) => name,
        (Some(client_id), _) => format!("{name}, client id {client_id}"),
        (None, _) => format!("{name}, system-assigned"),
    }
}

fn token(settings: &IdentitySettings, scope: &str, state: TokenState) -> Finding {
    let audience = scope.trim_end_matches("/.default");
    match state.token {
        Some((_, token)) if token.expires_on > OffsetDateTime::now_utc() => {
            let minutes = (token.expires_on - OffsetDateTime::now_utc()).whole_minutes();
            Finding::ok("identity.token", format!("obtained, valid for {minutes} min"))
        }
        Some((_, token)) => {
            let expired = (OffsetDateTime::now_utc() - token.expires_on).whole_seconds();
            let text = format!("a new token expired {expired} s ago by this machine's clock");
            Finding::failed("identity.token", text, "set this machine's clock")
        }
        None => {
            let reason = state.problem.map(|problem| problem.to_string()).unwrap_or_default();
            Finding::failed("identity.token", reason, settings.advice())
        }
    }
    .about(audience)
}
