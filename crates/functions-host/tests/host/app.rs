//! An app with the echo handler, and a client that sends requests unchanged.

use functions_host::{FunctionsHost, Options};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
pub(crate) use test_support::http::Answer;
use test_support::http::{self, Connection};

/// Ample time for anything that happens at all.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) const ECHO_HANDLER: &str = env!("CARGO_BIN_EXE_echo-handler");

/// An app in a temporary folder, with room for other files. Its functions are `open` (anonymous) and `guarded` (with a key).
pub(crate) struct TestApp {
    folder: TempDir,
}

impl TestApp {
    pub(crate) fn new() -> Self {
        let app = Self { folder: TempDir::new().unwrap() };
        for (path, content) in files(ECHO_HANDLER) {
            let path = app.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        app
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// A path outside the app.
    pub(crate) fn outside(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn start(&self, options: Options) -> FunctionsHost {
        FunctionsHost::start(self.root(), options).unwrap()
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn run(&self, options: Options) -> FunctionsHost {
        let host = self.start(options);
        host.wait_until_ready(LONG).unwrap();
        host
    }
}

/// The files of the app, with this handler.
pub(crate) fn files(handler: &str) -> [(&'static str, String); 3] {
    let host_json = json!({
        "version": "2.0",
        "functionTimeout": "00:05:00",
        "extensions": { "http": { "routePrefix": "" } },
        "customHandler": {
            "description": { "defaultExecutablePath": handler },
            "enableProxyingHttpRequest": true
        }
    });
    let open = "{action:regex(^(echo|exit|hang|die-once)$)}/{argument?}";
    [
        ("host.json", host_json.to_string()),
        ("open/function.json", function_json(open, "anonymous", &["get", "head", "post"])),
        ("guarded/function.json", function_json("guarded/{name}", "function", &["get"])),
    ]
}

fn function_json(route: &str, auth_level: &str, methods: &[&str]) -> String {
    let trigger = json!({ "type": "httpTrigger", "authLevel": auth_level, "methods": methods, "route": route });
    json!({ "bindings": [trigger, { "type": "http" }] }).to_string()
}

pub(crate) fn options<const N: usize>(environment: [(&str, &str); N]) -> Options {
    Options::with_environment(environment)
}

pub(crate) fn is_running(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// Sends a request such as `GET /path`, with these header lines, and reads the response.
pub(crate) fn send(address: SocketAddr, request: &str, headers: &[&str], body: &str) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let headers = [&["Host: app.example", "Connection: close"], headers].concat();
    let mut connection = Connection::open(address).unwrap();
    // The callers set the content length, or leave it out.
    write!(connection, "{}{body}", http::request(method, path, &headers, "")).unwrap();
    connection.read_to_close().unwrap()
}

pub(crate) fn get(host: &FunctionsHost, path: &str) -> Answer {
    send(host.address(), &format!("GET {path}"), &[], "")
}

pub(crate) fn post(host: &FunctionsHost, path: &str, body: &str) -> Answer {
    send(host.address(), &format!("POST {path}"), &[&format!("Content-Length: {}", body.len())], body)
}
