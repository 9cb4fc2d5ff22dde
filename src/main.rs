//! The entry point of the program: the command line, and how failures are reported.

mod cli;

use azurehsm_signer::functions_host::{self, ParentProcess};
use clap::Parser;
use cli::{Command, ReaderGone};
use std::io::Write;
use std::process::ExitCode;

/// A Tezos remote signer for keys in Azure Key Vault or Managed HSM that never double-signs
///
/// Settings are environment variables: `azurehsm-signer settings` lists them.
#[derive(Parser)]
#[command(name = "azurehsm-signer", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    // Before anything else, since the host may die at any time.
    let parent = ParentProcess::now();
    let command = CommandLine::parse().command.unwrap_or_default();
    let host = (matches!(command, Command::Serve) && functions_host::is_present(cli::variable)).then_some(parent);
    if host.is_some() {
        cli::print_panics_on_one_line();
    }
    match cli::run(command, host) {
        Ok(status) => status,
        Err(error) if error.is::<ReaderGone>() => ExitCode::from(READER_GONE),
        Err(error) => {
            let reason = format!("azurehsm-signer: {error}");
            if host.is_some() {
                cli::print_failure(&reason);
            } else {
                // If standard error is closed too, the error cannot be reported.
                drop(writeln!(std::io::stderr(), "{reason}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// The status that a shell reports for a program that SIGPIPE has killed.
const READER_GONE: u8 = 128 + 13;
