//! `--config`: the settings in a file, which are replaced while the relay runs, all or none of them.

use super::front::{Effect, Front, KEY};
use super::setup::{Relay, Setup, attestation, sign, trust};
use crate::support::eventually::eventually;
use crate::support::payloads;
use crate::support::process::{Signer, command, complaint, printed};
use azurehsm_signer::tezos::{Curve, SecretKey};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file of settings next to a signer with fronts.
struct Config {
    setup: Setup,
    path: PathBuf,
    authorities: PathBuf,
}

impl Config {
    fn start<const FRONTS: usize>() -> (Self, [Front; FRONTS]) {
        let setup = Setup::start();
        let fronts = [(); FRONTS].map(|()| setup.front());
        let path = setup.folder.path().join("relay.env");
        let authorities = trust(setup.folder.path(), &fronts.each_ref());
        (Self { setup, path, authorities }, fronts)
    }

    fn write(&self, upstream: &Front, others: &[(&str, &str)]) {
        let mut text = format!("# Settings\nRELAY_UPSTREAMS=\"{}\"\nRELAY_FUNCTION_KEYS={KEY}\n", upstream.url());
        for (name, value) in others {
            text.extend([name, "=", value, "\n"]);
        }
        std::fs::write(&self.path, text).unwrap();
    }

    /// The relay's command with the file, and with an upstream in the environment that does not exist.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.setup.folder.path(), &[("RELAY_UPSTREAMS", "http://127.0.0.1:9")]);
        command.args(["relay", "--config"]).arg(&self.path).args(arguments).env("RELAY_LISTEN", "127.0.0.1:0");
        command.env("RELAY_STATE_DIR", self.setup.folder.path().join("relay"));
        command.env("RELAY_HEDGE_MS", "9000").env("RELAY_DEADLINE_MS", "20000").env("SSL_CERT_FILE", &self.authorities);
        command
    }

    fn relay(&self) -> Relay {
        let relay = Relay(Signer::start_as(self.command(&[])));
        relay.wait_until_ready();
        relay
    }
}

#[test]
fn a_changed_file_is_used_and_an_invalid_one_changes_nothing() {
    let (config, [front]) = Config::start();
    let key = &config.setup.key;
    config.write(&front, &[]);
    let relay = config.relay();
    relay.sign(key, &attestation(1)).signature();
    eventually("connections are warm", || (front.server.connections() >= 2).then_some(()));
    let connections = front.server.connections();

    // Without a signal.
    let client = SecretKey::generate(Curve::Ed25519).unwrap().public_key().clone();
    config.write(&front, &[("RELAY_AUTHORIZED_KEYS", &client.to_string())]);
    relay.0.wait_for_log("relay_config_changed");
    let is_changed = || {
        let answer = relay.sign(key, &attestation(2));
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(relay.get("/authorized_keys").body.contains(&client.hash().to_string()));
    };
    is_changed();

    let missing = config.setup.folder.path().join("missing");
    for (name, value, expected) in [
        ("RELAY_HEDGE", "100", "line 4: RELAY_HEDGE is not a setting of the relay"),
        ("RELAY_HEDGE_MS", "a", "RELAY_HEDGE_MS: 'a': expected a whole number"),
        ("RELAY_UPSTREAMS", "https://signer.example", "line 4: RELAY_UPSTREAMS is already set in line 2"),
        ("RELAY_AUTHENTICATION_KEY_FILE", missing.to_str().unwrap(), "missing: No such file"),
        ("RELAY_LISTEN", "127.0.0.1:1", "RELAY_LISTEN cannot change while the relay runs"),
        ("RUST_LOG", "trace", "RUST_LOG cannot change while the relay runs"),
    ] {
        config.write(&front, &[(name, value)]);
        relay.0.signal("HUP");
        let line = relay.0.wait_for_log("relay_config_unusable");
        assert!(line.contains(expected), "{line}");
        is_changed();
    }
    std::fs::remove_file(&config.path).unwrap();
    relay.0.wait_for_log("relay_config_unusable");
    is_changed();

    config.write(&front, &[]);
    relay.0.signal("HUP");
    relay.0.wait_for_log("relay_config_changed");
    relay.sign(key, &attestation(2)).signature();
    assert_eq!(front.server.connections(), connections, "the connections are kept");
    assert!(relay.0.terminate().success());
}

#[test]
fn upstreams_are_replaced_without_losing_a_vote() {
    let (config, [old, new]) = Config::start();
    config.write(&old, &[]);
    let relay = config.relay();
    let (address, key) = (relay.address(), &config.setup.key);
    let change_to = |upstream: &Front| {
        config.write(upstream, &[]);
        relay.0.signal("HUP");
        relay.0.wait_for_log("relay_config_changed");
    };
    let is_over = &AtomicBool::new(false);
    let vote = |level| sign(address, key, &attestation(level)).status;
    std::thread::scope(|scope| {
        assert_eq!(vote(1), 200);
        // A request in flight is answered by the old upstream.
        old.next([Effect::Held]);
        let held = scope.spawn(move || vote(2));
        eventually("the vote is held", || (old.signing_requests() == 2).then_some(()));
        change_to(&new);
        assert_eq!(sign(address, key, &payloads::block(3, 0, 1)).status, 200);
        old.release();
        assert_eq!(held.join().unwrap(), 200);
        assert_eq!((old.signing_requests(), new.signing_requests()), (2, 1));

        let votes = scope.spawn(move || {
            let levels = (4..).take_while(|_| !is_over.load(Ordering::Relaxed));
            levels.map(vote).collect::<Vec<_>>()
        });
        for (upstream, name) in [(&old, "old"), (&new, "new"), (&old, "old")] {
            change_to(upstream);
            let before = upstream.signing_requests();
            eventually(name, || (upstream.signing_requests() > before + 2).then_some(()));
        }
        is_over.store(true, Ordering::Relaxed);
        let votes = votes.join().unwrap();
        assert!(votes.iter().all(|status| *status == 200), "{votes:?}");
        assert_eq!(old.signing_requests() + new.signing_requests(), 3 + votes.len(), "one request a vote");
    });
}

#[test]
fn the_file_is_checked_at_the_start_and_used_by_the_check() {
    let (config, [front]) = Config::start();
    config.write(&front, &[]);
    let report = printed(&config.command(&["check"]).output().unwrap());
    assert!(report.contains(&front.url()), "{report}");
    config.write(&front, &[("RELAY_X", KEY)]);
    for arguments in [&[][..], &["check"]] {
        let error = complaint(&config.command(arguments).output().unwrap());
        assert!(error.contains("relay.env: line 4: RELAY_X is not a setting") && !error.contains(KEY), "{error}");
    }
}

#[test]
fn without_a_file_a_hangup_makes_the_relay_read_its_credentials_again() {
    let setup = Setup::start();
    let (front, keys) = (setup.front(), setup.folder.path().join("function-keys"));
    std::fs::write(&keys, KEY).unwrap();
    let relay = setup.relay(&[&front], &[("RELAY_FUNCTION_KEYS_FILE", keys.to_str().unwrap())]);
    relay.wait_until_ready();
    front.require_key("another");
    std::fs::write(&keys, "another").unwrap();
    relay.0.signal("HUP");
    relay.0.wait_for_log("relay_function_keys_changed");
    relay.sign(&setup.key, &attestation(1)).signature();
    assert!(relay.0.terminate().success());
}
