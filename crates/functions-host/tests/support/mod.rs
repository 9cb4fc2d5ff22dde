//! Apps, and a client that sends exactly what it is told to.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail anywhere, its helpers too; not each test needs all of them"
)]

use functions_host::{FunctionsHost, Options};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Far more than anything takes that comes at all.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) const ECHO_HANDLER: &str = env!("CARGO_BIN_EXE_echo-handler");

/// An app in a folder of its own, and room for files beside it.
pub(crate) struct TestApp {
    folder: TempDir,
}

impl TestApp {
    /// With the echo handler and the functions `all` (everybody), `guarded` (with a key) and `administration`.
    pub(crate) fn new() -> Self {
        Self::with_host_json(&host_json(ECHO_HANDLER))
    }

    pub(crate) fn with_host_json(host_json: &Value) -> Self {
        let app = Self::empty();
        app.write("host.json", &host_json.to_string());
        app.function("all", "{**path}", "anonymous", &[]);
        app.function("guarded", "guarded/{rest?}", "function", &["get", "post"]);
        app.function("administration", "secret", "admin", &["get"]);
        app
    }

    pub(crate) fn empty() -> Self {
        let app = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(app.root()).unwrap();
        app
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// A file that does not belong to the app.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn function(&self, name: &str, route: &str, auth_level: &str, methods: &[&str]) {
        self.write(&format!("{name}/function.json"), &function_json(route, auth_level, methods).to_string());
    }

    pub(crate) fn start(&self, options: Options) -> FunctionsHost {
        let host = FunctionsHost::start(self.root(), options).unwrap();
        assert!(host.app().function_errors().is_empty(), "{:?}", host.app().function_errors());
        host
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn run(&self, options: Options) -> FunctionsHost {
        let host = self.start(options);
        host.wait_until_ready(LONG).unwrap();
        host
    }
}

pub(crate) fn host_json(executable: &str) -> Value {
    json!({
        "version": "2.0",
        "extensions": { "http": { "routePrefix": "" } },
        "customHandler": {
            "description": { "defaultExecutablePath": executable },
            "enableProxyingHttpRequest": true
        }
    })
}

pub(crate) fn function_json(route: &str, auth_level: &str, methods: &[&str]) -> Value {
    let mut trigger = json!({
        "type": "httpTrigger", "direction": "in", "name": "request", "authLevel": auth_level, "route": route
    });
    if !methods.is_empty() {
        trigger["methods"] = json!(methods);
    }
    json!({ "bindings": [trigger, { "type": "http", "direction": "out", "name": "response" }] })
}

/// A text of JSON with the values at these places changed; `null` removes one.
pub(crate) fn changed(mut json: Value, changes: &[(&str, Value)]) -> Value {
    for (place, value) in changes {
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = json.pointer_mut(parent).unwrap();
        if let Some(list) = parent.as_array_mut() {
            list[name.parse::<usize>().unwrap()] = value.clone();
        } else if value.is_null() {
            parent.as_object_mut().unwrap().remove(name);
        } else {
            parent[name] = value.clone();
        }
    }
    json
}

/// An answer of the host.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A connection to a host.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn write(&mut self, text: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(text.as_ref()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The status and the headers.
    pub(crate) fn read_head(&mut self) -> Answer {
        let line = self.line();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut headers = BTreeMap::new();
        loop {
            let header = self.line();
            let Some((name, value)) = header.split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        Answer { status: status.unwrap_or_else(|| panic!("{line:?}")), headers, body: String::new() }
    }

    /// A chunk of the body; an empty one at the end, and none if the connection ends before.
    pub(crate) fn read_chunk(&mut self) -> Option<String> {
        let length = usize::from_str_radix(&self.line(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk).ok()?;
        chunk.truncate(length);
        Some(String::from_utf8(chunk).unwrap())
    }

    pub(crate) fn read_answer(&mut self) -> Answer {
        let mut answer = self.read_head();
        if answer.headers.contains_key("transfer-encoding") {
            while let Some(chunk) = self.read_chunk().filter(|chunk| !chunk.is_empty()) {
                answer.body += &chunk;
            }
        } else if let Some(length) = answer.headers.get("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut body).unwrap();
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }
}

/// Sends a request such as `GET /path`, with these lines of headers, and reads the answer.
pub(crate) fn send(host: &FunctionsHost, request: &str, headers: &[&str], body: &str) -> Answer {
    let mut connection = Connection::open(host.address());
    let mut text = format!("{request} HTTP/1.1\r\nHost: app.example\r\n");
    for header in headers {
        text.extend([header, "\r\n"]);
    }
    if !body.is_empty() {
        text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    connection.write(text + "\r\n" + body);
    connection.read_answer()
}

pub(crate) fn get(host: &FunctionsHost, path: &str) -> Answer {
    send(host, &format!("GET {path}"), &[], "")
}

pub(crate) fn options<const N: usize>(environment: [(&str, &str); N]) -> Options {
    Options::with_environment(environment)
}

pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}
