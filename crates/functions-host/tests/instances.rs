//! Several instances behind one address.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere")]

mod support;

use functions_host::{FunctionsHost, InstanceState, Options};
use std::collections::BTreeSet;
use support::{LONG, TestApp, get, options};

/// The ids of the instances that answer, in their turns.
fn answering(host: &FunctionsHost, requests: usize) -> Vec<String> {
    let id = |_| get(host, "/").json()["environment"]["WEBSITE_INSTANCE_ID"].as_str().unwrap().to_owned();
    (0..requests).map(id).collect()
}

fn numbers(host: &FunctionsHost) -> Vec<usize> {
    host.instances().iter().map(|instance| instance.number).collect()
}

#[test]
fn instances_answer_in_turn() {
    let app = TestApp::new();
    let host = app.run(Options { instances: 4, ..options([]) });
    let ids = answering(&host, 8);
    assert_eq!(ids[..4], ids[4..]);
    let known = host.instances().into_iter().map(|instance| instance.id).collect::<BTreeSet<_>>();
    assert_eq!((known.len(), ids.into_iter().collect::<BTreeSet<_>>()), (4, known));
}

#[test]
fn an_app_scales_out_and_in() {
    let app = TestApp::new();
    let host = app.run(options([]));
    host.scale_to(3).unwrap();
    host.wait_until_ready(LONG).unwrap();
    assert_eq!(answering(&host, 3).into_iter().collect::<BTreeSet<_>>().len(), 3);
    let last = host.instances()[2].process.unwrap();
    host.scale_to(1).unwrap();
    assert_eq!(numbers(&host), [0]);
    assert!(!std::path::Path::new(&format!("/proc/{last}")).exists());
    assert_eq!(answering(&host, 2).into_iter().collect::<BTreeSet<_>>().len(), 1);
    host.scale_to(0).unwrap();
    assert_eq!(get(&host, "/").status, 503);
}

#[test]
fn new_instances_get_requests_when_they_are_ready() {
    let app = TestApp::new();
    let silent = app.beside("speak");
    std::fs::write(&silent, "").unwrap();
    let host = app.run(options([("SILENT_UNTIL", &support::text(&silent))]));
    std::fs::remove_file(&silent).unwrap();
    host.scale_to(2).unwrap();
    let first = host.instances()[0].id.clone();
    assert_eq!(answering(&host, 3), [first.clone(), first.clone(), first]);
    std::fs::write(&silent, "").unwrap();
    host.wait_until_ready(LONG).unwrap();
    assert_eq!(answering(&host, 2).into_iter().collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn instances_that_have_stopped_get_no_requests() {
    let app = TestApp::new();
    let host = app.run(Options { instances: 2, ..options([]) });
    for _ in 0..3 {
        assert!(host.wait_for_state(1, InstanceState::Ready, LONG));
        assert!(host.kill(1));
    }
    assert!(host.wait_for_state(1, InstanceState::Stopped, LONG));
    let first = host.instances()[0].id.clone();
    assert_eq!(answering(&host, 3), [first.clone(), first.clone(), first]);
    // The platform replaces it by another.
    assert_eq!(host.recycle(1).unwrap(), 2);
    host.wait_until_ready(LONG).unwrap();
    assert_eq!(numbers(&host), [0, 2]);
    assert_eq!(answering(&host, 2).into_iter().collect::<BTreeSet<_>>().len(), 2);
    assert!(host.recycle(1).is_err());
}

#[test]
fn stopped_instances_can_be_replaced_at_once() {
    let app = TestApp::new();
    let host = app.run(Options { instances: 2, replace_stopped_instances: true, ..options([]) });
    for _ in 0..8 {
        let instance = host.instances()[1].number;
        assert!(host.kill(instance));
        host.wait_until_ready(LONG).unwrap();
        assert_eq!(get(&host, "/").status, 200);
    }
    // Each has taken three errors.
    assert_eq!(numbers(&host), [0, 3]);
}

#[test]
fn a_restarted_host_is_the_same_instance_and_forgets_errors() {
    let app = TestApp::new();
    let host = app.run(options([]));
    let before = host.instances()[0].clone();
    for _ in 0..4 {
        assert!(host.kill(0));
        host.wait_until_ready(LONG).unwrap();
        assert!(host.restart(0));
        host.wait_until_ready(LONG).unwrap();
    }
    let after = host.instances()[0].clone();
    assert_eq!((after.id, after.number), (before.id, before.number));
    assert_eq!(get(&host, "/").status, 200);
    assert!(!host.kill(7) && !host.restart(7));
}
