//! Starts and stops all the stand-ins together.

use crate::certificate::Certificate;
use crate::connections::Port;
use crate::cosmos::{CONTAINER, Cosmos, CosmosOptions, DATABASE};
use crate::double::{Controls, serve};
use crate::identity::Identity;
use crate::key_vault::{KeyVault, VaultKind};
use crate::precise_timer::PreciseTimer;
use crate::tokens::Tokens;
use std::fs;
use std::io;
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
    authority: Authority,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

/// The certificate authority's file, in a folder that is removed on drop.
#[derive(Debug)]
struct Authority {
    folder: TempDir,
    pem: String,
}

impl Authority {
    fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
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
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("stand-ins").enable_all().build()?;
        let started = runtime.spawn(Services::start(options)).await.map_err(io::Error::other);
        match started.flatten() {
            Ok(Services { identity, key_vault, cosmos, authority }) => {
                Ok(Self { identity, key_vault, cosmos, authority, runtime: Some(runtime) })
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
            ("SSL_CERT_FILE", self.authority.file().display().to_string()),
            // Otherwise the SDK looks for the metadata of a virtual machine, which may take seconds.
            ("COSMOS_DISABLE_IMDS", "1".to_owned()),
        ]
    }

    /// The services' certificate authority, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority.pem
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        // The ports are closed here, the rest when the threads end.
        let regions = self.cosmos.regions().iter().map(|region| &region.controls);
        let services = [&self.identity.controls, &self.key_vault.controls, &self.cosmos.controls];
        for controls in services.into_iter().chain(regions) {
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
    authority: Authority,
}

impl Services {
    async fn start(options: Options) -> io::Result<Self> {
        let certificate = Certificate::make()?;
        let authority = Authority { folder: TempDir::new()?, pem: certificate.authority_pem.clone() };
        fs::write(authority.file(), &authority.pem)?;
        let timer = Arc::new(PreciseTimer::start());
        let tokens = Arc::new(Tokens::new(options.token_life));
        let controls = |port| Port::open(port).map(|port| Controls::new(port, &timer));

        let (identity, endpoint) = Identity::new(controls(options.ports.identity)?, Arc::clone(&tokens));
        let key_vault_controls = controls(options.ports.key_vault)?;
        let (key_vault, vault) =
            KeyVault::new(key_vault_controls, Arc::clone(&tokens), options.vault, options.page_size);
        let cosmos_controls = controls(options.ports.cosmos)?;
        let regions = match options.cosmos.regions.len() {
            0 | 1 => Vec::new(),
            number => (0..number).map(|_| controls(0)).collect::<io::Result<_>>()?,
        };
        let (cosmos, account) = Cosmos::new(cosmos_controls, regions, tokens, &options.cosmos).await?;

        tokio::spawn(serve(endpoint, Arc::clone(&identity.controls), None));
        tokio::spawn(serve(vault, Arc::clone(&key_vault.controls), Some(certificate.acceptor())));
        tokio::spawn(serve(account, Arc::clone(&cosmos.controls), Some(certificate.acceptor())));
        for (region, controls) in cosmos.region_doubles() {
            tokio::spawn(serve(region, controls, Some(certificate.acceptor())));
        }
        Ok(Self { identity, key_vault, cosmos, authority })
    }
}
