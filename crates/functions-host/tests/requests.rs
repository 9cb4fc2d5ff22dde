//! What a host does with requests and answers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere")]

mod support;

use functions_host::{FunctionsHost, Keys, LogEntry, Options};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Connection, LONG, TestApp, changed, get, host_json, options, send};

#[test]
fn keys_open_functions() {
    let functions = [("guarded".to_owned(), BTreeMap::from([("mine".to_owned(), "own".to_owned())]))];
    let mut keys = Keys::with_host_key("host/key==");
    "master".clone_into(&mut keys.master);
    keys.functions = BTreeMap::from(functions);
    let app = TestApp::new();
    let host = app.run(Options { keys, ..Options::default() });
    let cases: [(&str, &[&str], u16); 19] = [
        ("GET /anything", &[], 200),
        ("GET /anything?code=wrong", &[], 200),
        ("GET /guarded", &[], 401),
        ("GET /guarded", &["x-functions-key: host/key=="], 200),
        ("GET /guarded", &["X-Functions-Key: own"], 200),
        ("GET /guarded", &["x-functions-key: master"], 200),
        ("GET /guarded", &["x-functions-key: wrong"], 401),
        ("GET /guarded", &["x-functions-key:"], 401),
        ("GET /guarded?code=own", &[], 200),
        ("GET /guarded?a=b&code=host%2Fkey%3D%3D", &[], 200),
        ("GET /guarded?code=", &[], 401),
        // The header wins.
        ("GET /guarded?code=own", &["x-functions-key: wrong"], 401),
        ("GET /guarded?code=wrong", &["x-functions-key: own"], 200),
        ("GET /secret", &["x-functions-key: own"], 401),
        ("GET /secret", &["x-functions-key: host/key=="], 401),
        ("GET /secret", &["x-functions-key: master"], 200),
        ("GET /admin/host/status", &["x-functions-key: host/key=="], 401),
        ("GET /Admin/host/status?code=master", &[], 404),
        // Only the letters at the beginning are the host's, not those of a route that begins otherwise.
        ("GET /administration", &[], 200),
    ];
    for (request, headers, expected) in cases {
        let answer = send(&host, request, headers, "");
        assert_eq!(answer.status, expected, "{request} {headers:?}");
        assert!(expected == 200 || answer.body.is_empty(), "{request}: {answer:?}");
    }
}

#[test]
fn developers_need_no_keys_and_see_no_platform() {
    let app = TestApp::new();
    let host = app.run(Options { development: true, ..Options::default() });
    let environment = get(&host, "/guarded").json()["environment"].clone();
    assert_eq!(environment["AZURE_FUNCTIONS_ENVIRONMENT"], "Development");
    assert!(environment.get("WEBSITE_INSTANCE_ID").is_none());
    assert_eq!(get(&host, "/secret").status, 200);
}

#[test]
fn what_is_no_function_is_not_found() {
    let app = TestApp::empty();
    app.write("host.json", &host_json(support::ECHO_HANDLER).to_string());
    app.function("keys", "keys/{x}", "function", &["get"]);
    let host = app.run(options([]));
    for request in ["GET /unknown", "POST /keys/x", "GET //keys/x", "GET /runtime/webhooks"] {
        let answer = send(&host, request, &["x-functions-key: wrong"], "");
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{request}");
    }
    let home = get(&host, "/");
    assert_eq!(home.status, 200);
    assert!(home.body.contains("<html>") && home.headers["content-type"] == "text/html");
    let host = app.run(options([("AzureWebJobsDisableHomepage", "true")]));
    assert_eq!(get(&host, "/").status, 204);
}

#[test]
fn requests_with_an_ambiguous_route_fail() {
    let app = TestApp::empty();
    app.write("host.json", &host_json(support::ECHO_HANDLER).to_string());
    app.function("one", "keys/{a}", "anonymous", &[]);
    app.function("other", "keys/{b}", "anonymous", &[]);
    let answer = get(&app.run(options([])), "/keys/x");
    assert_eq!((answer.status, answer.body.trim()), (500, "The request matched multiple functions: one, other"));
}

#[test]
fn the_handler_gets_the_request_with_headers_of_the_host() {
    let app = TestApp::new();
    let host = app.run(options([]));
    let request = "POST /a/%7Ex//y?b=1&b=2&code=k%3D";
    let headers = [
        "X-Functions-Key: key",
        "X-Own: one",
        "Connection: keep-alive",
        "Keep-Alive: 5",
        "Upgrade: h2c",
        "Proxy-Authorization: secret",
        "TE: gzip",
        "X-Forwarded-For: 10.1.2.3",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Prefix: /x",
        "X-Azure-Functions-InvocationId: forged",
        "DISGUISED-HOST: public.example",
    ];
    let answer = send(&host, request, &headers, "a body");
    let got = answer.json();
    assert_eq!((&got["method"], &got["body"]), (&json!("POST"), &json!("a body")));
    assert_eq!(got["path"], "/a/%7Ex//y?b=1&b=2&code=k%3D");
    let handler = format!("127.0.0.1:{}", host.instances()[0].port);
    let id = got["headers"]["x-azure-functions-invocationid"].as_str().unwrap();
    uuid::Uuid::parse_str(id).unwrap();
    for (name, expected) in [
        ("host", handler.as_str()),
        ("x-functions-key", "key"),
        ("x-own", "one"),
        ("content-length", "6"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "public.example"),
        ("x-forwarded-proto", "https"),
        ("x-ms-invocation-id", id),
    ] {
        assert_eq!(got["headers"][name], expected, "{name}");
    }
    assert!(got["headers"]["x-azure-functions-hostversion"].is_string());
    for gone in ["connection", "keep-alive", "upgrade", "proxy-authorization", "te", "x-forwarded-prefix"] {
        assert!(got["headers"].get(gone).is_none(), "{gone}");
    }
    // And the other way round.
    assert_eq!(answer.headers["x-own"], "kept");
    assert!(!answer.headers.contains_key("proxy-connection"));
    let plain = send(&host, "GET /", &["x-ms-invocation-id: mine"], "").json();
    assert_eq!(plain["headers"]["x-forwarded-host"], "app.example");
    assert_eq!(plain["headers"]["x-forwarded-proto"], "http");
    assert_eq!(plain["headers"]["x-ms-invocation-id"], "mine");
    assert_ne!(plain["headers"]["x-azure-functions-invocationid"], id);
}

#[test]
fn bodies_are_passed_on_as_they_come() {
    let app = TestApp::new();
    let host = app.run(options([]));
    let mut connection = Connection::open(host.address());
    connection.write("POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.write("5\r\nfirst\r\n");
    // The answer begins while the request goes on.
    let head = connection.read_head();
    assert_eq!((head.status, head.headers["transfer-encoding"].as_str()), (200, "chunked"));
    assert_eq!(connection.read_chunk().unwrap(), "first");
    for text in ["second", "third"] {
        connection.write(format!("{:x}\r\n{text}\r\n", text.len()));
        assert_eq!(connection.read_chunk().unwrap(), text);
    }
    connection.write("0\r\n\r\n");
    assert_eq!(connection.read_chunk().unwrap(), "");
    // The connection can be used again, and a chunked body reaches the handler whole.
    connection
        .write("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    let got = connection.read_answer().json();
    assert_eq!((&got["body"], &got["headers"]["transfer-encoding"]), (&json!("abcdef"), &json!("chunked")));
}

#[test]
fn large_bodies_pass_and_too_large_ones_do_not() {
    let app = TestApp::new();
    let host = app.run(options([]));
    // More than what is kept to be sent again.
    let large = "x".repeat(3 << 20);
    assert_eq!(send(&host, "POST /stream", &[], &large).body.len(), large.len());
    let answer = send(&host, "POST /x", &["Content-Length: 104857601"], "");
    assert_eq!(answer.status, 413);

    let app = TestApp::new();
    let host = app.run(options([("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "10")]));
    assert_eq!(send(&host, "POST /x", &[], &"x".repeat(10)).status, 200);
    assert_eq!(send(&host, "POST /x", &[], &"x".repeat(11)).status, 413);
    let mut connection = Connection::open(host.address());
    connection.write("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n");
    assert_eq!(connection.read_head().status, 413);
}

#[test]
fn a_function_that_takes_too_long_ends_with_its_handler() {
    let timeout = [("/functionTimeout", json!("00:00:01"))];
    let mut json = host_json(support::ECHO_HANDLER);
    json["functionTimeout"] = json!(null);
    let app = TestApp::with_host_json(&changed(json, &timeout));
    let host = app.run(options([]));
    let before = get(&host, "/").json()["process"].clone();
    assert_eq!(get(&host, "/hang").status, 500);
    let killed = |entry: &LogEntry| entry.message == "a function took too long: the handler was killed";
    assert!(host.log().wait_for(LONG, killed).is_some());
    // Requests are tried again until the next handler answers.
    assert_ne!(get(&host, "/").json()["process"], before);
    assert_eq!(executed(&host, "FunctionTimeout"), 1);
}

#[test]
fn a_connection_on_which_nothing_moves_is_given_up() {
    let activity_timeout = Duration::from_millis(200);
    let app = TestApp::new();
    let host = app.run(Options { activity_timeout, ..options([]) });
    assert_eq!(get(&host, "/hang").status, 504);
    let mut connection = Connection::open(host.address());
    connection.write("GET /drip HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.read_head().status, 200);
    assert_eq!(connection.read_chunk().unwrap(), "drop");
    assert_eq!(connection.read_chunk(), None);
}

#[test]
fn invocations_are_in_the_log() {
    let app = TestApp::new();
    let host = app.run(options([]));
    let id = get(&host, "/x").json()["headers"]["x-azure-functions-invocationid"].as_str().unwrap().to_owned();
    let line = format!("Executed 'Functions.all' (Succeeded, Id={id})");
    assert!(host.log().wait_for(LONG, |entry| entry.message == line).is_some());
}

fn executed(host: &FunctionsHost, outcome: &str) -> usize {
    host.log().count(|entry| entry.message.starts_with("Executed ") && entry.message.contains(outcome))
}
