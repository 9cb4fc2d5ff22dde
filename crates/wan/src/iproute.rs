//! The `ip` command.

use crate::Error;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Runs `ip` with these arguments and this input, and returns its output.
///
/// # Errors
///
/// [`Error::Unavailable`] if the command is missing or may not do this, [`Error::Ip`] if it fails otherwise.
pub(crate) fn run(arguments: &[&str], input: &str) -> Result<String, Error> {
    let failed_to_run = |source| Error::of_system("run `ip`, of iproute2", source);
    let mut child = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed_to_run)?;
    if let Some(mut stdin) = child.stdin.take()
        && let Err(error) = stdin.write_all(input.as_bytes())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(failed_to_run(error));
    }
    let output = child.wait_with_output().map_err(failed_to_run)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let command = format!("ip {}", arguments.join(" "));
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let forbidden = ["Operation not permitted", "Permission denied"].iter().any(|reason| output.contains(reason));
    Err(if forbidden {
        Error::Unavailable(format!("`{command}` failed: {output}"))
    } else {
        Error::Ip { command, output }
    })
}
