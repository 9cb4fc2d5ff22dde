//! A handler for the tests of the host. It answers with what it gets, and does what it is told to:
//!
//! - `EXIT_AT_START=CODE` ends it at once, as often as `EXITS` says (for ever otherwise; counted in the file `COUNTER`).
//! - `SILENT_UNTIL=FILE` lets it not listen before there is such a file.
//! - `PRINT` and `PRINT_ERROR` are written at the start, to standard output and standard error.
//! - `/exit/CODE` ends it; `/hang` never answers; `/hang-up-unless/FILE` ends the process unless there is such a file,
//!   which it makes before.
//! - `/stream` sends back a body as it arrives; `/drip` sends a beginning and then nothing.
//! - Everything else gets method, path, headers and body as JSON.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use std::env;
use std::error::Error;
use std::fs;
use std::future::pending;
use std::path::Path;
use std::pin::Pin;
use std::process::exit;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(line) = env::var("PRINT") {
        println!("{line}");
    }
    if let Ok(line) = env::var("PRINT_ERROR") {
        eprintln!("{line}");
    }
    if let Ok(code) = env::var("EXIT_AT_START")
        && exits_again()?
    {
        exit(code.parse()?);
    }
    if let Ok(file) = env::var("SILENT_UNTIL") {
        while !Path::new(&file).exists() {
            sleep(Duration::from_millis(5)).await;
        }
    }
    let port = env::var("FUNCTIONS_CUSTOMHANDLER_PORT")?.parse::<u16>()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(answer);
            // The host may hang up whenever it likes.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// Whether this process is still one of those that end at once.
fn exits_again() -> Result<bool, Box<dyn Error>> {
    let Ok(exits) = env::var("EXITS") else { return Ok(true) };
    let file = env::var("COUNTER")?;
    let before = fs::read_to_string(&file).unwrap_or_default().len();
    fs::write(file, "x".repeat(before + 1))?;
    Ok(before < exits.parse()?)
}

async fn answer(request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let path = request.uri().path().to_owned();
    if let Some(code) = path.strip_prefix("/exit/") {
        exit(code.parse().unwrap_or(1));
    }
    if let Some(file) = path.strip_prefix("/hang-up-unless") {
        let body = request.collect().await?.to_bytes();
        if !Path::new(file).exists() {
            // If it cannot be written, the test never ends well.
            drop(fs::write(file, &body));
            exit(7);
        }
        let first = fs::read_to_string(file).unwrap_or_default();
        return Ok(answer_of(&json!({ "first": first, "second": String::from_utf8_lossy(&body) })));
    }
    match path.as_str() {
        "/hang" => pending().await,
        "/stream" => Ok(Response::new(request.into_body().boxed())),
        "/drip" => Ok(Response::new(Drip { sent: false }.boxed())),
        _ => echo(request).await,
    }
}

/// One frame, and never another.
struct Drip {
    sent: bool,
}

impl Body for Drip {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if std::mem::replace(&mut self.get_mut().sent, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"drop")))))
    }
}

async fn echo(request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut headers = Map::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.insert(name.as_str().to_owned(), Value::String(value));
    }
    let environment = env::vars().map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>();
    let mut answer = answer_of(&json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path_and_query().map(hyper::http::uri::PathAndQuery::as_str),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "process": std::process::id(),
        "folder": env::current_dir().ok(),
        "arguments": env::args().skip(1).collect::<Vec<_>>(),
        "environment": environment,
    }));
    answer.headers_mut().insert("proxy-connection", hyper::header::HeaderValue::from_static("close"));
    answer.headers_mut().insert("x-own", hyper::header::HeaderValue::from_static("kept"));
    Ok(answer)
}

fn answer_of(json: &Value) -> Answer {
    Response::new(Full::new(Bytes::from(json.to_string())).map_err(|never| match never {}).boxed())
}
