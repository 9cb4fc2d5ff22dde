//! An instance: a host process with its handler.

use crate::app::App;
use crate::log::{Log, LogLevel, LogSource};
use crate::options::Options;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as blocking};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use uuid::Uuid;

/// State of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// No handler has answered since the start or restart. Requests wait.
    Starting,
    /// The handler has answered.
    Ready,
    /// The handler has ended, and its successor has not answered yet. Requests are sent nevertheless, and retried.
    Restarting,
    /// The handler has ended with code 0. It is not started again until the host restarts.
    Ended,
    /// The host has stopped.
    Stopped,
}

/// A snapshot of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Number, unique within the app and never reused.
    pub number: usize,
    /// `WEBSITE_INSTANCE_ID` of the handler.
    pub id: String,
    /// Current state.
    pub state: InstanceState,
    /// Port of the handler.
    pub port: u16,
    /// Process id of the handler, if one is running.
    pub process: Option<u32>,
    /// Number of handlers started so far.
    pub handlers: usize,
}

/// A command to an instance. The sender of the command gets whether it was possible.
#[derive(Debug)]
pub(crate) enum Command {
    /// Sends SIGKILL to the handler, which the host counts as an error of the handler.
    Kill(blocking::Sender<bool>),
    /// Replaces the handler after a request timed out in it. Handlers are numbered from 1.
    ReplaceHandler(usize),
    /// Restarts the host.
    RestartHost(blocking::Sender<bool>),
    /// Stops the host for good.
    Stop(blocking::Sender<bool>),
}

/// Shared by all instances of an app.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) app: App,
    pub(crate) options: Options,
    /// Port of the public side.
    pub(crate) public_port: u16,
    pub(crate) log: Log,
    pub(crate) next_number: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Instance {
    info: watch::Sender<InstanceInfo>,
    commands: mpsc::UnboundedSender<Command>,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) setup: Arc<Setup>,
}

impl InstanceInfo {
    /// A new instance, not started yet.
    pub(crate) fn new(setup: &Setup) -> Self {
        let number = setup.next_number.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { number, id, state: InstanceState::Starting, port: free_port(), process: None, handlers: 0 }
    }
}

impl Instance {
    /// An instance without a handler, and the commands that it receives.
    pub(crate) fn new(setup: &Arc<Setup>) -> (Arc<Self>, mpsc::UnboundedReceiver<Command>) {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let (commands, received) = mpsc::unbounded_channel();
        let instance = Self {
            info: watch::Sender::new(InstanceInfo::new(setup)),
            commands,
            client: Client::builder(TokioExecutor::new()).build(connector),
            setup: Arc::clone(setup),
        };
        (Arc::new(instance), received)
    }

    pub(crate) fn info(&self) -> InstanceInfo {
        self.info.borrow().clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut InstanceInfo)) {
        self.info.send_modify(change);
    }

    /// Waits until the condition holds.
    pub(crate) async fn wait_for(&self, is_wanted: impl Fn(&InstanceInfo) -> bool) {
        // The sender is in `self`, so this cannot end early.
        drop(self.info.subscribe().wait_for(|info| is_wanted(info)).await);
    }

    /// Waits until the handler answers `GET /`, with any status.
    pub(crate) async fn answers(&self) {
        loop {
            let uri = format!("http://127.0.0.1:{}/", self.info().port);
            if let Ok(request) = Request::get(uri).body(Full::default())
                && self.client.request(request).await.is_ok()
            {
                return;
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    pub(crate) fn log(&self, level: LogLevel, message: impl Into<String>) {
        self.setup.log.add(self.info.borrow().number, LogSource::Host, level, message);
    }

    pub(crate) fn command(&self, command: Command) {
        // The receiver is gone once the instance has stopped.
        drop(self.commands.send(command));
    }

    /// Sends a command. The receiver gets whether it was possible, once it is done.
    pub(crate) fn request(&self, command: impl FnOnce(blocking::Sender<bool>) -> Command) -> blocking::Receiver<bool> {
        let (reply, replied) = blocking::channel();
        self.command(command(reply));
        replied
    }
}

/// A free port.
///
/// The system would choose one of the ephemeral ports, and an outgoing connection could then take it between two handlers.
pub(crate) fn free_port() -> u16 {
    let random = || Uuid::new_v4().as_fields().1 % 22_000;
    let mut candidates = (0..100).map(|_| 10_240 + random());
    candidates.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap_or_default()
}
