//! Why a host does not start with an app.

use std::io;
use std::path::PathBuf;

/// Why a host does not start with an app.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A file or folder of the app cannot be read.
    #[error("{path}: {error}", path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// host.json is not JSON, or not an object.
    #[error("host.json: {0}")]
    NotJson(String),
    /// The version in host.json is missing or another one.
    #[error("host.json: \"version\" must be \"2.0\"")]
    Version,
    /// A value has another type in host.json.
    #[error("host.json: {name} must be {expected}")]
    WrongType {
        /// The name, its parts with dots between them.
        name: &'static str,
        /// The type that it must have.
        expected: &'static str,
    },
    /// A value cannot be read.
    #[error("{name} must be {expected}, not {value:?}")]
    WrongValue {
        /// The name, its parts with colons between them.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// It is not an app with a custom handler.
    #[error("there is no section customHandler")]
    NoCustomHandler,
    /// The section customHandler does not describe the handler.
    #[error("Missing worker Description.")]
    NoDescription,
    /// The handler has no executable.
    #[error("WorkerDescription DefaultExecutablePath cannot be empty")]
    NoExecutablePath,
    /// The handler would not get the requests as they are.
    #[error("customHandler.enableProxyingHttpRequest must be true: this host does nothing else than proxying")]
    NotProxying,
    /// A real host could do it, this one cannot.
    #[error("{0} is not supported by this host")]
    NotSupported(&'static str),
}
