//! Packages, and the program that runs one.

use crate::app::{ECHO_HANDLER, LONG, files, is_running, send};
use functions_host::{FunctionsHost, Options, Package};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A package whose handler has these permissions.
fn zip(folder: &TempDir, mode: u32) -> PathBuf {
    let path = folder.path().join("app.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("handler", SimpleFileOptions::default().unix_permissions(mode)).unwrap();
    zip.write_all(&fs::read(ECHO_HANDLER).unwrap()).unwrap();
    for (name, content) in files("handler") {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[test]
fn a_handler_runs_if_its_mode_in_the_package_permits() {
    for (mode, is_started) in [(0o755, true), (0o644, false)] {
        let folder = TempDir::new().unwrap();
        let package = Package::unpack(zip(&folder, mode)).unwrap();
        let unpacked = package.folder().to_owned();
        let actual = fs::metadata(unpacked.join("handler")).unwrap().permissions().mode();
        assert_eq!(actual & 0o7777, mode);
        let host = FunctionsHost::start(&unpacked, Options::default()).unwrap();
        assert_eq!(host.wait_until_ready(LONG).is_ok(), is_started, "{mode:o}");
        assert_eq!(host.log().count(|entry| entry.message.contains("Permission denied")), usize::from(!is_started));
        drop((host, package));
        assert!(!unpacked.exists());
    }
}

#[test]
fn the_program_serves_a_package_until_it_is_terminated() {
    for signal in ["TERM", "INT"] {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_functions-host"));
        command.arg("--package").arg(zip(&folder, 0o755)).args(["--listen", "127.0.0.1:0"]);
        command.args(["--key", "secret", "--instances", "2"]).env("PRINT", "hello");
        let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("listening http://")?.parse().ok()).unwrap();
        assert!(lines.any(|line| line == "[handler 1] Information: hello"));
        let process = send(address, "GET /guarded/x", &["x-functions-key: secret"], "").json()["process"].clone();
        let kill = Command::new("kill").args([&format!("-{signal}"), &program.id().to_string()]).status();
        assert!(kill.unwrap().success());
        assert!(program.wait().unwrap().success());
        assert!(!is_running(process.as_u64().unwrap().try_into().unwrap()));
    }
}
