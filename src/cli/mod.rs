//! What the program does, by the name of the command.

mod bind;
mod doctor;
mod failure;
mod keys;
mod marks;
mod serve;
mod settings;
mod shutdown;

use azurehsm_signer::functions_host::{self, ParentProcess};
use azurehsm_signer::log;
use azurehsm_signer::settings::{LogSettings, NAMES, SettingsError, listing};
use azurehsm_signer::tezos::PublicKeyHash;
use clap::Subcommand;
pub(crate) use failure::{print_failure, print_panics_on_one_line};
use shutdown::Shutdown;
use std::env::VarError;
use std::error::Error;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use thiserror::Error;

/// Whatever stops a command, for people to read.
pub(crate) type CommandError = Box<dyn Error + Send + Sync>;

/// The commands.
#[derive(Subcommand, Default)]
pub(crate) enum Command {
    /// Answers signing requests (the default)
    #[default]
    Serve,
    /// The keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// The high watermarks. Those of the embedded store can be had only while the signer does not run
    #[command(subcommand)]
    Marks(MarksCommand),
    /// Checks the deployment: one line a check, and what to do where it fails
    Doctor(doctor::Arguments),
    /// Lists the settings, which are environment variables
    #[command(after_long_help = listing::text())]
    Settings(settings::Arguments),
    /// Prints the version
    Version,
}

/// The commands about marks.
#[derive(Subcommand)]
pub(crate) enum MarksCommand {
    #[command(flatten)]
    Marks(marks::Command),
    // The help text is that of the arguments.
    Bind(bind::Arguments),
}

/// Runs a command, and gives the status of a planned end. `host` is the Functions host, if that started this process.
///
/// # Errors
/// Whatever stops the command.
pub(crate) fn run(command: Command, host: Option<ParentProcess>) -> Result<ExitCode, CommandError> {
    require_unicode()?;
    // A core file would hold secret keys and tokens. It cannot be allowed again after this.
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
        .map_err(|error| format!("core files cannot be turned off: {error}"))?;
    match command {
        Command::Serve => return serve(host),
        Command::Keys(command) => keys::run(command),
        Command::Marks(MarksCommand::Marks(command)) => runtime()?.block_on(marks::run(command)),
        Command::Marks(MarksCommand::Bind(arguments)) => bind::run(&arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Settings(arguments) => settings::run(&arguments),
        Command::Version => print_line(&format!("azurehsm-signer {}", env!("CARGO_PKG_VERSION"))),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn serve(host: Option<ParentProcess>) -> Result<ExitCode, CommandError> {
    // Before anything that may take long.
    let shutdown = Shutdown::watch(host).map_err(|error| format!("signals cannot be handled: {error}"))?;
    let settings = LogSettings::read(variable).map_err(|error| wrong_settings(&error))?;
    let logging = log::start(&settings, host.is_some())?;
    let runtime = runtime()?;
    runtime.block_on(serve::run(&logging, &shutdown))?;
    // Nobody waits any more for what is still at work.
    runtime.shutdown_background();
    Ok(shutdown.status())
}

/// For BLS, password hashing and name resolution: work of milliseconds, of which more at a time makes none faster.
const THREADS_FOR_WORK: usize = 16;

fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(THREADS_FOR_WORK).build()?)
}

/// An environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of all environment variables that are set.
fn variable_names() -> Vec<String> {
    std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
}

/// One error is one line, which some readers of logs see alone.
fn wrong_settings(error: &SettingsError) -> CommandError {
    let separator = if error.0.len() == 1 { ' ' } else { '\n' };
    format!("wrong settings:{separator}{error}").into()
}

/// A setting that cannot be read must not be taken as not set.
fn require_unicode() -> Result<(), CommandError> {
    match NAMES.iter().find(|name| matches!(std::env::var(name), Err(VarError::NotUnicode(_)))) {
        Some(name) => Err(format!("{name}: expected Unicode text").into()),
        None => Ok(()),
    }
}

/// Whoever read standard output has gone away, such as `head`: that ends a command, and is not worth a word.
#[derive(Debug, Error)]
#[error("nobody reads standard output any more")]
pub(crate) struct ReaderGone;

/// Prints to standard output.
fn print_line(text: &str) -> Result<(), CommandError> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{text}").and_then(|()| output.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => format!("standard output: {error}").into(),
    })
}

/// Where a client finds a signer that listens here: at the Functions host, if that started it and has named its address, or else
/// on this machine.
fn base_address(listen: SocketAddr) -> Option<String> {
    if functions_host::is_present(variable) {
        // The port that the host gave is for the host alone.
        return functions_host::public_address(variable);
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Some(format!("http://{}", SocketAddr::new(ip, listen.port())))
}

/// What lets octez-client use a key of a signer at this address.
fn import_command(name: &dyn Display, base: &str, hash: &PublicKeyHash) -> String {
    format!("octez-client import secret key {name} {base}/{hash}")
}
