//! Which function a request is for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere")]

mod support;

use functions_host::{App, Match};
use serde_json::json;
use support::{TestApp, changed, host_json};

fn app(prefix: &str, functions: &[(&str, &str, &[&str])]) -> App {
    let app = TestApp::empty();
    let changes = [("/extensions/http/routePrefix", json!(prefix))];
    app.write("host.json", &changed(host_json("handler"), &changes).to_string());
    for (name, route, methods) in functions {
        app.function(name, route, "function", methods);
    }
    let app = App::load(app.root()).unwrap();
    assert!(app.function_errors().is_empty(), "{:?}", app.function_errors());
    app
}

/// The name of the function, `404`, or both names.
fn routed(app: &App, method: &str, path: &str) -> String {
    match app.route(method, path) {
        Match::Function(function) => function.name.clone(),
        Match::None => "404".to_owned(),
        Match::Ambiguous(one, other) => format!("{} or {}", one.name, other.name),
    }
}

fn check(app: &App, cases: &[(&str, &str)]) {
    for (request, expected) in cases {
        let (method, path) = request.split_once(' ').unwrap();
        assert_eq!(routed(app, method, path), *expected, "{request}");
    }
}

#[test]
fn this_repository_s_own_routes() {
    let app = App::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).unwrap();
    check(
        &app,
        &[
            ("POST /keys/tz1aSkwEot3L2kmUvcoxzjMomb9mvBNuzFK6", "sign"),
            ("GET /keys", "keys"),
            ("GET /keys/tz1aSkwEot3L2kmUvcoxzjMomb9mvBNuzFK6", "keys"),
            ("GET /authorized_keys", "keys"),
            ("GET /known_keys", "keys"),
            ("GET /bls_prove_possession/tz4HVR6aty9KwsQFHh81C1G7gBdhxT8kuytm", "keys"),
            ("GET /health", "health"),
            // Case does not matter, nor does a slash at the end.
            ("GET /Keys/", "keys"),
            ("POST /KEYS/tz1a", "sign"),
            ("GET /", "404"),
            ("GET /unknown", "404"),
            ("GET /keysx", "404"),
            ("GET /xkeys", "404"),
            ("GET //keys/x", "404"),
            ("GET /keys//x", "404"),
            ("GET /keys/a/b", "404"),
            ("POST /keys", "404"),
            ("POST /keys/a/b", "404"),
            ("POST /health", "404"),
            ("PUT /keys/tz1a", "404"),
            ("DELETE /keys/tz1a", "404"),
            ("HEAD /keys/tz1a", "404"),
            ("OPTIONS /keys", "404"),
        ],
    );
}

#[test]
fn templates_match() {
    let cases: [(&str, &[&str], &[&str]); 20] = [
        ("keys", &["/keys", "/keys/", "/KEYS", "/k%65ys"], &["/", "/key", "/keys/x", "//keys"]),
        ("a/b", &["/a/b", "/a/b/"], &["/a", "/a/b/c", "/a//b"]),
        ("{x}", &["/a", "/a%2Fb", "/ä"], &["/", "/a/b"]),
        ("a/{x?}", &["/a", "/a/", "/a/b"], &["/a/b/c", "/a//b"]),
        ("{x}/{y?}", &["/a", "/a/b"], &["/"]),
        ("{*rest}", &["/", "/a", "/a/b/c", "/a//b"], &[]),
        ("a/{**rest}", &["/a", "/a/b/c"], &["/", "/b"]),
        ("{x:length(3)}", &["/abc"], &["/ab", "/abcd", "/"]),
        ("{x:length(2,4)}", &["/ab", "/abc", "/abcd"], &["/a", "/abcde"]),
        ("{x:minlength(2)}", &["/ab", "/abcdef"], &["/a"]),
        ("{x:maxlength(2)}", &["/a", "/ab"], &["/abc"]),
        ("{x:int}", &["/1", "/-1", "/2147483647"], &["/2147483648", "/a", "/1.0"]),
        ("{x:alpha}", &["/a", "/Z"], &["/1", "/a-b"]),
        ("{x:alpha:length(2)}", &["/ab"], &["/a1", "/abc"]),
        ("{x:regex(^a$)}", &["/a", "/A"], &["/b", "/aa"]),
        ("{x:regex(^tz[1-4]$)}", &["/tz1", "/TZ4"], &["/tz5"]),
        ("{x:regex(^a{{2}}$)}", &["/aa"], &["/a", "/aaa"]),
        ("{x:regex(^(a|b)[:](c|d)$):length(3)}", &["/a:c", "/b:d"], &["/a:e", "/ac"]),
        ("{x:int?}", &["/", "/1"], &["/a"]),
        ("{{x}}", &["/{x}", "/%7Bx%7D"], &["/x"]),
    ];
    for (route, fitting, others) in cases {
        let app = app("", &[("f", route, &[])]);
        for path in fitting {
            assert_eq!(routed(&app, "GET", path), "f", "{route} {path}");
        }
        for path in others {
            assert_eq!(routed(&app, "GET", path), "404", "{route} {path}");
        }
    }
}

#[test]
fn templates_that_are_none() {
    let cases = [
        ("a//b", "cannot appear consecutively"),
        ("{x", "incomplete parameter"),
        ("x}", "incomplete parameter"),
        ("{{x}", "incomplete parameter"),
        ("{}", "route parameter name '' is invalid"),
        ("{a/b}", "route parameter name 'a/b' is invalid"),
        ("{x}/{X}", "appears more than one time"),
        ("{x?}/y", "optional parameter must be at the end"),
        ("{*x}/y", "can only appear as the last segment"),
        ("{*x?}", "can only appear as the last segment"),
        ("a?", "cannot contain the '?' character"),
        ("{x:unknown}", "constraint 'unknown' could not be resolved"),
        ("{x:length}", "constraint 'length' could not be resolved"),
        ("{x:length(a)}", "constraint 'length(a)' could not be resolved"),
        ("{x:length(3}", "constraint 'length(3' could not be resolved"),
        ("{x:regex([)}", "The constraint regex"),
        ("a{x}", "not supported by this host"),
        ("{x=1}", "not supported by this host"),
    ];
    for (route, expected) in cases {
        let app = TestApp::empty();
        app.write("host.json", &host_json("handler").to_string());
        app.function("f", route, "function", &[]);
        let app = App::load(app.root()).unwrap();
        let error = app.function_errors()[0].reason.to_string();
        assert!(error.contains(expected), "{route}: {error}");
    }
}

#[test]
fn the_more_specific_route_wins() {
    let any: &[&str] = &[];
    let app = app(
        "",
        &[
            ("anything", "{*path}", any),
            ("parameter", "{x}/{y}", any),
            ("constrained", "{x:int}/{y}", any),
            ("text", "keys/{y}", any),
            ("longer", "keys/all", &["get"]),
            ("short", "list", any),
            ("long", "list/{page?}", any),
        ],
    );
    check(
        &app,
        &[
            ("GET /keys/all", "longer"),
            // It has another method, so the next one gets it.
            ("POST /keys/all", "text"),
            ("GET /keys/other", "text"),
            ("GET /1/other", "constrained"),
            ("GET /a/other", "parameter"),
            ("GET /a/b/c", "anything"),
            ("GET /", "anything"),
            // The longer template comes first, though both fit.
            ("GET /list", "long"),
        ],
    );
}

#[test]
fn routes_of_the_same_rank_are_ambiguous() {
    let app = app("", &[("one", "keys/{a}", &["get", "post"]), ("other", "keys/{b}", &["post"])]);
    check(&app, &[("GET /keys/x", "one"), ("POST /keys/x", "one or other")]);
}

#[test]
fn routes_have_the_prefix_and_default_to_the_name() {
    let app = app("api/v1", &[("status", "", &[]), ("keys", "keys/{x}", &[])]);
    check(
        &app,
        &[
            ("GET /api/v1/status", "status"),
            ("GET /API/V1/keys/x", "keys"),
            ("GET /status", "404"),
            ("GET /api/keys/x", "404"),
        ],
    );
}
