//! The settings of `relay`: a file, if there is one, and the environment. The file is read again when it changes, and on SIGHUP.

use super::shutdown::Shutdown;
use super::{CommandError, variable, variable_names, wrong_settings};
use azurehsm_signer::relay::{Live, RelaySettings};
use azurehsm_signer::settings::{ConfigFile, ConfigFileError, NAMES};
use azurehsm_signer::text;
use azurehsm_signer::tezos::Digest;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;
use tracing::{error, info};

/// Between two checks whether the file has changed.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Settings that are used only at the start, as are those of OpenTelemetry.
const FIXED: [&str; 5] = ["RELAY_LISTEN", "RELAY_STATE_DIR", "LOG_FORMAT", "RUST_LOG", "METRICS_LISTEN"];

/// The settings, before they are checked.
pub(super) struct RelayConfig {
    path: Option<PathBuf>,
    file: ConfigFile,
    changes: Changes,
}

impl RelayConfig {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// If it cannot be read or has invalid lines.
    pub(super) fn read(path: Option<PathBuf>) -> Result<Self, CommandError> {
        // Before the file is read: a change in between is noticed later.
        let changes = Changes::since(path.as_deref().and_then(fingerprint));
        let file = match &path {
            Some(path) => read(path)?,
            None => ConfigFile::default(),
        };
        Ok(Self { path, file, changes })
    }

    /// The value of a setting: that of the file, if the file sets it.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        value(&self.file, name)
    }

    /// The settings.
    ///
    /// # Errors
    /// With all that is wrong.
    pub(super) fn settings(&self) -> Result<RelaySettings, CommandError> {
        settings(&self.file)
    }

    /// Reads the files again when they have changed, and on SIGHUP. Runs for the life of the process.
    pub(super) async fn follow(mut self, live: &Live, shutdown: &Shutdown) -> Infallible {
        loop {
            tokio::select! {
                () = shutdown.reload_requested() => {
                    live.refresh_files();
                    if let Some(path) = self.path.clone() {
                        self.changes = Changes::since(fingerprint(&path));
                        self.reload(&path, live);
                    }
                }
                () = sleep(POLL_INTERVAL) => {
                    if let Some(path) = self.path.clone() && self.changes.is_due(fingerprint(&path)) {
                        self.reload(&path, live);
                    }
                }
            }
        }
    }

    /// Puts the settings in the file in force, or none of them.
    fn reload(&mut self, path: &Path, live: &Live) {
        match self.replacement(path, live) {
            Ok(file) => {
                info!(event = "relay_config_changed", path = %path.display(), "the settings in the file are in force");
                self.file = file;
            }
            Err(reason) => error!(
                event = "relay_config_unusable",
                path = %path.display(),
                reason = %reason,
                "the previous settings stay in force"
            ),
        }
    }

    fn replacement(&self, path: &Path, live: &Live) -> Result<ConfigFile, CommandError> {
        let file = read(path)?;
        let of_telemetry = NAMES.iter().copied().filter(|name| name.starts_with("OTEL_"));
        if let Some(name) = FIXED.into_iter().chain(of_telemetry).find(|name| value(&file, name) != self.value(name)) {
            return Err(format!("{name} cannot change while the relay runs: restart it, or restore the value").into());
        }
        live.replace(settings(&file)?)?;
        Ok(file)
    }
}

fn read(path: &Path) -> Result<ConfigFile, CommandError> {
    ConfigFile::read(path).map_err(|error| match error {
        ConfigFileError::Unreadable { .. } => error.to_string().into(),
        ConfigFileError::Lines(_) => format!("{}: {error}", path.display()).into(),
    })
}

fn value(file: &ConfigFile, name: &str) -> Option<String> {
    file.value(name).map(str::to_owned).or_else(|| variable(name))
}

fn settings(file: &ConfigFile) -> Result<RelaySettings, CommandError> {
    RelaySettings::read(|name| value(file, name), &variable_names()).map_err(|error| wrong_settings(&error))
}

/// The digest of the file's contents, or `None` if it cannot be read.
fn fingerprint(path: &Path) -> Option<Digest> {
    Some(Digest::of(text::read_secret(path).ok()?.as_bytes()))
}

/// When a change of the file is read: when the file was the same twice in a row, since an editor may still be writing it.
#[derive(Debug)]
struct Changes {
    read: Option<Digest>,
    last: Option<Digest>,
}

impl Changes {
    const fn since(read: Option<Digest>) -> Self {
        Self { read, last: read }
    }

    fn is_due(&mut self, now: Option<Digest>) -> bool {
        let is_settled = self.last == now;
        self.last = now;
        let is_due = is_settled && self.read != now;
        if is_due {
            self.read = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_once_it_has_settled() {
        let [a, b] = [b"a", b"b"].map(|text| Some(Digest::of(text)));
        let mut changes = Changes::since(a);
        for (now, is_due) in [
            (a, false),
            (b, false),
            (a, false),
            (b, false),
            (b, true),
            (b, false),
            (None, false),
            (None, true),
            (None, false),
            (b, false),
            (b, true),
        ] {
            assert_eq!(changes.is_due(now), is_due, "{now:?}");
        }
    }
}
