//! The RPC client of a Tezos node.

use super::head::ObservedHead;
use super::proxy::{Proxies, Proxy, UnusableProxy};
use crate::net::dns::Resolver;
use crate::text;
use crate::tezos::payload::NonNegative;
use crate::tezos::{ChainId, Digest};
use arc_swap::ArcSwap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The address of a Tezos node's RPC interface, optionally with a path prefix, and the proxy to reach it.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeUrl {
    url: reqwest::Url,
    proxy: Option<Proxy>,
}

impl NodeUrl {
    /// Uses the proxy that the environment specifies for this node. By default, requests are sent directly.
    ///
    /// # Errors
    /// [`UnusableProxy`].
    pub fn use_proxy(&mut self, proxies: &Proxies) -> Result<(), UnusableProxy> {
        self.proxy = proxies.of(&self.url)?;
        Ok(())
    }

    /// The proxy for requests to the node.
    pub const fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    fn rpc(&self, path: &str) -> reqwest::Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        if query.is_some() {
            url.set_query(query);
        }
        url
    }

    /// HTTP/1.1 only: HTTP/2 would multiplex all requests over one connection, and keep it even when it is dead. An HTTP/1.1
    /// connection is closed when its request times out.
    fn client(&self, limit: Duration) -> Result<reqwest::Client, reqwest::Error> {
        // Fails only if a provider is already installed.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        // The proxy is taken from the settings; the client must not read the environment itself.
        let mut builder = reqwest::Client::builder().http1_only().no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.to_client()?);
        }
        builder
            .timeout(limit)
            .connect_timeout(limit)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(Resolver::default()))
            .build()
    }
}

/// Why a text is not the address of a node. Shows the text only if it is a plain host: anything longer may contain a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidNodeUrl {
    /// A host without a scheme.
    #[error("has no scheme: write http://{0}, or https://{0}")]
    BareHost(String),
    /// No scheme.
    #[error("has no scheme: {EXPECTED_URL}")]
    NoScheme,
    /// Not a URL.
    #[error("{EXPECTED_URL}: {0}")]
    Malformed(String),
    /// Another scheme, or no host.
    #[error("{EXPECTED_URL}")]
    Unsupported,
}

const EXPECTED_URL: &str = "expected http://host:port or https://host";

impl FromStr for NodeUrl {
    type Err = InvalidNodeUrl;

    fn from_str(text: &str) -> Result<Self, InvalidNodeUrl> {
        if !text.contains("://") {
            let is_host = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c));
            return Err(if is_host { InvalidNodeUrl::BareHost(text.to_owned()) } else { InvalidNodeUrl::NoScheme });
        }
        let url = reqwest::Url::parse(text).map_err(|error| InvalidNodeUrl::Malformed(error.to_string()))?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() {
            Ok(Self { url, proxy: None })
        } else {
            Err(InvalidNodeUrl::Unsupported)
        }
    }
}

/// Omits user, password, path and query, all of which may contain secrets.
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

/// Why a request to a node failed.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The HTTP client cannot be created.
    #[error("cannot create an HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// No response, or none in time.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// No response before the caller's deadline.
    #[error("no answer")]
    TimedOut,
    /// An HTTP status other than success.
    #[error("{path} answered {status}")]
    Status {
        /// The path of the RPC.
        path: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// An unexpected response body.
    #[error("the response of {path} is not {expected}")]
    Unreadable {
        /// The path of the RPC.
        path: &'static str,
        /// The expected content.
        expected: &'static str,
    },
}

/// The shell header of a head.
pub(super) struct HeadHeader {
    /// Chain and level.
    pub(super) head: ObservedHead,
    /// The time of the block, if it is readable.
    pub(super) time: Option<OffsetDateTime>,
    /// The digest of the header as the node writes it, which changes with the head.
    pub(super) digest: Digest,
}

/// The RPC client of one node.
pub(crate) struct Node {
    url: NodeUrl,
    limit: Duration,
    client: ArcSwap<reqwest::Client>,
}

/// Far above the 700 bytes of a shell header.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

pub(super) const CHAIN_ID: &str = "/chains/main/chain_id";
pub(super) const HEAD: &str = "/chains/main/blocks/head/header/shell";

impl Node {
    /// `limit` is the timeout of each request. Sends none yet.
    pub(crate) fn new(url: NodeUrl, limit: Duration) -> Result<Self, reqwest::Error> {
        let client = ArcSwap::from_pointee(url.client(limit)?);
        Ok(Self { url, limit, client })
    }

    pub(crate) const fn url(&self) -> &NodeUrl {
        &self.url
    }

    /// The chain that the node follows.
    pub(crate) async fn chain(&self) -> Result<ChainId, NodeError> {
        let text: String = self.get(CHAIN_ID, "a chain id").await?;
        text.parse().map_err(|_| NodeError::Unreadable { path: CHAIN_ID, expected: "a chain id" })
    }

    /// The header of the node's head, labelled with `chain`. Without a readable time, the head still counts.
    pub(super) async fn head_header(&self, chain: ChainId) -> Result<HeadHeader, NodeError> {
        #[derive(Deserialize)]
        struct ShellHeader {
            level: i32,
            #[serde(default)]
            timestamp: serde_json::Value,
        }
        const EXPECTED: &str = "a block header";
        let body = self.read_bytes(HEAD, HEAD, EXPECTED, MAX_ANSWER_BYTES).await?;
        let unreadable = || NodeError::Unreadable { path: HEAD, expected: EXPECTED };
        let header: ShellHeader = serde_json::from_slice(text::without_mark(&body)).map_err(|_| unreadable())?;
        let level = NonNegative::try_from(header.level).map_err(|_| unreadable())?;
        let time = header.timestamp.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        Ok(HeadHeader { head: ObservedHead { chain, level, at: Instant::now() }, time, digest: Digest::of(&body) })
    }

    pub(super) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.load().get(self.url.rpc(path))
    }

    /// The error for a failed request. After a timeout, discards all connections, since the others may be dead too: the next
    /// request opens a new one.
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
        self.read(path, path, expected).await
    }

    /// Reads the JSON at a path, which may have a query. Errors call the path `name`, and the contents `expected`.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, NodeError> {
        let body = self.read_bytes(path, name, expected, MAX_ANSWER_BYTES).await?;
        serde_json::from_slice(text::without_mark(&body)).map_err(|_| NodeError::Unreadable { path: name, expected })
    }

    /// Reads a response as it is. One that is longer than `limit` bytes is an error.
    pub(crate) async fn read_bytes(
        &self,
        path: &str,
        name: &'static str,
        expected: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, NodeError> {
        let mut response = self.request(path).send().await.map_err(|error| self.no_answer(&error))?;
        if !response.status().is_success() {
            return Err(NodeError::Status { path: name, status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.no_answer(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err(NodeError::Unreadable { path: name, expected });
            }
        }
        Ok(body)
    }
}

/// The innermost cause is the most specific, and does not contain the URL.
fn no_answer(error: &reqwest::Error) -> NodeError {
    let mut cause = error.source();
    let mut text = if error.is_timeout() { "timed out".to_owned() } else { "connection failed".to_owned() };
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    NodeError::NoAnswer(text)
}
