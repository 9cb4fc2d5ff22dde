//! What a host refuses in `host.json` and `function.json`, and what it makes of the rest.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere")]

mod support;

use functions_host::{App, AuthLevel};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use support::{TestApp, changed, function_json, host_json};

#[test]
fn host_json_that_a_host_refuses() {
    let null = Value::Null;
    let description = "/customHandler/description";
    let path = "/customHandler/description/defaultExecutablePath";
    let cases: [(&str, Value, &str); 23] = [
        ("/version", null.clone(), "\"version\" must be \"2.0\""),
        ("/version", json!("1.0"), "\"version\" must be \"2.0\""),
        ("/version", json!(2.0), "\"version\" must be \"2.0\""),
        ("/customHandler", null.clone(), "no section customHandler"),
        ("/customHandler", json!("handler"), "customHandler must be an object"),
        (description, null.clone(), "Missing worker Description"),
        (description, json!({}), "DefaultExecutablePath cannot be empty"),
        (path, null.clone(), "DefaultExecutablePath cannot be empty"),
        (path, json!(""), "DefaultExecutablePath cannot be empty"),
        (path, json!(7), "defaultExecutablePath must be a string"),
        ("/customHandler/description/arguments", json!("serve"), "must be a list of strings"),
        ("/customHandler/enableProxyingHttpRequest", null.clone(), "must be true: this host does nothing else"),
        ("/customHandler/enableProxyingHttpRequest", json!("yes"), "must be true or false"),
        ("/customHandler/enableForwardingHttpRequest", json!(1), "must be true or false"),
        ("/customHandler/initializationTimeout", json!(30), "must be a string"),
        ("/customHandler/initializationTimeout", json!("30"), "must be a duration such as 00:00:30"),
        ("/customHandler/port", json!(8080), "customHandler:port is not supported"),
        ("/customHandler/http", json!({ "routes": [] }), "customHandler:http is not supported"),
        ("/configurationProfile", json!("mcp-custom-handler"), "configurationProfile is not supported"),
        ("/functionTimeout", json!("60"), "must be a duration such as 00:05:00, or -1"),
        ("/functionTimeout", json!("00:00:00"), "must be a duration such as 00:05:00, or -1"),
        ("/extensions/http/routePrefix", json!(false), "extensions.http.routePrefix must be a string"),
        ("/logging", json!([]), "logging must be an object"),
    ];
    for (place, value, expected) in cases {
        let app = TestApp::with_host_json(&changed(host_json("handler"), &[(place, value.clone())]));
        let error = App::load(app.root()).unwrap_err().to_string();
        assert!(error.contains(expected), "{place} = {value}: {error}");
    }
    for text in ["", "{", "[]", "// comment\n{}"] {
        let app = TestApp::empty();
        app.write("host.json", text);
        let error = App::load(app.root()).unwrap_err().to_string();
        assert!(error.starts_with("host.json: "), "{text}: {error}");
    }
    assert!(App::load(TestApp::empty().root()).unwrap_err().to_string().contains("host.json"));
}

#[test]
fn host_json_has_defaults() {
    let minimal = changed(host_json("handler"), &[("/extensions", Value::Null)]);
    let app = App::load(TestApp::with_host_json(&minimal).root()).unwrap();
    let host_json = app.host_json();
    assert_eq!(host_json.route_prefix, "api");
    assert_eq!(host_json.function_timeout, Some(Duration::from_mins(30)));
    assert_eq!(host_json.initialization_timeout, Duration::from_secs(30));
    assert!(host_json.arguments.is_empty() && host_json.warnings.is_empty());
}

#[test]
fn what_a_host_accepts_may_be_worth_a_warning() {
    let bundle = json!({ "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" });
    let changes = [("/extensionBundle", bundle), ("/customHandler/enableProxying", json!(true))];
    let app = App::load(TestApp::with_host_json(&changed(host_json("handler"), &changes)).root()).unwrap();
    let warnings = app.host_json().warnings.join("; ");
    assert!(warnings.contains("extensionBundle") && warnings.contains("enableproxying"), "{warnings}");
}

#[test]
fn environment_variables_override_host_json() {
    let app = TestApp::with_host_json(&host_json("handler"));
    let load = |name: &str, value: &str| {
        let variable = (format!("AzureFunctionsJobHost__{name}"), value.to_owned());
        App::load_with(app.root(), &BTreeMap::from([variable]))
    };
    let handler = load("customHandler__description__defaultExecutablePath", "target/debug/handler").unwrap();
    assert_eq!(handler.host_json().default_executable_path, "target/debug/handler");
    let arguments = load("customHandler__description__arguments", r#"["--a", "b"]"#).unwrap();
    assert_eq!(arguments.host_json().arguments, ["--a", "b"]);
    assert_eq!(load("extensions__http__routePrefix", "v1").unwrap().host_json().route_prefix, "v1");
    assert_eq!(load("functionTimeout", "-1").unwrap().host_json().function_timeout, None);
    let initialization = load("CUSTOMHANDLER__initializationtimeout", "00:00:05").unwrap();
    assert_eq!(initialization.host_json().initialization_timeout, Duration::from_secs(5));
    for (name, value) in [
        ("customHandler__enableProxyingHttpRequest", "False"),
        ("customHandler__enableProxyingHttpRequest", "maybe"),
        ("customHandler__description__defaultExecutablePath", ""),
    ] {
        load(name, value).unwrap_err();
    }
}

#[test]
fn functions_that_a_host_leaves_out() {
    let right = function_json("x", "function", &["get"]);
    let with = |place: &str, value: Value| changed(right.clone(), &[(place, value)]).to_string();
    let three = {
        let mut bindings = right["bindings"].as_array().unwrap().clone();
        bindings.push(json!({ "type": "queue", "direction": "out", "name": "queue" }));
        with("/bindings", json!(bindings))
    };
    let long = "a".repeat(129);
    let cases = [
        ("host", right.to_string(), "not a valid function name"),
        ("1st", right.to_string(), "not a valid function name"),
        ("a.b", right.to_string(), "not a valid function name"),
        (&long, right.to_string(), "not a valid function name"),
        ("f", "{".to_owned(), "function.json: "),
        ("f", "{}".to_owned(), "bindings must be a list"),
        ("f", with("/bindings", json!([])), "only an httpTrigger in and an http out"),
        ("f", three, "only an httpTrigger in and an http out"),
        ("f", with("/bindings/0/type", json!("timerTrigger")), "only an httpTrigger in and an http out"),
        ("f", with("/bindings/1/direction", json!("in")), "only an httpTrigger in and an http out"),
        ("f", with("/bindings/1/name", Value::Null), "name of a binding must be a string"),
        ("f", with("/bindings/1/name", json!("request")), "more than one binding has the name"),
        ("f", with("/bindings/0/name", json!("a b")), "is invalid"),
        ("f", with("/bindings/0/authLevel", json!("everybody")), "there is no authLevel"),
        ("f", with("/bindings/0/authLevel", json!(0)), "authLevel is of the wrong type"),
        ("f", with("/bindings/0/methods", json!("get")), "methods is of the wrong type"),
        ("f", with("/bindings/0/methods", json!([1])), "methods must be a list of strings"),
        ("f", with("/bindings/0/route", json!("admin/keys")), "conflicts with one or more built in routes"),
        ("f", with("/bindings/0/route", json!("Administrators")), "conflicts with one or more built in routes"),
        ("f", with("/bindings/0/route", json!("runtime")), "conflicts with one or more built in routes"),
        ("f", with("/bindings/0/route", json!("{x")), "incomplete parameter"),
        ("f", with("/bindings/0/route", json!("{x:tezos}")), "The constraint 'tezos' could not be resolved"),
    ];
    for (name, text, expected) in cases {
        let app = TestApp::empty();
        app.write("host.json", &host_json("handler").to_string());
        app.write(&format!("{name}/function.json"), &text);
        app.function("other", "other", "function", &[]);
        // A folder without function.json is not about a function.
        app.write("data/file", "");
        let app = App::load(app.root()).unwrap();
        let errors = app.function_errors().iter().map(|error| error.reason.to_string()).collect::<Vec<_>>();
        assert!(errors.len() == 1 && errors[0].contains(expected), "{name} {text}: {errors:?}");
        assert_eq!(app.function_errors()[0].function, name);
        // The others are served nevertheless.
        assert_eq!(app.functions().iter().map(|function| function.name.as_str()).collect::<Vec<_>>(), ["other"]);
    }
}

#[test]
fn a_folder_of_a_function_has_nothing_else() {
    let app = TestApp::new();
    app.write("guarded/readme.md", "");
    let app = App::load(app.root()).unwrap();
    assert_eq!(app.function_errors()[0].reason.to_string(), "readme.md does not belong into the folder of a function");
}

#[test]
fn routes_conflict_if_text_and_a_method_are_the_same() {
    type Methods = &'static [&'static str];
    let cases: [(&str, Methods, &str, Methods, bool); 6] = [
        ("keys/{pkh}", &["get"], "keys/{pkh}", &["post"], false),
        ("keys/{pkh}", &["get"], "KEYS/{PKH}", &["GET"], true),
        ("keys/{pkh}", &["get", "post"], "keys/{pkh}", &["post"], true),
        ("keys/{pkh}", &[], "keys/{pkh}", &["post"], true),
        ("keys/{pkh}", &["get"], "keys/{name}", &["get"], false),
        ("keys", &["get"], "keys/{name?}", &["get"], false),
    ];
    for (one, one_methods, other, other_methods, expected) in cases {
        let app = TestApp::empty();
        app.write("host.json", &host_json("handler").to_string());
        app.function("one", one, "function", one_methods);
        app.function("other", other, "function", other_methods);
        let app = App::load(app.root()).unwrap();
        let errors = app.function_errors().iter().map(|error| error.reason.to_string()).collect::<Vec<_>>();
        let conflict = ["The route specified conflicts with the route defined by function 'one'."];
        assert_eq!(errors, if expected { &conflict[..] } else { &[] }, "{one} {one_methods:?} {other}");
    }
}

#[test]
fn this_repository_s_own_app_has_no_errors() {
    let app = App::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).unwrap();
    assert!(app.function_errors().is_empty(), "{:?}", app.function_errors());
    assert!(app.host_json().warnings.is_empty());
    let functions = app.functions().iter();
    let summary = functions
        .map(|function| (function.name.as_str(), function.auth_level, function.methods.join(",")))
        .collect::<Vec<_>>();
    let expected = [
        ("health", AuthLevel::Anonymous, "GET".to_owned()),
        ("keys", AuthLevel::Function, "GET".to_owned()),
        ("sign", AuthLevel::Function, "POST".to_owned()),
    ];
    assert_eq!(summary, expected);
}
