//! Watches the handler of an instance: whether it answers, how it ends, and whether it is started again.

use crate::instance::{Instance, InstanceState};
use crate::log::LogLevel;
use crate::port;
use crate::process::{Exit, HandlerProcess};
use crate::scale::Scale;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// What can be done to an instance. Whoever waits is told whether it was possible.
#[derive(Debug)]
pub(crate) enum Command {
    /// SIGKILL for the handler, which to the host is an error of the handler.
    Kill(Option<blocking::Sender<bool>>),
    /// The host itself ends the handler, in which a function takes too long, and starts another.
    RestartHandler,
    /// The host ends, and another one begins at the same place.
    RestartHost(Option<blocking::Sender<bool>>),
    /// The host ends, since its handler never answers.
    GiveUp,
    /// The host ends for good.
    Stop(Option<blocking::Sender<bool>>),
}

/// So many errors stop the host.
const MAX_ERRORS: usize = 3;

/// How often a handler may find its port taken until that is an error of its own.
const MAX_TAKEN_PORTS: usize = 5;

#[derive(Debug)]
pub(crate) struct Supervisor {
    instance: Arc<Instance>,
    scale: Weak<Scale>,
    commands: mpsc::UnboundedReceiver<Command>,
    errors: usize,
    last_error: Option<Instant>,
    taken_ports: usize,
}

enum Event {
    HandlerEnded(Exit, String),
    Command(Command),
}

impl Supervisor {
    pub(crate) fn new(
        instance: &Arc<Instance>,
        scale: &Arc<Scale>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let (instance, scale) = (Arc::clone(instance), Arc::downgrade(scale));
        Self { instance, scale, commands, errors: 0, last_error: None, taken_ports: 0 }
    }

    /// Runs until the instance has stopped for good.
    pub(crate) async fn run(mut self, process: HandlerProcess) {
        let mut process = Some(process);
        let mut probe = self.probe();
        loop {
            let event = match &mut process {
                None => match self.commands.recv().await {
                    Some(command) => Event::Command(command),
                    None => return,
                },
                Some(process) => tokio::select! {
                    (exit, how) = process.ended() => Event::HandlerEnded(exit, how),
                    Some(command) = self.commands.recv() => Event::Command(command),
                },
            };
            match event {
                Event::HandlerEnded(exit, how) => {
                    probe.abort();
                    self.instance.handler_has_ended();
                    process = self.after_exit(exit, &how);
                }
                Event::Command(Command::Kill(reply)) => {
                    if let Some(process) = &mut process {
                        process.kill();
                        // Whoever waits for the next handler shall not find this one.
                        self.handler_is_gone();
                    }
                    tell(reply, process.is_some());
                    continue;
                }
                Event::Command(Command::RestartHandler) => {
                    if let Some(handler) = process.take() {
                        probe.abort();
                        handler.dispose().await;
                        self.log(LogLevel::Warning, "a function took too long: the handler was killed".to_owned());
                        process = self.start_again();
                    }
                }
                Event::Command(Command::RestartHost(reply)) => {
                    probe.abort();
                    if let Some(handler) = process.take() {
                        handler.dispose().await;
                    }
                    (self.errors, self.last_error) = (0, None);
                    self.instance.take_another_port();
                    self.set_state(InstanceState::Starting);
                    process = self.start_again();
                    tell(reply, process.is_some());
                }
                Event::Command(Command::GiveUp) => {
                    probe.abort();
                    self.log(LogLevel::Error, "the handler does not answer. Shutting down Functions Host".to_owned());
                    if let Some(handler) = process.take() {
                        handler.dispose().await;
                    }
                    self.instance.handler_has_ended();
                    self.stopped();
                }
                Event::Command(Command::Stop(reply)) => {
                    probe.abort();
                    self.set_state(InstanceState::Stopped);
                    if let Some(handler) = process.take() {
                        handler.dispose().await;
                    }
                    self.instance.handler_has_ended();
                    tell(reply, true);
                    return;
                }
            }
            if process.is_some() {
                probe = self.probe();
            }
        }
    }

    /// What follows when the handler has ended of itself: maybe the next one.
    fn after_exit(&mut self, exit: Exit, how: &str) -> Option<HandlerProcess> {
        match exit {
            Exit::Clean => {
                self.log(LogLevel::Information, format!("the handler has ended with {how} and is not started again"));
                self.set_state(InstanceState::Ended);
                return None;
            }
            Exit::Restart => {
                self.log(LogLevel::Information, format!("the handler has ended with {how} to be started again"));
            }
            Exit::Error if self.port_was_taken() => {
                self.log(LogLevel::Information, "the port of the handler was taken, it gets another".to_owned());
                self.instance.take_another_port();
            }
            Exit::Error => {
                self.log(LogLevel::Error, format!("the handler has ended with {how}"));
                let window = self.instance.setup.options.error_window;
                if self.last_error.is_some_and(|last| last.elapsed() > window) {
                    self.errors = 0;
                }
                self.errors += 1;
                self.last_error = Some(Instant::now());
            }
        }
        if self.errors < MAX_ERRORS {
            return self.start_again();
        }
        self.log(LogLevel::Error, "Exceeded http worker restart retry count. Shutting down Functions Host".to_owned());
        self.stopped();
        None
    }

    /// Whether something else has the port, so that the handler could never have answered there.
    fn port_was_taken(&mut self) -> bool {
        let taken = self.taken_ports < MAX_TAKEN_PORTS
            && self.instance.state() != InstanceState::Ready
            && !port::is_free(self.instance.port());
        self.taken_ports += usize::from(taken);
        taken
    }

    fn start_again(&mut self) -> Option<HandlerProcess> {
        self.handler_is_gone();
        match self.instance.start_handler() {
            Ok(process) => Some(process),
            Err(error) => {
                self.log(LogLevel::Error, format!("the handler cannot be started: {error}"));
                self.stopped();
                None
            }
        }
    }

    fn handler_is_gone(&self) {
        self.instance.status.send_modify(|status| {
            status.handler += 1;
            if status.state == InstanceState::Ready {
                status.state = InstanceState::Restarting;
            }
        });
    }

    /// The host has ended; maybe the platform has another.
    fn stopped(&self) {
        self.set_state(InstanceState::Stopped);
        if self.instance.setup.options.replace_stopped_instances
            && let Some(scale) = self.scale.upgrade()
        {
            // If it cannot be started, the log tells.
            drop(scale.replace(self.instance.number));
        }
    }

    fn set_state(&self, state: InstanceState) {
        self.instance.status.send_modify(|status| {
            status.handler += 1;
            status.state = state;
        });
    }

    /// Asks the handler until it answers; then it is ready.
    fn probe(&self) -> JoinHandle<()> {
        let instance = Arc::clone(&self.instance);
        let handler = instance.status.borrow().handler;
        let longest = instance.setup.app.host_json().initialization_timeout;
        tokio::spawn(async move {
            let answered = async {
                while !instance.answers().await {
                    sleep(Duration::from_millis(25)).await;
                }
            };
            if timeout(longest, answered).await.is_err() {
                let message = format!("Failed to initialize http worker: no answer within {longest:?}");
                instance.setup.log.host(instance.number, LogLevel::Error, message);
                return;
            }
            instance.status.send_if_modified(|status| {
                // The handler may have ended meanwhile.
                let is_this = status.handler == handler;
                if is_this {
                    status.state = InstanceState::Ready;
                }
                is_this
            });
        })
    }

    fn log(&self, level: LogLevel, message: String) {
        self.instance.setup.log.host(self.instance.number, level, message);
    }
}

fn tell(reply: Option<blocking::Sender<bool>>, possible: bool) {
    if let Some(reply) = reply {
        // Nobody may wait any more.
        let _ = reply.send(possible);
    }
}
