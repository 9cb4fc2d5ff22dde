//! The identity of a mark store, which is the same however the store is reached, and different for every other store. Pure.

use crate::tezos::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Identifies a store: two signers with the same identity share their marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "store", rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreIdentity {
    /// A container in Cosmos DB.
    #[serde(rename = "cosmos")]
    Container {
        /// The account's name. Not its host, since each region has a different one.
        account: String,
        /// The database.
        database: String,
        /// The container.
        container: String,
        /// The container's `_rid`: a recreated container has a different one.
        rid: String,
    },
    /// An embedded store.
    Embedded {
        /// 32 hexadecimal digits, random, created with the store. A copy of the file has the same id.
        id: String,
    },
}

impl StoreIdentity {
    /// BLAKE2b-256 of the parts as a JSON array of texts, without white space: `["cosmos",account,database,container,rid]` or
    /// `["embedded",id]`.
    pub fn digest(&self) -> Digest {
        Digest::of(serde_json::Value::from(self.parts()).to_string().as_bytes())
    }

    /// The type of the store, and what identifies it among those of its type, in a fixed order.
    pub(crate) fn parts(&self) -> Vec<&str> {
        match self {
            Self::Container { account, database, container, rid } => vec!["cosmos", account, database, container, rid],
            Self::Embedded { id } => vec!["embedded", id],
        }
    }
}

impl fmt::Display for StoreIdentity {
    /// One part on each line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match self {
            Self::Container { account, database, container, rid } => vec![
                ("store", "Cosmos DB"),
                ("account", account),
                ("database", database),
                ("container", container),
                ("_rid", rid),
            ],
            Self::Embedded { id } => vec![("store", "embedded"), ("id", id)],
        };
        let lines: Vec<_> = parts.iter().map(|(name, value)| format!("{name:11}{value}")).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let container = |parts: [&str; 4]| {
            let [account, database, container, rid] = parts.map(str::to_owned);
            StoreIdentity::Container { account, database, container, rid }
        };
        let store = container(["bakery", "signer", "marks", "AAA="]);
        // printf '["cosmos","bakery","signer","marks","AAA="]' | b2sum -l 256
        let expected = "e5cbb5cb475326121c0cd1dee3bb0a90c28b61d23b941c6321e07425d9fb1a76";
        assert_eq!(store.digest().to_string(), expected);
        for other in [
            container(["bakery2", "signer", "marks", "AAA="]),
            container(["bakery", "Signer", "marks", "AAA="]),
            container(["bakery", "signer", "marks2", "AAA="]),
            container(["bakery", "signer", "marks", "AAB="]),
            container(["bakery", "signer\",\"marks", "", "AAA="]),
            StoreIdentity::Embedded { id: "bakery".to_owned() },
        ] {
            assert_ne!(store.digest(), other.digest(), "{other}");
        }
    }
}
