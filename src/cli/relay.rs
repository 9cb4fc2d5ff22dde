//! `relay`: forwards the baker's requests to signers elsewhere.

use super::serve::{listen, max_connections, report_dropped_lines};
use super::shutdown::Shutdown;
use super::{CommandError, print_line, variable, variable_names, wrong_settings};
use azurehsm_signer::azure::TlsRoots;
use azurehsm_signer::background::keep_running;
use azurehsm_signer::log::Logging;
use azurehsm_signer::relay::{self, Relay, RelaySettings};
use azurehsm_signer::server::{self, ConnectionLimits};
use clap::Subcommand;
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

pub(super) async fn run(logging: &Logging, shutdown: &Shutdown) -> Result<(), CommandError> {
    info!(event = "started", version = env!("CARGO_PKG_VERSION"), "azurehsm-signer relay");
    let settings = RelaySettings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    if settings.authorized_keys.is_empty() {
        info!(
            event = "authentication_off",
            "no RELAY_AUTHORIZED_KEYS: anyone who can reach this address may request signatures"
        );
    }
    let relay = Arc::new(Relay::new(&settings, &TlsRoots::read()?)?);
    shutdown.serve();
    let listener = listen(settings.listen)
        .map_err(|error| format!("RELAY_LISTEN: cannot listen on {}: {error}", settings.listen))?;
    let address = listener.local_addr()?;
    let drain = settings.deadline + DRAIN;
    let limits = ConnectionLimits { most: max_connections(), idle: IDLE, drain, last_requests: Duration::ZERO };
    let router = relay::router(Arc::clone(&relay), settings);
    info!(event = "listening", address = %address, "listening");
    tokio::select! {
        () = server::serve(listener, router, limits, shutdown.requested()) => {}
        never = relay::maintain(&relay) => match never {},
        never = keep_running("dropped lines", || report_dropped_lines(logging)) => match never {},
    }
    relay.log_figures();
    Ok(())
}

pub(super) async fn check() -> Result<(), CommandError> {
    let settings = RelaySettings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    let findings = relay::check(&settings, &TlsRoots::read()?).await?;
    for finding in &findings {
        let outcome = if finding.is_ok { "ok  " } else { "FAIL" };
        print_line(&format!("{outcome} {}  {}: {}", finding.upstream, finding.check, finding.text))?;
    }
    match findings.iter().filter(|finding| !finding.is_ok).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} checks failed", findings.len()).into()),
    }
}
