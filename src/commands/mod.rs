//! What the program does, by the name of the command.

mod keys;
mod marks;
mod serve;

use azurehsm_signer::settings::{self, LocalSettings};
use azurehsm_signer::telemetry;
use clap::Subcommand;
use std::error::Error;

/// Whatever stops a command, for people to read.
pub(crate) type Stopped = Box<dyn Error + Send + Sync>;

/// The commands.
#[derive(Subcommand, Default)]
pub(crate) enum Command {
    /// Answers signing requests (the default)
    #[default]
    Serve,
    /// The keys of the local vault
    #[command(subcommand)]
    Keys(keys::Command),
    /// The high watermarks of the embedded store; the signer must not run meanwhile
    #[command(subcommand)]
    Marks(marks::Command),
    /// Prints the version
    Version,
}

pub(crate) fn run(command: Command) -> Result<(), Stopped> {
    match command {
        Command::Serve => {
            telemetry::start(settings::log_format(variable)?, variable("RUST_LOG").as_deref())
                .map_err(|error| format!("RUST_LOG: {error}; expected a level such as info or debug"))?;
            runtime()?.block_on(serve::run())
        }
        Command::Keys(command) => keys::run(command),
        Command::Marks(command) => runtime()?.block_on(marks::run(command)),
        Command::Version => {
            println!("azurehsm-signer {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Stopped> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// An environment variable; text that is not Unicode counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn local_settings() -> Result<LocalSettings, Stopped> {
    LocalSettings::read(variable).map_err(|error| format!("wrong settings:\n{error}").into())
}
