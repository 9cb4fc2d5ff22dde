//! The signers: processes at places, which are killed, paused and started again.

use crate::client::Client;
use crate::clock::WallClock;
use crate::history::{Line, Recorder, Span};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// What is run at a place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) number: usize,
    pub(crate) program: PathBuf,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) clock: Option<WallClock>,
}

/// What is done to the process at a place.
#[derive(Debug)]
pub(crate) enum Blow {
    /// It is killed, and started again after so long.
    Kill { down: Duration },
    /// It stands still for so long.
    Pause { length: Duration },
    /// Its wall clock is so many seconds off.
    Jump { offset: i32 },
    /// Nothing: its wall clock is right again, and somebody is told that all before is over.
    Peace(oneshot::Sender<()>),
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Blows {
    pub(crate) kills: AtomicU64,
    pub(crate) pauses: AtomicU64,
    pub(crate) jumps: AtomicU64,
    /// Of the jumps, those after which the process logged a line with the new time.
    pub(crate) jumps_seen: AtomicU64,
}

/// No signer can be started.
#[derive(Debug, Error)]
pub(crate) enum NotStarted {
    #[error("{program} cannot be run: {why}")]
    Program { program: String, why: String },
    #[error("the signer does not say within {0:?} where it listens; its last line: {1}")]
    Silent(Duration, String),
}

/// A signer says within this time where it listens.
const PATIENCE: Duration = Duration::from_secs(15);

/// All places.
pub(crate) struct Fleet {
    places: Vec<(mpsc::UnboundedSender<Blow>, JoinHandle<()>)>,
    pub(crate) blows: Arc<Blows>,
}

impl Fleet {
    /// Starts all of them.
    pub(crate) async fn start(
        places: Vec<Place>,
        client: &Arc<Client>,
        recorder: &Arc<Recorder>,
    ) -> Result<Self, NotStarted> {
        let blows = Arc::<Blows>::default();
        let mut started = Vec::new();
        for place in places {
            let (blow, to_come) = mpsc::unbounded_channel();
            let process = Process::start(&place, recorder).await?;
            client.listens(place.number, Some(process.address));
            let keeper =
                Keeper { place, client: Arc::clone(client), recorder: Arc::clone(recorder), blows: Arc::clone(&blows) };
            started.push((blow, tokio::spawn(keeper.keep(process, to_come))));
        }
        Ok(Self { places: started, blows })
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Does something to the process at a place, after all that was to be done before.
    pub(crate) fn strike(&self, place: usize, blow: Blow) {
        if let Some((blows, _)) = self.places.get(place) {
            // A keeper that is gone has written down why.
            drop(blows.send(blow));
        }
    }

    /// Waits until all that was to be done is over, with all clocks right.
    pub(crate) async fn peace(&self) {
        let (told, mut over): (Vec<_>, Vec<_>) = self.places.iter().map(|_| oneshot::channel()).unzip();
        for ((blows, _), tell) in self.places.iter().zip(told) {
            drop(blows.send(Blow::Peace(tell)));
        }
        for over in &mut over {
            drop(over.await);
        }
    }

    /// Ends all of them, after all that was to be done.
    pub(crate) async fn end(self) {
        for (blows, keeper) in self.places {
            drop(blows);
            drop(keeper.await);
        }
    }
}

/// Who looks after one place.
struct Keeper {
    place: Place,
    client: Arc<Client>,
    recorder: Arc<Recorder>,
    blows: Arc<Blows>,
}

impl Keeper {
    async fn keep(self, mut process: Process, mut to_come: mpsc::UnboundedReceiver<Blow>) {
        loop {
            let blow = tokio::select! {
                blow = to_come.recv() => blow,
                status = process.child.wait() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    self.trouble(format!("it ended by itself, with {status}; its last line: {}", process.last_line()));
                    Some(Blow::Kill { down: Duration::ZERO })
                }
            };
            match blow {
                None => break,
                Some(Blow::Kill { down }) => match self.kill_and_restart(process, down).await {
                    Ok(new) => process = new,
                    Err(error) => return self.trouble(error.to_string()),
                },
                Some(Blow::Pause { length }) => self.pause(&process, length).await,
                Some(Blow::Jump { offset }) => self.jump(offset),
                Some(Blow::Peace(tell)) => {
                    if let Some(clock) = &self.place.clock
                        && let Err(error) = clock.set(0)
                    {
                        self.trouble(format!("its clock cannot be set: {error}"));
                    }
                    // Who waited may have gone.
                    let _ = tell.send(());
                }
            }
        }
        self.client.listens(self.place.number, None);
        process.kill().await;
    }

    async fn kill_and_restart(&self, process: Process, down: Duration) -> Result<Process, NotStarted> {
        let number = self.place.number;
        self.client.listens(number, None);
        let from = Instant::now();
        process.kill().await;
        self.blows.kills.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(down).await;
        let process = Process::start(&self.place, &self.recorder).await?;
        self.recorder.down(Span { place: number, from, to: Instant::now() });
        self.client.listens(number, Some(process.address));
        Ok(process)
    }

    async fn pause(&self, process: &Process, length: Duration) {
        let from = Instant::now();
        process.signal(Signal::STOP);
        tokio::time::sleep(length).await;
        process.signal(Signal::CONT);
        self.recorder.paused(Span { place: self.place.number, from, to: Instant::now() });
        self.blows.pauses.fetch_add(1, Ordering::Relaxed);
    }

    fn jump(&self, offset: i32) {
        let Some(clock) = &self.place.clock else { return };
        if let Err(error) = clock.set(offset) {
            return self.trouble(format!("its clock cannot be set: {error}"));
        }
        self.blows.jumps.fetch_add(1, Ordering::Relaxed);
        let (clock, blows) = (clock.clone(), Arc::clone(&self.blows));
        tokio::spawn(async move {
            if clock.is_logged(offset).await {
                blows.jumps_seen.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    fn trouble(&self, what: String) {
        self.recorder.trouble(self.place.number, what);
    }
}

/// A signer that listens. Killed when dropped.
struct Process {
    child: Child,
    pid: Option<Pid>,
    address: SocketAddr,
    lines: watch::Receiver<LogSoFar>,
    readers: Vec<JoinHandle<()>>,
}

/// What was seen of a log.
#[derive(Debug, Default)]
struct LogSoFar {
    address: Option<SocketAddr>,
    last: String,
}

impl Process {
    async fn start(place: &Place, recorder: &Arc<Recorder>) -> Result<Self, NotStarted> {
        let program = place.program.display().to_string();
        let cannot = |why: &str| NotStarted::Program { program: program.clone(), why: why.to_owned() };
        let mut command = Command::new(&place.program);
        command.env_clear().envs(place.environment.iter().map(|(name, value)| (name, value)));
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
        let address = match tokio::time::timeout(PATIENCE, lines.wait_for(|seen| seen.address.is_some())).await {
            Ok(Ok(seen)) => seen.address,
            Ok(Err(_)) | Err(_) => None,
        };
        let Some(address) = address else {
            return Err(NotStarted::Silent(PATIENCE, lines.borrow().last.clone()));
        };
        Ok(Self { child, pid, address, lines, readers })
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may just have ended, which its keeper sees.
            let _ = kill_process(pid, signal);
        }
    }

    fn last_line(&self) -> String {
        self.lines.borrow().last.clone()
    }

    /// Ends it, and waits until all that it logged is read.
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

/// Where a signer listens, if this is the event that reports it.
fn address(line: &str) -> Option<SocketAddr> {
    // Most lines are other ones, and there are many.
    if !line.contains("listening") {
        return None;
    }
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    let is_listening = fields.get("event")? == "listening";
    is_listening.then(|| fields.get("address")?.as_str()?.parse().ok())?
}
