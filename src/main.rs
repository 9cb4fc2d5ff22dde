//! The command line.

mod cli;

use clap::Parser;
use cli::{Command, ReaderGone};
use std::io::Write;
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
    match cli::run(CommandLine::parse().command.unwrap_or_default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::from(READER_GONE),
        Err(error) => {
            // Nobody may read this either.
            drop(writeln!(std::io::stderr(), "azurehsm-signer: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What a shell reports for a program that SIGPIPE has ended, as it ends `cat` or `ls` here.
const READER_GONE: u8 = 128 + 13;
