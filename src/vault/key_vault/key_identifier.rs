//! Parsing of the settings that name a vault, its keys and their tags.

use azure_core::http::Url;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The address of a Key Vault or a Managed HSM, in any cloud.
#[derive(Clone, PartialEq, Eq)]
pub struct VaultUrl(Url);

/// Why a setting is invalid, with the expected form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidIdentifier(&'static str);

impl VaultUrl {
    /// The address as a URL.
    pub const fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether it is a Managed HSM, which has different roles.
    pub fn is_managed_hsm(&self) -> bool {
        self.0.host_str().unwrap_or_default().split('.').nth(1) == Some("managedhsm")
    }

    /// The scope of tokens: the service's domain without the vault's name, as in the service's challenge in every cloud:
    /// `https://vault.azure.net` for `name.vault.azure.net`, `https://managedhsm.azure.net` for `name.managedhsm.azure.net`.
    pub fn scope(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let service = host.split_once('.').map_or(host, |(_, service)| service);
        format!("https://{service}/.default")
    }
}

impl FromStr for VaultUrl {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        const EXPECTED: InvalidIdentifier =
            InvalidIdentifier("expected https://<name>.vault.azure.net/ or https://<name>.managedhsm.azure.net/");
        const NO_SCHEME: InvalidIdentifier = InvalidIdentifier(
            "https:// is missing: expected https://<name>.vault.azure.net/ or https://<name>.managedhsm.azure.net/",
        );
        if !text.contains("://") {
            return Err(NO_SCHEME);
        }
        let url = Url::parse(text).map_err(|_| EXPECTED)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        let is_of_a_service =
            url.domain().is_some_and(|host| host.split('.').filter(|label| !label.is_empty()).count() > 2);
        if url.scheme() == "https" && is_bare && is_anonymous && is_of_a_service {
            Ok(Self(url))
        } else {
            Err(EXPECTED)
        }
    }
}

impl fmt::Display for VaultUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

impl fmt::Debug for VaultUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VaultUrl({self})")
    }
}

/// One version of one key of the vault. Written `<name>/<version>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyIdentifier {
    /// The key's name.
    pub name: String,
    /// The version.
    pub version: String,
}

impl FromStr for KeyIdentifier {
    type Err = InvalidIdentifier;

    /// Reads `<name>/<version>`, or the vault's own identifier, `https://<vault>/keys/<name>/<version>`.
    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        const EXPECTED: InvalidIdentifier = InvalidIdentifier(
            "expected <name>/<version> or https://<vault>/keys/<name>/<version>, as `az keyvault key show --query \
             key.kid` prints it: every version is a separate Tezos key",
        );
        let path = match text.split_once("/keys/") {
            Some((vault, path)) if vault.starts_with("https://") => path,
            Some(_) => return Err(EXPECTED),
            None => text,
        };
        let (name, version) = path.split_once('/').ok_or(EXPECTED)?;
        let is_word = |text: &str| !text.is_empty() && text.len() <= 127;
        let is_name = is_word(name) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_version = is_word(version) && version.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name && is_version {
            Ok(Self { name: name.to_owned(), version: version.to_owned() })
        } else {
            Err(EXPECTED)
        }
    }
}

impl fmt::Display for KeyIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.name, self.version)
    }
}

/// A tag that keys must have, with a given value or with any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTag {
    name: String,
    value: Option<String>,
}

impl KeyTag {
    pub(super) fn is_among(&self, tags: Option<&std::collections::HashMap<String, String>>) -> bool {
        let found = tags.and_then(|tags| tags.get(&self.name));
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }
}

impl FromStr for KeyTag {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
            None => (text.trim(), None),
        };
        if name.is_empty() {
            return Err(InvalidIdentifier("expected the name of a tag, or name=value"));
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

impl fmt::Display for KeyTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(formatter, "{}={value}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_tokens_follows_from_the_address_in_every_cloud() {
        for (url, scope) in [
            ("https://bakery.vault.azure.net/", "https://vault.azure.net/.default"),
            ("https://bakery.vault.azure.net", "https://vault.azure.net/.default"),
            ("https://bakery.managedhsm.azure.net/", "https://managedhsm.azure.net/.default"),
            ("https://bakery.vault.usgovcloudapi.net/", "https://vault.usgovcloudapi.net/.default"),
            ("https://bakery.vault.azure.cn/", "https://vault.azure.cn/.default"),
            ("https://standin.vault.localhost:8443/", "https://vault.localhost/.default"),
            // Another host gets no token for the service that its name contains.
            ("https://bakery.vault.azure.net.example.org/", "https://vault.azure.net.example.org/.default"),
        ] {
            let parsed: VaultUrl = url.parse().unwrap();
            assert_eq!(
                (parsed.scope().as_str(), parsed.is_managed_hsm()),
                (scope, url.contains("managedhsm")),
                "{url}"
            );
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "",
            "bakery",
            "bakery.vault.azure.net",
            "http://bakery.vault.azure.net/",
            "https://bakery.vault.azure.net/keys/baker",
            "https://bakery.vault.azure.net/?a=b",
            "https://user:secret@bakery.vault.azure.net/",
            "https://localhost/",
            "https://127.0.0.1/",
        ] {
            assert!(text.parse::<VaultUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn identifiers_name_one_version_of_one_key() {
        let expected = KeyIdentifier { name: "baker".to_owned(), version: "0123abcd".to_owned() };
        for text in ["baker/0123abcd", "https://bakery.vault.azure.net/keys/baker/0123abcd"] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
        }
        for text in ["", "baker", "baker/", "/0123", "baker/01/23", "ba ker/0123", "http://x/keys/baker/0123"] {
            assert!(text.parse::<KeyIdentifier>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_required_tag_may_have_a_value() {
        let tags = std::collections::HashMap::from([("tezos".to_owned(), "baker".to_owned())]);
        for (tag, is_among) in
            [("tezos", true), ("tezos=baker", true), ("tezos = baker", true), ("tezos=other", false), ("other", false)]
        {
            assert_eq!(tag.parse::<KeyTag>().unwrap().is_among(Some(&tags)), is_among, "{tag}");
        }
        assert!(!"tezos".parse::<KeyTag>().unwrap().is_among(None));
        assert!("=baker".parse::<KeyTag>().is_err());
    }
}
