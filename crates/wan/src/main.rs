//! Runs a command behind an emulated wide area network.

use clap::Parser;
use std::process::{Command, ExitCode};
use std::time::Duration;
use wan::{Error, Link, Site, Wan};

/// Runs a command at one site, and optionally a server at another, with a round-trip time and loss in between.
///
/// Both get the addresses of the sites as NEAR and FAR. Needs root.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example: wan --rtt-ms 80 --far 'exec python3 -m http.server --bind $FAR' -- sh -c 'curl http://$FAR:8000/'"
)]
struct Arguments {
    /// Round-trip time between the sites, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 80)]
    rtt_ms: u64,
    /// Share of packets that is lost, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    loss_percent: f64,
    /// A shell command for the other site, which ends with the main command
    #[arg(long, value_name = "COMMAND")]
    far: Option<String>,
    /// The command to run
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Wan(#[from] Error),
    #[error("cannot run a command: {0}")]
    Command(#[from] std::io::Error),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, RunError> {
    let link = Link { rtt: Duration::from_millis(arguments.rtt_ms), loss: arguments.loss_percent / 100.0 };
    let (wan, [near, far]) = Wan::new(["near", "far"], link)?;
    let with_addresses = |site: &Site, program: &str| -> Command {
        let mut command = site.command(program);
        command.env("NEAR", near.address().to_string()).env("FAR", far.address().to_string());
        command
    };
    if let Some(server) = &arguments.far {
        with_addresses(&far, "sh").args(["-c", server]).spawn()?;
    }
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(ExitCode::FAILURE) };
    let status = with_addresses(&near, program).args(rest).status()?;
    eprintln!("{:?}", wan.statistics());
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
