//! `relay`: forwards the baker's requests to signers elsewhere.

use super::relay_config::RelayConfig;
use super::serve::{LAST_PUSH_TIMEOUT, listen, max_connections, report_dropped_lines, serve_metrics};
use super::shutdown::Shutdown;
use super::{CommandError, print_line, variable, wrong_settings};
use azurehsm_signer::azure::TlsRoots;
use azurehsm_signer::background::keep_running;
use azurehsm_signer::log::Logging;
use azurehsm_signer::metrics::MetricsPipeline;
use azurehsm_signer::otlp::Program;
use azurehsm_signer::relay::{self, Live};
use azurehsm_signer::server::{self, ConnectionLimits, OpenConnections};
use azurehsm_signer::settings::{TelemetrySettings, process_name};
use azurehsm_signer::traces::TracesPipeline;
use clap::Subcommand;
use futures::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// What else the relay's program does.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Calls each upstream, and reports round trip, credential, version, keys, mark store, policy and clock. Requests no signature
    Check,
}

/// Longer than the idle timeout of clients, so that they close connections first.
const IDLE: Duration = Duration::from_mins(3);

/// How much longer than a request's deadline a shutdown may take.
const DRAIN: Duration = Duration::from_secs(1);

pub(super) async fn run(config: RelayConfig, logging: &Logging, shutdown: &Shutdown) -> Result<(), CommandError> {
    info!(event = "started", version = env!("CARGO_PKG_VERSION"), "azurehsm-signer relay");
    let settings = config.settings()?;
    let telemetry = TelemetrySettings::read(|name| config.value(name)).map_err(|error| wrong_settings(&error))?;
    let address = settings.listen;
    let live = Arc::new(Live::new(settings, TlsRoots::read()?)?);
    shutdown.serve();
    let listener = listen(address).map_err(|error| format!("RELAY_LISTEN: cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    let limits = ConnectionLimits { most: max_connections(), idle: IDLE, last_requests: Duration::ZERO };
    let end = shutdown.requested().map(|()| live.deadline() + DRAIN);
    let instance = process_name(variable);
    let pipeline = MetricsPipeline::start(&telemetry.metrics, Program::Relay, &instance);
    let traces = TracesPipeline::start(telemetry.traces.as_ref(), Program::Relay, &instance);
    let (metrics, connections) = (pipeline.metrics(), OpenConnections::default());
    metrics.observe_upstreams(&live);
    metrics.observe_connections(Program::Relay, {
        let connections = connections.clone();
        move || connections.count()
    });
    let router = relay::router(Arc::clone(&live), traces.tracer());
    info!(event = "listening", address = %address, "listening");
    tokio::select! {
        () = server::serve(listener, router, limits, &connections, end) => {}
        never = serve_metrics(telemetry.metrics.listen, &pipeline) => match never {},
        never = live.maintain() => match never {},
        never = config.follow(&live, shutdown) => match never {},
        never = keep_running("dropped lines", || report_dropped_lines(logging)) => match never {},
    }
    live.log_figures();
    tokio::join!(pipeline.end(LAST_PUSH_TIMEOUT), traces.end(LAST_PUSH_TIMEOUT));
    Ok(())
}

pub(super) async fn check(config: &RelayConfig) -> Result<(), CommandError> {
    let findings = relay::check(&config.settings()?, &TlsRoots::read()?).await?;
    for finding in &findings {
        let outcome = if finding.is_ok { "ok  " } else { "FAIL" };
        print_line(&format!("{outcome} {}  {}: {}", finding.upstream, finding.check, finding.text))?;
    }
    match findings.iter().filter(|finding| !finding.is_ok).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} checks failed", findings.len()).into()),
    }
}
