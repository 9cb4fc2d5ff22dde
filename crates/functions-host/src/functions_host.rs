//! The host as tests use it.

use crate::app::App;
use crate::app_error::AppError;
use crate::executable::Executable;
use crate::front;
use crate::instance::{InstanceInfo, InstanceState};
use crate::keys::Keys;
use crate::log::Log;
use crate::options::Options;
use crate::scale::Scale;
use crate::setup::Setup;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The app is not right.
    #[error(transparent)]
    App(#[from] AppError),
    /// There is no such file in the app, nor such a program on `PATH`.
    #[error("cannot start the handler: {0} is not in the app, nor on PATH")]
    NoExecutable(String),
    /// The handler cannot be started.
    #[error("cannot start the handler: {0}")]
    CannotStart(io::Error),
    /// There are no threads for it, or the address is taken.
    #[error("cannot listen on {0}: {1}")]
    CannotListen(SocketAddr, io::Error),
}

/// Not all instances are ready: their states in the order of the instances.
#[derive(Debug, thiserror::Error)]
#[error("the instances are {0:?}")]
pub struct NotReady(pub Vec<InstanceState>);

/// A host of Azure Functions with its handlers, which are killed when it is dropped.
///
/// It runs on threads of its own, so a test may block. Its functions block too, but not for long.
#[derive(Debug)]
pub struct FunctionsHost {
    scale: Arc<Scale>,
    address: SocketAddr,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

impl FunctionsHost {
    /// Starts an app. Its handlers run then, but need not have answered yet: requests wait until they have.
    ///
    /// # Errors
    /// If a host would refuse the app, or if the handler cannot be started.
    pub fn start(app_folder: impl AsRef<Path>, options: Options) -> Result<Self, StartError> {
        let app = App::load_with(app_folder, &options.environment)?;
        let executable = Executable::find(&app, &options.environment)
            .ok_or_else(|| StartError::NoExecutable(app.host_json().default_executable_path.clone()))?;
        executable.prepare(options.plan);
        let (listen, instances) = (options.listen, options.instances);
        let cannot_listen = |error| StartError::CannotListen(listen, error);
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("functions-host").enable_all().build();
        let runtime = runtime.map_err(cannot_listen)?;
        let scale = Scale::new(Arc::new(Setup { app, executable, options, log: Log::default() }));
        // From here on, dropping it ends whatever has been started.
        let mut host = Self { scale, address: listen, runtime: Some(runtime) };
        let listener = host.enter(|| bind(listen)).map_err(cannot_listen)?;
        host.address = listener.local_addr().map_err(cannot_listen)?;
        host.scale_to(instances).map_err(StartError::CannotStart)?;
        if let Some(runtime) = &host.runtime {
            runtime.spawn(front::serve(listener, Arc::clone(&host.scale)));
        }
        Ok(host)
    }

    /// Where requests arrive.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where requests arrive, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The app.
    pub fn app(&self) -> &App {
        &self.scale.setup().app
    }

    /// The keys that requests may have.
    pub fn keys(&self) -> &Keys {
        &self.scale.setup().options.keys
    }

    /// What the handlers and the host write.
    pub fn log(&self) -> &Log {
        &self.scale.setup().log
    }

    /// The instances, stopped ones too.
    pub fn instances(&self) -> Vec<InstanceInfo> {
        self.scale.instances().iter().map(|instance| instance.info()).collect()
    }

    /// The instance of this number.
    pub fn instance(&self, number: usize) -> Option<InstanceInfo> {
        self.scale.instance(number).map(|instance| instance.info())
    }

    /// Waits until all instances are ready.
    ///
    /// # Errors
    /// If one of them is not after this time, or will never be.
    pub fn wait_until_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        let scale = Arc::clone(&self.scale);
        let ready = async move {
            loop {
                for instance in scale.instances() {
                    let decided = |state| !matches!(state, InstanceState::Starting | InstanceState::Restarting);
                    instance.wait_for(decided).await;
                }
                // Some may be others by now.
                let states = scale.instances().iter().map(|instance| instance.state()).collect::<Vec<_>>();
                let is = |wanted: InstanceState| move |state: &InstanceState| *state == wanted;
                if states.iter().all(is(InstanceState::Ready)) {
                    return true;
                }
                let replaced = scale.setup().options.replace_stopped_instances;
                if states.iter().any(is(InstanceState::Ended))
                    || !replaced && states.iter().any(is(InstanceState::Stopped))
                {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if self.wait(timeout, ready) == Some(true) {
            return Ok(());
        }
        Err(NotReady(self.instances().into_iter().map(|instance| instance.state).collect()))
    }

    /// Waits until an instance is in a state; whether it is after this time at the latest.
    pub fn wait_for_state(&self, number: usize, wanted: InstanceState, timeout: Duration) -> bool {
        let Some(instance) = self.scale.instance(number) else { return false };
        self.wait(timeout, async move { instance.wait_for(|state| state == wanted).await }).is_some()
    }

    /// Kills the handler of an instance with SIGKILL; whether one ran. For the instance that is an error of the
    /// handler.
    pub fn kill(&self, number: usize) -> bool {
        self.scale.instance(number).is_some_and(|instance| instance.kill())
    }

    /// Restarts the host of an instance, also of one that has stopped: the handler is killed and another is started,
    /// and errors are forgotten. Whether it could be.
    pub fn restart(&self, number: usize) -> bool {
        self.scale.instance(number).is_some_and(|instance| instance.restart())
    }

    /// Lets the platform replace an instance by a new one, whose number it tells.
    ///
    /// # Errors
    /// If the handler cannot be started, or there is no such instance.
    pub fn recycle(&self, number: usize) -> io::Result<usize> {
        let old = self.scale.instance(number);
        let new = self.enter(|| self.scale.replace(number))?;
        if let Some(old) = old {
            // Nothing is told if it has stopped before.
            let _ = old.begin_stop().recv();
        }
        new.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no instance {number}")))
    }

    /// Starts instances until there are so many, or kills the last ones.
    ///
    /// # Errors
    /// If a handler cannot be started.
    pub fn scale_to(&self, instances: usize) -> io::Result<()> {
        self.enter(|| self.scale.scale_to(instances))
    }

    /// Does it where tasks can be started.
    fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _context = self.runtime.as_ref().map(Runtime::enter);
        work()
    }

    /// Waits on the threads of the host: the caller may or may not be a task.
    fn wait<T: Send + 'static>(&self, timeout: Duration, event: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (sender, receiver) = mpsc::channel();
        self.runtime.as_ref()?.spawn(async move {
            // The receiver waits longer than this.
            drop(sender.send(tokio::time::timeout(timeout, event).await.ok()));
        });
        receiver.recv().ok().flatten()
    }
}

/// Has to be called within a runtime.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

impl Drop for FunctionsHost {
    fn drop(&mut self) {
        self.scale.stop();
        if let Some(runtime) = self.runtime.take() {
            // The handlers have ended already. Waiting for the threads is not allowed in a task.
            runtime.shutdown_background();
        }
    }
}
