//! The host as tests use it.

use crate::app::{App, AppError};
use crate::front;
use crate::instance::{Instance, InstanceInfo, InstanceState, Setup};
use crate::keys::Keys;
use crate::log::Log;
use crate::options::Options;
use crate::supervisor::Command;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The app is refused.
    #[error(transparent)]
    App(#[from] AppError),
    /// There are no threads for it, or the address is taken.
    #[error("cannot listen on {0}: {1}")]
    CannotListen(SocketAddr, io::Error),
}

/// Not all instances are ready: their states in the order of the instances.
#[derive(Debug, thiserror::Error)]
#[error("the instances are {0:?}")]
pub struct NotReady(pub Vec<InstanceState>);

/// A Functions host with its handlers, which are killed when it is dropped.
///
/// It runs on threads of its own, so a test may block. Its functions block too, but not for long.
#[derive(Debug)]
pub struct FunctionsHost {
    instances: Arc<Instances>,
    address: SocketAddr,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

/// The instances of an app, of which each gets requests in turn.
#[derive(Debug)]
pub(crate) struct Instances {
    pub(crate) setup: Arc<Setup>,
    all: Vec<Arc<Instance>>,
    turn: AtomicUsize,
}

impl Instances {
    /// The instance for the next request: one that has started, if there is one.
    pub(crate) fn next(&self) -> Option<&Instance> {
        let of = |is_wanted: fn(InstanceState) -> bool| {
            self.all.iter().filter(|instance| is_wanted(instance.info().state)).collect::<Vec<_>>()
        };
        let started = of(|state| !matches!(state, InstanceState::Starting | InstanceState::Stopped));
        let candidates = if started.is_empty() { of(|state| state == InstanceState::Starting) } else { started };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        candidates.get(turn.checked_rem(candidates.len())?).map(|instance| &***instance)
    }
}

impl FunctionsHost {
    /// Starts an app. Its handlers run then, but need not have answered yet: requests wait until they have.
    ///
    /// # Errors
    /// If the app is refused, or the address is taken.
    pub fn start(app_folder: impl AsRef<Path>, options: Options) -> Result<Self, StartError> {
        let app = App::load(app_folder.as_ref(), &options.environment)?;
        let cannot_listen = |error| StartError::CannotListen(options.listen, error);
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("functions-host").enable_all().build();
        let runtime = runtime.map_err(cannot_listen)?;
        let listener = std::net::TcpListener::bind(options.listen).map_err(cannot_listen)?;
        listener.set_nonblocking(true).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let context = runtime.enter();
        let listener = TcpListener::from_std(listener).map_err(cannot_listen)?;
        let (public_port, next_number) = (address.port(), AtomicUsize::new(0));
        let setup = Arc::new(Setup { app, options, public_port, log: Log::default(), next_number });
        let all = (0..setup.options.instances).map(|_| Instance::start(&setup)).collect();
        drop(context);
        let instances = Arc::new(Instances { setup, all, turn: AtomicUsize::new(0) });
        runtime.spawn(front::serve(listener, Arc::clone(&instances)));
        Ok(Self { instances, address, runtime: Some(runtime) })
    }

    /// Where requests arrive.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where requests arrive, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key that requests must have.
    pub fn keys(&self) -> &Keys {
        &self.instances.setup.options.keys
    }

    /// What the handlers and the host write.
    pub fn log(&self) -> &Log {
        &self.instances.setup.log
    }

    /// The instances, stopped ones too.
    pub fn instances(&self) -> Vec<InstanceInfo> {
        self.instances.all.iter().map(|instance| instance.info()).collect()
    }

    /// The instance of this number.
    pub fn instance(&self, number: usize) -> Option<InstanceInfo> {
        self.find(number).map(|instance| instance.info())
    }

    /// Waits until all instances are ready.
    ///
    /// # Errors
    /// If one of them is not after this time, or will never be.
    pub fn wait_until_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        let instances = Arc::clone(&self.instances);
        let is_decided =
            |info: &InstanceInfo| !matches!(info.state, InstanceState::Starting | InstanceState::Restarting);
        let decided = async move {
            // While one is waited for, another may be undecided again.
            while !instances.all.iter().all(|instance| is_decided(&instance.info())) {
                for instance in &instances.all {
                    instance.wait_for(is_decided).await;
                }
            }
        };
        let is_in_time = self.wait(timeout, decided).is_some();
        let states = self.instances().into_iter().map(|instance| instance.state).collect::<Vec<_>>();
        let is_ready = is_in_time && states.iter().all(|state| *state == InstanceState::Ready);
        if is_ready { Ok(()) } else { Err(NotReady(states)) }
    }

    /// Waits until an instance is in a state; whether it is after this time at the latest.
    pub fn wait_for_state(&self, number: usize, wanted: InstanceState, timeout: Duration) -> bool {
        let Some(instance) = self.find(number).cloned() else { return false };
        self.wait(timeout, async move { instance.wait_for(|info| info.state == wanted).await }).is_some()
    }

    /// Kills the handler of an instance with SIGKILL; whether one ran. For the instance that is an error of the handler.
    pub fn kill(&self, number: usize) -> bool {
        self.ask(number, Command::Kill)
    }

    /// Restarts the host of an instance, also of one that has stopped: another handler is started, then the one that runs is
    /// killed, and errors are forgotten. Whether it could be.
    pub fn restart(&self, number: usize) -> bool {
        self.ask(number, Command::RestartHost)
    }

    fn find(&self, number: usize) -> Option<&Arc<Instance>> {
        self.instances.all.iter().find(|instance| instance.info().number == number)
    }

    fn ask(&self, number: usize, command: fn(mpsc::Sender<bool>) -> Command) -> bool {
        self.find(number).is_some_and(|instance| instance.ask(command).recv().unwrap_or(false))
    }

    /// Waits on the threads of the host: the caller may or may not be a task.
    fn wait(&self, timeout: Duration, event: impl Future<Output = ()> + Send + 'static) -> Option<()> {
        let (sender, receiver) = mpsc::channel();
        self.runtime.as_ref()?.spawn(async move {
            // The receiver waits longer than this.
            let _ = sender.send(tokio::time::timeout(timeout, event).await.ok());
        });
        receiver.recv().ok().flatten()
    }
}

impl Drop for FunctionsHost {
    fn drop(&mut self) {
        // All at once, then each is waited for.
        let stopping = self.instances.all.iter().map(|instance| instance.ask(Command::Stop)).collect::<Vec<_>>();
        for stopped in stopping {
            let _ = stopped.recv();
        }
        if let Some(runtime) = self.runtime.take() {
            // The handlers have ended already. Waiting for the threads is not allowed in a task.
            runtime.shutdown_background();
        }
    }
}
