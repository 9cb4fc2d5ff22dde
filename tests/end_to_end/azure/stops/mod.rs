//! `marks stop`, `marks resume` and `marks handover`.

mod commands;
mod crashes;
mod handover;
mod under_load;

use crate::azure::instance::command;
use crate::support::process::{complaint, printed};
use stand_ins::Azure;
use std::process::Command;

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
