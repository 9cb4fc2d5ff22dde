//! An instance: a host with its handler.

use crate::app::App;
use crate::log::{Log, LogLevel, LogSource};
use crate::options::Options;
use crate::supervisor::{Command, Supervisor};
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

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// Since its start or restart no handler has answered. Requests wait.
    Starting,
    /// The handler has answered.
    Ready,
    /// The handler has ended, and the next one has not answered yet. Requests are sent all the same, and sent again.
    Restarting,
    /// The handler has ended with code 0. It is not started again before the host is.
    Ended,
    /// The host has ended.
    Stopped,
}

/// What can be seen of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Its number, which no other instance has or had.
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

/// What all instances of an app have in common.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) app: App,
    pub(crate) options: Options,
    /// Where requests arrive.
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
    /// A new instance, of which nothing has been started.
    pub(crate) fn new(setup: &Setup) -> Self {
        let number = setup.next_number.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { number, id, state: InstanceState::Starting, port: free_port(), process: None, handlers: 0 }
    }
}

impl Instance {
    /// Starts it. Has to be called within a runtime.
    pub(crate) fn start(setup: &Arc<Setup>) -> Arc<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let (commands, received) = mpsc::unbounded_channel();
        let instance = Arc::new(Self {
            info: watch::Sender::new(InstanceInfo::new(setup)),
            commands,
            client: Client::builder(TokioExecutor::new()).build(connector),
            setup: Arc::clone(setup),
        });
        tokio::spawn(Supervisor::start(&instance, received).run());
        instance
    }

    pub(crate) fn info(&self) -> InstanceInfo {
        self.info.borrow().clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut InstanceInfo)) {
        self.info.send_modify(change);
    }

    /// Waits until it is as wanted.
    pub(crate) async fn wait_for(&self, is_wanted: impl Fn(&InstanceInfo) -> bool) {
        // The sender is here, so it does not end before.
        drop(self.info.subscribe().wait_for(|info| is_wanted(info)).await);
    }

    /// Waits until anything answers `GET /` at the handler's port.
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
        // Nobody receives commands after the last one.
        drop(self.commands.send(command));
    }

    /// Gives a command. Whether it was possible is received once it is done.
    pub(crate) fn ask(&self, command: impl FnOnce(blocking::Sender<bool>) -> Command) -> blocking::Receiver<bool> {
        let (reply, replied) = blocking::channel();
        self.command(command(reply));
        replied
    }
}

/// A free port.
///
/// The system would pick one of those that it also gives to outgoing connections. Between two handlers, one of these could take
/// it.
pub(crate) fn free_port() -> u16 {
    let random = || Uuid::new_v4().as_fields().1 % 22_000;
    let mut candidates = (0..100).map(|_| 10_240 + random());
    candidates.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap_or_default()
}
