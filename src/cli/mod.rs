//! The commands, and the code that they share: errors, output, environment and runtime.

mod audit;
mod bind;
mod doctor;
mod failure;
mod history;
mod keys;
mod marks;
mod participation;
mod policy;
mod relay;
mod relay_config;
mod sealed;
mod serve;
mod settings;
mod shutdown;
mod status;

use azurehsm_signer::functions_host::{self, ParentProcess};
use azurehsm_signer::log;
use azurehsm_signer::settings::{LogSettings, NAMES, SettingsError, listing};
use azurehsm_signer::text;
use azurehsm_signer::tezos::PublicKeyHash;
use clap::Subcommand;
pub(crate) use failure::{print_failure, print_panics_on_one_line};
use relay_config::RelayConfig;
use shutdown::{HangUp, Shutdown};
use std::env::VarError;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use thiserror::Error;

/// Why a command failed, as text for the operator.
pub(crate) type CommandError = Box<dyn Error + Send + Sync>;

/// The commands.
#[derive(Subcommand, Default)]
pub(crate) enum Command {
    /// Answers signing requests (the default)
    #[default]
    Serve,
    /// Forwards requests to one or more signers elsewhere, over connections that are kept open. Runs next to a baker
    Relay {
        /// A file with the settings, as lines NAME=value. It takes precedence over the environment, and is read again when it changes
        /// and on SIGHUP
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: Option<relay::Command>,
    },
    /// Lists, generates and imports keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Creates and recovers sealed keys: tz4 keys in files that only keys in vaults and offline recovery keys can open
    #[command(subcommand)]
    Sealed(sealed::Command),
    /// Lists, raises, exports and imports high watermarks; stops and resumes keys. The embedded store is accessible only while the
    /// signer is stopped
    #[command(subcommand)]
    Marks(MarksCommand),
    /// Tries a policy on requests
    #[command(subcommand)]
    Policy(policy::Command),
    /// Collects the history of signatures, and checks it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Checks the deployment: one line per check, with advice where a check fails
    Doctor(doctor::Arguments),
    /// Shows what runs on one screen: vault, mark store, nodes, instances and marks. Exits with 0 if all is ok, 3 if something is
    /// wrong, and 4 if something could not be read
    Status(status::Arguments),
    // The help text is that of the arguments.
    Participation(participation::Arguments),
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

/// Runs a command, and returns the exit status of a planned exit. `host` is the Functions host, if it started this process.
///
/// # Errors
/// Why the command failed.
pub(crate) fn run(command: Command, host: Option<ParentProcess>) -> Result<ExitCode, CommandError> {
    require_unicode()?;
    // A core dump would contain secret keys and tokens. This cannot be reverted.
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).map_err(|error| format!("cannot disable core dumps: {error}"))?;
    // Programs that receive dumps through a pipe ignore the limit. This also keeps other processes of this user out of the memory.
    locked_memory::forbid_dumps().map_err(|error| format!("cannot disable core dumps: {error}"))?;
    match command {
        Command::Serve => return serve(host),
        Command::Relay { config, command: None } => return relay(config),
        Command::Relay { config, command: Some(relay::Command::Check) } => {
            runtime()?.block_on(relay::check(&RelayConfig::read(config)?))
        }
        Command::Keys(command) => keys::run(command),
        Command::Sealed(command) => runtime()?.block_on(sealed::run(command)),
        Command::Marks(MarksCommand::Marks(command)) => runtime()?.block_on(marks::run(command)),
        Command::Marks(MarksCommand::Bind(arguments)) => bind::run(&arguments),
        Command::Policy(command) => return policy::run(command),
        Command::Audit(command) => return audit::run(command),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Status(arguments) => return status::run(arguments),
        Command::Participation(arguments) => participation::run(&arguments),
        Command::Settings(arguments) => settings::run(&arguments),
        Command::Version => print_line(&format!("azurehsm-signer {}", env!("CARGO_PKG_VERSION"))),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn serve(host: Option<ParentProcess>) -> Result<ExitCode, CommandError> {
    // Before anything that may block.
    let shutdown =
        Shutdown::watch(host, HangUp::Ends).map_err(|error| format!("cannot install signal handlers: {error}"))?;
    let settings = LogSettings::read(variable).map_err(|error| wrong_settings(&error))?;
    let logging = log::start(&settings, host.is_some())?;
    let runtime = runtime()?;
    runtime.block_on(serve::run(&logging, &shutdown))?;
    // No client waits for the remaining work.
    runtime.shutdown_background();
    Ok(shutdown.status())
}

fn relay(config: Option<PathBuf>) -> Result<ExitCode, CommandError> {
    // Before anything that may block.
    let shutdown =
        Shutdown::watch(None, HangUp::Reloads).map_err(|error| format!("cannot install signal handlers: {error}"))?;
    let config = RelayConfig::read(config)?;
    let settings = LogSettings::read(|name| config.value(name)).map_err(|error| wrong_settings(&error))?;
    let logging = log::start(&settings, false)?;
    let runtime = runtime_of_relay()?;
    runtime.block_on(relay::run(config, &logging, &shutdown))?;
    // No client waits for the remaining work.
    runtime.shutdown_background();
    Ok(shutdown.status())
}

/// For BLS signatures and password hashing, which take milliseconds: more threads would not make them faster.
const MAX_BLOCKING_THREADS: usize = 16;

fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(MAX_BLOCKING_THREADS).build()?)
}

/// The relay waits for the network, and runs on a baker's machine: one thread is enough, and each more costs memory. BLS signatures
/// are verified on others.
fn runtime_of_relay() -> Result<tokio::runtime::Runtime, CommandError> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?)
}

/// An environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of all environment variables that are set.
fn variable_names() -> Vec<String> {
    std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
}

/// A single error stays on one line, since some log viewers show only one line.
fn wrong_settings(error: &SettingsError) -> CommandError {
    let separator = if error.0.len() == 1 { ' ' } else { '\n' };
    format!("wrong settings:{separator}{error}").into()
}

/// A setting that is not Unicode must not count as unset.
fn require_unicode() -> Result<(), CommandError> {
    match NAMES.iter().find(|name| matches!(std::env::var(name), Err(VarError::NotUnicode(_)))) {
        Some(name) => Err(format!("{name}: expected Unicode text").into()),
        None => Ok(()),
    }
}

/// The reader of standard output, such as `head`, has closed it. The command then ends silently.
#[derive(Debug, Error)]
#[error("standard output is closed")]
pub(crate) struct ReaderGone;

/// Prints to standard output.
fn print_line(text: &str) -> Result<(), CommandError> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}").and_then(|()| output.flush()).map_err(|error| output_failed(&error))
}

/// Why standard output cannot be written.
fn output_failed(error: &io::Error) -> CommandError {
    match error.kind() {
        ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => format!("standard output: {error}").into(),
    }
}

/// Prints a note to standard error. A closed standard error does not stop the command.
fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Reads a text file, or standard input if the path is `-`.
fn read_file_or_input(path: &Path) -> io::Result<String> {
    if path.as_os_str() != "-" {
        return text::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    text::decode(&bytes).map(str::to_owned).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// The base address for clients of a signer that listens at `listen`. Under the Functions host, that of the host, or `None` if
/// the host has not set it.
fn base_address(listen: SocketAddr) -> Option<String> {
    if functions_host::is_present(variable) {
        // Only the host may use the port of its handler.
        return functions_host::public_address(variable);
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Some(format!("http://{}", SocketAddr::new(ip, listen.port())))
}

/// The command that configures octez-client to use a key of the signer at `base`.
fn import_command(name: &dyn Display, base: &str, hash: &PublicKeyHash) -> String {
    format!("octez-client import secret key {name} {base}/{hash}")
}
