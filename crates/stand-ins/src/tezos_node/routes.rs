//! The paths of a node's RPC.

use super::view::{Source, View, find};
use super::{blocks, delegates, rights, values};
use crate::answers::{Answer, json};
use hyper::Uri;
use oracle::chain::{Block, Chain, Hash};
use serde_json::{Value, json};

/// The answer to a request.
pub(super) fn answer(view: &View, uri: &Uri) -> Answer {
    let path: Vec<_> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    if view.is_restricted() && !is_allowed_by_default(&path) {
        return json(401, &json!([]));
    }
    match path.as_slice() {
        ["chains", "main", "blocks", block, "operations", "0"] => view.note_operations_read(block),
        ["chains", "main", "blocks", block, "header", "raw"] if view.is_garbled(block) => {
            return json(200, &json!("<html>"));
        }
        _ => {}
    }
    match view.source() {
        Source::Level { chain, level } => of_level(&path, &chain, level),
        Source::Chain(shared, head) => {
            let (status, body) = of_chain(&path, &Query::new(uri.query()), &shared.lock(), &head);
            json(status, &body)
        }
    }
}

/// The answer of a node that follows a chain to `GET` this path, which may have a query: status and body. For tests and benchmarks
/// without connections.
pub fn node_answer(chain: &Chain, path: &str) -> (u16, Value) {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let path: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    of_chain(&path, &Query::new(query), chain, &chain.head().hash)
}

/// The parameters of a request, each of which may occur more than once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn new(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The values of a parameter that are numbers.
    pub(super) fn numbers<'a, T: std::str::FromStr>(&'a self, name: &'a str) -> impl Iterator<Item = T> + 'a {
        self.all(name).filter_map(|value| value.parse().ok())
    }

    /// Whether a parameter is present.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// The whitelist of `RPC_server.ml`, as far as this node has the paths.
fn is_allowed_by_default(path: &[&str]) -> bool {
    match path {
        ["chains", _, "chain_id" | "is_bootstrapped"] => true,
        ["chains", _, "blocks", _, rest @ ..] => matches!(
            rest,
            ["context", "constants"]
                | ["context", "delegates", _, ..]
                | ["header" | "operations", ..]
                | ["hash" | "metadata" | "protocols"]
                | ["helpers", "current_level"]
        ),
        _ => false,
    }
}

fn of_level(path: &[&str], chain: &str, level: u32) -> Answer {
    match path {
        ["chains", "main", "chain_id"] => json(200, &Value::from(chain)),
        ["chains", "main", "blocks", "head", "header", "shell"] => {
            json(200, &json!({ "level": level, "proto": 1, "validation_pass": 4, "fitness": ["02"] }))
        }
        _ => json(403, &json!([])),
    }
}

fn of_chain(path: &[&str], query: &Query, chain: &Chain, head: &Hash) -> (u16, Value) {
    match path {
        ["chains", "main", "chain_id"] => (200, chain.network().chain_text().into()),
        ["chains", "main", "is_bootstrapped"] => (200, json!({ "bootstrapped": true, "sync_state": "synced" })),
        ["chains", "main", "blocks", identifier, rest @ ..] => match find(chain, head, identifier) {
            Some(block) => of_block(rest, query, chain, block),
            None if rest == ["header", "raw"] && blocks::is_genesis(identifier, chain, head) => {
                (200, hex::encode(blocks::raw_genesis(identifier)).into())
            }
            None => (404, json!([])),
        },
        _ => (404, json!([])),
    }
}

fn of_block(path: &[&str], query: &Query, chain: &Chain, block: &Block) -> (u16, Value) {
    let network = chain.network();
    let body = match path {
        ["hash"] => values::block(&block.hash).into(),
        ["header"] => blocks::header(block, network),
        ["header", "shell"] => blocks::shell(&block.header),
        ["header", "raw"] => hex::encode(block.raw_header()).into(),
        ["protocols"] => json!({ "protocol": network.protocol, "next_protocol": network.next_protocol }),
        ["metadata"] => blocks::metadata(block, network),
        ["operations", "0"] => blocks::operations(block, network),
        ["operations"] => json!([blocks::operations(block, network), [], [], []]),
        ["operations", "1" | "2" | "3"] => json!([]),
        ["helpers", "current_level"] => blocks::level(block.header.level, network),
        ["helpers", "levels_in_current_cycle"] => {
            let cycle = network.cycle(block.header.level);
            let last = network.first_level(cycle.saturating_add(1)).saturating_sub(1);
            json!({ "first": network.first_level(cycle), "last": last })
        }
        ["helpers", "attestation_rights"] => rights::attestation(query, block, network),
        ["helpers", "baking_rights"] => rights::baking(query, block, network),
        ["context", "constants"] => delegates::constants(network),
        ["context", "delegates"] => network.bakers.iter().map(|baker| baker.delegate.hash.as_str()).collect(),
        ["context", "delegates", delegate, rest @ ..] => {
            let Some(baker) = network.bakers.iter().position(|baker| baker.delegate.hash == *delegate) else {
                return (500, delegates::not_registered(delegate, network));
            };
            let all = delegates::delegate(chain, baker, block);
            match rest {
                [] => all,
                [field] => match all.get(field) {
                    Some(value) => value.clone(),
                    None => return (404, json!([])),
                },
                _ => return (404, json!([])),
            }
        }
        _ => return (404, json!([])),
    };
    (200, body)
}
