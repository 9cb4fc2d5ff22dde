//! An instance of the signer, configured for the stand-ins.

use crate::azure::runner::Runner;
use crate::support::eventually::eventually;
use crate::support::http::{self, Answer};
use stand_ins::Azure;
use std::net::SocketAddr;
use std::process::{Command, Output};

/// A running instance. Killed when dropped.
pub(crate) struct Instance {
    runner: Runner,
    pub(crate) address: SocketAddr,
}

/// A command of the program, with only the stand-ins and these settings in its environment.
pub(crate) fn command(azure: &Azure, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
    command.env_clear().envs(azure.environment()).envs(settings.iter().copied());
    command
}

/// Runs a command to its end.
pub(crate) fn run(azure: &Azure, arguments: &[&str]) -> Output {
    command(azure, &[]).args(arguments).output().unwrap()
}

impl Instance {
    /// Starts one on a free port, and waits until it listens; Azure may be down.
    pub(crate) fn start(azure: &Azure, settings: &[(&str, &str)]) -> Self {
        let (runner, address) = Runner::start(azure, settings);
        Self { runner, address }
    }

    /// Starts one, and waits until it is ready.
    pub(crate) fn start_ready(azure: &Azure, settings: &[(&str, &str)]) -> Self {
        let instance = Self::start(azure, settings);
        instance.wait_until_ready();
        instance
    }

    pub(crate) fn wait_until_ready(&self) {
        eventually("a ready signer", || self.is_ready().then_some(()));
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.get("/health").status == 200
    }

    pub(crate) fn sign(&self, key: &str, payload: &[u8]) -> Answer {
        http::sign(self.address, key, payload).unwrap()
    }

    /// Repeats a request until it is signed. Until then, it may fail, but not be refused.
    pub(crate) fn eventually_signs(&self, key: &str, payload: &[u8]) -> String {
        eventually("a signature", || {
            let answer = self.sign(key, payload);
            assert!([200, 500].contains(&answer.status), "{answer:?}");
            (answer.status == 200).then(|| answer.signature())
        })
    }

    /// Repeats a request until the answer is not a failure; until its keys have been read, a signer answers 500.
    pub(crate) fn eventually_answers(&self, key: &str, payload: &[u8]) -> Answer {
        eventually("an answer", || Some(self.sign(key, payload)).filter(|answer| answer.status != 500))
    }

    /// Repeats a request until the key can sign again.
    pub(crate) fn eventually_signs_again(&self, key: &str, payload: &[u8]) -> String {
        eventually("a signature", || {
            let answer = self.sign(key, payload);
            (answer.status == 200).then(|| answer.signature())
        })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(self.address, path).unwrap()
    }

    /// The hashes of its keys, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let keys = self.get("/keys").json();
        let hash = |key: &serde_json::Value| key["public_key_hash"].as_str().unwrap().to_owned();
        let mut keys: Vec<_> = keys.as_array().unwrap().iter().map(hash).collect();
        keys.sort();
        keys
    }

    /// Waits for a line of its log that contains `text`, and returns it.
    pub(crate) fn logged(&self, text: &str) -> String {
        self.runner.logged(text)
    }

    /// Everything that it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.runner.log()
    }

    /// Ends it, and returns everything that it has logged.
    pub(crate) fn stop(self) -> Vec<String> {
        self.runner.stop()
    }

    /// The name that the host gives it, if there is a host, regardless of settings.
    pub(crate) fn named_by_host(&self) -> Option<String> {
        self.runner.named_by_host()
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> u32 {
        self.runner.process()
    }

    /// Sends a signal, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        self.runner.signal(name);
    }
}
