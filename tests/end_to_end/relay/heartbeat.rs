//! The heartbeat: sent while signing works, and only then. Neither it nor the log gives its address away.

use super::front::{Effect, Front, KEY};
use super::setup::{Relay, Setup, attestation, trust};
use crate::support::eventually::eventually;
use crate::support::http::{self, Answer};
use axum::http::{Response, StatusCode};
use http_body_util::Full;
use stand_ins::{HttpsServer, Protocols};
use std::fs;
use std::sync::{Arc, Mutex};

const SECRET: &str = "0a1b2c3d";

/// A dead man's switch.
struct Switch {
    server: HttpsServer,
    state: Arc<Mutex<State>>,
}

struct State {
    status: StatusCode,
    answers: bool,
    /// The targets of the calls.
    calls: Vec<String>,
}

impl Switch {
    fn start() -> Self {
        let state = Arc::new(Mutex::new(State { status: StatusCode::OK, answers: true, calls: Vec::new() }));
        let of_server = Arc::clone(&state);
        let answer = move |request: axum::http::Request<axum::body::Bytes>| {
            let (status, answers) = {
                let mut state = of_server.lock().unwrap();
                state.calls.push(format!("{} {}", request.method(), request.uri().path()));
                (state.status, state.answers)
            };
            async move {
                if !answers {
                    std::future::pending::<()>().await;
                }
                Ok(Response::builder().status(status).body(Full::default()).unwrap())
            }
        };
        let server = HttpsServer::start(([127, 0, 0, 1], 0).into(), &[], Protocols::Http1, answer).unwrap();
        Self { server, state }
    }

    fn url(&self) -> String {
        format!("https://{}/{SECRET}", self.server.address())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    fn calls(&self) -> usize {
        self.state.lock().unwrap().calls.len()
    }

    fn answer_with(&self, status: StatusCode) {
        self.change(|state| state.status = status);
    }

    fn refuse(&self, refuse: bool) {
        self.server.refuse_connections(refuse).unwrap();
    }

    fn wait_for_calls(&self, what: &str, more: usize) {
        let before = self.calls();
        eventually(what, || (self.calls() >= before + more).then_some(()));
    }
}

/// A relay that calls the switch every second.
fn relay(setup: &Setup, fronts: &[&Front], switch: &Switch, settings: &[(&str, &str)]) -> Relay {
    let authorities = trust(setup.folder.path(), fronts);
    let all = fs::read_to_string(authorities).unwrap() + switch.server.authority_pem();
    let trusted = setup.folder.path().join("all.pem");
    fs::write(&trusted, all).unwrap();
    let url = switch.url();
    let mut own = vec![("SSL_CERT_FILE", trusted.to_str().unwrap()), ("RELAY_HEARTBEAT_SECONDS", "1")];
    if !settings.iter().any(|(name, _)| name.starts_with("RELAY_HEARTBEAT_URL")) {
        own.push(("RELAY_HEARTBEAT_URL", &url));
    }
    own.extend(settings);
    let relay = setup.relay(fronts, &own);
    relay.wait_until_ready();
    relay
}

/// A refusal that is not about the payload.
fn of_disabled_key(store: &str) -> Answer {
    let headers = [("x-signer-verdict", "refused"), ("x-signer-reason", "unusable_key"), ("x-signer-store", store)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Answer { status: 403, headers, ..Answer::default() }
}

/// A signer behind one front, and another signer with another mark store.
struct Stage {
    setup: Setup,
    other: Setup,
    front: Front,
}

impl Stage {
    fn refuse_as_if_disabled(&self) {
        let answer = http::get(self.setup.signer.address, "/authorized_keys").unwrap();
        let store = answer.header("x-signer-store");
        self.front.always(Some(Effect::Instead(of_disabled_key(store))));
    }
}

#[test]
fn no_heartbeat_is_sent_while_signing_would_not_work() {
    type Change = fn(&Stage);
    let cases: [(&str, u32, Change, Change); 4] = [
        ("cannot connect", 0, |stage| stage.front.refuse(true), |stage| stage.front.refuse(false)),
        ("the last 2 requests for ", 2, Stage::refuse_as_if_disabled, |stage| stage.front.always(None)),
        ("function key", 2, |stage| stage.front.require_key("new"), |stage| stage.front.require_key(KEY)),
        (
            "it uses another mark store",
            1,
            |stage| stage.front.lead_to(stage.other.signer.address),
            |stage| stage.front.lead_to(stage.setup.signer.address),
        ),
    ];
    let (setup, other, switch) = (Setup::start(), Setup::start(), Switch::start());
    let stage = Stage { front: setup.front(), setup, other };
    let relay = relay(&stage.setup, &[&stage.front], &switch, &[]);
    let mut levels = 1..;
    let mut status = || relay.sign(&stage.setup.key, &attestation(levels.next().unwrap())).status;
    for (reason, requests, begin, end) in cases {
        switch.wait_for_calls(reason, 1);
        begin(&stage);
        for _ in 0..requests {
            assert_ne!(status(), 200, "{reason}");
        }
        let line = relay.0.wait_for_log("relay_heartbeat_withheld");
        assert!(line.contains(reason), "{line}");
        end(&stage);
        assert_eq!(status(), 200, "{reason}");
        relay.0.wait_for_log("relay_heartbeat_recovered");
    }
}

#[test]
fn one_upstream_that_can_sign_is_enough_and_one_that_only_answers_is_not() {
    let (setup, switch) = (Setup::start(), Switch::start());
    let (first, second) = (setup.front(), setup.front());
    let _relay = relay(&setup, &[&first, &second], &switch, &[]);
    first.refuse(true);
    switch.wait_for_calls("the second upstream can sign", 3);

    let (setup, switch) = (Setup::start_with(&[("NODE_URLS", "http://127.0.0.1:9")]), Switch::start());
    let front = setup.front();
    let relay = relay(&setup, &[&front], &switch, &[]);
    let line = relay.0.wait_for_log("relay_heartbeat_withheld");
    assert!(line.contains("/health returned status 503") && switch.calls() == 0, "{line}");
}

#[test]
fn a_switch_in_trouble_affects_no_signature_and_its_address_is_not_logged() {
    type Change<'a> = &'a dyn Fn();
    let (setup, switch) = (Setup::start(), Switch::start());
    let (front, file) = (setup.front(), setup.folder.path().join("heartbeat"));
    let write = |text: &str| fs::write(&file, text).unwrap();
    write(&switch.url());
    let relay = relay(&setup, &[&front], &switch, &[("RELAY_HEARTBEAT_URL_FILE", file.to_str().unwrap())]);
    let cases: [(&str, Change<'_>, Change<'_>); 3] = [
        ("status 404", &|| switch.answer_with(StatusCode::NOT_FOUND), &|| switch.answer_with(StatusCode::OK)),
        ("error sending request", &|| switch.refuse(true), &|| switch.refuse(false)),
        ("expected an address", &|| write(SECRET), &|| write(&switch.url())),
    ];
    let mut levels = 1..;
    let mut sign = || relay.sign(&setup.key, &attestation(levels.next().unwrap())).signature();
    let mut log = String::new();
    for (reason, begin, end) in cases {
        switch.wait_for_calls(reason, 1);
        begin();
        let lines = relay.0.log_until("relay_heartbeat_failed");
        assert!(lines.lines().last().unwrap().contains(reason), "{lines}");
        sign();
        end();
        log += &(lines + &relay.0.log_until("relay_heartbeat_recovered"));
    }
    switch.change(|state| state.answers = false);
    switch.wait_for_calls("a call that is never answered", 1);
    sign();
    relay.0.signal_termination();
    log += &relay.0.rest_of_log().concat();
    assert!(!log.contains(SECRET), "{log}");
    assert!(switch.state.lock().unwrap().calls.iter().all(|call| *call == format!("GET /{SECRET}")));
}
