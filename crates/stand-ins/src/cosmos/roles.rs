//! The permissions of a signer's role: read metadata, and create, read and replace items.

use crate::faults::Operation;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

/// The operation and the Azure role action that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needed {
    pub(super) operation: Operation,
    pub(super) action: &'static str,
}

/// Prefix of all actions.
const ACCOUNTS: &str = "Microsoft.DocumentDB/databaseAccounts/";

impl Needed {
    pub(super) fn of(head: &Parts) -> Self {
        let path: Vec<_> = head.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
        let is_on = |name| is_on(&head.headers, name);
        let needed = |operation, action| Self { operation, action };
        match (&head.method, path.as_slice()) {
            (&Method::GET, []) => needed(Operation::Account, "readMetadata"),
            (
                &Method::GET,
                ["dbs"]
                | ["dbs", _]
                | ["dbs", _, "colls"]
                | ["dbs", _, "colls", _]
                | ["dbs", _, "colls", _, "pkranges"],
            ) => needed(Operation::Metadata, "readMetadata"),
            (&Method::GET, ["dbs", _, "colls", _, "docs"]) => {
                needed(Operation::Other, "sqlDatabases/containers/readChangeFeed")
            }
            (&Method::POST, ["dbs", _, "colls", _, "docs"]) => {
                if is_on("x-ms-documentdb-isquery")
                    || is_on("x-ms-documentdb-query")
                    || is_on("x-ms-cosmos-is-query-plan-request")
                {
                    needed(Operation::Other, "sqlDatabases/containers/executeQuery")
                } else if is_on("x-ms-cosmos-is-batch-request") {
                    needed(Operation::Other, "sqlDatabases/containers/items/*")
                } else if is_on("x-ms-documentdb-is-upsert") {
                    needed(Operation::Other, "sqlDatabases/containers/items/upsert")
                } else {
                    needed(Operation::CreateItem, "sqlDatabases/containers/items/create")
                }
            }
            (&Method::GET, ["dbs", _, "colls", _, "docs", _]) => {
                needed(Operation::ReadItem, "sqlDatabases/containers/items/read")
            }
            // Even without If-Match: roles cannot distinguish the two.
            (&Method::PUT, ["dbs", _, "colls", _, "docs", _]) => {
                needed(Operation::ReplaceItem, "sqlDatabases/containers/items/replace")
            }
            (&Method::PATCH, ["dbs", _, "colls", _, "docs", _]) => {
                needed(Operation::Other, "sqlDatabases/containers/items/patch")
            }
            (&Method::DELETE, ["dbs", _, "colls", _, "docs", _]) => {
                needed(Operation::Other, "sqlDatabases/containers/items/delete")
            }
            (_, ["dbs", _, "colls", ..]) => needed(Operation::Other, "sqlDatabases/containers/write"),
            (_, ["dbs", ..]) => needed(Operation::Other, "sqlDatabases/write"),
            _ => needed(Operation::Other, "write"),
        }
    }

    /// Full name of the action.
    pub(super) fn action(&self) -> String {
        format!("{ACCOUNTS}{}", self.action)
    }

    pub(super) fn is_query(&self) -> bool {
        self.action == "sqlDatabases/containers/executeQuery"
    }

    pub(super) fn is_delete_of_item(&self) -> bool {
        self.action == "sqlDatabases/containers/items/delete"
    }
}

fn is_on(headers: &HeaderMap, name: &str) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}
