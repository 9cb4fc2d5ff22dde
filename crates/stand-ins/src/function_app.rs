//! The platform in front of a signer: terminates TLS, checks the function key, and forwards requests.

use crate::answers::{Answer, json};
use crate::certificate::Certificate;
use crate::connections::Port;
use crate::double::{Controls, Double, Task, controllable, serve};
use crate::faults::{Failure, Operation};
use crate::precise_timer::PreciseTimer;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONNECTION, HeaderMap, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use std::error::Error;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The double of a function app, without its routes. It runs on its own thread, so a test may block, and stops when it is dropped.
///
/// A request without the function key is rejected with 401 and counts as [`Operation::Unauthorized`]. Any other is forwarded over
/// HTTP, and counts as [`Operation::Execution`].
#[derive(Debug)]
pub struct FunctionApp {
    controls: Arc<Controls>,
    instances: Arc<Mutex<Vec<SocketAddr>>>,
    authority_pem: String,
    /// Contains the certificate authority's file.
    folder: TempDir,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

struct Platform {
    function_key: String,
    instances: Arc<Mutex<Vec<SocketAddr>>>,
    /// Requests forwarded so far.
    forwarded: AtomicUsize,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl FunctionApp {
    /// Starts one at an address of this machine, on a free port, in front of `signer`.
    ///
    /// # Errors
    /// If no port is available, or a temporary folder cannot be created.
    pub fn start(address: IpAddr, signer: SocketAddr, function_key: &str) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("function-app").enable_all().build()?;
        let certificate = Certificate::make_for([address.to_string()])?;
        let folder = TempDir::new()?;
        fs::write(folder.path().join(AUTHORITY), &certificate.authority_pem)?;
        let controls = {
            let _inside = runtime.enter();
            Controls::new(Port::open_at(SocketAddr::from((address, 0)))?, &Arc::new(PreciseTimer::start()))
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let instances = Arc::new(Mutex::new(vec![signer]));
        let (function_key, forwarded) = (function_key.to_owned(), AtomicUsize::new(0));
        let platform = Platform { function_key, instances: Arc::clone(&instances), forwarded, client };
        runtime.spawn(serve(Arc::new(platform), Arc::clone(&controls), Some(certificate.acceptor())));
        Ok(Self { controls, instances, authority_pem: certificate.authority_pem, folder, runtime: Some(runtime) })
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// From now on, forwards to these signers in turn. If there are none, it answers 502.
    pub fn set_instances(&self, signers: Vec<SocketAddr>) {
        *self.instances.lock().unwrap_or_else(PoisonError::into_inner) = signers;
    }

    /// The value for `SSL_CERT_FILE`.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
    }

    /// Its certificate authority, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }
}

controllable!(FunctionApp);

impl Drop for FunctionApp {
    fn drop(&mut self) {
        drop(self.controls.port.refuse_connections(true));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

const AUTHORITY: &str = "authority.pem";

impl Double for Platform {
    fn operation(&self, head: &Parts) -> Operation {
        let key = head.headers.get("x-functions-key");
        if key.is_some_and(|key| key.as_bytes() == self.function_key.as_bytes()) {
            Operation::Execution
        } else {
            Operation::Unauthorized
        }
    }

    async fn work(&self, task: Task) -> Answer {
        if task.operation != Operation::Execution {
            let mut answer = Answer::default();
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            return answer;
        }
        match self.forward(task.request).await {
            Ok(answer) => answer,
            Err(error) => json(502, &json!({ "error": error.to_string() })),
        }
    }

    fn failure(&self, failure: Failure) -> Answer {
        json(failure.status, &json!({}))
    }
}

impl Platform {
    fn next_instance(&self) -> Option<SocketAddr> {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.forwarded.fetch_add(1, Ordering::Relaxed).checked_rem(instances.len())?;
        instances.get(number).copied()
    }

    async fn forward(&self, request: Request<Bytes>) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let signer = self.next_instance().ok_or("no instance of the signer is running")?;
        head.uri = format!("http://{signer}{path}").parse()?;
        head.version = Version::HTTP_11;
        remove_headers_of_connection(&mut head.headers);
        let request = Request::from_parts(head, Full::new(body));
        let (mut head, body) = self.client.request(request).await?.into_parts();
        remove_headers_of_connection(&mut head.headers);
        Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
    }
}

fn remove_headers_of_connection(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}
