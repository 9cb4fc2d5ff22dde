//! The public side: accepts requests, routes them to functions, and checks keys.

use crate::app::{AuthLevel, Function};
use crate::instance::Setup;
use crate::instances::Instances;
use crate::log::LogLevel;
use crate::proxy::{self, Invocation};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use uuid::Uuid;

/// Maximum size of a request body: the real host's.
const MAX_BODY_BYTES: usize = 104_857_600;

/// Serves requests. Never returns.
pub(crate) async fn serve(listener: TcpListener, instances: Arc<Instances>) {
    loop {
        let Ok((stream, client)) = listener.accept().await else {
            // Too many open connections: wait for some to close.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Small responses are delayed otherwise.
        drop(stream.set_nodelay(true));
        let instances = Arc::clone(&instances);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let instances = Arc::clone(&instances);
                async move { Ok::<_, Infallible>(answer(&instances, client, request).await) }
            });
            // An error ends only this connection.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(instances: &Instances, client: SocketAddr, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let setup = &instances.setup;
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query());
    if is_administration(path) {
        return empty(StatusCode::UNAUTHORIZED);
    }
    let takes = |function: &&Function| function.trigger.takes(parts.method.as_str(), path);
    let Some(function) = setup.app.functions.iter().find(takes) else {
        return empty(if path == "/" { home_page(setup) } else { StatusCode::NOT_FOUND });
    };
    let is_open = setup.options.development || function.trigger.auth_level == AuthLevel::Anonymous;
    if !is_open && !setup.options.keys.allow(&parts.headers, query) {
        return empty(StatusCode::UNAUTHORIZED);
    }
    let is_too_large = body.size_hint().lower() > MAX_BODY_BYTES as u64;
    let body = if is_too_large { None } else { Limited::new(body, MAX_BODY_BYTES).collect().await.ok() };
    let Some(body) = body else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
    let Some(instance) = instances.next() else { return empty(StatusCode::SERVICE_UNAVAILABLE) };
    let id = Uuid::new_v4().to_string();
    let invocation = Invocation { id, client: client.ip(), parts, body: body.to_bytes() };
    let result = proxy::forward(instance, &invocation).await;
    let (name, id) = (&function.name, &invocation.id);
    match result {
        Ok(answer) => {
            instance.log(LogLevel::Information, format!("Executed 'Functions.{name}' (Succeeded, Id={id})"));
            answer
        }
        Err(failure) => {
            instance.log(LogLevel::Error, format!("Executed 'Functions.{name}' (Failed, Id={id}): {failure}"));
            empty(failure.status())
        }
    }
}

/// Status of the host's home page, which is empty here.
fn home_page(setup: &Setup) -> StatusCode {
    let is_disabled = setup.options.environment.get("AzureWebJobsDisableHomepage").is_some_and(|value| value == "true");
    if is_disabled { StatusCode::NO_CONTENT } else { StatusCode::OK }
}

/// Whether the path belongs to the host. Those need its master key, which nobody has here.
fn is_administration(path: &str) -> bool {
    path.split('/').nth(1).is_some_and(|first| first.eq_ignore_ascii_case("admin"))
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::default();
    *answer.status_mut() = status;
    answer
}
