//! The managed identity of an App Service or Functions app: a plain HTTP endpoint that issues tokens.

use crate::answers::{Answer, json, with_header};
use crate::double::{Controls, Double, Task, controllable};
use crate::faults::{Failure, Operation};
use crate::random;
use crate::tokens::Tokens;
use hyper::Method;
use hyper::http::request::Parts;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The double of the managed identity endpoint.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) controls: Arc<Controls>,
    endpoint: Arc<Endpoint>,
}

#[derive(Debug)]
pub(crate) struct Endpoint {
    secret: String,
    tokens: Arc<Tokens>,
}

const PATH: &str = "/msi/token";

impl Identity {
    pub(crate) fn new(controls: Arc<Controls>, tokens: Arc<Tokens>) -> (Self, Arc<Endpoint>) {
        let endpoint = Arc::new(Endpoint { secret: random::identifier(), tokens });
        (Self { controls, endpoint: Arc::clone(&endpoint) }, endpoint)
    }

    /// The value for `IDENTITY_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address())
    }

    /// The value for `IDENTITY_HEADER`. No token is issued without it.
    pub fn secret(&self) -> &str {
        &self.endpoint.secret
    }

    /// All tokens issued so far, revoked ones included.
    pub fn tokens(&self) -> Vec<String> {
        self.endpoint.tokens.issued()
    }

    /// The audiences of all tokens issued and not revoked, in order.
    pub fn audiences(&self) -> BTreeSet<String> {
        self.endpoint.tokens.audiences()
    }

    /// Issues a token for this audience, as another endpoint would, and returns it with its expiry.
    pub fn issue(&self, audience: &str) -> (String, SystemTime) {
        self.endpoint.tokens.issue(audience)
    }

    /// What issues the tokens.
    pub(crate) fn issuer(&self) -> Arc<Tokens> {
        Arc::clone(&self.endpoint.tokens)
    }

    /// Revokes all tokens issued so far.
    pub fn revoke_all(&self) {
        self.endpoint.tokens.revoke_all();
    }

    /// Sets the lifetime of tokens issued from now on.
    pub fn set_token_life(&self, life: Duration) {
        self.endpoint.tokens.set_life(life);
    }
}

controllable!(Identity);

impl Endpoint {
    fn token(&self, head: &Parts) -> Result<Answer, Refusal> {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        if header("x-identity-header") != Some(&self.secret) {
            return Err(refusal(401, "unauthorized", "x-identity-header is missing or wrong"));
        }
        if header("metadata") != Some("true") {
            return Err(refusal(400, "invalid_request", "the header 'metadata: true' is missing"));
        }
        let query = head.uri.query().unwrap_or_default();
        let parameter = |wanted| url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
        if parameter("api-version").is_none_or(|(_, version)| version != "2019-08-01") {
            return Err(refusal(400, "invalid_request", "api-version is not 2019-08-01"));
        }
        let Some((_, resource)) = parameter("resource") else {
            return Err(refusal(400, "invalid_request", "resource is missing"));
        };
        let (token, until) = self.tokens.issue(&resource);
        let expires_on = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut body = json!({
            "access_token": token,
            // A string, as in the service's response.
            "expires_on": expires_on.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        });
        if let (Some((_, client)), Some(body)) = (parameter("client_id"), body.as_object_mut()) {
            body.insert("client_id".to_owned(), client.into());
        }
        Ok(json(200, &body))
    }
}

impl Double for Endpoint {
    fn operation(&self, head: &Parts) -> Operation {
        if head.method == Method::GET && head.uri.path() == PATH { Operation::Token } else { Operation::Other }
    }

    async fn work(&self, task: Task) -> Answer {
        match task.operation {
            Operation::Token => self.token(&task.request.into_parts().0).unwrap_or_else(Refusal::into_answer),
            _ => refusal(404, "not_found", "only GET /msi/token is supported").into_answer(),
        }
    }

    fn failure(&self, failure: Failure) -> Answer {
        let answer = refusal(failure.status, "fault", "injected fault").into_answer();
        match failure.retry_after {
            Some(after) => with_header(answer, hyper::header::RETRY_AFTER, after.as_secs_f64().ceil().to_string()),
            None => answer,
        }
    }
}

/// Why no token is issued.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    description: &'static str,
}

fn refusal(status: u16, code: &'static str, description: &'static str) -> Refusal {
    Refusal { status, code, description }
}

impl Refusal {
    fn into_answer(self) -> Answer {
        let Self { status, code, description } = self;
        json(status, &json!({ "error": code, "error_description": description, "statusCode": status }))
    }
}
