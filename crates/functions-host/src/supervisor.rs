//! Supervises the handler of an instance: whether it answers, how it ends, and whether it is started again.

use crate::instance::{Command, Instance, InstanceInfo, InstanceState, Setup, free_port};
use crate::log::LogLevel;
use crate::process::{End, HandlerProcess};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Starts an instance with its supervisor. Must be called inside a runtime.
pub(crate) fn start(setup: &Arc<Setup>) -> Arc<Instance> {
    let (instance, commands) = Instance::new(setup);
    tokio::spawn(Supervisor::new(&instance, commands).run());
    instance
}

/// Number of errors that stop the host.
const MAX_ERRORS: usize = 3;

#[derive(Debug)]
struct Supervisor {
    instance: Arc<Instance>,
    commands: mpsc::UnboundedReceiver<Command>,
    process: Option<HandlerProcess>,
    /// Time by which the handler must have answered.
    deadline: Instant,
    errors: usize,
    last_error: Option<Instant>,
}

enum Event {
    Ended(End),
    Answered,
    NeverAnswered,
    Command(Command),
}

impl Supervisor {
    /// Starts the first handler.
    fn new(instance: &Arc<Instance>, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        let instance = Arc::clone(instance);
        let deadline = Instant::now();
        let mut supervisor = Self { instance, commands, process: None, deadline, errors: 0, last_error: None };
        supervisor.start_handler();
        supervisor
    }

    /// Runs until the instance has stopped for good.
    async fn run(mut self) {
        while let Some(event) = self.next_event().await {
            match event {
                Event::Ended(end) => self.after_end(&end),
                Event::Answered => self.set_state(InstanceState::Ready),
                Event::NeverAnswered => {
                    self.dispose().await;
                    let limit = self.instance.setup.app.initialization_timeout;
                    self.after_error(format!("the handler did not answer within {limit:?} of its start"));
                }
                Event::Command(Command::Kill(sender)) => {
                    let process = self.process.take();
                    let is_possible = process.is_some();
                    if let Some(process) = process {
                        let end = process.kill().await;
                        self.after_end(&end);
                    }
                    reply(&sender, is_possible);
                }
                Event::Command(Command::ReplaceHandler(number)) => {
                    if self.process.is_some() && self.instance.info().handlers == number {
                        self.dispose().await;
                        self.instance.log(LogLevel::Warning, "request timed out: handler killed");
                        self.start_handler();
                    }
                }
                Event::Command(Command::RestartHost(sender)) => {
                    self.restart_host().await;
                    reply(&sender, self.process.is_some());
                }
                Event::Command(Command::Stop(sender)) => {
                    self.dispose().await;
                    self.set_state(InstanceState::Stopped);
                    reply(&sender, true);
                    return;
                }
            }
        }
    }

    /// The next event; never returns once all command senders are gone.
    async fn next_event(&mut self) -> Option<Event> {
        let Some(process) = &mut self.process else { return self.commands.recv().await.map(Event::Command) };
        let is_ready = self.instance.info().state == InstanceState::Ready;
        tokio::select! {
            end = process.ended() => Some(Event::Ended(end)),
            command = self.commands.recv() => command.map(Event::Command),
            () = self.instance.answers(), if !is_ready => Some(Event::Answered),
            () = sleep_until(self.deadline), if !is_ready => Some(Event::NeverAnswered),
        }
    }

    /// The new host starts its handler, on a new port, before the old host kills the old handler. Errors are reset.
    async fn restart_host(&mut self) {
        let old = self.process.take();
        (self.errors, self.last_error) = (0, None);
        self.instance.change(|info| {
            info.state = InstanceState::Starting;
            info.port = free_port();
        });
        self.start_handler();
        if let Some(old) = old {
            if timeout(self.instance.setup.options.restart_overlap, self.instance.answers()).await.is_ok() {
                self.set_state(InstanceState::Ready);
            }
            old.kill().await;
        }
    }

    /// Handles the end of a handler that the host did not cause.
    fn after_end(&mut self, end: &End) {
        self.process = None;
        self.instance.change(|info| info.process = None);
        match end {
            End::Clean => {
                self.instance.log(LogLevel::Information, "the handler has ended with code 0 and is not started again");
                self.set_state(InstanceState::Ended);
            }
            End::Restart => {
                self.instance.log(LogLevel::Information, "the handler has ended with code 200 to be started again");
                self.start_handler();
            }
            End::Error(how) => self.after_error(format!("the handler has ended with {how}")),
        }
    }

    fn after_error(&mut self, message: String) {
        self.instance.log(LogLevel::Error, message);
        let window = self.instance.setup.options.error_window;
        if self.last_error.is_some_and(|last| last.elapsed() > window) {
            self.errors = 0;
        }
        self.errors += 1;
        self.last_error = Some(Instant::now());
        if self.errors < MAX_ERRORS {
            self.start_handler();
        } else {
            let message = "Exceeded http worker restart retry count. Shutting down Functions Host";
            self.instance.log(LogLevel::Error, message);
            self.stop_or_replace();
        }
    }

    /// Starts the next handler. Unless it is the first of its host, requests no longer wait for it.
    fn start_handler(&mut self) {
        self.instance.change(|info| {
            info.handlers += 1;
            if info.state != InstanceState::Starting {
                info.state = InstanceState::Restarting;
            }
        });
        match HandlerProcess::start(&self.instance.setup, &self.instance.info()) {
            Ok(process) => {
                self.deadline = Instant::now() + self.instance.setup.app.initialization_timeout;
                self.instance.change(|info| info.process = process.id());
                self.process = Some(process);
            }
            Err(error) => {
                self.instance.log(LogLevel::Error, format!("the handler cannot be started: {error}"));
                self.set_state(InstanceState::Stopped);
            }
        }
    }

    /// The host stops; the platform may replace it.
    fn stop_or_replace(&mut self) {
        if !self.instance.setup.options.replace_stopped_instances {
            self.set_state(InstanceState::Stopped);
            return;
        }
        (self.errors, self.last_error) = (0, None);
        let new = InstanceInfo::new(&self.instance.setup);
        self.instance.change(|info| *info = new);
        self.start_handler();
    }

    async fn dispose(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
        self.instance.change(|info| info.process = None);
    }

    fn set_state(&self, state: InstanceState) {
        self.instance.change(|info| info.state = state);
    }
}

fn reply(sender: &blocking::Sender<bool>, is_possible: bool) {
    // The caller may have given up.
    let _ = sender.send(is_possible);
}
