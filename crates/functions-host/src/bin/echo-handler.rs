//! A handler for the tests of the host. It echoes requests, and is controlled by variables and paths:
//!
//! - `EXITS=CODE,…`: the first processes exit at once with these codes, or `hang`. Starts are counted in the file `STARTS`.
//! - `SILENT_UNTIL=FILE`: it does not listen until the file exists.
//! - `PRINT` and `PRINT_ERROR` are written to standard output and standard error at the start.
//! - `PREDECESSOR=FILE`: it prints whether the process whose id is in the file is still running, and writes its own id there.
//! - `/exit/CODE` makes it exit. `/hang` is never answered.
//! - `/die-once` makes it exit with code 7 unless the file `DIED` exists; the body is written to that file.
//! - Every other request is answered with its method, path, headers and body and the handler's environment, as JSON.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::exit;
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", env::var("PRINT").unwrap_or_default());
    eprintln!("{}", env::var("PRINT_ERROR").unwrap_or_default());
    if let Ok(file) = env::var("PREDECESSOR") {
        let predecessor = fs::read_to_string(&file).unwrap_or_default();
        println!("the predecessor runs: {}", Path::new("/proc").join(&predecessor).join("exe").exists());
        fs::write(file, std::process::id().to_string())?;
    }
    if let Ok(codes) = env::var("EXITS") {
        let file = env::var("STARTS")?;
        let starts = fs::read_to_string(&file).unwrap_or_default();
        fs::write(file, format!("{starts}."))?;
        if let Some(code) = codes.split(',').nth(starts.len()) {
            if code == "hang" {
                std::future::pending::<()>().await;
            }
            exit(code.parse()?);
        }
    }
    while env::var("SILENT_UNTIL").is_ok_and(|file| !Path::new(&file).exists()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let port = env::var("FUNCTIONS_CUSTOMHANDLER_PORT")?.parse::<u16>()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // The host may close a connection at any time.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = parts.uri.path();
    if let Some(code) = path.strip_prefix("/exit/") {
        exit(code.parse()?);
    }
    if path == "/hang" {
        std::future::pending::<()>().await;
    }
    if path == "/die-once" && !Path::new(&env::var("DIED")?).exists() {
        fs::write(env::var("DIED")?, &body)?;
        exit(7);
    }
    let text = |value: &hyper::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let json = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.to_string(),
        "headers": headers.collect::<BTreeMap<_, _>>(),
        "body": String::from_utf8_lossy(&body),
        "process": std::process::id(),
        "folder": env::current_dir()?,
        "environment": env::vars().collect::<BTreeMap<_, _>>(),
    });
    let answer = Response::builder().header("x-own", "kept").header("keep-alive", "timeout=5");
    Ok(answer.body(Full::new(json.to_string().into()))?)
}
