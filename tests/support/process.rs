//! Processes of the shipped binary, each with its own data folder and settings.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A running signer. Killed when dropped.
pub(crate) struct Signer {
    child: Child,
    pub(crate) address: SocketAddr,
    log: mpsc::Receiver<String>,
    logged_at_start: Vec<String>,
}

/// A command of the program, with the data folder as the only setting.
pub(crate) fn command(data: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
    command.env_clear().env("LOCAL_DATA_DIR", data).envs(settings.iter().copied());
    command
}

/// The variables that the Functions host sets on a developer's machine, with any free port.
pub(crate) const HOSTED: [(&str, &str); 2] =
    [("FUNCTIONS_CUSTOMHANDLER_PORT", "0"), ("AZURE_FUNCTIONS_ENVIRONMENT", "Development")];

/// Runs a command to its end.
pub(crate) fn run(data: &Path, arguments: &[&str], input: &str) -> Output {
    with_input(command(data, &[]).args(arguments), input)
}

/// Runs a command to its end, with this standard input.
pub(crate) fn with_input(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The output of a command that must succeed.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error of a command that must fail with status 1.
pub(crate) fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Sends a signal by its name, such as `STOP` or `CONT`.
pub(crate) fn signal(process: &Child, name: &str) {
    signal_id(process.id(), name);
}

/// Sends a signal by its name to the process with this id.
pub(crate) fn signal_id(process: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

impl Signer {
    /// Starts one on a free port, and waits until it listens.
    pub(crate) fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_as(command(data, settings))
    }

    /// Starts one with a limit of open files.
    pub(crate) fn start_with_files(data: &Path, files: u32) -> Self {
        let mut limited = Command::new("sh");
        let script = format!("ulimit -n {files} && exec '{}'", env!("CARGO_BIN_EXE_azurehsm-signer"));
        limited.args(["-c", &script]).env("LOCAL_DATA_DIR", data);
        Self::start_as(limited)
    }

    /// Starts one like `nohup`.
    pub(crate) fn start_ignoring_hangup(data: &Path) -> Self {
        let mut ignoring = Command::new("sh");
        let script = format!("trap '' HUP && exec '{}'", env!("CARGO_BIN_EXE_azurehsm-signer"));
        ignoring.args(["-c", &script]).env("LOCAL_DATA_DIR", data);
        Self::start_as(ignoring)
    }

    /// Starts one that writes all lines of the log to standard output, regardless of their level.
    pub(crate) fn start_with_one_output(data: &Path, settings: &[(&str, &str)]) -> Self {
        let mut joined = Command::new("sh");
        let script = format!("exec '{}' 2>&1", env!("CARGO_BIN_EXE_azurehsm-signer"));
        joined.args(["-c", &script]).env_clear().env("LOCAL_DATA_DIR", data).envs(settings.iter().copied());
        Self::start_as(joined)
    }

    /// Starts this command, and waits until it listens.
    pub(crate) fn start_as(mut command: Command) -> Self {
        let mut child = command
            .env("SIGNER_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut logged_at_start = Vec::new();
        let address = loop {
            let line = log.recv_timeout(Duration::from_secs(30)).expect("the signer should start");
            let listens = address_in(&line);
            logged_at_start.push(line);
            if let Some(address) = listens {
                break address;
            }
        };
        Self { child, address, log, logged_at_start }
    }

    /// Name and hash of its keys.
    pub(crate) fn keys(&self) -> Vec<(String, String)> {
        let keys = super::http::get(self.address, "/keys").unwrap().json();
        let text = |key: &serde_json::Value, field| key[field].as_str().unwrap().to_owned();
        keys.as_array().unwrap().iter().map(|key| (text(key, "name"), text(key, "public_key_hash"))).collect()
    }

    /// The hash of its only key.
    pub(crate) fn only_key(&self) -> String {
        let mut keys = self.keys();
        assert_eq!(keys.len(), 1);
        keys.remove(0).1
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it with SIGTERM, and waits for its end.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.signal_termination();
        self.exit_status()
    }

    /// Waits for its end, by itself or after an earlier signal.
    pub(crate) fn exit_status(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub(crate) fn signal_termination(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// The contents of a file of its folder in `/proc`.
    pub(crate) fn system_says(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The rest of its log, until it has ended.
    pub(crate) fn rest_of_log(&self) -> Vec<String> {
        self.log.iter().collect()
    }

    /// The next line of its log that contains `text`.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(20)).expect("the line should be logged");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// All lines of its log up to one that contains `text`.
    pub(crate) fn log_until(&self, text: &str) -> String {
        let mut lines = self.logged_at_start.clone();
        while !lines.last().is_some_and(|line: &String| line.contains(text)) {
            lines.push(self.log.recv_timeout(Duration::from_secs(20)).expect("the line should be logged"));
        }
        lines.join("\n")
    }
}

/// The address, if this is the line with it.
pub(crate) fn address_in(line: &str) -> Option<SocketAddr> {
    let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let fields = &event["fields"];
    (fields["event"] == "listening").then(|| fields["address"].as_str().unwrap().parse().unwrap())
}

impl Drop for Signer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
