//! Microsoft Entra ID, as far as applications sign in there: with an assertion, which is either a token that Kubernetes has issued,
//! or signed with the private key of a certificate.

use crate::Identity;
use crate::answers::{Answer, json};
use crate::certificate::Certificate;
use crate::connections::Port;
use crate::double::{Controls, Double, Task, controllable, serve};
use crate::faults::{Failure, Operation};
use crate::precise_timer::PreciseTimer;
use crate::tokens::Tokens;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::runtime::{Builder, Runtime};

/// How an application proves who it is.
#[derive(Debug, Clone)]
pub enum ApplicationCredential {
    /// The assertion is this text: a token of another issuer, which the application trusts.
    Federated(String),
    /// The assertion is signed.
    Certificate {
        /// The certificate, in DER.
        certificate: Vec<u8>,
        /// Its RSA public key, in PKCS#1.
        public_key: Vec<u8>,
    },
}

/// An application that can sign in.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its tenant.
    pub tenant_id: String,
    /// Its identifier.
    pub client_id: String,
    /// Its credential.
    pub credential: ApplicationCredential,
}

/// The double of the token endpoint of a tenant. It runs on its own thread, and stops when it is dropped.
#[derive(Debug)]
pub struct Entra {
    controls: Arc<Controls>,
    authority_pem: String,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

struct Endpoint {
    application: Application,
    authority: String,
    tokens: Arc<Tokens>,
}

impl Entra {
    /// Starts one on a free port. Its tokens are valid where those of the managed identity are.
    ///
    /// # Errors
    /// If no port is available.
    pub fn start(identity: &Identity, application: Application) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("entra").enable_all().build()?;
        let certificate = Certificate::make(std::iter::empty())?;
        let controls = {
            let _inside = runtime.enter();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            Controls::new(Port::open_at(address)?, &Arc::new(PreciseTimer::start()))
        };
        let authority = format!("https://{}", controls.port.address());
        let endpoint = Endpoint { application, authority, tokens: identity.issuer() };
        runtime.spawn(serve(Arc::new(endpoint), Arc::clone(&controls), Some(certificate.acceptor())));
        Ok(Self { controls, authority_pem: certificate.authority_pem, runtime: Some(runtime) })
    }

    /// The value for `AZURE_AUTHORITY_HOST`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// Its certificate authority, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }
}

controllable!(Entra);

impl Drop for Entra {
    fn drop(&mut self) {
        drop(self.controls.port.refuse_connections(true));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Double for Endpoint {
    fn operation(&self, head: &Parts) -> Operation {
        let path = format!("/{}/oauth2/v2.0/token", self.application.tenant_id);
        if head.method == Method::POST && head.uri.path() == path { Operation::Token } else { Operation::Other }
    }

    async fn work(&self, task: Task) -> Answer {
        if task.operation != Operation::Token {
            return refusal("no such tenant or endpoint");
        }
        let body = task.request.into_body();
        let form = url::form_urlencoded::parse(&body).into_owned().collect();
        self.token(&form).unwrap_or_else(refusal)
    }

    fn failure(&self, failure: Failure) -> Answer {
        json(failure.status, &json!({ "error": "temporarily_unavailable", "error_description": "injected fault" }))
    }
}

impl Endpoint {
    fn token(&self, form: &HashMap<String, String>) -> Result<Answer, &'static str> {
        let field = |name| form.get(name).map(String::as_str).unwrap_or_default();
        if field("grant_type") != "client_credentials"
            || field("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        {
            return Err("expected a client assertion");
        }
        if field("client_id") != self.application.client_id {
            return Err("no such application");
        }
        self.check(field("client_assertion"))?;
        let audience = field("scope").strip_suffix("/.default").ok_or("expected a scope that ends with /.default")?;
        let (token, until) = self.tokens.issue(audience);
        let life = until.duration_since(SystemTime::now()).unwrap_or_default().as_secs();
        Ok(json(200, &json!({ "access_token": token, "expires_in": life, "token_type": "Bearer" })))
    }

    fn check(&self, assertion: &str) -> Result<(), &'static str> {
        let (certificate, public_key) = match &self.application.credential {
            ApplicationCredential::Federated(token) if token == assertion => return Ok(()),
            ApplicationCredential::Federated(_) => return Err("unknown federated token"),
            ApplicationCredential::Certificate { certificate, public_key } => (certificate, public_key),
        };
        let (signed, signature) = assertion.rsplit_once('.').ok_or("not a JWT")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "not a JWT")?;
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public_key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| "invalid signature")?;
        let parts: Vec<_> = signed.split('.').filter_map(decoded).collect();
        let [header, claims] = parts.as_slice() else { return Err("not a JWT") };
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate));
        if header["alg"] != "PS256" || header["x5t#S256"] != thumbprint {
            return Err("wrong header");
        }
        let client = self.application.client_id.as_str();
        let audience = format!("{}/{}/oauth2/v2.0/token", self.authority, self.application.tenant_id);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let is_valid_now = claims["nbf"].as_u64().is_some_and(|from| from <= now)
            && claims["exp"].as_u64().is_some_and(|until| now < until && until <= now + 600);
        let has_identifier = claims["jti"].as_str().is_some_and(|identifier| identifier.len() >= 16);
        let is_of_application = claims["iss"] == client && claims["sub"] == client && claims["aud"] == audience;
        if is_valid_now && has_identifier && is_of_application { Ok(()) } else { Err("wrong claims") }
    }
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn refusal(description: &str) -> Answer {
    json(400, &json!({ "error": "invalid_client", "error_description": description, "error_codes": [7_000_000] }))
}
