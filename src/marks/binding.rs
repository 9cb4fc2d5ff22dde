//! Which store guards a key: the tag on the key in the vault, compared with the store in use. Pure.
//!
//! The tag `signer-marks` is `<cosmos host>/<database>/<container>`, optionally followed by `#<container _rid>`. Two signers
//! with the same key and different stores could each sign once for the same slot; the tag lets only one of them sign. The
//! `_rid` identifies the container: one that was recreated or restored under the same name has a different `_rid`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Name of the tag. Compared case-insensitively, so that no spelling is overlooked.
pub const TAG: &str = "signer-marks";

/// Maximum length of a tag's value in Azure, in characters.
pub const MAX_TAG_LENGTH: usize = 256;

const DEFAULT_PORT: u16 = 443;

/// A Cosmos DB container by its address. Written `<host>/<database>/<container>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreName {
    host: String,
    port: Option<u16>,
    database: String,
    container: String,
}

impl StoreName {
    /// The container in the account at this host. The default port is that of HTTPS.
    pub fn new(host: &str, port: Option<u16>, database: &str, container: &str) -> Self {
        Self {
            host: host.trim_end_matches('.').to_ascii_lowercase(),
            port,
            database: database.to_owned(),
            container: container.to_owned(),
        }
    }

    /// Whether a tag with this name refers to the store in use. A port is compared only if the tag has one: real accounts use
    /// that of HTTPS, so a tag usually has none. Names of databases and containers are case-sensitive, hosts are not.
    fn refers_to(&self, store: &Self) -> bool {
        let is_port = |port| port == store.port.unwrap_or(DEFAULT_PORT);
        (&self.host, &self.database, &self.container) == (&store.host, &store.database, &store.container)
            && self.port.is_none_or(is_port)
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        write!(formatter, "/{}/{}", self.database, self.container)
    }
}

/// The store in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreId {
    /// An embedded store, to which no key can be bound.
    Embedded,
    /// A Cosmos DB container.
    Container {
        /// The container's address.
        name: StoreName,
        /// The container's `_rid`, once it has been read.
        rid: Option<String>,
    },
}

impl fmt::Display for StoreId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => formatter.write_str("the embedded store"),
            Self::Container { name, rid } => write_binding(formatter, name, rid.as_deref()),
        }
    }
}

/// The store that a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    name: StoreName,
    rid: Option<String>,
}

/// A tag that names no store. The intended store is then unknown, so nothing that needs a mark is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected <cosmos host>/<database>/<container>, with or without #<container _rid>")]
pub struct InvalidBinding;

impl Binding {
    /// Binds to this container and not to a later one with the same name.
    pub const fn new(name: StoreName, rid: String) -> Self {
        Self { name, rid: Some(rid) }
    }

    /// Whether it includes the container's `_rid`.
    pub const fn has_rid(&self) -> bool {
        self.rid.is_some()
    }
}

impl FromStr for Binding {
    type Err = InvalidBinding;

    fn from_str(text: &str) -> Result<Self, InvalidBinding> {
        // Neither '/' nor '#' can be in the name of a database or container.
        let (name, rid) = match text.trim().split_once('#') {
            Some((name, rid)) => (name, Some(rid)),
            None => (text.trim(), None),
        };
        let [authority, database, container] = name.split('/').collect::<Vec<_>>()[..] else {
            return Err(InvalidBinding);
        };
        // The colons of an IPv6 address are within brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| InvalidBinding)?)),
            _ => (authority, None),
        };
        let has_text = |part: &str| !part.trim().is_empty();
        if [host, database, container].into_iter().chain(rid).all(has_text) {
            let rid = rid.map(str::to_owned);
            Ok(Self { name: StoreName::new(host, port, database, container), rid })
        } else {
            Err(InvalidBinding)
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_binding(formatter, &self.name, self.rid.as_deref())
    }
}

fn write_binding(formatter: &mut fmt::Formatter<'_>, name: &StoreName, rid: Option<&str>) -> fmt::Result {
    match rid {
        Some(rid) => write!(formatter, "{name}#{rid}"),
        None => write!(formatter, "{name}"),
    }
}

/// How a key's tags allow the store in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The key has no tag, so any store is allowed.
    Nowhere,
    /// All tags name the store in use.
    Here,
    /// All tags name the store's address, but one includes a `_rid`, and that of the store has not been read yet.
    Unconfirmed,
}

/// The key is bound to a mark store other than the one in use.
///
/// The text is for the client and names neither store; the fields are for the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[error("this key is bound to another mark store: no block or vote is signed with it here")]
pub struct BoundElsewhere {
    /// The tags of the key, separated by commas.
    pub bound_to: String,
    /// The store in use, as a tag would name it.
    pub store: String,
}

impl BoundElsewhere {
    /// Describes these tags and this store.
    pub fn new(tags: &BTreeSet<String>, store: &StoreId) -> Self {
        let bound_to = tags.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Self { bound_to, store: store.to_string() }
    }

    /// The text for the log, which names both stores.
    pub fn log(&self) -> String {
        format!("{self}: it is bound to {}, and the store in use is {}", self.bound_to, self.store)
    }
}

/// Compares the tags of a key, one for each of its names in the vault, with the store in use. Each must name that store, so
/// two tags that name different stores exclude every store.
///
/// # Errors
/// [`BoundElsewhere`], also for a tag that cannot be read.
pub fn check(tags: &BTreeSet<String>, store: &StoreId) -> Result<Bound, BoundElsewhere> {
    let mut bound = Bound::Nowhere;
    for tag in tags {
        match (compare(tag, store), bound) {
            (Some(Bound::Unconfirmed), _) | (Some(_), Bound::Unconfirmed) => bound = Bound::Unconfirmed,
            (Some(_), _) => bound = Bound::Here,
            (None, _) => return Err(BoundElsewhere::new(tags, store)),
        }
    }
    Ok(bound)
}

/// The container was deleted and recreated under its name while the process ran, so the earlier marks are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Recreated {
    /// A tag of the key names the deleted container.
    #[error(
        "the container of the marks was deleted and recreated: raise this key's marks above everything signed \
         (azurehsm-signer marks raise), then bind the key to the new container (azurehsm-signer marks bind)"
    )]
    BindAgain,
    /// No tag of the key includes a `_rid`.
    #[error(
        "the container of the marks was deleted and recreated: raise this key's marks above everything signed \
         (azurehsm-signer marks raise), then restart the signer, since the key is not bound to one container by its _rid"
    )]
    Restart,
}

/// Compares the tags of a key with a container that was recreated while the process ran. Only a tag with the new `_rid`,
/// which must have been set since, shows that an operator has dealt with that.
///
/// # Errors
/// [`Recreated`], with the steps for the operator.
pub fn check_recreated(tags: &BTreeSet<String>, store: &StoreId) -> Result<(), Recreated> {
    let names_rid = tags.iter().any(|tag| tag.parse().is_ok_and(|binding: Binding| binding.has_rid()));
    match check(tags, store) {
        Ok(Bound::Here) if names_rid => Ok(()),
        _ if names_rid => Err(Recreated::BindAgain),
        _ => Err(Recreated::Restart),
    }
}

/// How a tag allows the store; `None` if it names another store or is invalid.
fn compare(tag: &str, store: &StoreId) -> Option<Bound> {
    let (Ok(binding), StoreId::Container { name, rid }) = (tag.parse::<Binding>(), store) else { return None };
    if !binding.name.refers_to(name) {
        return None;
    }
    match (binding.rid, rid) {
        (None, _) => Some(Bound::Here),
        (Some(_), None) => Some(Bound::Unconfirmed),
        (Some(bound), Some(rid)) => (bound == *rid).then_some(Bound::Here),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(rid: Option<&str>) -> StoreId {
        let name = StoreName::new("Bakery.documents.azure.com", None, "signer", "marks");
        StoreId::Container { name, rid: rid.map(str::to_owned) }
    }

    fn tags(tags: &[&str]) -> BTreeSet<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    const HERE: &str = "bakery.documents.azure.com/signer/marks";

    #[test]
    fn a_tag_is_compared_with_the_store_in_use() {
        let with = |rid: &str| format!("{HERE}#{rid}");
        for (tag, rid, expected) in [
            (HERE.to_owned(), None, Some(Bound::Here)),
            (HERE.to_owned(), Some("AAA="), Some(Bound::Here)),
            (with("AAA="), Some("AAA="), Some(Bound::Here)),
            (with("AAA="), None, Some(Bound::Unconfirmed)),
            (with("AAA="), Some("AAB="), None),
            (with("aaa="), Some("AAA="), None),
            (with("AAA=#"), Some("AAA="), None),
            ("BAKERY.Documents.Azure.Com./signer/marks".to_owned(), None, Some(Bound::Here)),
            (" bakery.documents.azure.com:443/signer/marks ".to_owned(), None, Some(Bound::Here)),
            ("bakery.documents.azure.com:8081/signer/marks".to_owned(), None, None),
            ("other.documents.azure.com/signer/marks".to_owned(), None, None),
            ("bakery.documents.azure.com/Signer/marks".to_owned(), None, None),
            ("bakery.documents.azure.com/signer/Marks".to_owned(), None, None),
            ("bakery.documents.azure.com/signer/marks-2".to_owned(), None, None),
        ] {
            assert_eq!(check(&tags(&[&tag]), &store(rid)).ok(), expected, "{tag} and {rid:?}");
            let embedded = check(&tags(&[&tag]), &StoreId::Embedded);
            assert!(embedded.is_err(), "no key can be bound to an embedded store: {tag}");
        }
    }

    #[test]
    fn a_port_counts_if_the_tag_has_one() {
        let store = StoreId::Container { name: StoreName::new("localhost", Some(8081), "signer", "marks"), rid: None };
        for (tag, is_here) in [
            ("localhost:8081/signer/marks", true),
            ("localhost/signer/marks", true),
            ("localhost:443/signer/marks", false),
            ("localhost:8082/signer/marks", false),
        ] {
            assert_eq!(check(&tags(&[tag]), &store).is_ok(), is_here, "{tag}");
        }
        assert_eq!(store.to_string(), "localhost:8081/signer/marks");
    }

    #[test]
    fn an_invalid_tag_is_not_treated_as_absent() {
        for tag in [
            "",
            " ",
            "signer/marks",
            "bakery.documents.azure.com",
            "bakery.documents.azure.com/signer",
            "bakery.documents.azure.com/signer/",
            "bakery.documents.azure.com//marks",
            "/signer/marks",
            ":443/signer/marks",
            "bakery.documents.azure.com:https/signer/marks",
            "bakery.documents.azure.com/signer/marks/",
            "bakery.documents.azure.com/signer/marks#",
            "bakery.documents.azure.com/signer/marks# ",
            "https://bakery.documents.azure.com/signer/marks",
        ] {
            assert_eq!(tag.parse::<Binding>(), Err(InvalidBinding), "{tag}");
            assert!(check(&tags(&[tag]), &store(Some("AAA="))).is_err(), "{tag}");
        }
    }

    #[test]
    fn every_name_of_a_key_must_be_bound_to_the_store_in_use() {
        let with_rid = format!("{HERE}#AAA=");
        let elsewhere = "other.documents.azure.com/signer/marks";
        for (names, rid, expected) in [
            (tags(&[]), Some("AAA="), Ok(Bound::Nowhere)),
            (tags(&[HERE, &with_rid]), Some("AAA="), Ok(Bound::Here)),
            (tags(&[HERE, &with_rid]), None, Ok(Bound::Unconfirmed)),
            (tags(&[HERE, elsewhere]), Some("AAA="), Err(())),
            (tags(&[&with_rid, &format!("{HERE}#AAB=")]), Some("AAA="), Err(())),
            (tags(&[HERE, ""]), Some("AAA="), Err(())),
        ] {
            assert_eq!(check(&names, &store(rid)).map_err(drop), expected, "{names:?}");
        }
        assert_eq!(check(&tags(&[]), &StoreId::Embedded), Ok(Bound::Nowhere));

        let old = format!("{HERE}#BBB=");
        for (tags, rid, expected) in [
            (tags(&[]), Some("AAA="), Err(Recreated::Restart)),
            (tags(&[HERE]), Some("AAA="), Err(Recreated::Restart)),
            (tags(&[&old]), Some("AAA="), Err(Recreated::BindAgain)),
            (tags(&[&old, &with_rid]), Some("AAA="), Err(Recreated::BindAgain)),
            (tags(&[&with_rid]), None, Err(Recreated::BindAgain)),
            (tags(&[&with_rid]), Some("AAA="), Ok(())),
            (tags(&[HERE, &with_rid]), Some("AAA="), Ok(())),
        ] {
            assert_eq!(check_recreated(&tags, &store(rid)), expected, "{tags:?} {rid:?}");
        }
    }

    #[test]
    fn the_error_names_both_stores_in_the_log_and_neither_to_the_client() {
        let error = check(&tags(&["other/signer/marks", HERE]), &store(Some("AAA="))).unwrap_err();
        assert_eq!(error.bound_to, format!("{HERE}, other/signer/marks"));
        assert_eq!(error.store, format!("{HERE}#AAA="));
        assert!(error.log().contains(&error.bound_to) && error.log().contains(&error.store), "{}", error.log());
        assert!(error.to_string().contains("bound to another mark store") && !error.to_string().contains("azure"));
    }

    #[test]
    fn parsing_and_formatting_round_trip() {
        for text in [HERE, "bakery.documents.azure.com/signer/marks#AAA=", "[::1]:8081/signer/marks", "[::1]/a/b#c/d+e"]
        {
            assert_eq!(text.parse::<Binding>().unwrap().to_string(), text);
        }
        let name = StoreName::new("bakery.documents.azure.com", None, "signer", "marks");
        assert_eq!(Binding::new(name, "AAA=".to_owned()).to_string(), format!("{HERE}#AAA="));
    }
}
