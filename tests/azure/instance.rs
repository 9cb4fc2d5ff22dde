//! An instance of the signer: the shipped binary, with the settings that the doubles give.

use crate::support::eventually::eventually;
use crate::support::http::{self, Answer};
use stand_ins::Azure;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// A running instance. Killed when dropped.
pub(crate) struct Instance {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Mutex<Log>,
}

/// What it writes to standard output and standard error, line by line.
struct Log {
    next: mpsc::Receiver<String>,
    lines: Vec<String>,
}

/// A command of the program. It knows nothing but the doubles and these settings.
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
        let mut child = command(azure, settings)
            .env("SIGNER_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, next) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let (sender, lines) = (sender.clone(), BufReader::new(stream).lines());
            thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        }
        let mut log = Log { next, lines: Vec::new() };
        let line = log.find("listening");
        let address = line.split("address").nth(1).unwrap();
        let address: String = address.chars().filter(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        let address = address.trim_matches(':').parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, address, log: Mutex::new(log) }
    }

    /// Starts one that may be asked at once.
    pub(crate) fn start_ready(azure: &Azure, settings: &[(&str, &str)]) -> Self {
        let instance = Self::start(azure, settings);
        instance.wait_until_ready();
        instance
    }

    pub(crate) fn wait_until_ready(&self) {
        eventually("the signer is ready", || self.is_ready().then_some(()));
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.get("/health").status == 200
    }

    pub(crate) fn sign(&self, key: &str, payload: &[u8]) -> Answer {
        http::sign(self.address, key, payload).unwrap()
    }

    /// The signature, as soon as there is one; whoever asks before must be told that it failed.
    pub(crate) fn eventually_signs(&self, key: &str, payload: &[u8]) -> String {
        eventually("it is signed", || {
            let answer = self.sign(key, payload);
            assert!([200, 500].contains(&answer.status), "{answer:?}");
            (answer.status == 200).then(|| answer.signature())
        })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(self.address, path).unwrap()
    }

    /// The addresses of its keys, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let keys = self.get("/keys").json();
        let hash = |key: &serde_json::Value| key["public_key_hash"].as_str().unwrap().to_owned();
        let mut keys: Vec<_> = keys.as_array().unwrap().iter().map(hash).collect();
        keys.sort();
        keys
    }

    /// The first line of its log that holds `text`; waits for it.
    pub(crate) fn logged(&self, text: &str) -> String {
        self.log.lock().unwrap().find(text)
    }

    /// Everything that it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        let mut log = self.log.lock().unwrap();
        let new: Vec<_> = log.next.try_iter().collect();
        log.lines.extend(new);
        log.lines.clone()
    }

    /// Ends it with SIGTERM and returns everything that it ever logged.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
        let mut log = self.log.lock().unwrap();
        let rest: Vec<_> = log.next.iter().collect();
        log.lines.extend(rest);
        log.lines.clone()
    }

    /// Sends a signal, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Log {
    fn find(&mut self, text: &str) -> String {
        if let Some(line) = self.lines.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            let line = self.next.recv_timeout(Duration::from_secs(20));
            let line = line.unwrap_or_else(|_| panic!("{text:?} is not logged:\n{}", self.lines.join("\n")));
            self.lines.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
