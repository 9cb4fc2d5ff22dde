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
            Finding::failed("identity.token", reason, advice(settings))
        }
    }
    .about(audience)
}

fn advice(settings: &IdentitySettings) -> String {
    let client = settings.client_id.as_deref();
    match settings.candidates().first() {
        Some(Identity::AppService) => {
            let identity = match client {
                Some(client) => format!(
                    "AZURE_CLIENT_ID ({client}) must be the client id of an identity that is assigned to the app: `az \
                     functionapp identity show -g <group> -n <app>`"
                ),
                None => {
                    "assign an identity to the app: `az functionapp identity assign -g <group> -n <app>`, and for a \
                         user-assigned one set AZURE_CLIENT_ID"
                        .to_owned()
                }
            };
            format!(
                "{identity}. IDENTITY_ENDPOINT and IDENTITY_HEADER are set by the platform: if they are in the app settings, \
                 remove them and restart the app"
            )
        }
        Some(Identity::Workload) => "the pod needs AZURE_TENANT_ID, AZURE_CLIENT_ID and a readable \
                                     AZURE_FEDERATED_TOKEN_FILE, and the identity a credential for its service \
                                     account: `az identity federated-credential list -g <group> --identity-name \
                                     <identity>`"
            .to_owned(),
        _ => "on a laptop: `az login` or `azd auth login`; on a virtual machine: `az vm identity assign -g <group> -n \
              <machine>`, and for a user-assigned identity set AZURE_CLIENT_ID"
            .to_owned(),
    }
}
