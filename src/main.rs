//! The command line.

mod commands;

use clap::Parser;
use commands::Command;
use std::process::ExitCode;

/// A Tezos remote signer: keys in a vault, and never two signatures where one is allowed.
///
/// Settings are environment variables; README lists them.
#[derive(Parser)]
#[command(name = "azurehsm-signer", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    match commands::run(CommandLine::parse().command.unwrap_or_default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("azurehsm-signer: {error}");
            ExitCode::FAILURE
        }
    }
}
