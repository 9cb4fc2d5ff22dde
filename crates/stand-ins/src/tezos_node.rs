//! A Tezos node, over TLS, that serves its chain id and its head.

use crate::answers::{Answer, json};
use crate::certificate::Certificate;
use crate::connections::Port;
use crate::double::{Controls, Double, Task, controllable, serve};
use crate::faults::{Failure, Operation};
use crate::precise_timer::PreciseTimer;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The double of a node. It runs on its own thread, so a test may block, and stops when it is dropped.
#[derive(Debug)]
pub struct TezosNode {
    controls: Arc<Controls>,
    chain: Arc<Chain>,
    /// Contains the certificate authority's file.
    folder: TempDir,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

/// The chain that the node reports.
#[derive(Debug)]
struct Chain {
    id: String,
    level: Mutex<u32>,
}

impl TezosNode {
    /// Starts a node on `chain` with its head at `level`.
    ///
    /// # Errors
    /// If no port is available, or a temporary folder cannot be created.
    pub fn start(chain: &str, level: u32) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("node").enable_all().build()?;
        let certificate = Certificate::make(std::iter::empty())?;
        let folder = TempDir::new()?;
        fs::write(folder.path().join(AUTHORITY), &certificate.authority_pem)?;
        let chain = Arc::new(Chain { id: chain.to_owned(), level: Mutex::new(level) });
        let controls = {
            let _inside = runtime.enter();
            Controls::new(Port::open(0)?, &Arc::new(PreciseTimer::start()))
        };
        runtime.spawn(serve(Arc::clone(&chain), Arc::clone(&controls), Some(certificate.acceptor())));
        Ok(Self { controls, chain, folder, runtime: Some(runtime) })
    }

    /// The value for `NODE_URLS`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address().port())
    }

    /// The value for `SSL_CERT_FILE`.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
    }

    /// Moves the head.
    pub fn set_level(&self, level: u32) {
        *self.chain.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
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

impl Double for Chain {
    fn operation(&self, head: &Parts) -> Operation {
        match head.uri.path() {
            "/chains/main/chain_id" | "/chains/main/blocks/head/header/shell" => Operation::Head,
            _ => Operation::Other,
        }
    }

    async fn work(&self, task: Task) -> Answer {
        match task.request.uri().path() {
            "/chains/main/chain_id" => json(200, &Value::from(self.id.as_str())),
            "/chains/main/blocks/head/header/shell" => {
                let level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
                json(200, &json!({ "level": level, "proto": 1, "validation_pass": 4, "fitness": ["02"] }))
            }
            _ => json(403, &json!([])),
        }
    }

    fn failure(&self, failure: Failure) -> Answer {
        json(failure.status, &json!([]))
    }
}
