//! Logs: one line an event on standard output, for people on a terminal and as JSON otherwise.
//!
//! No key, token, `authentication` signature or query string is ever logged.

use crate::settings::LogFormat;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. `filter` is `RUST_LOG`, or `info`.
///
/// # Errors
/// If the filter cannot be read, or logging has been started before.
pub fn start(format: LogFormat, filter: Option<&str>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::builder().parse(filter.unwrap_or("info"))?;
    let is_terminal = std::io::stdout().is_terminal();
    let as_json = match format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    if as_json {
        subscriber.json().flatten_event(true).try_init()
    } else {
        subscriber.with_ansi(is_terminal).try_init()
    }
}
