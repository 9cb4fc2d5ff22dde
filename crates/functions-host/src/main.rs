//! Runs a function app with a custom handler on a developer's machine, as `func start` does: `cargo run -p
//! functions-host -- --app .`

use clap::{Args, Parser};
use functions_host::{Function, FunctionsHost, InstanceState, Keys, Options, Package, Plan};
use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// Runs a function app with a custom handler. The handler gets the environment of this program.
///
/// Ctrl-C ends it, and kills the handlers as Azure does.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  functions-host --app . --development
  functions-host --package app.zip --instances 4 --key secret
  AzureFunctionsJobHost__customHandler__description__defaultExecutablePath=target/debug/signer functions-host --app ."
)]
struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Where requests arrive.
    #[arg(long, default_value = "127.0.0.1:7071")]
    listen: SocketAddr,
    /// The host key "default". One is made up otherwise.
    #[arg(long)]
    key: Option<String>,
    /// How many instances there are, each with a handler of its own.
    #[arg(long, default_value_t = 1)]
    instances: usize,
    /// Ask for no keys, and let the handler see that it runs on a developer's machine.
    #[arg(long)]
    development: bool,
    /// Take the file modes as they are, as Premium does. Otherwise the handler is made executable.
    #[arg(long)]
    premium: bool,
    /// Replace instances that have stopped after three errors.
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The zip of the app.
    #[arg(long, value_name = "ZIP")]
    package: Option<PathBuf>,
    /// The folder of the app.
    #[arg(long, value_name = "FOLDER")]
    app: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let package = arguments.source.package.map(Package::unpack).transpose()?;
    let folder = package.as_ref().map(|package| package.folder().to_owned()).or(arguments.source.app);
    let options = Options {
        instances: arguments.instances,
        plan: if arguments.premium { Plan::Premium } else { Plan::Flex },
        development: arguments.development,
        keys: arguments.key.map_or_else(Keys::generate, Keys::with_host_key),
        listen: arguments.listen,
        replace_stopped_instances: arguments.replace,
        ..Options::with_environment(environment())
    };
    // Before anything can be killed, so that handlers do not stay behind.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let host = FunctionsHost::start(folder.unwrap_or_default(), options)?;
    announce(&host, arguments.development);

    let mut seen = 0;
    loop {
        let entries = host.log().entries_since(seen);
        seen += entries.len();
        for entry in entries {
            println!("{entry}");
        }
        if host.instances().iter().all(|instance| instance.state == InstanceState::Stopped) {
            eprintln!("all instances have stopped");
            return Ok(ExitCode::FAILURE);
        }
        tokio::select! {
            () = sleep(Duration::from_millis(50)) => {}
            _ = terminated.recv() => return Ok(ExitCode::SUCCESS),
            _ = interrupted.recv() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Variables that are text; others cannot be meant for an app.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn announce(host: &FunctionsHost, development: bool) {
    let app = host.app();
    for warning in &app.host_json().warnings {
        println!("warning: {warning}");
    }
    println!("Functions:\n");
    for function in app.functions() {
        println!("  {}: {}", function.name, route(host, function));
    }
    for error in app.function_errors() {
        println!("  {}: left out: {}", error.function, error.reason);
    }
    if !development {
        println!("\nx-functions-key: {}", host.keys().default_key());
    }
    println!("\nlistening {}", host.url());
}

fn route(host: &FunctionsHost, function: &Function) -> String {
    let methods = if function.methods.is_empty() { "all methods".to_owned() } else { function.methods.join(",") };
    let prefix = &host.app().host_json().route_prefix;
    let slash = if prefix.is_empty() { "" } else { "/" };
    format!("[{methods}] {}/{prefix}{slash}{}", host.url(), function.route)
}
