//! An instance: a host with its handler.

use crate::body::{self, ProxyBody};
use crate::port;
use crate::process::{HandlerProcess, Identity};
use crate::random;
use crate::scale::Scale;
use crate::setup::Setup;
use crate::supervisor::{Command, Supervisor};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::io;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as blocking};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// No handler of it has answered yet. Requests wait.
    Starting,
    /// The handler has answered.
    Ready,
    /// The handler has ended, and the next one has not answered yet. Requests are sent nevertheless, and are tried
    /// again.
    Restarting,
    /// The handler has ended with code 0. It is not started again, and all requests fail.
    Ended,
    /// The host has ended.
    Stopped,
}

/// What can be seen of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Its number. No two instances have the same, not even one after the other.
    pub number: usize,
    /// What the handler sees as `WEBSITE_INSTANCE_ID`.
    pub id: String,
    /// What it does.
    pub state: InstanceState,
    /// The port of its handler.
    pub port: u16,
    /// The id of the handler's process, if one runs.
    pub process: Option<u32>,
    /// How many handlers it has started.
    pub handlers: usize,
}

/// The state, and the handler that it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status {
    pub(crate) state: InstanceState,
    pub(crate) handler: usize,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) number: usize,
    id: String,
    port: AtomicU16,
    /// Zero is none.
    process: AtomicU32,
    handlers: AtomicUsize,
    pub(crate) status: watch::Sender<Status>,
    commands: mpsc::UnboundedSender<Command>,
    client: Client<HttpConnector, ProxyBody>,
    pub(crate) setup: Arc<Setup>,
}

impl Instance {
    /// Starts it. Has to be called within a runtime.
    pub(crate) fn start(setup: &Arc<Setup>, scale: &Arc<Scale>, number: usize) -> io::Result<Arc<Self>> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build(connector);
        let (commands, received) = mpsc::unbounded_channel();
        let instance = Arc::new(Self {
            number,
            id: random::hexadecimal::<32>(),
            port: AtomicU16::new(port::free()),
            process: AtomicU32::new(0),
            handlers: AtomicUsize::new(0),
            status: watch::Sender::new(Status { state: InstanceState::Starting, handler: 0 }),
            commands,
            client,
            setup: Arc::clone(setup),
        });
        let process = instance.start_handler()?;
        tokio::spawn(Supervisor::new(&instance, scale, received).run(process));
        Ok(instance)
    }

    /// Starts a handler. The state stays what it is.
    pub(crate) fn start_handler(self: &Arc<Self>) -> io::Result<HandlerProcess> {
        let Setup { app, executable, options, log } = &*self.setup;
        let identity = Identity {
            instance: self.number,
            instance_id: (!options.development).then_some(self.id.as_str()),
            site_name: &options.site_name,
            port: self.port(),
        };
        let process = HandlerProcess::start(executable, app.root(), &options.environment, &identity, log)?;
        self.handlers.fetch_add(1, Ordering::Relaxed);
        self.process.store(process.id().unwrap_or_default(), Ordering::Relaxed);
        Ok(process)
    }

    pub(crate) fn handler_has_ended(&self) {
        self.process.store(0, Ordering::Relaxed);
    }

    pub(crate) fn info(&self) -> InstanceInfo {
        InstanceInfo {
            number: self.number,
            id: self.id.clone(),
            state: self.state(),
            port: self.port(),
            process: Some(self.process.load(Ordering::Relaxed)).filter(|id| *id != 0),
            handlers: self.handlers.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn state(&self) -> InstanceState {
        self.status.borrow().state
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    pub(crate) fn take_another_port(&self) {
        self.port.store(port::free(), Ordering::Relaxed);
    }

    pub(crate) fn client(&self) -> &Client<HttpConnector, ProxyBody> {
        &self.client
    }

    /// Waits until the state is one of these.
    pub(crate) async fn wait_for(&self, is_wanted: impl Fn(InstanceState) -> bool) {
        let mut states = self.status.subscribe();
        // The sender is here, so it does not end before.
        drop(states.wait_for(|status| is_wanted(status.state)).await);
    }

    /// Waits until requests are taken; whether they ever are.
    pub(crate) async fn takes_requests(&self, longest: Duration) -> bool {
        let started = self.wait_for(|state| state != InstanceState::Starting);
        if tokio::time::timeout(longest, started).await.is_err() {
            self.command(Command::GiveUp);
            return false;
        }
        self.state() != InstanceState::Stopped
    }

    /// Whether anything answers `GET /`.
    pub(crate) async fn answers(&self) -> bool {
        let uri = format!("http://127.0.0.1:{}/", self.port());
        match Request::get(uri).body(body::empty()) {
            Ok(request) => self.client.request(request).await.is_ok(),
            Err(_) => false,
        }
    }

    pub(crate) fn command(&self, command: Command) {
        // Nobody receives commands when it has stopped for good.
        drop(self.commands.send(command));
    }

    /// Sends SIGKILL to the handler; whether there was one.
    pub(crate) fn kill(&self) -> bool {
        self.ask(|reply| Command::Kill(Some(reply)))
    }

    /// Restarts the host.
    pub(crate) fn restart(&self) -> bool {
        self.ask(|reply| Command::RestartHost(Some(reply)))
    }

    /// Ends it for good, and tells when that is done.
    pub(crate) fn begin_stop(&self) -> blocking::Receiver<bool> {
        let (reply, replied) = blocking::channel();
        self.command(Command::Stop(Some(reply)));
        replied
    }

    fn ask(&self, command: impl FnOnce(blocking::Sender<bool>) -> Command) -> bool {
        let (reply, replied) = blocking::channel();
        self.command(command(reply));
        replied.recv().unwrap_or(false)
    }
}
