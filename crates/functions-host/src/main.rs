//! Runs the package of a function app with a custom handler, as Azure does or as `func start` does on a developer's machine.

use clap::Parser;
use functions_host::{FunctionsHost, InstanceState, Keys, Options, Package};
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// Runs a function app with a custom handler. The handler gets the environment of this program.
///
/// Ctrl-C ends it, and kills the handlers as Azure does.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The zip of the app.
    #[arg(long, value_name = "ZIP")]
    package: PathBuf,
    /// Where requests arrive.
    #[arg(long, default_value = "127.0.0.1:7071")]
    listen: SocketAddr,
    /// The host key. One is made up otherwise.
    #[arg(long)]
    key: Option<String>,
    /// How many instances there are, each with a handler of its own.
    #[arg(long, default_value_t = 1)]
    instances: usize,
    /// Ask for no keys, and let the handler see that it runs on a developer's machine.
    #[arg(long)]
    development: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let package = Package::unpack(arguments.package)?;
    // Variables that are not text cannot be meant for an app.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let options = Options {
        instances: arguments.instances,
        development: arguments.development,
        keys: arguments.key.map_or_else(Keys::generate, Keys::with_host_key),
        listen: arguments.listen,
        ..Options::with_environment(variables)
    };
    // Before anything can be killed, so that handlers do not stay behind.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let host = FunctionsHost::start(package.folder(), options)?;
    println!("x-functions-key: {}", host.keys().default_key());
    println!("listening {}", host.url());

    let mut seen = 0;
    loop {
        let entries = host.log().entries_since(seen);
        seen += entries.len();
        for entry in entries {
            println!("{entry}");
        }
        if host.instances().iter().all(|instance| instance.state == InstanceState::Stopped) {
            return Err("all instances have stopped".into());
        }
        tokio::select! {
            () = sleep(Duration::from_millis(50)) => {}
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
        }
    }
}
