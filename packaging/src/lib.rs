//! Builds the package that Azure Functions runs, as a folder (for azd and func) and as a zip, with the same files and modes; and a
//! container image with the same program, as an OCI image layout. Builds are reproducible.

mod binary;
mod certificates;
mod contents;
mod image;
mod layer;
mod program;
mod revision;

pub use binary::{BuildError, TARGET, build_binary, version_of};
pub use contents::{Contents, EXECUTABLE, PackageError};
pub use image::{CERTIFICATES_PATH, Image, ImageError, PROGRAM_PATH, USER};
pub use program::ProgramError;
pub use revision::{Revision, RevisionError};
