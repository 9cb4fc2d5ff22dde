//! A Tezos node, over TLS or plain HTTP, that shows a chain as its RPC does. It can be behind, halt, freeze, follow a fork, or lie.

mod blocks;
mod control;
mod delegates;
mod rights;
mod routes;
mod values;
mod view;

pub use control::{ControlledNode, chain_of};
pub use routes::node_answer;
pub use view::{NodeMode, SharedChain};

use crate::answers::{Answer, json};
use crate::certificate::Certificate;
use crate::connections::Port;
use crate::double::{Controls, Double, Task, controllable, serve};
use crate::faults::{Failure, Operation};
use crate::precise_timer::PreciseTimer;
use hyper::http::request::Parts;
use oracle::chain::Hash;
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use view::{Shown, View};

/// The double of a node. It runs on its own thread, so a test may block, and stops when it is dropped.
///
/// ```
/// use oracle::chain::{Baker, Chain, Key, Network};
/// use oracle::crypto::Curve;
/// use stand_ins::{NodeMode, SharedChain, TezosNode, Transport};
///
/// let baker = Baker::new(Key::of_name(Curve::P256, "the only one"));
/// let chain = SharedChain::new(Chain::new(Network::new([baker]), 15_900_000, 1_796_000_000));
/// let honest = TezosNode::following(&chain, Transport::Http).unwrap();
/// let behind = TezosNode::following(&chain, Transport::Http).unwrap();
/// behind.set_mode(NodeMode::Behind(2));
/// // A node that lies follows a chain of its own, with the same past.
/// let lie = chain.copy();
/// let liar = TezosNode::following(&lie, Transport::Http).unwrap();
/// chain.bake();
/// lie.lock().bake();
/// # assert!([honest, behind, liar].iter().all(|node| node.url().starts_with("http://")));
/// ```
#[derive(Debug)]
pub struct TezosNode {
    pub(crate) controls: Arc<Controls>,
    view: Arc<View>,
    transport: Transport,
    authority_pem: String,
    /// Contains the certificate authority's file.
    folder: TempDir,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

/// How a node is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP, so that several nodes need no common certificate authority.
    Http,
    /// HTTPS, with a certificate authority of the node's own.
    Tls,
}

impl TezosNode {
    /// Starts a node over TLS that only knows the level of its head, and changes it with [`TezosNode::set_level`].
    ///
    /// # Errors
    /// If no port is available, or a temporary folder cannot be created.
    pub fn start(chain: &str, level: u32) -> io::Result<Self> {
        Self::showing(Shown::Level { chain: chain.to_owned(), level }, Transport::Tls, 0)
    }

    /// Starts a node that follows a chain, which the caller extends.
    ///
    /// # Errors
    /// As for [`TezosNode::start`].
    pub fn following(chain: &SharedChain, transport: Transport) -> io::Result<Self> {
        Self::following_at(chain, transport, 0)
    }

    /// The same on this port; 0 picks a free one.
    ///
    /// # Errors
    /// As for [`TezosNode::start`].
    pub fn following_at(chain: &SharedChain, transport: Transport, port: u16) -> io::Result<Self> {
        Self::showing(Shown::Chain(chain.clone()), transport, port)
    }

    fn showing(shown: Shown, transport: Transport, port: u16) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("node").enable_all().build()?;
        let certificate = Certificate::make(std::iter::empty())?;
        let folder = TempDir::new()?;
        fs::write(folder.path().join(AUTHORITY), &certificate.authority_pem)?;
        let view = Arc::new(View::new(shown));
        let controls = {
            let _inside = runtime.enter();
            Controls::new(Port::open(port)?, &Arc::new(PreciseTimer::start()))
        };
        let tls = (transport == Transport::Tls).then(|| certificate.acceptor());
        runtime.spawn(serve(Arc::new(Rpc(Arc::clone(&view))), Arc::clone(&controls), tls));
        let authority_pem = certificate.authority_pem;
        Ok(Self { controls, view, transport, authority_pem, folder, runtime: Some(runtime) })
    }

    /// The value for `NODE_URLS`.
    pub fn url(&self) -> String {
        let scheme = if self.transport == Transport::Tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address().port())
    }

    /// The value for `SSL_CERT_FILE`.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
    }

    /// Its certificate authority, in PEM, for a file with several of them.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// Moves the head of a node that does not follow a chain. One that does stays as it is.
    pub fn set_level(&self, level: u32) {
        self.view.set_level(level);
    }

    /// Follows another chain from now on: a fork, or a lie.
    pub fn follow(&self, chain: &SharedChain) {
        self.view.follow(chain.clone());
    }

    /// Changes how it follows its chain.
    pub fn set_mode(&self, mode: NodeMode) {
        self.view.set_mode(mode);
    }

    /// Refuses, with 401, what a node refuses by default on an address other than loopback: rights of bakers, among others (Octez,
    /// `RPC_server.ml`, `secure`). Off at first.
    pub fn restrict(&self, restricted: bool) {
        self.view.restrict(restricted);
    }

    /// Returns a page of a proxy instead of the header of a block, or its header again.
    pub fn garble(&self, block: Hash, garbled: bool) {
        self.view.garble(block, garbled);
    }

    /// How often the consensus operations of each block were requested, by its hash.
    pub fn operations_read(&self) -> HashMap<String, u32> {
        self.view.operations_read()
    }
}

controllable!(TezosNode);

impl Drop for TezosNode {
    fn drop(&mut self) {
        drop(self.controls.port.refuse_connections(true));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

const AUTHORITY: &str = "authority.pem";

/// The RPC of a node with this view.
#[derive(Debug)]
struct Rpc(Arc<View>);

impl Double for Rpc {
    fn operation(&self, head: &Parts) -> Operation {
        match head.uri.path() {
            "/chains/main/chain_id" | "/chains/main/blocks/head/header/shell" => Operation::Head,
            path if path.starts_with("/chains/main/blocks/") => Operation::Block,
            _ => Operation::Other,
        }
    }

    async fn work(&self, task: Task) -> Answer {
        if self.0.is_frozen() {
            std::future::pending::<()>().await;
        }
        routes::answer(&self.0, task.request.uri())
    }

    fn failure(&self, failure: Failure) -> Answer {
        json(failure.status, &json!([]))
    }
}
