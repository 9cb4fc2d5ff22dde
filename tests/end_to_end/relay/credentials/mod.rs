//! Credentials of the relay other than a function key alone: what the platform in front of a signer accepts, and what happens when
//! it does not, or when they change.

mod certificates;
mod secrets;
mod tokens;

use crate::support::process::command;
use stand_ins::Azure;
use std::path::Path;

/// The audience of the app's registration.
const AUDIENCE: &str = "api://0a1b2c3d-signer";

/// The scope of its tokens.
const SCOPE: &str = "api://0a1b2c3d-signer/.default";

/// Pairs of names and values.
type Settings = Vec<(&'static str, String)>;

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// The managed identity of the stand-ins.
fn managed_identity(azure: &Azure) -> Settings {
    vec![("IDENTITY_ENDPOINT", azure.identity.url()), ("IDENTITY_HEADER", azure.identity.secret().to_owned())]
}

/// The lines of `relay check`, those that failed first.
fn check(folder: &Path, upstream: &str, settings: &[(&'static str, String)]) -> Vec<String> {
    let mut command = command(folder, &borrowed(settings));
    command.args(["relay", "check"]).env("RELAY_UPSTREAMS", upstream).env("RELAY_STATE_DIR", folder.join("check"));
    let output = command.output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<_> = report.lines().map(str::to_owned).collect();
    lines.sort_by_key(|line| !line.starts_with("FAIL"));
    assert_eq!(output.status.success(), !report.contains("FAIL"), "{report}");
    lines
}
