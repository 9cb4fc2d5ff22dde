//! The platform in front of a signer: terminates TLS, checks client certificate, token and function key, and forwards requests.

use crate::Identity;
use crate::answers::{Answer, json, with_header};
use crate::certificate::Certificate;
use crate::client_certificate::ClientCertificate;
use crate::connections::Port;
use crate::double::{Controls, Double, Task, controllable, serve};
use crate::faults::{Failure, Operation};
use crate::precise_timer::PreciseTimer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONNECTION, HeaderMap, TRANSFER_ENCODING, WWW_AUTHENTICATE};
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
/// A request without what [`Access`] requires is rejected and counts as [`Operation::Unauthorized`]. Any other is forwarded over
/// HTTP, and counts as [`Operation::Execution`].
#[derive(Debug)]
pub struct FunctionApp {
    controls: Arc<Controls>,
    instances: Arc<Mutex<Vec<SocketAddr>>>,
    authority_pem: String,
    client_certificates: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Contains the certificate authority's file.
    folder: TempDir,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

/// What a request must have.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The function key.
    pub function_key: Option<String>,
    /// App Service authentication: a token of this issuer, for this audience.
    pub token: Option<(Identity, String)>,
    /// `clientCertMode` `Required`: any client certificate. It is forwarded in a header.
    pub client_certificate: bool,
}

struct Platform {
    access: Access,
    client_certificates: Arc<Mutex<Vec<Vec<u8>>>>,
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
        Self::start_with(address, signer, Access { function_key: Some(function_key.to_owned()), ..Access::default() })
    }

    /// The same, with other requirements.
    ///
    /// # Errors
    /// If no port is available, or a temporary folder cannot be created.
    pub fn start_with(address: IpAddr, signer: SocketAddr, access: Access) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("function-app").enable_all().build()?;
        let certificate = Certificate::make_for([address.to_string()], access.client_certificate)?;
        let folder = TempDir::new()?;
        fs::write(folder.path().join(AUTHORITY), &certificate.authority_pem)?;
        let controls = {
            let _inside = runtime.enter();
            Controls::new(Port::open_at(SocketAddr::from((address, 0)))?, &Arc::new(PreciseTimer::start()))
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client_certificates = Arc::default();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let instances = Arc::new(Mutex::new(vec![signer]));
        let platform = Platform {
            access,
            client_certificates: Arc::clone(&client_certificates),
            instances: Arc::clone(&instances),
            forwarded: AtomicUsize::new(0),
            client,
        };
        runtime.spawn(serve(Arc::new(platform), Arc::clone(&controls), Some(certificate.acceptor())));
        Ok(Self {
            controls,
            instances,
            authority_pem: certificate.authority_pem,
            client_certificates,
            folder,
            runtime: Some(runtime),
        })
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

    /// The client certificates of the requests that were forwarded, in DER: each once for successive requests with it.
    pub fn client_certificates(&self) -> Vec<Vec<u8>> {
        self.client_certificates.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// The header with the client's certificate.
const CLIENT_CERTIFICATE: &str = "x-arr-clientcert";

const AUTHORITY: &str = "authority.pem";

impl Double for Platform {
    fn operation(&self, head: &Parts) -> Operation {
        if self.check(head).is_ok() { Operation::Execution } else { Operation::Unauthorized }
    }

    async fn work(&self, task: Task) -> Answer {
        let (head, body) = task.request.into_parts();
        if let Err(rejection) = self.check(&head) {
            return rejection.into_answer();
        }
        let request = Request::from_parts(head, body);
        match self.forward(request).await {
            Ok(answer) => answer,
            Err(error) => json(502, &json!({ "error": error.to_string() })),
        }
    }

    fn failure(&self, failure: Failure) -> Answer {
        json(failure.status, &json!({}))
    }
}

/// Why a request is not forwarded.
enum Rejection {
    /// The front end requires a client certificate.
    Certificate,
    /// App Service authentication requires a token.
    Token,
    /// The Functions host requires a key.
    Key,
}

impl Rejection {
    fn into_answer(self) -> Answer {
        let mut answer = Answer::default();
        *answer.status_mut() = match self {
            Self::Certificate => StatusCode::FORBIDDEN,
            Self::Token | Self::Key => StatusCode::UNAUTHORIZED,
        };
        match self {
            Self::Token => with_header(answer, WWW_AUTHENTICATE, "Bearer realm=\"app\""),
            Self::Certificate | Self::Key => answer,
        }
    }
}

impl Platform {
    fn next_instance(&self) -> Option<SocketAddr> {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.forwarded.fetch_add(1, Ordering::Relaxed).checked_rem(instances.len())?;
        instances.get(number).copied()
    }

    fn check(&self, head: &Parts) -> Result<(), Rejection> {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        if self.access.client_certificate && head.extensions.get::<ClientCertificate>().is_none() {
            return Err(Rejection::Certificate);
        }
        if let Some((issuer, audience)) = &self.access.token
            && !issuer.issuer().is_authorized(&head.headers, audience)
        {
            return Err(Rejection::Token);
        }
        match &self.access.function_key {
            Some(key) if header("x-functions-key") != Some(key) => Err(Rejection::Key),
            _ => Ok(()),
        }
    }

    async fn forward(&self, request: Request<Bytes>) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let signer = self.next_instance().ok_or("no instance of the signer is running")?;
        head.uri = format!("http://{signer}{path}").parse()?;
        head.version = Version::HTTP_11;
        remove_headers_of_connection(&mut head.headers);
        // A client cannot claim to have a certificate.
        head.headers.remove(CLIENT_CERTIFICATE);
        if let Some(ClientCertificate(der)) = head.extensions.get() {
            head.headers.insert(CLIENT_CERTIFICATE, STANDARD.encode(der).parse()?);
            let mut seen = self.client_certificates.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.last() != Some(der) {
                seen.push(der.clone());
            }
        }
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
