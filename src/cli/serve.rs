//! `serve`: starts the services and the server, and keeps the keys up to date.

use super::history::History;
use super::shutdown::Shutdown;
use super::{CommandError, base_address, import_command, variable, variable_names, wrong_settings};
use azurehsm_signer::background::keep_running;
use azurehsm_signer::chain::blocks::{BlockConsumer, Followers, WantedKeys};
use azurehsm_signer::chain::checkpoints::CHECKPOINTS;
use azurehsm_signer::chain::{HeadWatch, WatchSettings};
use azurehsm_signer::functions_host;
use azurehsm_signer::log::Logging;
use azurehsm_signer::marks::{Ledger, StoreRole};
use azurehsm_signer::metrics::{Metrics, MetricsPipeline};
use azurehsm_signer::otlp::Program;
use azurehsm_signer::participation::{self, Branches, ChainSource, Participation};
use azurehsm_signer::server::{self, ConnectionLimits, OpenConnections, ServerSettings};
use azurehsm_signer::settings::{NO_LONGER_READ, Settings, TelemetrySettings, VaultSettings};
use azurehsm_signer::signer::{AuthorizedKeys, HeadRule, KeyRing, Signer};
use azurehsm_signer::tezos::PublicKeyHash;
use azurehsm_signer::traces::TracesPipeline;
use azurehsm_signer::wiring::{Azure, open_marks, open_vault, with_sealed_keys};
use azurehsm_signer::witness::{OnForeignSignature, Witness, WitnessSettings};
use futures::FutureExt;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tracing::{info, warn};

/// Maximum number of open connections, if the limit of open files permits.
const MAX_CONNECTIONS: u64 = 2048;

/// Length of the listen queue. In a larger burst, clients retry after a second.
const LISTEN_BACKLOG: u32 = 4096;

/// Open files that the process needs in addition to connections.
const OTHER_FILES: u64 = 64;

/// How long a start under the Functions host waits for the lock of the embedded store. A restarting script host starts the next
/// process before it kills the last one: usually a fraction of a second earlier, but sometimes by its lock period of 15 s. A start
/// that takes longer than 30 s counts as failed.
const STORE_LOCK_TIMEOUT: Duration = Duration::from_secs(17);

/// How long the last push of metrics and traces may delay the end of the program.
pub(super) const LAST_PUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Longer than the idle timeout of clients, so that they close connections first.
const IDLE: Duration = Duration::from_mins(3);

pub(super) async fn run(logging: &Logging, shutdown: &Shutdown) -> Result<(), CommandError> {
    info!(event = "started", version = env!("CARGO_PKG_VERSION"), "azurehsm-signer");
    let settings = Settings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    log_limits(&settings);
    let services = &settings.services;
    let observes = services.role == StoreRole::Observing;
    let azure = settings.are_in_azure().then(|| Azure::prepare(services)).transpose()?;
    // What an observer decides was never signed.
    let container = settings.audit_container.as_ref().filter(|_| !observes);
    let history = History::prepare(container, azure.as_ref())?;
    let lock_timeout = functions_host::is_present(variable).then_some(STORE_LOCK_TIMEOUT);
    let store = open_marks(services, azure.as_ref(), lock_timeout).await?;
    let vault = with_sealed_keys(services, azure.as_ref(), open_vault(services, azure.as_ref())?, &store)?;
    let sources = chain_sources(&settings)?;
    let watch = settings.nodes.clone().map(HeadWatch::start).transpose()?.map(Arc::new);
    let TelemetrySettings { metrics: of_metrics, traces: of_traces } = &settings.telemetry;
    let program = if observes { Program::Observer } else { Program::Signer };
    let pipeline = MetricsPipeline::start(of_metrics, program, &services.instance);
    let traces = TracesPipeline::start(of_traces.as_ref(), program, &services.instance);
    let metrics = pipeline.metrics();
    let named_keys: Vec<_> = settings.policy.named_keys().copied().collect();
    let ledger = Ledger::new(store, services.instance.clone())
        .with_known_chains(CHECKPOINTS.iter().map(|checkpoint| checkpoint.chain).collect());
    let signer = Signer::new(
        KeyRing::new(vault, search_interval(&settings)),
        history.of(ledger),
        settings.policy,
        HeadRule {
            watch: watch.clone(),
            when_unknown: settings.when_head_unknown,
            jump_limit: settings.max_level_jump,
        },
        AuthorizedKeys::new(settings.authorized_keys),
    );
    let signer = if observes { signer.observing() } else { signer };
    let signer = Arc::new(signer.with_metrics(metrics.clone()).with_tracer(traces.tracer()));
    metrics.observe_signer(&signer);
    let witness = start_witness(
        &signer,
        watch.as_ref(),
        &metrics,
        settings.nodes.as_ref(),
        // An observer signs nothing, so the chain shows what others sign.
        settings.witness.filter(|_| !observes),
        &services.instance,
    )?;
    let participation = Arc::new(Participation::default());
    metrics.observe_participation(&participation);
    let branches = (!sources.is_empty()).then(|| Arc::new(Branches::default()));
    let _followers =
        follow_blocks(&signer, watch.as_ref(), settings.nodes.as_ref(), witness.as_ref(), branches.as_ref())?;
    if let Some(azure) = &azure {
        let tokens = Arc::clone(&azure.tokens);
        metrics.observe_tokens(move || tokens.lifetimes());
    }
    let is_local = matches!(services.vault, VaultSettings::Embedded) && services.sealed_keys.is_empty();
    if is_local {
        // Reading a file is fast, and an error would be permanent.
        signer.refresh_keys().await?;
    }

    shutdown.serve();
    let listener = listen(settings.listen)
        .map_err(|error| format!("SIGNER_LISTEN: cannot listen on {}: {error}", settings.listen))?;
    let address = listener.local_addr()?;
    let is_under_functions_host = functions_host::is_present(variable);
    let server_settings = ServerSettings {
        deadline: services.request_deadline,
        list_known_keys: settings.list_known_keys,
        is_under_functions_host,
        client_certificates: settings.client_certificates.map(Arc::new),
    };
    let (drain, last_requests) = if is_under_functions_host {
        (functions_host::MAX_DRAIN, functions_host::LAST_REQUESTS)
    } else {
        (services.request_deadline + Duration::from_secs(1), Duration::ZERO)
    };
    let limits = ConnectionLimits { most: max_connections(), idle: IDLE, last_requests };
    let router = server::router(Arc::clone(&signer), server_settings);
    let connections = OpenConnections::default();
    metrics.observe_connections(program, {
        let connections = connections.clone();
        move || connections.count()
    });
    info!(event = "listening", address = %address, "listening");
    if is_local {
        log_commands(&signer, address);
    }
    let history = history.with_keys_of(&signer, &services.instance);
    tokio::select! {
        () = server::serve(listener, router, limits, &connections, shutdown.requested().map(|()| drain)) => {}
        never = serve_metrics(of_metrics.listen, &pipeline) => match never {},
        never = keep_running("keys", || keep_keys(&signer, &named_keys, settings.keys_refresh, is_local)) => match never {},
        never = judge_duties(&signer, &sources, branches.as_deref(), &participation) => match never {},
        never = keep_running("warm connection to the vault", || signer.keep_vault_warm()) => match never {},
        never = history.run() => match never {},
        never = keep_running("dropped lines", || report_dropped_lines(logging)) => match never {},
    }
    tokio::join!(pipeline.end(LAST_PUSH_TIMEOUT), traces.end(LAST_PUSH_TIMEOUT), history.finish(LAST_PUSH_TIMEOUT));
    Ok(())
}

/// Logs what the settings leave unchecked or without effect.
fn log_limits(settings: &Settings) {
    for name in NO_LONGER_READ.iter().filter(|name| variable(name).is_some()) {
        warn!(
            event = "setting_ineffective",
            setting = name,
            "this setting no longer has an effect: a slow call continues until the request's deadline"
        );
    }
    if settings.services.role == StoreRole::Observing {
        warn!(event = "observing", "OBSERVE=true: every request is decided and logged, and nothing is released");
    }
    if settings.nodes.is_none() {
        info!(
            event = "head_not_checked",
            max_level_jump = settings.max_level_jump,
            "no NODE_URLS: levels are checked against the marks only, not against the head of the chain"
        );
    }
    if settings.authorized_keys.is_empty() {
        info!(
            event = "authentication_off",
            "no AUTHORIZED_KEYS: anyone who can reach this address may request signatures"
        );
    } else if settings.policy.requiring_authentication(true).is_empty() {
        warn!(
            event = "setting_ineffective",
            "AUTHORIZED_KEYS has no effect: the policy sets \"require_authentication\" to false for all keys"
        );
    }
}

/// Compares what the nodes' blocks show with what was signed, unless that is off.
fn start_witness(
    signer: &Arc<Signer>,
    watch: Option<&Arc<HeadWatch>>,
    metrics: &Metrics,
    nodes: Option<&WatchSettings>,
    on_foreign_signature: Option<OnForeignSignature>,
    instance: &str,
) -> Result<Option<Witness>, reqwest::Error> {
    let (Some(watch), Some(nodes), Some(on_foreign_signature)) = (watch, nodes, on_foreign_signature) else {
        return Ok(None);
    };
    let settings = WitnessSettings { nodes: nodes.clone(), on_foreign_signature, instance: instance.to_owned() };
    Witness::start(signer, watch, metrics, settings).map(Some)
}

/// Serves `GET /metrics`, if `METRICS_LISTEN` is set.
pub(super) async fn serve_metrics(address: Option<SocketAddr>, pipeline: &MetricsPipeline) -> Infallible {
    match (address, pipeline.registry()) {
        (Some(address), Some(registry)) => {
            keep_running("metrics", || server::serve_metrics(address, registry.clone(), listen)).await
        }
        _ => std::future::pending().await,
    }
}

/// The minimum time between two searches of the vault for an unknown key. Reading a file is fast. Searching a vault takes many
/// calls, but a request for a new key should be able to wait for the next search within its deadline.
fn search_interval(settings: &Settings) -> Duration {
    const MIN: Duration = Duration::from_secs(2);
    const MAX: Duration = Duration::from_secs(5);
    match settings.services.vault {
        VaultSettings::Embedded => Duration::from_millis(500),
        VaultSettings::KeyVault(_) => {
            (settings.services.request_deadline * 3 / 4).clamp(MIN, MAX).min(settings.keys_refresh)
        }
    }
}

/// Refreshes the keys at this interval, more often while that fails. `are_known` is whether they have already been read.
async fn keep_keys(signer: &Signer, named: &[PublicKeyHash], interval: Duration, are_known: bool) -> Infallible {
    const WHILE_UNKNOWN: Duration = Duration::from_secs(2);
    let mut is_first = true;
    loop {
        let start = Instant::now();
        let answer = if is_first && are_known { Ok(()) } else { signer.refresh_keys().await };
        if answer.is_ok() && is_first {
            is_first = false;
            let keys = signer.keys();
            for key in named.iter().filter(|key| !keys.iter().any(|held| held.hash == **key)) {
                warn!(event = "policy_key_missing", key = %key, "the policy names a key that is not in the vault");
            }
            if keys.is_empty() {
                warn!(event = "no_keys", "there are no keys in the vault: nothing can be signed");
            }
        }
        // A single bad key must not cause constant searches of a large vault.
        let pause = if answer.is_ok() { interval } else { interval.min(WHILE_UNKNOWN.max(start.elapsed())) };
        tokio::time::sleep(pause).await;
    }
}

/// The nodes that are followed for participation. An observer has no part in it.
fn chain_sources(settings: &Settings) -> Result<Vec<ChainSource>, reqwest::Error> {
    let is_followed = settings.participation && settings.services.role == StoreRole::Signing;
    let nodes = settings.nodes.as_ref().filter(|_| is_followed);
    Ok(nodes.map(participation::sources).transpose()?.unwrap_or_default())
}

/// Reads the blocks of the nodes, for the witness and for participation, unless both are off.
fn follow_blocks(
    signer: &Arc<Signer>,
    watch: Option<&Arc<HeadWatch>>,
    nodes: Option<&WatchSettings>,
    witness: Option<&Witness>,
    branches: Option<&Arc<Branches>>,
) -> Result<Option<Followers>, reqwest::Error> {
    let (Some(watch), Some(nodes)) = (watch, nodes) else { return Ok(None) };
    let of_participation = branches.map(|branches| Arc::clone(branches) as Arc<dyn BlockConsumer>);
    let consumers: Vec<_> = witness.map(Witness::consumer).into_iter().chain(of_participation).collect();
    if consumers.is_empty() {
        return Ok(None);
    }
    let signer = Arc::clone(signer);
    let keys: WantedKeys = Arc::new(move || signer.keys().iter().map(|key| key.hash).collect());
    Followers::start(watch, nodes, &keys, &consumers).map(Some)
}

/// Judges the duties of final blocks, unless participation is off.
async fn judge_duties(
    signer: &Signer,
    sources: &[ChainSource],
    branches: Option<&Branches>,
    state: &Participation,
) -> Infallible {
    let Some(branches) = branches else { return std::future::pending().await };
    keep_running("participation", || participation::follow(signer, sources, branches, state)).await
}

/// Logs how many lines were dropped, so that an auditor knows that the log is incomplete.
pub(super) async fn report_dropped_lines(logging: &Logging) -> Infallible {
    let mut reported = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let dropped = logging.dropped_lines();
        if dropped != reported {
            let lines = dropped - reported;
            warn!(event = "lines_dropped", lines, "log lines were dropped: their reader is too slow");
            reported = dropped;
        }
    }
}

pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for connections in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Logs the commands that clients need to use the keys.
fn log_commands(signer: &Signer, address: SocketAddr) {
    let Some(base) = base_address(address) else { return };
    for key in signer.keys() {
        info!(event = "hint", command = import_command(&key.name, &base, &key.hash), "use this key");
    }
    info!(event = "hint", command = format!("curl {base}/keys"), "list the keys");
}

/// The maximum number of connections within the limit of open files.
pub(super) fn max_connections() -> usize {
    let wanted = MAX_CONNECTIONS + OTHER_FILES;
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or(256);
    usize::try_from(files.min(wanted).saturating_sub(OTHER_FILES).max(16)).unwrap_or(16)
}
