//! Builds the package that Azure Functions runs, as a folder (for azd and func) and as a zip, with the same files and modes.
//! Builds are reproducible.

mod binary;
mod contents;

pub use binary::{BuildError, TARGET, build_binary};
pub use contents::{Contents, EXECUTABLE, PackageError};
