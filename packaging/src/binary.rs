//! Builds the static program that the package contains.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

/// The platform of Azure Functions. With the C library linked in, the program runs on any Linux distribution.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Why the program could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// This machine has another architecture or operating system.
    #[error(
        "the package can only be built on x86-64 Linux, and this is {} {}: use the zip of a release, or a container",
        env::consts::ARCH,
        env::consts::OS
    )]
    OtherMachine,
    /// Cargo cannot be started.
    #[error("cargo: {0}")]
    NoCargo(#[from] std::io::Error),
    /// Cargo has printed the reason.
    #[error("the build failed")]
    Failed,
    /// The program that was built does not start, or does not print its version.
    #[error("{}: expected its version, got: {answer}", program.display())]
    NoVersion {
        /// The program.
        program: PathBuf,
        /// Its output, or the reason for having no output.
        answer: String,
    },
}

/// Builds the static program of the repository at `root`, and returns its path.
///
/// It contains no paths of this machine, so builds with the same Rust and C compilers are identical everywhere.
///
/// # Errors
/// [`BuildError`] if it cannot be built.
pub fn build_binary(root: &Path) -> Result<PathBuf, BuildError> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Err(BuildError::OtherMachine);
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let target_folder = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let places = [(target_folder.clone(), "target"), (cargo_home(), "cargo"), (root.to_owned(), "source")];
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--locked", "--release", "--package", "azurehsm-signer", "--bin", "azurehsm-signer"])
        .args(["--target", TARGET])
        .env("CARGO_TARGET_DIR", &target_folder)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&places))
        .env(format!("CFLAGS_{}", TARGET.replace('-', "_")), c_flags(&places))
        .status()?;
    let program = target_folder.join(TARGET).join("release").join("azurehsm-signer");
    if status.success() { Ok(program) } else { Err(BuildError::Failed) }
}

/// The version that the program prints.
///
/// # Errors
/// [`BuildError::NoVersion`] if it prints none.
pub fn version_of(program: &Path) -> Result<String, BuildError> {
    let wrong = |answer: String| BuildError::NoVersion { program: program.to_owned(), answer };
    let output = Command::new(program).arg("version").env_clear().output().map_err(|error| wrong(error.to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match printed.split_once(' ') {
        Some((crate::EXECUTABLE, version)) => Ok(version.to_owned()),
        _ => Err(wrong(printed)),
    }
}

/// Links the C library statically.
const STATIC: &str = "-Ctarget-feature=+crt-static";

/// Takes random numbers from the kernel: a static program cannot check whether the C library has a function for them, and would
/// read a device, which may not exist.
const RANDOM_NUMBERS: &str = "--cfg=getrandom_backend=\"linux_getrandom\"";

/// The compiler uses the last match, and the repository may be inside another of these folders.
fn rust_flags(places: &[(PathBuf, &str)]) -> String {
    let renamed = places.iter().rev().map(|(place, name)| format!("--remap-path-prefix={}={name}", place.display()));
    // Separated by a character that no path contains.
    [STATIC, RANDOM_NUMBERS].map(str::to_owned).into_iter().chain(renamed).collect::<Vec<_>>().join("\u{1f}")
}

fn c_flags(places: &[(PathBuf, &str)]) -> String {
    let renamed = places.iter().rev().map(|(place, name)| format!("-ffile-prefix-map={}={name}", place.display()));
    renamed.collect::<Vec<_>>().join(" ")
}

fn cargo_home() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}
