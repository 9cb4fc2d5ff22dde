use super::{Stopped, base_address, make_data_dir, variable};
use azurehsm_signer::chain::HeadWatch;
use azurehsm_signer::marks::{Ledger, LocalMarkStore};
use azurehsm_signer::server::{self, ConnectionLimits, ServerSettings};
use azurehsm_signer::settings::Settings;
use azurehsm_signer::signer::{AuthorizedKeys, HeadRule, KeyRing, Signer};
use azurehsm_signer::telemetry::Logging;
use azurehsm_signer::tezos::{Curve, SecretKey};
use azurehsm_signer::vault::LocalVault;
use azurehsm_signer::vault::local::KeyFile;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tracing::{info, warn};

/// Connections that are open at one time, if the system allows as many files.
const MOST_CONNECTIONS: u64 = 2048;

/// Connections that wait to be taken: a burst larger than this makes clients wait a second for their next try.
const WAITING_CONNECTIONS: u32 = 4096;

/// Files that the process needs beside its connections.
const OTHER_FILES: u64 = 64;

/// Longer than clients keep a connection for their next request, so that they close it, not we.
const IDLE: Duration = Duration::from_mins(3);

pub(super) async fn run(logging: &Logging) -> Result<(), Stopped> {
    info!(version = env!("CARGO_PKG_VERSION"), "azurehsm-signer");
    let settings = Settings::read(variable).map_err(|error| format!("wrong settings:\n{error}"))?;
    if settings.is_in_azure_functions {
        let why = "the embedded vault and mark store do not outlive a Functions instance: they are refused in Azure; \
                   for `func start` on a laptop, AZURE_FUNCTIONS_ENVIRONMENT is Development";
        return Err(why.into());
    }
    make_data_dir(&settings.local.data_dir)?;
    let marks = settings.local.data_dir.join("marks.redb");
    if !marks.exists() {
        info!(
            path = %marks.display(),
            "no marks yet: a key that has signed elsewhere needs its marks first (azurehsm-signer marks import or raise)"
        );
    }
    // First, since it is where a second signer on the same folder stops, before it touches anything.
    let store = LocalMarkStore::open(&marks)?;
    let vault = Arc::new(open_vault(&settings)?);
    let watch = settings.nodes.clone().map(HeadWatch::start).transpose()?;
    if let Some(watch) = &watch {
        watch.wait_for_first_answers(Duration::from_secs(2)).await;
    } else {
        info!(
            max_level_jump = settings.max_level_jump,
            "no NODE_URLS: levels are checked against the marks only, not against the head of the chain"
        );
    }

    let keys = KeyRing::of(vault).await?;
    for key in settings.policy.named_keys() {
        if !keys.list().iter().any(|held| held.hash == *key) {
            warn!(key = %key, "the policy names a key that is not in the vault");
        }
    }
    if settings.authorized_keys.is_empty() {
        info!("no AUTHORIZED_KEYS: whoever reaches this address may ask for signatures");
    }
    let head = HeadRule { watch, when_unknown: settings.when_head_unknown, jump_limit: settings.max_level_jump };
    let authorized_keys = AuthorizedKeys::new(settings.authorized_keys);
    let signer = Arc::new(Signer::new(keys, Ledger::new(Arc::new(store)), settings.policy, head, authorized_keys));
    if signer.keys().is_empty() {
        warn!("there are no keys in the vault: nothing can be signed (azurehsm-signer keys generate or import)");
    }

    let listener = listen(settings.listen)
        .map_err(|error| format!("SIGNER_LISTEN: cannot listen on {}: {error}", settings.listen))?;
    let address = listener.local_addr()?;
    let server_settings =
        ServerSettings { deadline: settings.request_deadline, list_known_keys: settings.list_known_keys };
    let limits = ConnectionLimits {
        most: most_connections(),
        idle: IDLE,
        drain: settings.request_deadline + Duration::from_secs(1),
    };
    let router = server::router(Arc::clone(&signer), server_settings);
    info!(address = %address, "listening");
    tell_how_to_use(&signer, address);
    tokio::select! {
        () = server::serve(listener, router, limits, shutdown_requested()) => Ok(()),
        never = tell_of_dropped_lines(logging) => match never {},
    }
}

/// An auditor who reads the log should know what is not in it.
async fn tell_of_dropped_lines(logging: &Logging) -> Infallible {
    let mut told = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let dropped = logging.dropped_lines();
        if dropped != told {
            warn!(lines = dropped - told, "log lines were dropped: their reader was too slow");
            told = dropped;
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait for the old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_CONNECTIONS)
}

/// The local vault. When there is none yet, a first key is made, so that there is something to sign with.
fn open_vault(settings: &Settings) -> Result<LocalVault, Stopped> {
    let file = KeyFile::open(&settings.local.data_dir, settings.local.passphrase.clone())?;
    if !file.exists() {
        file.add("first".parse()?, SecretKey::generate(Curve::P256)?)?;
        info!(path = %file.path().display(), "made a key, since there was none");
    }
    warn!(
        path = %file.path().display(),
        encrypted = settings.local.passphrase.is_some(),
        "local vault: keys are in a file and in memory. For development and test networks, not for mainnet stake"
    );
    Ok(LocalVault::open(file)?)
}

fn tell_how_to_use(signer: &Signer, address: SocketAddr) {
    for key in signer.keys() {
        info!(
            command = format!("octez-client import secret key {} {}/{}", key.name, base_address(address), key.hash),
            "use this key"
        );
    }
    info!(command = format!("curl {}/keys", base_address(address)), "see the keys");
}

/// As many connections as are wanted, or as many as the system has files for.
fn most_connections() -> usize {
    let wanted = MOST_CONNECTIONS + OTHER_FILES;
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or(256);
    usize::try_from(files.min(wanted).saturating_sub(OTHER_FILES).max(16)).unwrap_or(16)
}

/// SIGTERM or Ctrl-C. A second one does not wait for anything.
async fn shutdown_requested() {
    signal_to_stop().await;
    tokio::spawn(async {
        signal_to_stop().await;
        std::process::exit(1);
    });
}

async fn signal_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => drop(interrupted.await),
    }
}
