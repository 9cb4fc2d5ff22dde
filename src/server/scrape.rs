//! `GET /metrics` for Prometheus, on a listener that serves nothing else.

use super::connections::{ConnectionLimits, OpenConnections, serve};
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tracing::{info, warn};

/// A few Prometheus servers, and an operator.
const MAX_CONNECTIONS: usize = 16;

/// Longer than common scrape intervals, so that connections are reused.
const IDLE: Duration = Duration::from_mins(2);

/// The pause before another attempt to listen.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Serves the metrics in a registry. If the address cannot be used, this is logged, and tried again: signing does not depend on it.
pub async fn serve_metrics(
    address: SocketAddr,
    registry: Registry,
    listen: impl Fn(SocketAddr) -> io::Result<TcpListener>,
) -> Infallible {
    let mut is_logged = false;
    loop {
        match listen(address) {
            Ok(listener) => {
                let bound = listener.local_addr().unwrap_or(address);
                info!(event = "metrics_listening", address = %bound, "serving metrics");
                let limits = ConnectionLimits { most: MAX_CONNECTIONS, idle: IDLE, last_requests: Duration::ZERO };
                serve(listener, router(registry.clone()), limits, &OpenConnections::default(), std::future::pending())
                    .await;
            }
            Err(error) if !is_logged => {
                is_logged = true;
                warn!(
                    event = "metrics_listen_failed",
                    address = %address,
                    reason = %error,
                    "METRICS_LISTEN: cannot listen, so metrics cannot be scraped; trying again every 5 s"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

fn router(registry: Registry) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(exposition(&registry))))
}

fn exposition(registry: &Registry) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => ([(CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
