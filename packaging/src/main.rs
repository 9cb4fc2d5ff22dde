//! `cargo run --locked -p packaging`: builds the package in `target/package`, and with `--oci` a container image.

use clap::Parser;
use packaging::{Contents, Image, Revision, build_binary, version_of};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Builds the package for Azure Functions in target/package.
#[derive(Debug, Parser)]
struct Arguments {
    /// Also write a container image with the same program, as an OCI image layout.
    #[arg(long)]
    oci: bool,
    /// Address of the repository, for the image's label org.opencontainers.image.source.
    #[arg(long, value_name = "URL", requires = "oci")]
    source: Option<String>,
}

fn main() -> ExitCode {
    match package(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("packaging: {error}");
            ExitCode::FAILURE
        }
    }
}

fn package(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the packaging crate is not inside the repository")?;
    // Before the build, which takes minutes.
    let revision = arguments.oci.then(|| Revision::read(root, arguments.source)).transpose()?;
    let program = build_binary(root)?;
    let contents = Contents::read(root, &program)?;
    contents.write_folder(&root.join(FOLDER))?;
    let (length, hash) = contents.write_zip(&root.join(ZIP))?;
    println!("{FOLDER}  the folder for azd and func");
    println!("{ZIP}  {:.1} MB, SHA-256 {hash}", megabytes(length));
    if let Some(revision) = revision {
        let image = Image::new(fs::read(&program)?, &version_of(&program)?, &revision)?;
        image.write_layout(&root.join(IMAGE))?;
        println!("{IMAGE}  OCI image layout, {}", image.digest());
    }
    Ok(())
}

const FOLDER: &str = "target/package/app";
const ZIP: &str = "target/package/azurehsm-signer.zip";
const IMAGE: &str = "target/package/image";

fn megabytes(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6
}
