//! Requests that a host sends again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere")]

mod support;

use functions_host::{FunctionsHost, InstanceState, Options};
use std::fs;
use support::{LONG, TestApp, get, options, send, text};

fn retries(host: &FunctionsHost) -> usize {
    host.log().count(|entry| entry.message.starts_with("Failed to proxy request"))
}

/// Waits until there are lines about two requests.
fn second_is_sent_again(host: &FunctionsHost) -> bool {
    let id = |message: &str| message.split_once("of 10. Id=").map(|(_, id)| id.to_owned());
    let first = host.log().entries().iter().find_map(|entry| id(&entry.message)).unwrap();
    let other = |message: &str| id(message).is_some_and(|id| id != first);
    host.log().wait_for(LONG, |entry| other(&entry.message)).is_some()
}

#[test]
fn a_request_that_was_read_and_not_answered_is_sent_again_with_its_body() {
    let app = TestApp::new();
    let host = app.run(options([]));
    let file = app.beside("first");
    let answer = send(&host, &format!("POST /hang-up-unless{}", text(&file)), &[], "sign this");
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.json()["first"], &answer.json()["second"]), (&"sign this".into(), &"sign this".into()));
    assert!(retries(&host) >= 1);
    assert_eq!(host.instances()[0].handlers, 2);
}

#[test]
fn without_resending_such_a_request_fails_at_once() {
    let app = TestApp::new();
    let host = app.run(Options { resend: false, ..options([]) });
    let file = app.beside("first");
    let request = format!("POST /hang-up-unless{}", text(&file));
    assert_eq!(send(&host, &request, &[], "sign this").status, 502);
    assert_eq!((retries(&host), fs::read_to_string(&file).unwrap().as_str()), (0, "sign this"));
    // What has no body can be sent again.
    fs::remove_file(&file).unwrap();
    host.wait_until_ready(LONG).unwrap();
    let answer = get(&host, &format!("/hang-up-unless{}", text(&file)));
    assert_eq!((answer.status, answer.json()["first"].as_str()), (200, Some("")));
    assert!(retries(&host) >= 1);
}

#[test]
fn a_request_waits_for_a_handler_that_is_started_again() {
    let app = TestApp::new();
    let host = app.run(options([]));
    assert!(host.kill(0));
    let answer = send(&host, "POST /x", &[], "a body");
    assert_eq!((answer.status, answer.json()["body"].as_str()), (200, Some("a body")));
}

#[test]
fn a_request_that_could_not_be_sent_is_sent_again_in_any_case() {
    let app = TestApp::new();
    let silent = app.beside("speak");
    fs::write(&silent, "").unwrap();
    let host = app.run(Options { resend: false, ..options([("SILENT_UNTIL", &text(&silent))]) });
    fs::remove_file(&silent).unwrap();
    assert!(host.kill(0));
    std::thread::scope(|scope| {
        // The first request may find a connection to the handler that was killed, the next one does not.
        let first = scope.spawn(|| get(&host, "/"));
        assert!(host.log().wait_for(LONG, |entry| entry.message.contains("Attempt 2 of 10")).is_some());
        let second = scope.spawn(|| send(&host, "POST /x", &[], "a body"));
        assert!(second_is_sent_again(&host));
        fs::write(&silent, "").unwrap();
        assert_eq!(first.join().unwrap().status, 200);
        assert_eq!(second.join().unwrap().json()["body"], "a body");
    });
}

#[test]
fn a_host_gives_up_after_ten_times() {
    let app = TestApp::new();
    let silent = app.beside("speak");
    fs::write(&silent, "").unwrap();
    let host = app.run(options([("SILENT_UNTIL", &text(&silent))]));
    // The next handler does not listen.
    fs::remove_file(&silent).unwrap();
    assert!(host.kill(0));
    let answer = send(&host, "POST /x", &[], "a body");
    assert_eq!((answer.status, answer.body.as_str()), (502, ""));
    assert_eq!(retries(&host), 9);
    let delays = host.log().entries().into_iter().filter_map(|entry| {
        let rest = entry.message.strip_prefix("Failed to proxy request to the worker. Retrying in ")?.to_owned();
        rest.split("ms").next()?.parse::<u64>().ok()
    });
    assert_eq!(delays.collect::<Vec<_>>(), [50, 100, 200, 250, 250, 250, 250, 250, 250]);
    fs::write(&silent, "").unwrap();
    assert!(host.wait_for_state(0, InstanceState::Ready, LONG));
    assert_eq!(get(&host, "/").status, 200);
}
