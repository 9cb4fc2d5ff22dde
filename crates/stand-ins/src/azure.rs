//! Starts and stops all the stand-ins together.

use crate::blobs::Blobs;
use crate::certificate::Certificate;
use crate::connections::Port;
use crate::cosmos::{CONTAINER, Cosmos, CosmosOptions, DATABASE, Opened};
use crate::double::{Controls, serve};
use crate::identity::Identity;
use crate::key_release::KeyRelease;
use crate::key_vault::{KeyVault, VaultKind};
use crate::precise_timer::PreciseTimer;
use crate::tokens::Tokens;
use std::fmt;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// How to set up the stand-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The ports; 0 picks a free one.
    pub ports: Ports,
    /// Key Vault or Managed HSM.
    pub vault: VaultKind,
    /// Maximum number of entries on a page of a key list.
    pub page_size: usize,
    /// Lifetime of a token.
    pub token_life: Duration,
    /// The Cosmos DB account and its container.
    pub cosmos: CosmosOptions,
}

impl Default for Options {
    /// Free ports, three entries a page, and everything else the way a signer requires it.
    fn default() -> Self {
        Self {
            ports: Ports::default(),
            vault: VaultKind::default(),
            page_size: 3,
            token_life: Duration::from_hours(1),
            cosmos: CosmosOptions::default(),
        }
    }
}

/// The ports of the services; 0 picks a free one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// The managed identity endpoint.
    pub identity: u16,
    /// Key Vault or Managed HSM.
    pub key_vault: u16,
    /// Cosmos DB.
    pub cosmos: u16,
}

/// Where an endpoint of Cosmos DB listens, if not on loopback.
#[derive(Debug)]
pub struct Place {
    /// The host name by which signers reach it.
    pub host: String,
    /// Its socket, for example in another network namespace.
    pub listener: TcpListener,
}

/// The Azure services that a signer uses, on loopback. Dropping it stops them and makes the services' handles useless.
///
/// It runs on its own threads, so a test may block.
#[derive(Debug)]
pub struct Azure {
    /// The managed identity endpoint.
    pub identity: Identity,
    /// Key Vault or Managed HSM.
    pub key_vault: KeyVault,
    /// Cosmos DB.
    pub cosmos: Cosmos,
    /// Whether it runs the Cosmos DB account, or shares that of another region.
    owns_account: bool,
    subscription: Arc<Subscription>,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

/// What the services of all regions share.
struct Subscription {
    certificate: Certificate,
    /// Contains the certificate authority's file, and is removed on drop.
    folder: TempDir,
    timer: Arc<PreciseTimer>,
    tokens: Arc<Tokens>,
}

impl Azure {
    /// Starts all services with the default options.
    ///
    /// # Panics
    /// If a service cannot be started.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts all services.
    ///
    /// # Panics
    /// If a service cannot be started.
    #[allow(clippy::expect_used, reason = "a test cannot run without its stand-ins")]
    pub async fn start_with(options: Options) -> Self {
        Self::try_start(options).await.expect("the stand-ins should start")
    }

    /// Starts all services.
    ///
    /// # Errors
    /// If a port is taken, or a temporary folder cannot be created.
    pub async fn try_start(options: Options) -> io::Result<Self> {
        Self::try_start_at(options, Vec::new()).await
    }

    /// Starts all services, with the endpoints of the Cosmos DB account at these places: first its own, then those of its regions.
    /// If there are no places, they are on loopback.
    ///
    /// # Errors
    /// If a port is taken, or a temporary folder cannot be created.
    pub async fn try_start_at(options: Options, places: Vec<Place>) -> io::Result<Self> {
        let subscription = Arc::new(Subscription::new(options.token_life, &places)?);
        let start = {
            let subscription = Arc::clone(&subscription);
            async move {
                let cosmos = subscription.start_account(&options.cosmos, options.ports.cosmos, places).await?;
                let (identity, key_vault) = subscription.start_vault(&options)?;
                Ok(Services { identity, key_vault, cosmos, owns_account: true })
            }
        };
        Self::run(subscription, start).await
    }

    /// Starts a vault of another region, with an identity endpoint, for signers that share this account. The vault is empty at
    /// first: see [`KeyVault::restore_key`]. The options of the account do not count.
    ///
    /// # Errors
    /// If a port is taken.
    pub async fn try_start_other_region(&self, options: Options) -> io::Result<Self> {
        let (subscription, cosmos) = (Arc::clone(&self.subscription), self.cosmos.clone());
        let start = async move {
            let (identity, key_vault) = subscription.start_vault(&options)?;
            Ok(Services { identity, key_vault, cosmos, owns_account: false })
        };
        Self::run(Arc::clone(&self.subscription), start).await
    }

    /// Starts a container of append blobs, which accepts the tokens of these services. It ends with them.
    ///
    /// # Errors
    /// If no port is available.
    pub fn try_start_blobs(&self) -> io::Result<Blobs> {
        let Some(runtime) = &self.runtime else { return Err(io::Error::other("the stand-ins are being dropped")) };
        let _inside = runtime.enter();
        let (blobs, service) = Blobs::new(self.subscription.controls(0)?, Arc::clone(&self.subscription.tokens));
        tokio::spawn(serve(service, Arc::clone(&blobs.controls), Some(self.subscription.certificate.acceptor())));
        Ok(blobs)
    }

    /// Starts the sidecar of a confidential container, which has keys of this vault released. It ends with these services.
    ///
    /// # Errors
    /// If no port is available.
    pub fn try_start_key_release(&self) -> io::Result<KeyRelease> {
        let Some(runtime) = &self.runtime else { return Err(io::Error::other("the stand-ins are being dropped")) };
        let _inside = runtime.enter();
        let (key_release, sidecar) = KeyRelease::new(self.subscription.controls(0)?, &self.key_vault);
        tokio::spawn(serve(sidecar, Arc::clone(&key_release.controls), None));
        Ok(key_release)
    }

    async fn run(
        subscription: Arc<Subscription>,
        start: impl Future<Output = io::Result<Services>> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("stand-ins").enable_all().build()?;
        let started = runtime.spawn(start).await.map_err(io::Error::other);
        match started.flatten() {
            Ok(Services { identity, key_vault, cosmos, owns_account }) => {
                Ok(Self { identity, key_vault, cosmos, owns_account, subscription, runtime: Some(runtime) })
            }
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// The environment variables that point a signer at these services.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("KEY_VAULT_URL", self.key_vault.url()),
            ("COSMOS_ENDPOINT", self.cosmos.url()),
            ("COSMOS_DATABASE", DATABASE.to_owned()),
            ("COSMOS_CONTAINER", CONTAINER.to_owned()),
            ("IDENTITY_ENDPOINT", self.identity.url()),
            ("IDENTITY_HEADER", self.identity.secret().to_owned()),
            ("SSL_CERT_FILE", self.subscription.authority_file().display().to_string()),
            // Otherwise the SDK looks for the metadata of a virtual machine, which may take seconds.
            ("COSMOS_DISABLE_IMDS", "1".to_owned()),
        ]
    }

    /// The services' certificate authority, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.subscription.certificate.authority_pem
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        // The ports are closed here, the rest when the threads end.
        let regions = self.cosmos.regions().iter().map(|region| &region.controls);
        let of_account = regions.chain([&self.cosmos.controls]).filter(|_| self.owns_account);
        for controls in [&self.identity.controls, &self.key_vault.controls].into_iter().chain(of_account) {
            drop(controls.port.refuse_connections(true));
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The services, started, without the runtime that they run on.
struct Services {
    identity: Identity,
    key_vault: KeyVault,
    cosmos: Cosmos,
    owns_account: bool,
}

impl Subscription {
    fn new(token_life: Duration, places: &[Place]) -> io::Result<Self> {
        let certificate = Certificate::make(places.iter().map(|place| place.host.clone()))?;
        let folder = TempDir::new()?;
        let subscription = Self {
            certificate,
            folder,
            timer: Arc::new(PreciseTimer::start()),
            tokens: Arc::new(Tokens::new(token_life)),
        };
        fs::write(subscription.authority_file(), &subscription.certificate.authority_pem)?;
        Ok(subscription)
    }

    fn authority_file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    fn controls(&self, port: u16) -> io::Result<Arc<Controls>> {
        Port::open(port).map(|port| Controls::new(port, &self.timer))
    }

    /// Starts a vault and an identity endpoint. The caller's runtime serves them.
    fn start_vault(&self, options: &Options) -> io::Result<(Identity, KeyVault)> {
        let (identity, endpoint) = Identity::new(self.controls(options.ports.identity)?, Arc::clone(&self.tokens));
        let controls = self.controls(options.ports.key_vault)?;
        let (key_vault, vault) = KeyVault::new(controls, Arc::clone(&self.tokens), options.vault, options.page_size);
        tokio::spawn(serve(endpoint, Arc::clone(&identity.controls), None));
        tokio::spawn(serve(vault, Arc::clone(&key_vault.controls), Some(self.certificate.acceptor())));
        Ok((identity, key_vault))
    }

    /// Starts an account, with its own endpoint and, if it has several regions, one for each. The caller's runtime serves them.
    async fn start_account(&self, options: &CosmosOptions, port: u16, places: Vec<Place>) -> io::Result<Cosmos> {
        let mut endpoints = Vec::new();
        for Place { host, listener } in places {
            endpoints.push(Opened { host, controls: Controls::new(Port::of_listener(listener)?, &self.timer) });
        }
        let number = if options.regions.len() > 1 { options.regions.len() + 1 } else { 1 };
        while endpoints.len() < number {
            let port = if endpoints.is_empty() { port } else { 0 };
            endpoints.push(Opened { host: "localhost".to_owned(), controls: self.controls(port)? });
        }
        let regions = endpoints.split_off(1);
        let Some(global) = endpoints.pop() else { return Err(io::Error::other("an account has an endpoint")) };
        let cosmos = Cosmos::new(global, regions, Arc::clone(&self.tokens), options).await?;
        for (endpoint, controls) in cosmos.endpoints() {
            tokio::spawn(serve(endpoint, controls, Some(self.certificate.acceptor())));
        }
        Ok(cosmos)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscription").field("folder", &self.folder).finish_non_exhaustive()
    }
}
