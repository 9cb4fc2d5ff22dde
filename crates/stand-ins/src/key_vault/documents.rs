//! JSON documents for keys and key lists.

use super::keys::Version;
use super::new_key::Curve;
use super::private_key::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key bundle.
pub(super) fn key(vault: &str, version: &Version, is_managed_hsm: bool) -> Value {
    let is_in_hardware = version.properties.hsm || is_managed_hsm;
    let kind = if version.properties.curve == Curve::Rsa { "RSA" } else { "EC" };
    let mut jwk = json!({
        "kid": format!("{vault}/keys/{}/{}", version.id.name, version.id.version),
        "kty": format!("{kind}{}", if is_in_hardware { "-HSM" } else { "" }),
        "key_ops": version.properties.key_ops,
    });
    let mut insert = |name: &str, value: Value| {
        jwk.as_object_mut().map(|jwk| jwk.insert(name.to_owned(), value));
    };
    match &version.public_key {
        PublicKey::Point { x, y } => {
            insert("crv", json!(version.properties.curve));
            insert("x", URL_SAFE_NO_PAD.encode(x).into());
            insert("y", URL_SAFE_NO_PAD.encode(y).into());
        }
        PublicKey::Rsa { modulus } => {
            insert("n", URL_SAFE_NO_PAD.encode(modulus).into());
            insert("e", "AQAB".into());
        }
    }
    let attributes = attributes(version, is_managed_hsm);
    with_managed(version, json!({ "key": jwk, "attributes": attributes, "tags": version.properties.tags }))
}

/// A list entry. Entries of the list of all keys have no version.
pub(super) fn entry(vault: &str, version: &Version, is_managed_hsm: bool, with_version: bool) -> Value {
    let mut kid = format!("{vault}/keys/{}", version.id.name);
    if with_version {
        kid = format!("{kid}/{}", version.id.version);
    }
    let attributes = attributes(version, is_managed_hsm);
    with_managed(version, json!({ "kid": kid, "attributes": attributes, "tags": version.properties.tags }))
}

/// The service sets this for the keys of certificates only.
fn with_managed(version: &Version, mut document: Value) -> Value {
    if version.properties.managed
        && let Some(document) = document.as_object_mut()
    {
        document.insert("managed".to_owned(), true.into());
    }
    document
}

fn attributes(version: &Version, is_managed_hsm: bool) -> Value {
    let is_in_hardware = version.properties.hsm || is_managed_hsm;
    let mut attributes = json!({
        "enabled": version.properties.enabled,
        "created": version.created,
        "updated": version.created,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
        "exportable": version.properties.exportable,
        "hsmPlatform": if is_in_hardware { "2" } else { "0" },
    });
    if let Some(attributes) = attributes.as_object_mut() {
        let times = [("nbf", version.properties.not_before), ("exp", version.properties.expires)];
        attributes.extend(times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), time?.into()))));
    }
    attributes
}
