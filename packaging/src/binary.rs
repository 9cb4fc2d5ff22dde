use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

/// What Functions runs on. With the C library linked in, the program starts on any Linux, whatever it has.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// There is no program to package.
#[derive(Debug, Error)]
pub enum BuildError {
    /// It cannot be built here.
    #[error(
        "the package is built on x86-64 Linux, and this is {} {}: use a release's zip, or a container",
        env::consts::ARCH,
        env::consts::OS
    )]
    OtherMachine,
    /// Cargo cannot be started.
    #[error("cargo: {0}")]
    NoCargo(#[from] std::io::Error),
    /// Cargo has said why.
    #[error("the build failed")]
    Failed,
}

/// Builds the static program of the repository at `root`, and says where it is.
///
/// Paths of this machine are kept out of it, so that it is the same wherever it is built with the same Rust and C compilers.
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

/// Links the C library in.
const STATIC: &str = "-Ctarget-feature=+crt-static";

/// Random numbers from the kernel itself: a static program cannot ask whether the C library has a function for them, and would
/// read a device, which need not be there.
const RANDOM_NUMBERS: &str = "--cfg=getrandom_backend=\"linux_getrandom\"";

/// The last that fits is taken: the folder of the repository may be within another.
fn rust_flags(places: &[(PathBuf, &str)]) -> String {
    let renamed = places.iter().rev().map(|(place, name)| format!("--remap-path-prefix={}={name}", place.display()));
    // Separated by the character that no path has.
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
