//! How a host starts handlers, waits for them, and starts them again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere")]

mod support;

use functions_host::{FunctionsHost, InstanceState, LogEntry, LogLevel, LogSource, Options, Plan, StartError};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use support::{ECHO_HANDLER, LONG, TestApp, changed, get, host_json, options, send, text};

#[test]
fn the_handler_gets_the_variables_of_a_host_and_no_others() {
    let json = changed(
        host_json(ECHO_HANDLER),
        &[("/customHandler/description/arguments", json!(["--for", "%SETTING%", "%GONE%", "\"a", "b\""]))],
    );
    let app = TestApp::with_host_json(&json);
    let host = app.run(Options { site_name: "signer".to_owned(), ..options([("SETTING", "value")]) });
    let got = get(&host, "/").json();
    let instance = &host.instances()[0];
    let root = app.root().canonicalize().unwrap();
    assert_eq!(got["folder"], text(&root));
    assert_eq!(got["arguments"], json!(["--for", "value", "a b"]));
    assert_eq!(got["process"], instance.process.unwrap());
    let environment = got["environment"].as_object().unwrap();
    let port = instance.port.to_string();
    for (name, expected) in [
        ("FUNCTIONS_CUSTOMHANDLER_PORT", port.as_str()),
        ("FUNCTIONS_HTTPWORKER_PORT", &port),
        ("FUNCTIONS_APP_ROOT_PATH", &text(&root)),
        ("WEBSITE_INSTANCE_ID", &instance.id),
        ("WEBSITE_SITE_NAME", "signer"),
        ("SETTING", "value"),
    ] {
        assert_eq!(environment[name], expected, "{name}");
    }
    assert_eq!(environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"], environment["FUNCTIONS_HTTPWORKER_ID"]);
    assert_eq!(environment.len(), 8, "{environment:?}");
}

#[test]
fn the_executable_is_in_the_app_or_on_path() {
    let app = TestApp::with_host_json(&host_json("bin/handler"));
    let error = FunctionsHost::start(app.root(), options([])).unwrap_err();
    assert!(matches!(error, StartError::NoExecutable(_)), "{error}");
    fs::create_dir(app.root().join("bin")).unwrap();
    fs::copy(ECHO_HANDLER, app.root().join("bin/handler")).unwrap();
    app.run(options([]));

    let app = TestApp::with_host_json(&host_json("echo-handler"));
    let folder = text(Path::new(ECHO_HANDLER).parent().unwrap());
    app.run(options([("PATH", &format!("/nowhere:{folder}"))]));
    let error = FunctionsHost::start(app.root(), options([("PATH", "/nowhere")])).unwrap_err();
    assert!(error.to_string().contains("echo-handler is not in the app, nor on PATH"), "{error}");

    let app = TestApp::with_host_json(&host_json("%FOLDER%/echo-handler"));
    app.run(options([("FOLDER", &folder)]));
}

#[test]
fn the_package_must_have_the_mode_right_except_in_flex_consumption() {
    let app = TestApp::with_host_json(&host_json("handler"));
    let file = app.root().join("handler");
    fs::copy(ECHO_HANDLER, &file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = FunctionsHost::start(app.root(), Options { plan: Plan::Premium, ..options([]) }).unwrap_err();
    assert!(error.to_string().contains("Permission denied"), "{error}");
    app.run(Options { plan: Plan::Flex, ..options([]) });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o744);
}

#[test]
fn requests_wait_until_the_handler_answers() {
    let app = TestApp::new();
    let silent = app.beside("speak");
    let host = app.start(options([("SILENT_UNTIL", &text(&silent))]));
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| send(&host, "POST /x", &[], "early"));
        assert!(host.wait_until_ready(Duration::from_millis(100)).is_err());
        assert_eq!(host.instances()[0].state, InstanceState::Starting);
        assert!(!answer.is_finished());
        fs::write(&silent, "").unwrap();
        assert_eq!(answer.join().unwrap().json()["body"], "early");
    });
}

#[test]
fn a_handler_that_never_answers_ends_the_host() {
    let timeout = [("/customHandler/initializationTimeout", json!("00:00:00.05"))];
    let app = TestApp::with_host_json(&changed(host_json(ECHO_HANDLER), &timeout));
    let host = app.start(options([("SILENT_UNTIL", "/nowhere")]));
    assert_eq!(get(&host, "/").status, 503);
    assert!(host.wait_for_state(0, InstanceState::Stopped, LONG));
    assert!(host.log().find(|entry| entry.message.starts_with("Failed to initialize http worker")).is_some());
    // There is no instance left.
    assert_eq!(get(&host, "/").status, 503);
}

#[test]
fn a_handler_that_ends_with_code_0_is_not_started_again() {
    let app = TestApp::new();
    let host = app.run(options([]));
    assert_eq!(get(&host, "/exit/0").status, 500);
    assert!(host.wait_for_state(0, InstanceState::Ended, LONG));
    assert_eq!(get(&host, "/").status, 500);
    assert_eq!((host.instances()[0].handlers, host.instances()[0].process), (1, None));
    assert!(!host.kill(0));
    // Until somebody restarts the host.
    assert!(host.restart(0));
    host.wait_until_ready(LONG).unwrap();
    assert_eq!(get(&host, "/").status, 200);
}

#[test]
fn code_200_is_no_error() {
    let app = TestApp::new();
    let counter = text(&app.beside("counter"));
    let host = app.run(options([("EXIT_AT_START", "200"), ("EXITS", "5"), ("COUNTER", &counter)]));
    assert_eq!(host.instances()[0].handlers, 6);
    assert_eq!(get(&host, "/").status, 200);
}

#[test]
fn two_errors_are_forgiven() {
    let app = TestApp::new();
    let counter = text(&app.beside("counter"));
    let host = app.run(options([("EXIT_AT_START", "1"), ("EXITS", "2"), ("COUNTER", &counter)]));
    assert_eq!(host.instances()[0].handlers, 3);
    assert_eq!(get(&host, "/").status, 200);
}

#[test]
fn three_errors_stop_the_host() {
    let app = TestApp::new();
    let host = app.start(options([("EXIT_AT_START", "1")]));
    assert!(host.wait_for_state(0, InstanceState::Stopped, LONG));
    assert_eq!(host.instances()[0].handlers, 3);
    assert_eq!(get(&host, "/").status, 503);
    assert!(host.wait_until_ready(LONG).is_err());
    assert_eq!(host.log().count(|entry| entry.message == "the handler has ended with code 1"), 3);
}

#[test]
fn killing_a_handler_is_an_error_of_it() {
    let app = TestApp::new();
    let host = app.run(options([]));
    for handlers in 2..=3 {
        let before = host.instances()[0].clone();
        assert!(host.kill(0));
        host.wait_until_ready(LONG).unwrap();
        let after = host.instances()[0].clone();
        // It is the same instance at the same port, with another handler.
        assert_eq!((&after.id, after.port, after.handlers), (&before.id, before.port, handlers));
        assert_ne!(after.process, before.process);
        assert_eq!(get(&host, "/").status, 200);
    }
    assert!(host.kill(0));
    assert!(host.wait_for_state(0, InstanceState::Stopped, LONG));
    assert_eq!(host.log().count(|entry| entry.message == "the handler has ended with signal 9"), 3);
}

#[test]
fn errors_with_enough_time_between_them_do_not_add_up() {
    let app = TestApp::new();
    let host = app.run(Options { error_window: Duration::ZERO, ..options([]) });
    for _ in 0..5 {
        assert!(host.kill(0));
        host.wait_until_ready(LONG).unwrap();
    }
    assert_eq!(host.instances()[0].handlers, 6);
}

#[test]
fn lines_of_the_handler_are_in_the_log() {
    let print = "one\nLanguageWorkerConsoleLog two\nazfuncjsonlog:three\n azfuncjsonlog: four\nwarn five";
    let print_error = "six\nWARNING: seven\nLanguageWorkerConsoleLog eight\nthread 'main' panicked";
    let app = TestApp::new();
    let host = app.run(options([("PRINT", print), ("PRINT_ERROR", print_error)]));
    let wait = |line: &str| host.log().wait_for(LONG, |entry| entry.message == line);
    assert!(wait("warn five").is_some() && wait("thread 'main' panicked").is_some());
    let entries = host.log().entries();
    let of = |wanted: &[LogLevel]| {
        let handler = |entry: &&LogEntry| entry.source == LogSource::Handler && wanted.contains(&entry.level);
        entries.iter().filter(handler).map(|entry| entry.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(&[LogLevel::Information]), ["one", " azfuncjsonlog: four", "warn five"]);
    assert_eq!(of(&[LogLevel::Warning, LogLevel::Error]), ["six", "WARNING: seven", "thread 'main' panicked"]);
    assert_eq!(of(&[LogLevel::Warning]), ["WARNING: seven"]);
}

#[test]
fn handlers_end_with_the_host() {
    let app = TestApp::new();
    let host = app.run(Options { instances: 2, ..options([]) });
    let processes = host.instances().into_iter().filter_map(|instance| instance.process).collect::<Vec<_>>();
    assert_eq!(processes.len(), 2);
    drop(host);
    for process in processes {
        assert!(!Path::new(&format!("/proc/{process}")).exists(), "{process}");
    }
}
