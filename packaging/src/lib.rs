//! The package that Azure Functions runs, as a folder (which azd and func take) and as a zip: the same files, with the same
//! modes, and nothing else. Two builds give the same bytes.

mod binary;
mod contents;

pub use binary::{BuildError, TARGET, build_binary};
pub use contents::{Contents, EXECUTABLE, PackageError};
