//! What runs at each end of the network: the signer and its services in the region, the relay at the baker's.

use crate::bare;
use crate::client::{Process, program};
use crate::octez::{OverLoopback, Signer};
use stand_ins::{Azure, Curve, FunctionApp, NewKey, Operation};
use std::io::Write;
use std::net::IpAddr;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use test_support::http::request;
use tokio::runtime::Runtime;
use wan::Site;

/// How long the vault takes for a signature.
pub(crate) const VAULT: Duration = Duration::from_millis(20);
/// How long the database takes for a write.
pub(crate) const DATABASE: Duration = Duration::from_millis(8);

/// The function key.
pub(crate) const FUNCTION_KEY: &str = "functionkeyofthebaker";

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A signer with its vault and database, and the platform in front of it.
pub(crate) struct Region {
    /// What bakers call directly.
    pub(crate) app: FunctionApp,
    /// What the relay calls: the same signer behind a front whose counts are the relay's alone.
    pub(crate) app_of_relay: FunctionApp,
    /// The hashes of the signer's keys.
    pub(crate) keys: Vec<String>,
    _signer: Process,
    _azure: Azure,
}

impl Region {
    /// Starts it with so many keys.
    pub(crate) fn start(site: &Site, keys: usize) -> Self {
        // All threads that are started here, those of the services included, belong to the site.
        site.run(|| Runtime::new().unwrap().block_on(Self::start_here(site, keys))).unwrap()
    }

    async fn start_here(site: &Site, keys: usize) -> Self {
        let azure = Azure::start().await;
        for number in 0..keys {
            azure.key_vault.add_key(NewKey::new(format!("baker-{number}"), Curve::P256));
        }
        let signer = Process::start_as(site.command(program()), &azure.environment(), &[("PATH", path().as_str())]);
        let keys = signer.keys(keys);
        bare::set_answer_times(&azure, VAULT, DATABASE).await;
        let app = || FunctionApp::start(IpAddr::V4(site.address()), signer.address, FUNCTION_KEY).unwrap();
        Self { app: app(), app_of_relay: app(), keys, _signer: signer, _azure: azure }
    }
}

/// A relay at the baker's site.
pub(crate) struct Relay {
    pub(crate) process: Process,
    _state: TempDir,
}

impl Relay {
    /// Starts one, and waits until it can forward requests. To be called at the site.
    pub(crate) fn start(site: &Site, upstream: &FunctionApp) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut command: Command = site.command(program());
        command.arg("relay");
        let environment = [
            ("PATH", path()),
            ("RELAY_UPSTREAMS", upstream.url()),
            ("RELAY_FUNCTION_KEYS", FUNCTION_KEY.to_owned()),
            ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("RELAY_STATE_DIR", state.path().display().to_string()),
            ("SSL_CERT_FILE", upstream.authority_file().display().to_string()),
        ];
        let process = Process::start_as(command, &environment, &[]);
        let relay = Self { process, _state: state };
        let start = Instant::now();
        while !relay.is_healthy() {
            assert!(start.elapsed() < START_TIMEOUT, "the relay is not ready");
            sleep(Duration::from_millis(20));
        }
        relay
    }

    pub(crate) fn signer(&self) -> OverLoopback {
        OverLoopback(self.process.address)
    }

    fn is_healthy(&self) -> bool {
        let mut connection = self.signer().connect();
        let request = request("GET", "/health", &["host: localhost", "connection: close"], "");
        connection.write_all(request.as_bytes()).unwrap();
        connection.read_answer().unwrap().status == 200
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
