use super::head::Seen;
use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::time::Instant;
use thiserror::Error;

/// The address of a Tezos node's RPC interface, with a path prefix if it has one.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeUrl(reqwest::Url);

impl NodeUrl {
    fn rpc(&self, path: &str) -> reqwest::Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

impl FromStr for NodeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() {
            Ok(Self(url))
        } else {
            Err("expected http://host:port or https://host".to_owned())
        }
    }
}

/// Without user, password, path and query, all of which may hold a secret.
impl fmt::Display for NodeUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(formatter, ":{port}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for NodeUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodeUrl({self})")
    }
}

/// Why a node did not tell its head.
#[derive(Debug, Error)]
pub enum NodeError {
    /// No answer, or not in time.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// An answer of another kind.
    #[error("{path} answered {status}")]
    Status {
        /// What was asked.
        path: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// An answer that is not what the RPC gives.
    #[error("{path} gave something else than {expected}")]
    Unreadable {
        /// What was asked.
        path: &'static str,
        /// What it should give.
        expected: &'static str,
    },
}

/// Asks one node.
pub(super) struct Node {
    client: reqwest::Client,
    url: NodeUrl,
}

/// A shell header has about 700 bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

pub(super) const CHAIN_ID: &str = "/chains/main/chain_id";
pub(super) const HEAD: &str = "/chains/main/blocks/head/header/shell";

impl Node {
    pub(super) const fn new(client: reqwest::Client, url: NodeUrl) -> Self {
        Self { client, url }
    }

    pub(super) const fn url(&self) -> &NodeUrl {
        &self.url
    }

    /// The chain that it follows.
    pub(super) async fn chain(&self) -> Result<ChainId, NodeError> {
        let text: String = self.get(CHAIN_ID, "a chain id").await?;
        text.parse().map_err(|_| NodeError::Unreadable { path: CHAIN_ID, expected: "a chain id" })
    }

    /// Its head, which is one of `chain`.
    pub(super) async fn head(&self, chain: ChainId) -> Result<Seen, NodeError> {
        #[derive(Deserialize)]
        struct ShellHeader {
            level: i32,
        }
        let header: ShellHeader = self.get(HEAD, "a block header").await?;
        let level = NonNegative::try_from(header.level)
            .map_err(|_| NodeError::Unreadable { path: HEAD, expected: "a block header" })?;
        Ok(Seen { chain, level, at: Instant::now() })
    }

    /// A question to be sent.
    pub(super) fn question(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url.rpc(path))
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        expected: &'static str,
    ) -> Result<T, NodeError> {
        let mut response = self.question(path).send().await.map_err(|error| no_answer(&error))?;
        if !response.status().is_success() {
            return Err(NodeError::Status { path, status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                return Err(NodeError::Unreadable { path, expected });
            }
        }
        serde_json::from_slice(&body).map_err(|_| NodeError::Unreadable { path, expected })
    }
}

/// The innermost cause says most, and unlike the outer ones it does not repeat the URL.
fn no_answer(error: &reqwest::Error) -> NodeError {
    let mut cause = error.source();
    let mut text = if error.is_timeout() { "timed out".to_owned() } else { "connection failed".to_owned() };
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    NodeError::NoAnswer(text)
}
