//! `cargo run --locked -p packaging`: builds the package in `target/package`.

use packaging::{Contents, build_binary};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match package() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("packaging: {error}");
            ExitCode::FAILURE
        }
    }
}

fn package() -> Result<(), Box<dyn Error>> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the packaging crate is not inside the repository")?;
    let contents = Contents::read(root, &build_binary(root)?)?;
    contents.write_folder(&root.join(FOLDER))?;
    let (length, hash) = contents.write_zip(&root.join(ZIP))?;
    println!("{FOLDER}  the folder for azd and func");
    println!("{ZIP}  {:.1} MB, SHA-256 {hash}", megabytes(length));
    Ok(())
}

const FOLDER: &str = "target/package/app";
const ZIP: &str = "target/package/azurehsm-signer.zip";

fn megabytes(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6
}
