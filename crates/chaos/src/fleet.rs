//! The signers and the relays: processes that are killed, paused and restarted.

use crate::clock::WallClock;
use crate::history::{Line, Recorder, Span};
use crate::release::{Installed, Started};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Keeps the addresses of the processes at all places.
pub(crate) trait AddressBook: Send + Sync + 'static {
    /// Sets the address of the process at a place; `None` while it is not running.
    fn set_address(&self, place: usize, address: Option<SocketAddr>);
}

/// What to run at a place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) number: usize,
    pub(crate) program: Installed,
    /// The arguments of the program.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) clock: Option<WallClock>,
}

/// An action on the process at a place.
#[derive(Debug)]
pub(crate) enum SignerAction {
    /// Kill it, and restart it after this time, in the other release if there are two.
    Kill { down: Duration },
    /// Stop it for this time.
    Pause { length: Duration },
    /// Stop it until this is sent or dropped.
    PauseUntil(oneshot::Receiver<()>),
    /// Set its wall clock this many seconds off.
    Jump { offset: i32 },
    /// Correct its wall clock, and report that all earlier actions are done.
    Settle(oneshot::Sender<()>),
}

/// Counts of the actions.
#[derive(Debug, Default)]
pub(crate) struct ActionCounts {
    pub(crate) kills: AtomicU64,
    pub(crate) pauses: AtomicU64,
    pub(crate) jumps: AtomicU64,
    /// Jumps after which the process logged a line with the new time.
    pub(crate) jumps_seen: AtomicU64,
}

/// Why a signer did not start.
#[derive(Debug, Error)]
pub(crate) enum NotStarted {
    #[error("cannot run {program}: {why}")]
    Program { program: String, why: String },
    #[error("the program did not report its address within {0:?}; its last line: {1}")]
    Silent(Duration, String),
}

/// How long a process may take to report its address.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// All signers, or all relays.
pub(crate) struct Fleet {
    places: Vec<(mpsc::UnboundedSender<SignerAction>, JoinHandle<()>)>,
    pub(crate) counts: Arc<ActionCounts>,
}

impl Fleet {
    /// Starts all of them.
    pub(crate) async fn start(
        places: Vec<Place>,
        addresses: &Arc<impl AddressBook>,
        recorder: &Arc<Recorder>,
    ) -> Result<Self, NotStarted> {
        let counts = Arc::<ActionCounts>::default();
        let mut started = Vec::new();
        for place in places {
            let (sender, actions) = mpsc::unbounded_channel();
            let process = Process::start(&place, recorder).await?;
            addresses.set_address(place.number, Some(process.address));
            let supervisor = Supervisor {
                place,
                addresses: Arc::clone(addresses) as Arc<dyn AddressBook>,
                recorder: Arc::clone(recorder),
                counts: Arc::clone(&counts),
            };
            started.push((sender, tokio::spawn(supervisor.supervise(process, actions))));
        }
        Ok(Self { places: started, counts })
    }

    /// Number of places.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Queues an action for the process at a place.
    pub(crate) fn send(&self, place: usize, action: SignerAction) {
        if let Some((sender, _)) = self.places.get(place) {
            // A supervisor that is gone has recorded why.
            drop(sender.send(action));
        }
    }

    /// Waits until all queued actions are done and all clocks are right.
    pub(crate) async fn settle(&self) {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = self.places.iter().map(|_| oneshot::channel()).unzip();
        for ((actions, _), done) in self.places.iter().zip(senders) {
            drop(actions.send(SignerAction::Settle(done)));
        }
        for receiver in &mut receivers {
            drop(receiver.await);
        }
    }

    /// Stops all of them, after all queued actions.
    pub(crate) async fn end(self) {
        for (sender, supervisor) in self.places {
            drop(sender);
            drop(supervisor.await);
        }
    }
}

/// Supervises one place.
struct Supervisor {
    place: Place,
    addresses: Arc<dyn AddressBook>,
    recorder: Arc<Recorder>,
    counts: Arc<ActionCounts>,
}

impl Supervisor {
    async fn supervise(mut self, mut process: Process, mut actions: mpsc::UnboundedReceiver<SignerAction>) {
        loop {
            let action = tokio::select! {
                action = actions.recv() => action,
                status = process.child.wait() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    self.trouble(format!("exited by itself: {status}; its last line: {}", process.last_line()));
                    Some(SignerAction::Kill { down: Duration::ZERO })
                }
            };
            match action {
                None => break,
                Some(SignerAction::Kill { down }) => match self.kill_and_restart(process, down).await {
                    Ok(new) => process = new,
                    Err(error) => return self.trouble(error.to_string()),
                },
                Some(SignerAction::Pause { length }) => self.pause(&process, tokio::time::sleep(length)).await,
                Some(SignerAction::PauseUntil(end)) => self.pause(&process, end).await,
                Some(SignerAction::Jump { offset }) => self.jump(offset),
                Some(SignerAction::Settle(done)) => {
                    if let Some(clock) = &self.place.clock
                        && let Err(error) = clock.set(0)
                    {
                        self.trouble(format!("cannot set its clock: {error}"));
                    }
                    // The receiver may be gone.
                    let _ = done.send(());
                }
            }
        }
        self.addresses.set_address(self.place.number, None);
        process.kill().await;
    }

    async fn kill_and_restart(&mut self, process: Process, down: Duration) -> Result<Process, NotStarted> {
        let number = self.place.number;
        self.addresses.set_address(number, None);
        let from = Instant::now();
        process.kill().await;
        self.counts.kills.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(down).await;
        self.place.program.change();
        let process = Process::start(&self.place, &self.recorder).await?;
        self.recorder.down(Span { place: number, from, to: Instant::now() });
        self.addresses.set_address(number, Some(process.address));
        Ok(process)
    }

    async fn pause(&self, process: &Process, end: impl Future) {
        let from = Instant::now();
        process.signal(Signal::STOP);
        end.await;
        process.signal(Signal::CONT);
        self.recorder.paused(Span { place: self.place.number, from, to: Instant::now() });
        self.counts.pauses.fetch_add(1, Ordering::Relaxed);
    }

    fn jump(&self, offset: i32) {
        let Some(clock) = &self.place.clock else { return };
        if let Err(error) = clock.set(offset) {
            return self.trouble(format!("cannot set its clock: {error}"));
        }
        self.counts.jumps.fetch_add(1, Ordering::Relaxed);
        let (clock, counts) = (clock.clone(), Arc::clone(&self.counts));
        tokio::spawn(async move {
            if clock.is_logged(offset).await {
                counts.jumps_seen.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    fn trouble(&self, what: String) {
        self.recorder.trouble(self.place.number, what);
    }
}

/// A listening process. Killed on drop.
struct Process {
    child: Child,
    pid: Option<Pid>,
    address: SocketAddr,
    lines: watch::Receiver<LogSoFar>,
    readers: Vec<JoinHandle<()>>,
}

/// What has been read of a log.
#[derive(Debug, Default)]
struct LogSoFar {
    address: Option<SocketAddr>,
    last: String,
}

impl Process {
    async fn start(place: &Place, recorder: &Arc<Recorder>) -> Result<Self, NotStarted> {
        let (release, program) = place.program.running();
        let mut command = Command::new(program);
        let program = program.display().to_string();
        let cannot = |why: &str| NotStarted::Program { program: program.clone(), why: why.to_owned() };
        command.args(place.arguments).env_clear().envs(place.environment.iter().map(|(name, value)| (name, value)));
        if let Some(clock) = &place.clock {
            command.envs(clock.environment());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| cannot(&error.to_string()))?;
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let (seen, mut lines) = watch::channel(LogSoFar::default());
        let reader = Reader { place: place.number, clock: place.clock.clone(), recorder: Arc::clone(recorder), seen };
        let reader = Arc::new(reader);
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(tokio::spawn(Arc::clone(&reader).read(stdout)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(tokio::spawn(reader.read(stderr)));
        }
        let address = match tokio::time::timeout(START_TIMEOUT, lines.wait_for(|seen| seen.address.is_some())).await {
            Ok(Ok(seen)) => seen.address,
            Ok(Err(_)) | Err(_) => None,
        };
        let Some(address) = address else {
            return Err(NotStarted::Silent(START_TIMEOUT, lines.borrow().last.clone()));
        };
        recorder.started(Started { place: place.number, release, at: Instant::now() });
        Ok(Self { child, pid, address, lines, readers })
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may just have exited, which its supervisor notices.
            let _ = kill_process(pid, signal);
        }
    }

    fn last_line(&self) -> String {
        self.lines.borrow().last.clone()
    }

    /// Kills it, and waits until its whole log is read.
    async fn kill(mut self) {
        drop(self.child.kill().await);
        for reader in self.readers.drain(..) {
            drop(reader.await);
        }
    }
}

/// Reads the log of one process.
struct Reader {
    place: usize,
    clock: Option<WallClock>,
    recorder: Arc<Recorder>,
    seen: watch::Sender<LogSoFar>,
}

impl Reader {
    async fn read(self: Arc<Self>, stream: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(clock) = &self.clock {
                clock.logs(&line);
            }
            let address = address(&line);
            self.seen.send_modify(|seen| {
                seen.address = seen.address.or(address);
                seen.last.clone_from(&line);
            });
            self.recorder.line(Line { place: self.place, text: line.into() });
        }
    }
}

/// The address of the process, if this line reports it.
fn address(line: &str) -> Option<SocketAddr> {
    // Skip most lines without parsing them.
    if !line.contains("listening") {
        return None;
    }
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    let is_listening = fields.get("event")? == "listening";
    is_listening.then(|| fields.get("address")?.as_str()?.parse().ok())?
}
