//! The handle of a running host, for tests.

use crate::app::{App, AppError};
use crate::front;
use crate::instance::{Command, Instance, InstanceInfo, InstanceState, Setup};
use crate::instances::Instances;
use crate::keys::Keys;
use crate::log::Log;
use crate::options::Options;
use crate::supervisor;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The app is invalid.
    #[error(transparent)]
    App(#[from] AppError),
    /// The address is in use, or threads cannot be started.
    #[error("cannot listen on {0}: {1}")]
    CannotListen(SocketAddr, io::Error),
}

/// Some instances are not ready: all states, in the order of the instances.
#[derive(Debug, thiserror::Error)]
#[error("not all instances are ready: {0:?}")]
pub struct NotReady(pub Vec<InstanceState>);

/// A Functions host with its handlers, which are killed on drop.
///
/// It runs on its own threads, so a test may block. Its methods block too, but briefly.
#[derive(Debug)]
pub struct FunctionsHost {
    instances: Arc<Instances>,
    address: SocketAddr,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

impl FunctionsHost {
    /// Starts an app. Handlers may not have answered yet when this returns; requests wait until they have.
    ///
    /// # Errors
    /// If the app is invalid, or the address is in use.
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
        let all = (0..setup.options.instances).map(|_| supervisor::start(&setup)).collect();
        drop(context);
        let instances = Arc::new(Instances { setup, all, turn: AtomicUsize::new(0) });
        runtime.spawn(front::serve(listener, Arc::clone(&instances)));
        Ok(Self { instances, address, runtime: Some(runtime) })
    }

    /// Listening address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The keys that requests are checked against.
    pub fn keys(&self) -> &Keys {
        &self.instances.setup.options.keys
    }

    /// The log of the handlers and the host.
    pub fn log(&self) -> &Log {
        &self.instances.setup.log
    }

    /// All instances, including stopped ones.
    pub fn instances(&self) -> Vec<InstanceInfo> {
        self.instances.all.iter().map(|instance| instance.info()).collect()
    }

    /// An instance, by number.
    pub fn instance(&self, number: usize) -> Option<InstanceInfo> {
        self.find(number).map(|instance| instance.info())
    }

    /// Waits until all instances are ready.
    ///
    /// # Errors
    /// If an instance is not ready in time, or never will be.
    pub fn wait_until_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        let instances = Arc::clone(&self.instances);
        let is_decided =
            |info: &InstanceInfo| !matches!(info.state, InstanceState::Starting | InstanceState::Restarting);
        let decided = async move {
            // While waiting for one, another may restart.
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

    /// Waits until an instance is in a state; false on timeout.
    pub fn wait_for_state(&self, number: usize, wanted: InstanceState, timeout: Duration) -> bool {
        let Some(instance) = self.find(number).cloned() else { return false };
        self.wait(timeout, async move { instance.wait_for(|info| info.state == wanted).await }).is_some()
    }

    /// Sends SIGKILL to the handler of an instance; false if none is running. The host counts that as an error of the handler.
    pub fn kill(&self, number: usize) -> bool {
        self.request(number, Command::Kill)
    }

    /// Restarts the host of an instance, even a stopped one: a new handler is started, then the running one is killed, and errors
    /// are reset. Returns whether that was possible.
    pub fn restart(&self, number: usize) -> bool {
        self.request(number, Command::RestartHost)
    }

    fn find(&self, number: usize) -> Option<&Arc<Instance>> {
        self.instances.all.iter().find(|instance| instance.info().number == number)
    }

    fn request(&self, number: usize, command: fn(mpsc::Sender<bool>) -> Command) -> bool {
        self.find(number).is_some_and(|instance| instance.request(command).recv().unwrap_or(false))
    }

    /// Waits on the host's threads, since the caller may or may not be inside a runtime.
    fn wait(&self, timeout: Duration, event: impl Future<Output = ()> + Send + 'static) -> Option<()> {
        let (sender, receiver) = mpsc::channel();
        self.runtime.as_ref()?.spawn(async move {
            // The receiver outlives the timeout.
            let _ = sender.send(tokio::time::timeout(timeout, event).await.ok());
        });
        receiver.recv().ok().flatten()
    }
}

impl Drop for FunctionsHost {
    fn drop(&mut self) {
        // Stop all at once, then wait for each.
        let stopping = self.instances.all.iter().map(|instance| instance.request(Command::Stop)).collect::<Vec<_>>();
        for stopped in stopping {
            let _ = stopped.recv();
        }
        if let Some(runtime) = self.runtime.take() {
            // The handlers have ended. A task must not block on the threads.
            runtime.shutdown_background();
        }
    }
}
