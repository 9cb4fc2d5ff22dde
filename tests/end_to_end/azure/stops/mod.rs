//! `marks stop`, `marks resume` and `marks handover`.

mod commands;
mod crashes;
mod handover;
mod under_load;
mod unreadable;

use crate::azure::instance::command;
use crate::support::eventually::eventually;
use crate::support::process::{complaint, printed, signal};
use stand_ins::{Azure, Effect, Operation};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// So that the wait for requests in flight is short.
const SHORT: [(&str, &str); 2] = [("REQUEST_DEADLINE_MS", "1000"), ("RELAY_DEADLINE_MS", "1000")];

/// A command on the marks, to be started.
fn marks(azure: &Azure, arguments: &[&str]) -> Command {
    let mut command = command(azure, &SHORT);
    command.arg("marks").args(arguments);
    command
}

/// The output of a command that must succeed.
fn done(azure: &Azure, arguments: &[&str]) -> String {
    printed(&marks(azure, arguments).output().unwrap())
}

/// The error of a command that must fail.
fn refused(azure: &Azure, arguments: &[&str]) -> String {
    complaint(&marks(azure, arguments).output().unwrap())
}

/// The identifiers of the stops that a text shows, in order.
fn stops_in(text: &str) -> Vec<String> {
    text.split("(stop ").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()).collect()
}

/// How often a stop or a resume of a key with all marks on one chain writes: the stop item, and three marks.
const WRITES: u32 = 4;

/// Runs a command, and suspends it when it has written this often and wants to write again. That write is not done.
fn suspend(azure: &Azure, arguments: &[&str], after: u32) -> Child {
    let wanted = Arc::<AtomicU32>::default();
    let writes = Arc::clone(&wanted);
    azure.cosmos.faults().follow(move |operation| {
        let is_write = matches!(operation, Operation::CreateItem | Operation::ReplaceItem);
        (is_write && writes.fetch_add(1, Ordering::Relaxed) >= after).then_some(Effect::Hang)
    });
    let command = marks(azure, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("one write too many", || (wanted.load(Ordering::Relaxed) > after).then_some(()));
    signal(&command, "STOP");
    azure.cosmos.faults().clear();
    command
}
