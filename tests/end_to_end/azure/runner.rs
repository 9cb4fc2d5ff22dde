//! Runs an instance: the shipped binary, or the stand-in of the Functions host with the package in `SIGNER_PACKAGE`.

use crate::support::http::FUNCTION_KEY;
use crate::support::package;
use crate::support::process::signal_id;
use functions_host::{FunctionsHost, Keys, Log, LogSource, Options, Package};
use stand_ins::Azure;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Timeout for a start, and for a line of the log.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) enum Runner {
    Process(Process),
    Host(Host),
}

impl Runner {
    /// Starts it, and waits until it listens. Returns it with its address.
    pub(crate) fn start(azure: &Azure, settings: &[(&str, &str)]) -> (Self, SocketAddr) {
        if let Some(zip) = package::zip() {
            let host = Host::start(package::unpacked(&zip), azure, settings);
            let address = host.host.address();
            return (Self::Host(host), address);
        }
        let (process, address) = Process::start(super::instance::command(azure, settings));
        (Self::Process(process), address)
    }

    /// Waits for a line of the log that contains `text`, and returns it.
    pub(crate) fn logged(&self, text: &str) -> String {
        match self {
            Self::Process(process) => process.log.lock().unwrap().find(text),
            Self::Host(host) => host.logged(text),
        }
    }

    /// All lines logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        match self {
            Self::Process(process) => process.log.lock().unwrap().lines(),
            Self::Host(host) => handler_lines(host.host.log()),
        }
    }

    /// Ends it as its runner does, and returns everything that it has logged.
    pub(crate) fn stop(self) -> Vec<String> {
        match self {
            Self::Process(process) => process.stop(),
            Self::Host(host) => {
                let log = host.host.log().clone();
                drop(host);
                handler_lines(&log)
            }
        }
    }

    /// Sends a signal, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal_id(self.process(), name);
    }

    /// The id of the signer's process.
    pub(crate) fn process(&self) -> u32 {
        match self {
            Self::Process(process) => process.child.id(),
            Self::Host(host) => host.host.instances()[0].process.expect("a running handler"),
        }
    }

    /// The name that the host gives its instance.
    pub(crate) fn named_by_host(&self) -> Option<String> {
        match self {
            Self::Process(_) => None,
            Self::Host(host) => Some(host.host.instances()[0].id.clone()),
        }
    }
}

/// The host, with one instance.
pub(crate) struct Host {
    host: FunctionsHost,
    // Dropped after the host, which removes the folder.
    _package: Arc<Package>,
}

impl Host {
    fn start(package: Arc<Package>, azure: &Azure, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let options = Options {
            keys: Keys::with_host_key(FUNCTION_KEY),
            ..Options::with_environment(azure.environment().into_iter().chain(settings))
        };
        let host = FunctionsHost::start(package.folder(), options).unwrap();
        if let Err(error) = host.wait_until_ready(PATIENCE) {
            panic!("{error}: {:?}", host.log().entries());
        }
        Self { host, _package: package }
    }

    fn logged(&self, text: &str) -> String {
        let is_wanted = |entry: &functions_host::LogEntry| entry.message.contains(text);
        let found = self.host.log().wait_for(PATIENCE, is_wanted);
        found.unwrap_or_else(|| panic!("{text:?} is not logged: {:?}", self.host.log().entries())).message
    }
}

fn handler_lines(log: &Log) -> Vec<String> {
    let of_handler = log.entries().into_iter().filter(|entry| entry.source == LogSource::Handler);
    of_handler.map(|entry| entry.message).collect()
}

/// The shipped binary. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: Mutex<ProcessLog>,
}

/// The lines of standard output and standard error.
struct ProcessLog {
    next: mpsc::Receiver<String>,
    lines: Vec<String>,
}

impl Process {
    fn start(mut command: Command) -> (Self, SocketAddr) {
        let command = command.env("SIGNER_LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, next) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let (sender, lines) = (sender.clone(), BufReader::new(stream).lines());
            thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        }
        let mut log = ProcessLog { next, lines: Vec::new() };
        let line = log.find("listening");
        let address = line.split("address").nth(1).unwrap();
        let address: String = address.chars().filter(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        let address = address.trim_matches(':').parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        (Self { child, log: Mutex::new(log) }, address)
    }

    fn stop(mut self) -> Vec<String> {
        signal_id(self.child.id(), "TERM");
        assert!(self.child.wait().unwrap().success());
        let mut log = self.log.lock().unwrap();
        let rest: Vec<_> = log.next.iter().collect();
        log.lines.extend(rest);
        log.lines.clone()
    }
}

impl ProcessLog {
    fn find(&mut self, text: &str) -> String {
        if let Some(line) = self.lines.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            let line = self.next.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{text:?} is not logged:\n{}", self.lines.join("\n")));
            self.lines.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn lines(&mut self) -> Vec<String> {
        let new: Vec<_> = self.next.try_iter().collect();
        self.lines.extend(new);
        self.lines.clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
