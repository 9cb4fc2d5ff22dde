//! A handler process: its environment, its output, and how it ends.

use crate::instance::{InstanceInfo, Setup};
use crate::log::{Log, LogLevel, LogSource};
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// How long to retry while the executable is busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for the end of the output, which a child of the handler may have inherited.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(200);

/// A running handler. It is killed on drop.
#[derive(Debug)]
pub(crate) struct HandlerProcess {
    child: Child,
    readers: [JoinHandle<()>; 2],
}

/// How a handler ended, by the host's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Code 0: it is not started again.
    Clean,
    /// Code 200: it is started again.
    Restart,
    /// Any other code, or a signal: an error.
    Error(String),
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Clean,
            (Some(200), _) => Self::Restart,
            (Some(code), _) => Self::Error(format!("code {code}")),
            (None, signal) => Self::Error(format!("signal {}", signal.unwrap_or_default())),
        }
    }
}

impl HandlerProcess {
    /// Starts the handler of an instance. Must be called inside a runtime.
    ///
    /// # Errors
    /// If it cannot be executed, or the system is out of resources.
    pub(crate) fn start(setup: &Setup, instance: &InstanceInfo) -> io::Result<Self> {
        let (port, worker) = (instance.port.to_string(), Uuid::new_v4().to_string());
        let mut command = Command::new(&setup.app.executable);
        command.current_dir(&setup.app.root).env_clear().envs(&setup.options.environment);
        if setup.options.development {
            command.env("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
            command.env("WEBSITE_HOSTNAME", format!("localhost:{}", setup.public_port));
        } else {
            let site = &setup.options.site_name;
            command.env("WEBSITE_INSTANCE_ID", &instance.id).env("WEBSITE_SITE_NAME", site);
            command.env("WEBSITE_HOSTNAME", format!("{site}.azurewebsites.net"));
        }
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", &port).env("FUNCTIONS_HTTPWORKER_PORT", &port);
        command.env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &worker).env("FUNCTIONS_HTTPWORKER_ID", &worker);
        command.env("FUNCTIONS_APP_ROOT_PATH", &setup.app.root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = spawn(&mut command)?;
        let output = read(child.stdout.take(), instance.number, |_| LogLevel::Information, setup.log.clone());
        let errors = read(child.stderr.take(), instance.number, level_of_error, setup.log.clone());
        Ok(Self { child, readers: [output, errors] })
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it has ended and its last lines are in the log.
    pub(crate) async fn ended(&mut self) -> End {
        let status = self.child.wait().await;
        for reader in &mut self.readers {
            if !reader.is_finished() {
                drop(timeout(OUTPUT_TIMEOUT, reader).await);
            }
        }
        status.map_or_else(|error| End::Error(error.to_string()), End::from)
    }

    /// Sends SIGKILL, and waits until it has ended.
    pub(crate) async fn kill(mut self) -> End {
        // Fails if it has ended already.
        drop(self.child.start_kill());
        self.ended().await
    }
}

/// Spawns the process. An executable that has just been written may be busy for a moment: another thread may be between fork
/// and exec, with a copy of its open file descriptor.
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

/// The level of a line on standard error: error, unless it contains "warn".
fn level_of_error(line: &str) -> LogLevel {
    if line.to_ascii_lowercase().contains("warn") { LogLevel::Warning } else { LogLevel::Error }
}

/// Copies lines into the log.
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
            log.add(instance, LogSource::Handler, level(line), line);
            bytes.clear();
        }
    })
}
