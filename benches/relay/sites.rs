//! What runs at each end of the network: a signer and its services in the region, the relay at the baker's.

use crate::bare;
use crate::client::{Process, program};
use crate::octez::{OverLoopback, Signer};
use stand_ins::{Azure, Curve, FunctionApp, NewKey, Operation};
use std::any::Any;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wan::Site;

/// How long the vault takes for a signature.
pub(crate) const VAULT: Duration = Duration::from_millis(20);
/// How long the database takes for a write.
pub(crate) const DATABASE: Duration = Duration::from_millis(8);

/// The function key.
pub(crate) const FUNCTION_KEY: &str = "functionkeyofthebaker";

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A signer, and the platform in front of it.
pub(crate) struct Region {
    /// What bakers call directly.
    pub(crate) app: FunctionApp,
    /// What the relay calls: the same signer behind a front whose counts are the relay's alone.
    pub(crate) app_of_relay: FunctionApp,
    /// The hashes of the signer's keys.
    pub(crate) keys: Vec<String>,
    pub(crate) signer: Process,
    /// What the signer needs, for as long as it runs.
    _services: Box<dyn Any + Send>,
}

impl Region {
    /// Starts one with Key Vault and Cosmos DB, and so many keys.
    pub(crate) fn start(site: &Site, keys: usize) -> Self {
        // All threads that are started here, those of the services included, belong to the site.
        site.run(|| Runtime::new().unwrap().block_on(Self::start_here(site, keys))).unwrap()
    }

    async fn start_here(site: &Site, keys: usize) -> Self {
        let azure = Azure::start().await;
        for number in 0..keys {
            azure.key_vault.add_key(NewKey::new(format!("baker-{number}"), Curve::P256));
        }
        let signer = start_signer(site, &azure.environment(), &[]);
        let keys = signer.keys(keys);
        bare::set_answer_times(&azure, VAULT, DATABASE).await;
        Self::with(site, signer, keys, azure)
    }

    /// Starts one with so many tz4 keys, which only the embedded vault supports, and the embedded store.
    pub(crate) fn start_embedded(site: &Site, keys: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let hashes = (0..keys).map(|number| generate_key(data.path(), &format!("key-{number}"))).collect();
        let environment = [("LOCAL_DATA_DIR", data.path().display().to_string())];
        let signer = start_signer(site, &environment, &[]);
        site.run(|| Self::with(site, signer, hashes, data)).unwrap()
    }

    fn with(site: &Site, signer: Process, keys: Vec<String>, services: impl Any + Send) -> Self {
        let app = || start_app(site, signer.address);
        Self { app: app(), app_of_relay: app(), keys, signer, _services: Box::new(services) }
    }
}

/// Starts a signer at a site.
pub(crate) fn start_signer(site: &Site, environment: &[(&str, String)], settings: &[(&str, &str)]) -> Process {
    let environment: Vec<_> = environment.iter().cloned().chain([("PATH", path())]).collect();
    Process::start_as(site.command(program()), &environment, settings)
}

/// Starts the platform in front of a signer. To be called at its site.
pub(crate) fn start_app(site: &Site, signer: SocketAddr) -> FunctionApp {
    FunctionApp::start(IpAddr::V4(site.address()), signer, FUNCTION_KEY).unwrap()
}

/// Generates a tz4 key, and returns its hash.
fn generate_key(data: &Path, name: &str) -> String {
    let mut command = Command::new(program());
    let Output { status, stdout, stderr } =
        command.args(["keys", "generate", name, "--curve", "bls"]).env("LOCAL_DATA_DIR", data).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let printed = String::from_utf8(stdout).unwrap();
    let hash = printed.split_whitespace().find(|word| word.starts_with("tz4"));
    hash.unwrap_or_else(|| panic!("no address in {printed:?}")).to_owned()
}

/// A relay at the baker's site.
pub(crate) struct Relay {
    pub(crate) process: Process,
    _state: TempDir,
}

impl Relay {
    /// Starts one, and waits until it can forward requests. To be called at the site.
    pub(crate) fn start(site: &Site, upstreams: &[&FunctionApp], settings: &[(&str, String)]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let authorities: String = upstreams.iter().map(|app| app.authority_pem()).collect();
        let authority_file = state.path().join("authorities.pem");
        fs::write(&authority_file, authorities).unwrap();
        let mut command: Command = site.command(program());
        command.arg("relay");
        let urls: Vec<_> = upstreams.iter().map(|app| app.url()).collect();
        let environment = [
            ("PATH", path()),
            ("RELAY_UPSTREAMS", urls.join(",")),
            ("RELAY_FUNCTION_KEYS", FUNCTION_KEY.to_owned()),
            ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("RELAY_STATE_DIR", state.path().display().to_string()),
            ("SSL_CERT_FILE", authority_file.display().to_string()),
        ];
        let environment: Vec<_> = environment.into_iter().chain(settings.iter().cloned()).collect();
        let process = Process::start_as(command, &environment, &[]);
        let relay = Self { process, _state: state };
        let start = Instant::now();
        while relay.signer().call("GET", "/health", "").unwrap().status != 200 {
            assert!(start.elapsed() < START_TIMEOUT, "the relay is not ready");
            sleep(Duration::from_millis(20));
        }
        relay
    }

    pub(crate) fn signer(&self) -> OverLoopback {
        OverLoopback(self.process.address)
    }
}

/// What has arrived at a function app.
#[derive(Clone, Copy)]
pub(crate) struct Arrived {
    /// Requests with the function key, which Azure charges for.
    pub(crate) executions: u64,
    pub(crate) connections: u64,
}

impl Arrived {
    pub(crate) fn at(app: &FunctionApp) -> Self {
        Self { executions: app.requests(Operation::Execution), connections: app.connections() }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { executions: self.executions - earlier.executions, connections: self.connections - earlier.connections }
    }
}

/// Where `ip` is found, which runs the programs at their sites.
fn path() -> String {
    std::env::var("PATH").unwrap()
}
