//! The process of a handler: its environment, its output, and how it ends.

use crate::executable::Executable;
use crate::log::{Log, LogLevel, LogSource};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A handler that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct HandlerProcess {
    child: Child,
    readers: [JoinHandle<()>; 2],
}

/// How a handler ended, as a host sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The code is 0: the handler is taken to have ended as it wanted, and is not started again.
    Clean,
    /// The code is 200: it wants to be started again.
    Restart,
    /// Every other code, and signals.
    Error,
}

impl Exit {
    fn of(status: ExitStatus) -> Self {
        match status.code() {
            Some(0) => Self::Clean,
            Some(200) => Self::Restart,
            _ => Self::Error,
        }
    }
}

/// What is different for each process of an app.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) instance: usize,
    /// The id of the instance, unless there is no platform.
    pub(crate) instance_id: Option<&'a str>,
    pub(crate) site_name: &'a str,
    pub(crate) port: u16,
}

impl HandlerProcess {
    pub(crate) fn start(
        executable: &Executable,
        app_root: &Path,
        environment: &BTreeMap<String, String>,
        identity: &Identity<'_>,
        log: &Log,
    ) -> io::Result<Self> {
        let mut command = Command::new(&executable.path);
        command.args(&executable.arguments).current_dir(&executable.working_directory);
        command.env_clear().envs(environment);
        match identity.instance_id {
            Some(id) => command.env("WEBSITE_INSTANCE_ID", id).env("WEBSITE_SITE_NAME", identity.site_name),
            None => command.env("AZURE_FUNCTIONS_ENVIRONMENT", "Development").env_remove("WEBSITE_INSTANCE_ID"),
        };
        let port = identity.port.to_string();
        let worker_id = uuid::Uuid::new_v4().to_string();
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", &port).env("FUNCTIONS_HTTPWORKER_PORT", &port);
        command.env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &worker_id).env("FUNCTIONS_HTTPWORKER_ID", &worker_id);
        command.env("FUNCTIONS_APP_ROOT_PATH", app_root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = spawn(&mut command)?;
        let output = read(child.stdout.take(), identity.instance, |_| LogLevel::Information, log.clone());
        let errors = read(child.stderr.take(), identity.instance, level_of_error, log.clone());
        Ok(Self { child, readers: [output, errors] })
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends, and until its last lines are in the log.
    pub(crate) async fn ended(&mut self) -> (Exit, String) {
        let status = self.child.wait().await;
        self.read_rest().await;
        match status {
            Err(error) => (Exit::Error, error.to_string()),
            Ok(status) => {
                let how = status.code().map(|code| format!("code {code}"));
                let how = how.or_else(|| status.signal().map(|signal| format!("signal {signal}")));
                (Exit::of(status), how.unwrap_or_default())
            }
        }
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) {
        // It has ended already, otherwise.
        drop(self.child.start_kill());
    }

    /// Sends SIGKILL and waits, though no longer than a host does.
    pub(crate) async fn dispose(mut self) {
        self.kill();
        drop(timeout(Duration::from_secs(1), self.child.wait()).await);
        self.read_rest().await;
    }

    /// A process that it has started may still have its output.
    async fn read_rest(&mut self) {
        for reader in &mut self.readers {
            if !reader.is_finished() {
                drop(timeout(Duration::from_millis(200), reader).await);
            }
        }
    }
}

/// A file that has just been written may be busy for a moment: a process that is being started by another thread has it
/// open still.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let begin = Instant::now();
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && begin.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A line on standard error is an error, unless it speaks of a warning.
fn level_of_error(line: &str) -> LogLevel {
    if line.to_ascii_lowercase().contains("warn") { LogLevel::Warning } else { LogLevel::Error }
}

/// Reads lines into the log, but for those that are meant for the host and for tools.
fn read<R>(output: Option<R>, instance: usize, level: fn(&str) -> LogLevel, log: Log) -> JoinHandle<()>
where
    R: AsyncRead + Send + Unpin + 'static,
{
    tokio::spawn(async move {
        let Some(output) = output else { return };
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(b'\n', &mut bytes).await.is_ok_and(|read| read > 0) {
            let line = String::from_utf8_lossy(&bytes);
            let line = line.trim_end_matches(['\n', '\r']);
            if !["LanguageWorkerConsoleLog", "azfuncjsonlog:"].iter().any(|begin| line.starts_with(begin)) {
                log.add(instance, LogSource::Handler, level(line), line);
            }
            bytes.clear();
        }
    })
}
