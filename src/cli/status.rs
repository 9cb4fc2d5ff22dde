//! `status`: one screen of what runs, once or until Ctrl-C.

use super::{CommandError, print_line, runtime, variable, variable_names, wrong_settings};
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::status::{self, Sources, Status, Summary, Watching};
use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;
use terminal_size::{Height, Width, terminal_size};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Address at which a signer or relay serves metrics. Can be given several times; by default, the one in this environment's
    /// settings
    #[arg(long = "instance", value_name = "HOST:PORT", value_parser = host_and_port)]
    instances: Vec<String>,
    /// Reads everything again every 5 seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Prints JSON, one object per line
    #[arg(long)]
    json: bool,
}

/// The pause between two screens.
const REDRAW_INTERVAL: Duration = Duration::from_secs(5);

/// Something is wrong.
const PROBLEM: u8 = 3;
/// Nothing is known to be wrong, but something could not be read.
const UNKNOWN: u8 = 4;

pub(super) fn run(arguments: Arguments) -> Result<ExitCode, CommandError> {
    let Arguments { mut instances, watch, json } = arguments;
    let settings = MarksSettings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    if instances.is_empty() {
        instances.extend(own_metrics(variable("METRICS_LISTEN").as_deref()));
    }
    let watching = if watch { Watching::Yes } else { Watching::No };
    let runtime = runtime()?;
    let status = runtime.block_on(async {
        let sources = Sources::new(settings, instances, watching);
        if !watch {
            let status = sources.read().await;
            show(&status, json, None)?;
            return Ok(exit_status(status.summary()));
        }
        tokio::select! {
            failed = repeat(&sources, json) => failed.map(|()| ExitCode::SUCCESS),
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                Ok(ExitCode::SUCCESS)
            }
        }
    });
    // Do not wait for pending name lookups.
    runtime.shutdown_background();
    status
}

async fn repeat(sources: &Sources, json: bool) -> Result<(), CommandError> {
    let mut number = 0_u64;
    loop {
        show(&sources.read().await, json, Some(number))?;
        number += 1;
        tokio::time::sleep(REDRAW_INTERVAL).await;
    }
}

/// Prints the screen. `redraw` counts those before it, with `--watch`.
fn show(status: &Status, json: bool, redraw: Option<u64>) -> Result<(), CommandError> {
    if json {
        return print_line(&status.to_json()?);
    }
    let size = std::io::stdout().is_terminal().then(terminal_size).flatten();
    let text = status::text(status, size.map(|(Width(width), _)| width.into()));
    match (redraw, size) {
        (Some(number), Some((_, Height(height)))) => print_line(&drawn(&text, height.into(), number == 0)),
        (Some(number), None) if number > 0 => print_line(&format!("\n{}", text.trim_end())),
        _ => print_line(text.trim_end()),
    }
}

/// The text over the previous one. Each line is replaced in place, so that nothing flickers.
fn drawn(text: &str, height: usize, is_first: bool) -> String {
    const CLEAR: &str = "\x1b[2J";
    const HOME: &str = "\x1b[H";
    const CLEAR_LINE: &str = "\x1b[K";
    const CLEAR_BELOW: &str = "\x1b[J";
    let lines: Vec<_> = text.lines().collect();
    // The cursor needs the last line.
    let most = height.saturating_sub(1).max(1);
    let more = format!("… {} more lines: enlarge the window", (lines.len() + 1).saturating_sub(most));
    let (shown, more) = if lines.len() > most { (most - 1, Some(more.as_str())) } else { (lines.len(), None) };
    let lines: Vec<_> = lines.into_iter().take(shown).chain(more).map(|line| format!("{line}{CLEAR_LINE}")).collect();
    format!("{}{HOME}{}{CLEAR_BELOW}", if is_first { CLEAR } else { "" }, lines.join("\n"))
}

/// The address of this machine's own metrics.
fn own_metrics(listen: Option<&str>) -> Option<String> {
    let address: SocketAddr = listen?.parse().ok()?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Some(SocketAddr::new(ip, address.port()).to_string())
}

fn host_and_port(text: &str) -> Result<String, String> {
    const EXPECTED: &str = "expected host:port, such as 10.0.0.4:9464, or [::1]:9464";
    let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    if is_host && port.parse::<u16>().is_ok_and(|port| port > 0) {
        Ok(text.to_owned())
    } else {
        Err(EXPECTED.to_owned())
    }
}

fn exit_status(Summary { problems, unknown }: Summary) -> ExitCode {
    match (problems, unknown) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(UNKNOWN),
        _ => ExitCode::from(PROBLEM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_drawn_over_the_previous_one_and_fits() {
        assert_eq!(drawn("a\nb\n", 10, false), "\x1b[Ha\x1b[K\nb\x1b[K\x1b[J");
        assert!(drawn("a", 10, true).starts_with("\x1b[2J\x1b[H"));
        let five = "1\n2\n3\n4\n5\n";
        let lines = |height| drawn(five, height, false).matches("\x1b[K").count();
        assert_eq!((lines(6), lines(5), lines(4)), (5, 4, 3));
        let cut = drawn(five, 4, false);
        assert!(cut.contains("2\x1b[K") && !cut.contains("3\x1b[K\n") && cut.contains("… 3 more lines"), "{cut:?}");
    }

    #[test]
    fn addresses_of_metrics_are_hosts_with_ports() {
        for (text, is_valid) in [
            ("127.0.0.1:9464", true),
            ("[::1]:9464", true),
            ("signer-0.signers:9464", true),
            ("127.0.0.1", false),
            ("127.0.0.1:0", false),
            ("http://127.0.0.1:9464", false),
            (":9464", false),
            ("a b:1", false),
        ] {
            assert_eq!(host_and_port(text).is_ok(), is_valid, "{text}");
        }
        for (listen, expected) in [
            ("0.0.0.0:9464", Some("127.0.0.1:9464")),
            ("[::]:1", Some("[::1]:1")),
            ("10.0.0.4:1", Some("10.0.0.4:1")),
            ("x", None),
        ] {
            assert_eq!(own_metrics(Some(listen)).as_deref(), expected, "{listen}");
        }
    }
}
