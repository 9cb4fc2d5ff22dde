//! The container image: its files, what it runs, its digests, its reproducibility, and programs that would not start in it.

#![cfg(test)]

use flate2::read::GzDecoder;
use packaging::{CERTIFICATES_PATH, Image, ImageError, PROGRAM_PATH, ProgramError, Revision, USER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use tempfile::TempDir;

/// The header of a static program for x86-64.
fn program() -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    header[18] = 62;
    header
}

fn revision() -> Revision {
    Revision {
        commit: "0123abcd".to_owned(),
        time: "2026-01-31T12:00:00Z".to_owned(),
        source: Some("https://example.com/signer".to_owned()),
    }
}

fn written() -> TempDir {
    let folder = TempDir::new().unwrap();
    Image::new(program(), "1.2.3", &revision()).unwrap().write_layout(folder.path()).unwrap();
    folder
}

/// The blob that a descriptor names. Its digest and size must be right.
fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = fs::read(layout.join("blobs/sha256").join(digest)).unwrap();
    assert_eq!(hex::encode(Sha256::digest(&bytes)), digest);
    assert_eq!(descriptor["size"], json!(bytes.len()));
    bytes
}

fn document(layout: &Path, descriptor: &Value) -> Value {
    serde_json::from_slice(&blob(layout, descriptor)).unwrap()
}

fn manifest_of(layout: &Path) -> Value {
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "1.2.3");
    document(layout, &index["manifests"][0])
}

#[test]
fn the_layer_has_exactly_these_files_and_root_owns_them() {
    let layout = written();
    let compressed = blob(layout.path(), &manifest_of(layout.path())["layers"][0]);
    let mut archive = tar::Archive::new(GzDecoder::new(compressed.as_slice()));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (header, path) = (entry.header(), entry.path().unwrap().to_str().unwrap().to_owned());
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0), "{path}");
        let mode = header.mode().unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        found.insert(path, (mode, bytes));
    }
    let modes: Vec<_> = found.iter().map(|(path, (mode, _))| (path.as_str(), *mode)).collect();
    let folders = ["etc/", "etc/ssl/", "etc/ssl/certs/", "usr/", "usr/local/", "usr/local/bin/"];
    let mut expected = folders.map(|folder| (folder, 0o755)).to_vec();
    expected.extend([(CERTIFICATES_PATH, 0o644), (PROGRAM_PATH, 0o755)]);
    expected.sort_unstable();
    assert_eq!(modes, expected);
    assert_eq!(found[PROGRAM_PATH].1, program());
    let certificates = pem::parse_many(&found[CERTIFICATES_PATH].1).unwrap();
    assert!(certificates.len() > 100 && certificates.iter().all(|one| one.tag() == "CERTIFICATE"));
}

#[test]
fn the_configuration_runs_the_program_as_another_user_than_root() {
    let layout = written();
    let manifest = manifest_of(layout.path());
    let config = document(layout.path(), &manifest["config"]);
    let process = &config["config"];
    assert_eq!(process["User"], USER);
    assert!(USER.split(':').all(|id| id.parse::<u32>().unwrap() > 0));
    assert_eq!(process["Entrypoint"], json!([format!("/{PROGRAM_PATH}")]));
    assert_eq!(process["Cmd"], json!(["serve"]));
    assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));
    for (label, value) in [
        ("version", "1.2.3"),
        ("revision", "0123abcd"),
        ("created", "2026-01-31T12:00:00Z"),
        ("source", "https://example.com/signer"),
    ] {
        assert_eq!(process["Labels"][format!("org.opencontainers.image.{label}")], value);
    }
    assert_eq!(manifest["annotations"], process["Labels"]);
    let mut archive = Vec::new();
    GzDecoder::new(blob(layout.path(), &manifest["layers"][0]).as_slice()).read_to_end(&mut archive).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"], json!([format!("sha256:{}", hex::encode(Sha256::digest(&archive)))]));
}

#[test]
fn the_same_program_and_revision_give_the_same_bytes_and_nothing_from_before_is_kept() {
    let [first, second] = [written(), written()];
    fs::write(second.path().join("blobs/sha256/from-before"), "").unwrap();
    Image::new(program(), "1.2.3", &revision()).unwrap().write_layout(second.path()).unwrap();
    let files = |folder: &TempDir| {
        let blobs = fs::read_dir(folder.path().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
        let others = ["index.json", "oci-layout"].map(|name| folder.path().join(name));
        let all = blobs.chain(others).map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap()));
        all.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(files(&first).len(), 5);
    assert!(files(&first) == files(&second));
}

#[test]
fn a_program_that_would_not_start_is_refused() {
    // Tests are linked dynamically.
    let dynamic = fs::read(std::env::current_exe().unwrap()).unwrap();
    let mut for_arm = program();
    for_arm[18] = 183;
    let reason = |bytes| match Image::new(bytes, "1.2.3", &revision()) {
        Err(ImageError::Program(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert!(matches!(reason(dynamic), ProgramError::Dynamic));
    assert!(matches!(reason(for_arm), ProgramError::OtherMachine(183)));
    assert!(matches!(reason(b"#!/bin/sh".to_vec()), ProgramError::NotElf(_)));
}

#[test]
fn the_revision_is_the_commit_and_needs_a_repository() {
    let folder = TempDir::new().unwrap();
    let error = Revision::read(folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("git repository"), "{error}");
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        let command =
            command.arg("-C").arg(folder.path()).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]);
        let date = "2026-01-31T13:00:00+01:00";
        let status = command.args(arguments).env("GIT_COMMITTER_DATE", date).env("GIT_AUTHOR_DATE", date).status();
        assert!(status.unwrap().success(), "{arguments:?}");
    };
    let file = folder.path().join("file");
    fs::write(&file, "1").unwrap();
    for arguments in [&["init", "--quiet"][..], &["add", "file"], &["commit", "--quiet", "-m", "1"], &["tag", "v1"]] {
        git(arguments);
    }
    let clean = Revision::read(folder.path(), None).unwrap();
    assert_eq!((clean.commit.len(), clean.time.as_str()), (40, "2026-01-31T12:00:00Z"));
    fs::write(&file, "2").unwrap();
    let dirty = Revision::read(folder.path(), None).unwrap();
    assert_eq!(dirty.commit, format!("{}-dirty", clean.commit));
}
