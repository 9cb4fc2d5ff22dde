//! The package in the host: that of `SIGNER_PACKAGE`, or one with the debug build.

use crate::support::http::{self, Answer, FUNCTION_KEY};
use crate::support::package;
use functions_host::{FunctionsHost, Keys, LogEntry, LogSource, Options, Package};
use packaging::Contents;
use stand_ins::Azure;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Timeout for a start, and for a line of the log.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A host with the package.
pub(crate) struct Hosted {
    host: FunctionsHost,
    // Dropped after the host, which removes the folder.
    _package: Arc<Package>,
}

/// The zip of the package.
pub(crate) fn zip() -> PathBuf {
    static OF_DEBUG_BUILD: OnceLock<PathBuf> = OnceLock::new();
    let of_debug_build = || {
        let program = Path::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
        let zip = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debug-build.zip");
        Contents::read(Path::new(env!("CARGO_MANIFEST_DIR")), program).unwrap().write_zip(&zip).unwrap();
        zip
    };
    package::zip().unwrap_or_else(|| OF_DEBUG_BUILD.get_or_init(of_debug_build).clone())
}

/// The settings for the stand-ins, and these.
pub(crate) fn settings(azure: &Azure, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let of_azure = azure.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    of_azure.chain(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
}

/// A host as in Azure.
pub(crate) fn options(environment: BTreeMap<String, String>) -> Options {
    Options { keys: Keys::with_host_key(FUNCTION_KEY), environment, ..Options::default() }
}

impl Hosted {
    pub(crate) fn start(options: Options) -> Self {
        let package = package::unpacked(&zip());
        Self { host: FunctionsHost::start(package.folder(), options).unwrap(), _package: package }
    }

    /// Waits until all instances have answered the host.
    pub(crate) fn start_ready(options: Options) -> Self {
        let hosted = Self::start(options);
        if let Err(error) = hosted.wait_until_ready(PATIENCE) {
            panic!("{error}: {:?}", hosted.log().entries());
        }
        hosted
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(self.address(), path).unwrap()
    }

    pub(crate) fn sign(&self, key: &str, payload: &[u8]) -> Answer {
        http::sign(self.address(), key, payload).unwrap()
    }

    /// The handlers' output so far.
    pub(crate) fn handler_lines(&self) -> Vec<LogEntry> {
        self.log().entries().into_iter().filter(|entry| entry.source == LogSource::Handler).collect()
    }
}

impl Deref for Hosted {
    type Target = FunctionsHost;

    fn deref(&self) -> &FunctionsHost {
        &self.host
    }
}
