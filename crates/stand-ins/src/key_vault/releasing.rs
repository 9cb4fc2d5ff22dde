//! Releasing a key to a container whose attestation satisfies the key's policy.
//!
//! The service's policies have the form `{"version": "1.0.0", "anyOf": [{"authority": "https://<service>", "allOf": [{"claim": …,
//! "equals": …}]}]}`. The wording of its refusals is not known from public sources.

use super::errors::{self, ServiceError};
use super::keys::Version;
use super::routes::RELEASE;
use super::vault::Vault;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// What an attestation service has attested.
#[derive(Debug)]
pub(crate) struct Attested<'a> {
    /// The address of the service.
    pub(crate) authority: &'a str,
    pub(crate) claims: &'a BTreeMap<String, String>,
}

impl Vault {
    /// Its host name.
    pub(crate) fn host(&self) -> &'static str {
        self.kind.host()
    }

    /// The key as a JSON Web Key, with its private part; or the status and the body of the refusal. An empty version means the latest.
    pub(crate) fn release(&self, name: &str, version: &str, attested: &Attested<'_>) -> Result<Value, (u16, String)> {
        self.released(name, version, attested).map_err(|error| error.parts())
    }

    fn released(&self, name: &str, version: &str, attested: &Attested<'_>) -> Result<Value, ServiceError> {
        if !self.settings.allows_releasing.load(Ordering::Relaxed) {
            return Err(errors::forbidden_by_role(RELEASE));
        }
        let key = self.keys().get(name, version).cloned().ok_or_else(|| errors::key_not_found(name, version))?;
        if !key.properties.enabled {
            return Err(errors::not_released("Operation release is not allowed on a disabled key."));
        }
        let policy = key.properties.release_policy.as_ref().filter(|_| key.properties.exportable && key.properties.hsm);
        let policy = policy.ok_or_else(|| errors::not_released("The key is not exportable."))?;
        if !attested.satisfies(policy) {
            return Err(errors::not_released("The target environment does not meet the key's release policy."));
        }
        json_web_key(&key).ok_or_else(|| errors::not_released("The stand-in does not release keys of this type."))
    }
}

impl Attested<'_> {
    fn satisfies(&self, policy: &Value) -> bool {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let is_claimed = |condition: &Value| {
            let claimed = condition["claim"].as_str().and_then(|claim| self.claims.get(claim));
            claimed.is_some_and(|claimed| condition["equals"] == claimed.as_str())
        };
        policy["version"] == "1.0.0"
            && list(&policy["anyOf"]).iter().any(|alternative| {
                let conditions = list(&alternative["allOf"]);
                alternative["authority"] == self.authority
                    && !conditions.is_empty()
                    && conditions.iter().all(is_claimed)
            })
    }
}

fn json_web_key(key: &Version) -> Option<Value> {
    let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    let numbers = names.into_iter().zip(key.private_key.rsa_numbers()?);
    let mut members: Map<_, _> =
        numbers.map(|(name, number)| (name.to_owned(), URL_SAFE_NO_PAD.encode(number).into())).collect();
    members.insert("kty".to_owned(), "RSA".into());
    members.insert("key_ops".to_owned(), json!(key.properties.key_ops));
    Some(members.into())
}
