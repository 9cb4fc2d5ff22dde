//! The public side: takes requests, finds their functions, checks their keys.

use crate::app::Match;
use crate::body::{self, ProxyBody, RequestBody};
use crate::log::LogLevel;
use crate::proxy::{self, Failure, Invocation};
use crate::scale::Scale;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// The largest body that a host takes, unless its environment says something else.
const MAX_BODY_BYTES: u64 = 104_857_600;

const HOME_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Your Functions app is up and running</title></head>\
                         <body><h1>Your Functions app is up and running</h1></body></html>\n";

/// Serves requests. Never ends.
pub(crate) async fn serve(listener: TcpListener, scale: Arc<Scale>) {
    loop {
        let Ok((stream, client)) = listener.accept().await else {
            // There are too many connections: it takes time until some end.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Small answers are sent at once; without this they only come later.
        drop(stream.set_nodelay(true));
        let scale = Arc::clone(&scale);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let scale = Arc::clone(&scale);
                async move { Ok::<_, Infallible>(answer(&scale, client, request).await) }
            });
            // However a connection ends, the next one is served.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(scale: &Scale, client: SocketAddr, request: Request<Incoming>) -> Response<ProxyBody> {
    let setup = scale.setup();
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query());
    if is_administration(path) {
        let allowed = setup.options.development || setup.options.keys.allow_administration(&parts.headers, query);
        // What there is to administrate is not modelled.
        return plain(if allowed { StatusCode::NOT_FOUND } else { StatusCode::UNAUTHORIZED });
    }
    let function = match setup.app.route(parts.method.as_str(), path) {
        Match::Function(function) => function,
        Match::None if path == "/" => return home_page(scale),
        Match::None => return plain(StatusCode::NOT_FOUND),
        Match::Ambiguous(one, other) => {
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("The request matched multiple functions: {}, {}\n", one.name, other.name),
            );
        }
    };
    if !setup.options.development && !setup.options.keys.allow(function, &parts.headers, query) {
        return plain(StatusCode::UNAUTHORIZED);
    }
    let limit = setup.options.environment.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT");
    let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(MAX_BODY_BYTES);
    if body.size_hint().lower() > limit {
        return plain(Failure::TooLarge.status());
    }
    let Some(instance) = scale.next() else { return plain(Failure::HostStopped.status()) };
    let id = uuid::Uuid::new_v4().to_string();
    let invocation = Invocation { id, client: client.ip(), parts, body: RequestBody::new(body, limit) };
    let result = proxy::forward(&instance, &invocation).await;
    let (name, id) = (&function.name, &invocation.id);
    let (level, outcome) = match &result {
        Ok(_) => (LogLevel::Information, format!("Executed 'Functions.{name}' (Succeeded, Id={id})")),
        Err(failure) => (LogLevel::Error, format!("Executed 'Functions.{name}' (Failed, Id={id}): {failure:?}")),
    };
    setup.log.host(instance.number, level, outcome);
    result.unwrap_or_else(|failure| plain(failure.status()))
}

/// Paths that belong to the host.
fn is_administration(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    path.starts_with('/') && !path.starts_with("//") && first.eq_ignore_ascii_case("admin")
}

fn home_page(scale: &Scale) -> Response<ProxyBody> {
    let disabled = scale.setup().options.environment.get("AzureWebJobsDisableHomepage");
    if disabled.is_some_and(|disabled| disabled.eq_ignore_ascii_case("true") || disabled == "1") {
        return plain(StatusCode::NO_CONTENT);
    }
    let mut answer = text(StatusCode::OK, HOME_PAGE.to_owned());
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/html"));
    answer
}

/// An answer without a body.
fn plain(status: StatusCode) -> Response<ProxyBody> {
    let mut answer = Response::new(body::empty());
    *answer.status_mut() = status;
    answer
}

fn text(status: StatusCode, text: String) -> Response<ProxyBody> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}
