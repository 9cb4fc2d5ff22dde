//! The sidecar of a confidential container, which has keys of the vault released: `skr` of microsoft/confidential-sidecar-containers.
//!
//! As published: it listens on localhost over plain HTTP; `POST /key/release` takes `maa_endpoint`, `akv_endpoint` and `kid`, all
//! required, and makes `https://<maa_endpoint>/attest/SevSnpVM` and `https://<akv_endpoint>/keys/<kid>/release` of them, so they have no
//! scheme, and a version follows the name in `kid`. A body without one of them is answered with 400 and `{"error":{}}`, everything that
//! fails later with 403 and `{"error": "secure key release failed…"}`, anything else with 404 as text.

use crate::answers::{Answer, json, with_body, with_header};
use crate::double::{Controls, Double, Task, controllable};
use crate::faults::{Failure, Operation};
use crate::key_vault::{Attested, KeyVault, Vault};
use crate::random;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Host name of the attestation service.
const ATTESTATION: &str = "standin.attest.localhost";

/// The double of the sidecar.
#[derive(Debug, Clone)]
pub struct KeyRelease {
    pub(crate) controls: Arc<Controls>,
    sidecar: Arc<Sidecar>,
}

controllable!(KeyRelease);

#[derive(Debug)]
pub(crate) struct Sidecar {
    vault: Arc<Vault>,
    /// What is attested about this container.
    claims: BTreeMap<String, String>,
    /// `<name>/<version>` of the key that is released instead of the requested one.
    instead: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct Body {
    maa_endpoint: String,
    akv_endpoint: String,
    kid: String,
}

impl Body {
    fn is_complete(&self) -> bool {
        [&self.maa_endpoint, &self.akv_endpoint, &self.kid].iter().all(|text| !text.is_empty())
    }
}

impl KeyRelease {
    pub(crate) fn new(controls: Arc<Controls>, key_vault: &KeyVault) -> (Self, Arc<Sidecar>) {
        let measured = [random::identifier(), random::identifier()].concat();
        let claims = claims(&measured).map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let sidecar = Arc::new(Sidecar { vault: key_vault.vault(), claims, instead: Mutex::default() });
        (Self { controls, sidecar: Arc::clone(&sidecar) }, sidecar)
    }

    /// The value for `SECURE_KEY_RELEASE_URL`.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address().port())
    }

    /// The value for `ATTESTATION_ENDPOINT`.
    pub fn attestation_endpoint(&self) -> &'static str {
        ATTESTATION
    }

    /// The host name of the vault, for the identifiers of recipients.
    pub fn vault_host(&self) -> &'static str {
        self.sidecar.vault.host()
    }

    /// The digest of the policy that this container was started with, in hexadecimal: only this one can be attested.
    pub fn host_data(&self) -> &str {
        self.sidecar.claims.get("x-ms-sevsnpvm-hostdata").map_or("", String::as_str)
    }

    /// Releases this key instead of the one that is requested, `<name>/<version>`.
    pub fn release_instead(&self, key: Option<String>) {
        *self.sidecar.instead.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

/// A release policy for a container with this digest, attested by this service.
pub fn release_policy(attestation_endpoint: &str, host_data: &str) -> Value {
    let conditions = claims(host_data).map(|(claim, value)| json!({ "claim": claim, "equals": value }));
    let authority = format!("https://{attestation_endpoint}");
    json!({ "version": "1.0.0", "anyOf": [{ "authority": authority, "allOf": conditions }] })
}

fn claims(host_data: &str) -> [(&'static str, &str); 5] {
    [
        ("x-ms-attestation-type", "sevsnpvm"),
        ("x-ms-compliance-status", "azure-compliant-uvm"),
        ("x-ms-sevsnpvm-is-debuggable", "false"),
        ("x-ms-sevsnpvm-vmpl", "0"),
        ("x-ms-sevsnpvm-hostdata", host_data),
    ]
}

impl Sidecar {
    fn release(&self, body: &[u8]) -> Answer {
        let body = serde_json::from_slice::<Body>(body).ok().filter(Body::is_complete);
        let Some(Body { maa_endpoint, akv_endpoint, kid }) = body else {
            return json(400, &json!({ "error": {} }));
        };
        if maa_endpoint != ATTESTATION {
            return failed(&format!(
                "attestation failed: Post \"https://{maa_endpoint}/attest/SevSnpVM?api-version=2020-10-01\": no such host"
            ));
        }
        if akv_endpoint != self.vault.host() {
            return failed(&format!(
                "releasing the key {kid} failed: Post \"https://{akv_endpoint}/keys/{kid}/release?api-version=7.4\": no such host"
            ));
        }
        let instead = self.instead.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let requested = instead.unwrap_or_else(|| kid.clone());
        let (name, version) = requested.split_once('/').unwrap_or((&requested, ""));
        let authority = format!("https://{ATTESTATION}");
        let attested = Attested { authority: &authority, claims: &self.claims };
        match self.vault.release(name, version, &attested) {
            Ok(key) => json(200, &json!({ "key": key.to_string() })),
            Err((status, body)) => failed(&format!(
                "releasing the key {kid} failed: pulling AKV response body failed: {body}: http response status equal to {status}"
            )),
        }
    }
}

fn failed(reason: &str) -> Answer {
    json(403, &json!({ "error": format!("secure key release failed\n(where its documentation is): {reason}") }))
}

impl Double for Sidecar {
    fn operation(&self, head: &Parts) -> Operation {
        match (&head.method, head.uri.path()) {
            (&Method::POST, "/key/release") => Operation::ReleaseKey,
            _ => Operation::Other,
        }
    }

    async fn work(&self, task: Task) -> Answer {
        let (head, body) = task.request.into_parts();
        match (task.operation, head.uri.path()) {
            (Operation::ReleaseKey, _) => self.release(&body),
            (_, "/status") if head.method == Method::GET => json(200, &json!({ "message": "Status OK" })),
            _ => with_header(with_body(404, "404 page not found"), CONTENT_TYPE, "text/plain"),
        }
    }

    fn failure(&self, failure: Failure) -> Answer {
        json(
            failure.status,
            &json!({ "error": "secure key release failed\n(where its documentation is): injected fault" }),
        )
    }
}
