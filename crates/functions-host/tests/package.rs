//! Packages are unpacked as they are.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod support;

use functions_host::{FunctionsHost, Options, Package, PackageError, Plan};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use support::{ECHO_HANDLER, LONG, function_json, get, host_json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A zip with entries: names, modes, contents. A name with a slash at the end is a folder.
fn zip(folder: &TempDir, entries: &[(&str, u32, &[u8])]) -> PathBuf {
    let path = folder.path().join("app.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, mode, content) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let options = options.unix_permissions(*mode);
        if name.ends_with('/') {
            zip.add_directory(*name, options).unwrap();
        } else if mode & 0o170_000 == 0o120_000 {
            zip.add_symlink(*name, String::from_utf8_lossy(content), options).unwrap();
        } else {
            zip.start_file(*name, options).unwrap();
            zip.write_all(content).unwrap();
        }
    }
    zip.finish().unwrap();
    path
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn files_have_the_modes_of_the_zip() {
    let folder = TempDir::new().unwrap();
    let entries: [(&str, u32, &[u8]); 5] = [
        ("handler", 0o755, b"program"),
        ("host.json", 0o644, b"{}"),
        ("private", 0o600, b""),
        ("sign/", 0o750, b""),
        ("sign/function.json", 0o444, b"{}"),
    ];
    let package = Package::unpack(zip(&folder, &entries)).unwrap();
    for (name, expected, content) in entries {
        let path = package.folder().join(name);
        assert_eq!(mode(&path), expected, "{name}");
        assert!(path.is_dir() || fs::read(&path).unwrap() == content, "{name}");
    }
    // There is nothing else.
    assert_eq!(fs::read_dir(package.folder()).unwrap().count(), 4);
    let unpacked = package.folder().to_owned();
    drop(package);
    assert!(!unpacked.exists());
}

#[test]
fn packages_that_are_none() {
    let folder = TempDir::new().unwrap();
    let link = Package::unpack(zip(&folder, &[("handler", 0o120_777, b"/bin/sh")])).unwrap_err();
    assert!(matches!(&link, PackageError::NotPlain(name) if name == "handler"), "{link}");
    for name in ["../handler", "a/../../handler"] {
        let escape = Package::unpack(zip(&folder, &[(name, 0o755, b"")])).unwrap_err();
        assert!(matches!(escape, PackageError::Escapes(_)), "{escape}");
    }
    let file = folder.path().join("text.zip");
    fs::write(&file, "not a zip").unwrap();
    assert!(matches!(Package::unpack(&file).unwrap_err(), PackageError::Zip(_)));
    assert!(matches!(Package::unpack(folder.path().join("none")).unwrap_err(), PackageError::File { .. }));
}

#[test]
fn an_app_runs_from_its_package_alone() {
    let folder = TempDir::new().unwrap();
    let handler = fs::read(ECHO_HANDLER).unwrap();
    let (host_json, function) = (host_json("handler").to_string(), function_json("x", "anonymous", &[]).to_string());
    for (mode, plan, expected) in
        [(0o755, Plan::Premium, true), (0o644, Plan::Premium, false), (0o644, Plan::Flex, true)]
    {
        let entries: [(&str, u32, &[u8]); 3] = [
            ("handler", mode, &handler),
            ("host.json", 0o644, host_json.as_bytes()),
            ("x/function.json", 0o644, function.as_bytes()),
        ];
        let package = Package::unpack(zip(&folder, &entries)).unwrap();
        let started = FunctionsHost::start(package.folder(), Options { plan, ..Options::default() });
        assert_eq!(started.is_ok(), expected, "{mode:o} {plan:?}");
        if let Ok(host) = started {
            host.wait_until_ready(LONG).unwrap();
            assert_eq!(get(&host, "/x").status, 200);
        }
    }
}
