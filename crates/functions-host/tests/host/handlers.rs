//! How the host starts handlers, and what it does when they end.

use crate::app::{LONG, TestApp, get, is_running, options, post};
use functions_host::{FunctionsHost, InstanceInfo, InstanceState, LogEntry, LogLevel, LogSource, Options};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

fn first(host: &FunctionsHost) -> InstanceInfo {
    host.instances().remove(0)
}

/// Number of errors logged by the host itself.
fn errors(host: &FunctionsHost) -> usize {
    host.log().count(|entry| entry.source == LogSource::Host && entry.level == LogLevel::Error)
}

#[test]
fn the_handler_gets_the_variables_of_a_host_and_no_others() {
    let app = TestApp::new();
    let root = app.root().canonicalize().unwrap().display().to_string();
    for development in [false, true] {
        let host = app.run(Options { development, site_name: "signer".to_owned(), ..options([("SETTING", "value")]) });
        let got = get(&host, "/echo").json();
        let instance = first(&host);
        assert_eq!((&got["folder"], &got["process"]), (&json!(root), &json!(instance.process)));
        let environment = got["environment"].as_object().unwrap();
        let (port, local) = (instance.port.to_string(), format!("localhost:{}", host.address().port()));
        let of_the_place = if development {
            &[("AZURE_FUNCTIONS_ENVIRONMENT", "Development"), ("WEBSITE_HOSTNAME", &local)][..]
        } else {
            &[
                ("WEBSITE_HOSTNAME", "signer.azurewebsites.net"),
                ("WEBSITE_INSTANCE_ID", &instance.id),
                ("WEBSITE_SITE_NAME", "signer"),
            ]
        };
        let everywhere = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.as_str()),
            ("FUNCTIONS_HTTPWORKER_PORT", &port),
            ("FUNCTIONS_APP_ROOT_PATH", &root),
            ("SETTING", "value"),
        ];
        for (name, expected) in everywhere.iter().chain(of_the_place) {
            assert_eq!(environment[*name], *expected, "{name}");
        }
        assert_eq!(environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"], environment["FUNCTIONS_HTTPWORKER_ID"]);
        assert_eq!(environment.len(), 6 + of_the_place.len(), "{environment:?}");
    }
}

#[test]
fn requests_wait_until_the_first_handler_answers() {
    let app = TestApp::new();
    let speaks = app.outside("speaks");
    let host = app.start(options([("SILENT_UNTIL", &speaks)]));
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| post(&host, "/echo", "early"));
        assert!(host.wait_until_ready(Duration::from_millis(100)).is_err());
        assert_eq!(first(&host).state, InstanceState::Starting);
        assert!(!answer.is_finished());
        fs::write(&speaks, "").unwrap();
        assert_eq!(answer.join().unwrap().json()["body"], "early");
    });
}

#[test]
fn handlers_that_exit_at_the_start_are_restarted_until_there_are_three_errors() {
    for (exits, handlers, state) in [
        ("1,1", 3, InstanceState::Ready),
        ("200,1,200,200,101,200", 7, InstanceState::Ready),
        ("1,200,1,1", 4, InstanceState::Stopped),
        // The last two never answer.
        ("1,hang,hang", 3, InstanceState::Stopped),
    ] {
        let app = TestApp::new();
        let (starts, patience) =
            (app.outside("starts"), if exits.contains("hang") { "00:00:00.5" } else { "00:00:30" });
        let timeout = ("AzureFunctionsJobHost__customHandler__initializationTimeout", patience);
        let host = app.start(options([("EXITS", exits), ("STARTS", &starts), timeout]));
        assert!(host.wait_for_state(0, state, LONG), "{exits}: {:?}", host.log().entries());
        assert_eq!(host.wait_until_ready(LONG).is_ok(), state == InstanceState::Ready, "{exits}");
        assert_eq!(first(&host).handlers, handlers, "{exits}");
        let of_codes = exits.split(',').filter(|code| *code != "200").count();
        // The last error is the host's own.
        assert_eq!(errors(&host), of_codes + usize::from(state == InstanceState::Stopped), "{exits}");
        let answer = get(&host, "/echo");
        let is_ready = state == InstanceState::Ready;
        assert_eq!(
            (answer.status, answer.body.is_empty()),
            if is_ready { (200, false) } else { (503, true) },
            "{exits}"
        );
    }
}

#[test]
fn a_handler_that_exits_with_code_0_is_not_started_again_until_the_host_restarts() {
    let app = TestApp::new();
    let host = app.run(Options { resend: false, ..options([]) });
    assert_eq!(post(&host, "/exit/0", "a body").status, 500);
    assert!(host.wait_for_state(0, InstanceState::Ended, LONG));
    // Fails only after all retries.
    let answer = post(&host, "/echo", "a body");
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    assert_eq!(host.log().count(|entry| entry.message.contains("Retrying in")), 9);
    assert_eq!((first(&host).handlers, first(&host).process), (1, None));
    assert!(!host.kill(0));
    assert!(host.restart(0));
    assert_eq!(get(&host, "/echo").status, 200);
}

#[test]
fn killing_a_handler_counts_as_its_error() {
    let app = TestApp::new();
    let host = app.run(options([]));
    for handlers in 2..=3 {
        let before = first(&host);
        assert!(host.kill(0));
        host.wait_until_ready(LONG).unwrap();
        let after = first(&host);
        // The same instance at the same port, with another handler.
        assert_eq!((&after.id, after.port, after.handlers), (&before.id, before.port, handlers));
        assert_ne!(after.process, before.process);
        assert_eq!(get(&host, "/echo").status, 200);
    }
    assert!(host.kill(0));
    assert!(host.wait_for_state(0, InstanceState::Stopped, LONG));
    assert_eq!(host.log().count(|entry| entry.message == "the handler has ended with signal 9"), 3);
}

#[test]
fn errors_that_are_far_apart_or_before_a_restart_of_the_host_do_not_add_up() {
    let app = TestApp::new();
    for error_window in [Duration::ZERO, LONG * 60] {
        let host = app.run(Options { error_window, ..options([]) });
        for _ in 0..4 {
            assert!(host.kill(0));
            host.wait_until_ready(LONG).unwrap();
            assert!(error_window.is_zero() || host.restart(0));
        }
        assert_eq!(first(&host).handlers, if error_window.is_zero() { 5 } else { 9 });
        assert!(!host.kill(7) && !host.restart(7));
    }
}

#[test]
fn a_restarted_host_starts_the_new_handler_before_it_kills_the_old_one() {
    let app = TestApp::new();
    let (speaks, predecessor) = (app.outside("speaks"), app.outside("predecessor"));
    let environment = [("SILENT_UNTIL", speaks.as_str()), ("PREDECESSOR", &predecessor)];
    for restart_overlap in [LONG, Duration::from_secs(2)] {
        fs::write(&speaks, "").unwrap();
        let host = app.run(Options { restart_overlap, ..options(environment) });
        let before = first(&host);
        // The second time, the new handler waits for the end of the old one.
        let is_waiting = restart_overlap < LONG;
        if is_waiting {
            fs::remove_file(&speaks).unwrap();
        }
        assert!(host.restart(0));
        assert!(host.log().wait_for(LONG, |entry| entry.message == "the predecessor runs: true").is_some());
        assert!(!is_running(before.process.unwrap()));
        let after = first(&host);
        assert_eq!(after.state, if is_waiting { InstanceState::Starting } else { InstanceState::Ready });
        assert_eq!((&after.id, after.number, after.handlers), (&before.id, before.number, 2));
        assert!(after.port != before.port && after.process != before.process);
        fs::write(&speaks, "").unwrap();
        assert_eq!(post(&host, "/echo", "a body").json()["process"], json!(after.process));
        assert_eq!(errors(&host), 0);
        fs::remove_file(&predecessor).unwrap();
    }
}

#[test]
fn handler_output_is_logged_at_the_right_level() {
    let app = TestApp::new();
    let host = app.run(options([("PRINT", "one\nwarn two"), ("PRINT_ERROR", "three\nWARNING: four\nfive")]));
    let wait = |line: &str| host.log().wait_for(LONG, |entry| entry.message == line);
    assert!(wait("warn two").is_some() && wait("five").is_some());
    for (level, expected) in [
        (LogLevel::Information, &["one", "warn two"][..]),
        (LogLevel::Warning, &["WARNING: four"]),
        (LogLevel::Error, &["three", "five"]),
    ] {
        let entries = host.log().entries().into_iter();
        let of_level = entries.filter(|entry| entry.source == LogSource::Handler && entry.level == level);
        assert_eq!(of_level.map(|entry: LogEntry| entry.message).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn instances_take_turns_while_they_run_and_their_handlers_end_with_the_host() {
    let app = TestApp::new();
    let host = app.run(Options { instances: 3, ..options([]) });
    let id = |_| get(&host, "/echo").json()["environment"]["WEBSITE_INSTANCE_ID"].as_str().unwrap().to_owned();
    let answering = (0..6).map(id).collect::<Vec<_>>();
    assert_eq!(answering[..3], answering[3..]);
    let known = host.instances().into_iter().map(|instance| instance.id).collect::<BTreeSet<_>>();
    assert_eq!((known.len(), answering.into_iter().collect()), (3, known));
    for _ in 0..3 {
        assert!(host.wait_for_state(1, InstanceState::Ready, LONG));
        assert!(host.kill(1));
    }
    let stopped = host.instance(1).unwrap();
    assert_eq!(stopped.state, InstanceState::Stopped);
    assert!((0..4).map(id).all(|id| id != stopped.id));
    let processes = host.instances().into_iter().filter_map(|instance| instance.process).collect::<Vec<_>>();
    drop(host);
    assert_eq!(processes.iter().map(|process| is_running(*process)).collect::<Vec<_>>(), [false, false]);
}

#[test]
fn stopped_instances_can_be_replaced() {
    let app = TestApp::new();
    let host = app.run(Options { instances: 2, replace_stopped_instances: true, ..options([]) });
    for _ in 0..8 {
        assert!(host.kill(host.instances()[1].number));
        host.wait_until_ready(LONG).unwrap();
        assert_eq!(get(&host, "/echo").status, 200);
    }
    // Instances 1 and 2 have had three errors each.
    assert_eq!(host.instances().iter().map(|instance| instance.number).collect::<Vec<_>>(), [0, 3]);
}
