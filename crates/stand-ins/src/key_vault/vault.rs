//! The vault's responses.

use super::VaultKind;
use super::documents;
use super::errors::{self, ServiceError};
use super::keys::{Keys, Refusal, Version};
use super::new_key::Curve;
use super::routes::{Route, UNWRAP, UPDATE, parameters};
use crate::answers::{Answer, json, with_header};
use crate::double::{Double, Task};
use crate::faults::{BadSignature, Failure, Operation};
use crate::tokens::Tokens;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::WWW_AUTHENTICATE;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Vault {
    pub(super) url: String,
    pub(super) kind: VaultKind,
    pub(super) page_size: usize,
    pub(super) tokens: Arc<Tokens>,
    pub(super) keys: Mutex<Keys>,
    pub(super) settings: Settings,
}

/// Settings that a test may change at run time.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) denies_lists: AtomicBool,
    pub(super) hides_disabled: AtomicBool,
    pub(super) allows_updates: AtomicBool,
    pub(super) allows_unwrapping: AtomicBool,
    pub(super) allows_releasing: AtomicBool,
    pub(super) high_s: AtomicBool,
    pub(super) demands_other_audiences: AtomicBool,
    /// Number of challenges for another audience.
    pub(super) demands: AtomicU64,
    /// `None`: reading it is forbidden.
    pub(super) rotation_policy: Mutex<Option<Value>>,
}

/// Body of a request to sign, or to unwrap.
#[derive(Debug, Deserialize)]
struct Operand {
    alg: String,
    value: String,
}

/// Body of an update request. Omitted fields stay unchanged.
#[derive(Debug, Deserialize)]
struct Update {
    tags: Option<BTreeMap<String, String>>,
    attributes: Option<UpdatedAttributes>,
}

/// The attributes that the stand-in can update.
#[derive(Debug, Deserialize)]
struct UpdatedAttributes {
    enabled: Option<bool>,
}

// Key Vault's limits for tags.
const MAX_TAGS: usize = 15;
const MAX_TAG_LENGTH: usize = 256;

/// Digest length of the supported algorithms, in bytes.
const DIGEST_LENGTH: usize = 32;

impl Vault {
    pub(super) fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_managed_hsm(&self) -> bool {
        self.kind == VaultKind::ManagedHsm
    }

    fn is_authorized(&self, head: &Parts) -> bool {
        !self.settings.demands_other_audiences.load(Ordering::Relaxed)
            && self.tokens.is_authorized(&head.headers, self.kind.audience())
    }

    fn challenge(&self) -> Answer {
        let mut audience = self.kind.audience().to_owned();
        if self.settings.demands_other_audiences.load(Ordering::Relaxed) {
            let number = self.settings.demands.fetch_add(1, Ordering::Relaxed);
            audience = format!("{audience}/{number}");
        }
        let resource = match self.kind {
            VaultKind::KeyVault => format!("resource=\"{audience}\""),
            VaultKind::ManagedHsm => format!("scope=\"{audience}/.default\""),
        };
        let challenge = format!("Bearer authorization=\"https://login.localhost/tenant\", {resource}");
        with_header(errors::unauthorized().into_answer(), WWW_AUTHENTICATE, challenge)
    }

    fn answer(&self, task: Task) -> Result<Answer, ServiceError> {
        let (head, body) = task.request.into_parts();
        if task.operation == Operation::Unauthorized {
            return Ok(self.challenge());
        }
        let parameters = parameters(&head);
        if !parameters.contains_key("api-version") {
            return Err(errors::bad_parameter("The 'api-version' parameter is missing."));
        }
        let start = parameters.get("$skiptoken").and_then(|start| start.parse().ok()).unwrap_or(0);
        let most = parameters.get("maxresults").and_then(|most| most.parse().ok()).unwrap_or(self.page_size);
        let page = Page { path: head.uri.path(), start, size: most.clamp(1, self.page_size) };
        match Route::of(&head) {
            Route::Keys | Route::Versions { .. } if self.settings.denies_lists.load(Ordering::Relaxed) => {
                Err(errors::forbidden_by_role("Microsoft.KeyVault/vaults/keys/read"))
            }
            Route::Keys => {
                let keys = self.keys();
                let entries = keys.latest().map(|key| documents::entry(&self.url, key, self.is_managed_hsm(), false));
                Ok(self.page(&page, entries))
            }
            Route::Versions { name } => {
                let keys = self.keys();
                let versions = keys.versions(&name).iter();
                let entries = versions.map(|key| documents::entry(&self.url, key, self.is_managed_hsm(), true));
                Ok(self.page(&page, entries))
            }
            Route::Key { name, version } => {
                let key = self.key(&name, &version)?;
                if !key.properties.enabled && self.settings.hides_disabled.load(Ordering::Relaxed) {
                    return Err(errors::refused(&key, "get", Refusal::Disabled));
                }
                Ok(json(200, &documents::key(&self.url, &key, self.is_managed_hsm())))
            }
            Route::Sign { name, version } => self.sign(&self.key(&name, &version)?, &body, task.bad_signature),
            Route::RotationPolicy { name } => {
                let policy = self.settings.rotation_policy.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let policy = policy
                    .ok_or_else(|| errors::forbidden_by_role("Microsoft.KeyVault/vaults/keyrotationpolicies/read"))?;
                self.key(&name, "")?;
                Ok(json(200, &policy))
            }
            Route::Unwrap { .. } if !self.allows_unwrapping() => Err(errors::forbidden_by_role(UNWRAP)),
            Route::Unwrap { name, version } => {
                let key = self.key(&name, &version)?;
                // The role is assigned on the key for sealed keys alone.
                if key.properties.curve != Curve::Rsa {
                    return Err(errors::forbidden_by_role(UNWRAP));
                }
                self.unwrap(&key, &body)
            }
            Route::Update { .. } if !self.allows_updates() => Err(errors::forbidden_by_role(UPDATE)),
            Route::Update { name, version } => self.update(&name, &version, &body),
            Route::Forbidden { action } => Err(errors::forbidden_by_role(action)),
        }
    }

    fn key(&self, name: &str, version: &str) -> Result<Version, ServiceError> {
        self.keys().get(name, version).cloned().ok_or_else(|| errors::key_not_found(name, version))
    }

    fn allows_updates(&self) -> bool {
        self.settings.allows_updates.load(Ordering::Relaxed)
    }

    fn allows_unwrapping(&self) -> bool {
        self.settings.allows_unwrapping.load(Ordering::Relaxed)
    }

    fn unwrap(&self, key: &Version, body: &[u8]) -> Result<Answer, ServiceError> {
        let Operand { alg, value } = operand(key, "unwrapKey", body)?;
        if alg != "RSA-OAEP-256" {
            return Err(errors::bad_parameter(format!("The stand-in does not unwrap with {alg}.")));
        }
        let unwrapped =
            URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')).ok().and_then(|value| key.private_key.unwrap(&value));
        let unwrapped = unwrapped.ok_or_else(|| errors::bad_parameter("The value could not be decrypted."))?;
        Ok(self.result(key, &unwrapped))
    }

    /// What the key has made.
    fn result(&self, key: &Version, value: &[u8]) -> Answer {
        let kid = format!("{}/keys/{}/{}", self.url, key.id.name, key.id.version);
        json(200, &json!({ "kid": kid, "value": URL_SAFE_NO_PAD.encode(value) }))
    }

    /// Updates a version. Tags are replaced as a whole.
    fn update(&self, name: &str, version: &str, body: &[u8]) -> Result<Answer, ServiceError> {
        let Update { tags, attributes } = serde_json::from_slice(body)
            .map_err(|why| errors::bad_parameter(format!("The body is not valid: {why}")))?;
        if let Some(tags) = &tags {
            let is_long = |text: &String| text.chars().count() > MAX_TAG_LENGTH;
            if tags.len() > MAX_TAGS || tags.iter().any(|(name, value)| is_long(name) || is_long(value)) {
                return Err(errors::bad_parameter(format!(
                    "The tags are not valid: at most {MAX_TAGS}, with names and values of at most {MAX_TAG_LENGTH} characters."
                )));
            }
        }
        let mut keys = self.keys();
        let key = keys.get_mut(name, version).ok_or_else(|| errors::key_not_found(name, version))?;
        if let Some(tags) = tags {
            key.properties.tags = tags;
        }
        if let Some(enabled) = attributes.and_then(|attributes| attributes.enabled) {
            key.properties.enabled = enabled;
        }
        Ok(json(200, &documents::key(&self.url, key, self.is_managed_hsm())))
    }

    fn page(&self, page: &Page<'_>, entries: impl Iterator<Item = Value>) -> Answer {
        let mut entries = entries.skip(page.start);
        let value: Vec<_> = entries.by_ref().take(page.size).collect();
        let next = page.start + page.size;
        let next = entries
            .next()
            .map(|_| format!("{}{}?api-version=7.6&$skiptoken={next}&maxresults={}", self.url, page.path, page.size));
        json(200, &json!({ "value": value, "nextLink": next }))
    }

    fn sign(&self, key: &Version, body: &[u8], bad: Option<BadSignature>) -> Result<Answer, ServiceError> {
        let Operand { alg, value } = operand(key, "sign", body)?;
        let digest = URL_SAFE_NO_PAD
            .decode(value.trim_end_matches('='))
            .map_err(|_| errors::bad_parameter("Property 'value' has invalid value: it is not base64url."))?;
        let algorithm = match key.properties.curve {
            Curve::P256 => "ES256",
            Curve::P256K => "ES256K",
            Curve::P384 => "ES384",
            Curve::P521 => "ES512",
            Curve::Rsa => "RS256",
        };
        if alg != algorithm {
            let message = format!("Key and signing algorithm are incompatible. Key {algorithm}, algorithm {alg}.");
            return Err(errors::bad_parameter(message));
        }
        if digest.len() != DIGEST_LENGTH {
            return Err(errors::bad_parameter(format!(
                "Invalid length of 'value': {} bytes. It must be {DIGEST_LENGTH} bytes for {alg}.",
                digest.len()
            )));
        }
        let high_s = key.properties.high_s || self.settings.high_s.load(Ordering::Relaxed);
        let signature = match bad {
            Some(bad) => key.private_key.sign_badly(&digest, bad),
            None => key.private_key.sign(&digest, high_s),
        };
        let signature =
            signature.ok_or_else(|| errors::bad_parameter(format!("The stand-in does not sign with {alg}.")))?;
        Ok(self.result(key, &signature))
    }
}

/// A slice of a list.
struct Page<'a> {
    path: &'a str,
    start: usize,
    size: usize,
}

/// What this operation of the key is to be applied to, if the key permits it.
fn operand(key: &Version, operation: &str, body: &[u8]) -> Result<Operand, ServiceError> {
    if let Some(refusal) = key.refusal(operation) {
        return Err(errors::refused(key, operation, refusal));
    }
    serde_json::from_slice(body).map_err(|_| errors::bad_parameter("The body needs the properties 'alg' and 'value'."))
}

impl Double for Vault {
    fn operation(&self, head: &Parts) -> Operation {
        if !self.is_authorized(head) {
            return Operation::Unauthorized;
        }
        match Route::of(head).operation() {
            Operation::UpdateKey if !self.allows_updates() => Operation::Other,
            Operation::UnwrapKey if !self.allows_unwrapping() => Operation::Other,
            operation => operation,
        }
    }

    async fn work(&self, task: Task) -> Answer {
        self.answer(task).unwrap_or_else(ServiceError::into_answer)
    }

    fn failure(&self, failure: Failure) -> Answer {
        let answer = errors::failure(failure);
        if failure.status == 401 {
            let challenge = self.challenge().headers_mut().remove(WWW_AUTHENTICATE);
            return match challenge.as_ref().and_then(|challenge| challenge.to_str().ok()) {
                Some(challenge) => with_header(answer, WWW_AUTHENTICATE, challenge),
                None => answer,
            };
        }
        answer
    }
}
