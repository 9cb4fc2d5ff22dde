use super::head::ObservedHead;
use super::proxy::{Proxies, Proxy, UnusableProxy};
use crate::net::dns::Names;
use crate::text;
use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use arc_swap::ArcSwap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;

/// The address of a Tezos node's RPC interface, with a path prefix if it has one, and the proxy to it, if there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeUrl {
    url: reqwest::Url,
    proxy: Option<Proxy>,
}

impl NodeUrl {
    /// Lets the node be asked through the proxy that the environment names for it. Without this, it is asked directly.
    ///
    /// # Errors
    /// [`UnusableProxy`].
    pub fn use_proxy(&mut self, proxies: &Proxies) -> Result<(), UnusableProxy> {
        self.proxy = proxies.of(&self.url)?;
        Ok(())
    }

    /// The proxy that the node is asked through.
    pub const fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    fn rpc(&self, path: &str) -> reqwest::Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    /// HTTP/1.1 only: over HTTP/2 all questions share one connection, which is kept however long it is silent. Over HTTP/1.1 a
    /// connection is closed with the question that it did not answer.
    fn client(&self, limit: Duration) -> Result<reqwest::Client, reqwest::Error> {
        // Fails if one was chosen before, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        // The client reads no environment: the settings have.
        let mut builder = reqwest::Client::builder().http1_only().no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.to_client()?);
        }
        builder
            .timeout(limit)
            .connect_timeout(limit)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(Names::default()))
            .build()
    }
}

impl FromStr for NodeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected http://host:port or https://host";
        if !text.contains("://") {
            // More than a host may hold a password or a token.
            let is_host = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c));
            return Err(if is_host {
                format!("has no scheme: write http://{text}, or https://{text}")
            } else {
                format!("has no scheme: {EXPECTED}")
            });
        }
        let url = reqwest::Url::parse(text).map_err(|error| format!("{EXPECTED}: {error}"))?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() {
            Ok(Self { url, proxy: None })
        } else {
            Err(EXPECTED.to_owned())
        }
    }
}

/// Without user, password, path and query, all of which may hold a secret.
impl fmt::Display for NodeUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        if let Some(port) = self.url.port() {
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

/// Asks one node, over connections of its own.
pub(super) struct Node {
    url: NodeUrl,
    limit: Duration,
    client: ArcSwap<reqwest::Client>,
}

/// A shell header has about 700 bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

pub(super) const CHAIN_ID: &str = "/chains/main/chain_id";
pub(super) const HEAD: &str = "/chains/main/blocks/head/header/shell";

impl Node {
    /// An answer may take `limit` at most. Nothing is asked yet.
    pub(super) fn new(url: NodeUrl, limit: Duration) -> Result<Self, reqwest::Error> {
        let client = ArcSwap::from_pointee(url.client(limit)?);
        Ok(Self { url, limit, client })
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
    pub(super) async fn head(&self, chain: ChainId) -> Result<ObservedHead, NodeError> {
        #[derive(Deserialize)]
        struct ShellHeader {
            level: i32,
        }
        let header: ShellHeader = self.get(HEAD, "a block header").await?;
        let level = NonNegative::try_from(header.level)
            .map_err(|_| NodeError::Unreadable { path: HEAD, expected: "a block header" })?;
        Ok(ObservedHead { chain, level, at: Instant::now() })
    }

    /// A question to be sent.
    pub(super) fn question(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.load().get(self.url.rpc(path))
    }

    /// What an unanswered question means. After a time-out all connections are given up, since others may be as dead as the one
    /// that was silent: the next question opens a new one.
    fn no_answer(&self, error: &reqwest::Error) -> NodeError {
        if error.is_timeout()
            && let Ok(client) = self.url.client(self.limit)
        {
            self.client.store(Arc::new(client));
        }
        no_answer(error)
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        expected: &'static str,
    ) -> Result<T, NodeError> {
        let mut response = self.question(path).send().await.map_err(|error| self.no_answer(&error))?;
        if !response.status().is_success() {
            return Err(NodeError::Status { path, status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.no_answer(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(NodeError::Unreadable { path, expected });
            }
        }
        serde_json::from_slice(text::without_mark(&body)).map_err(|_| NodeError::Unreadable { path, expected })
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
