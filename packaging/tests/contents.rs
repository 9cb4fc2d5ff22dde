//! The files and modes of the package, and its reproducibility.

#![cfg(test)]

use packaging::{Contents, PackageError};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const PROGRAM: &[u8] = b"a program";

/// Paths and modes of the function app's files.
const FILES: [(&str, u32); 5] = [
    ("azurehsm-signer", 0o100_755),
    ("health/function.json", 0o100_644),
    ("host.json", 0o100_644),
    ("keys/function.json", 0o100_644),
    ("sign/function.json", 0o100_644),
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn contents(folder: &TempDir) -> Contents {
    let program = folder.path().join("program");
    fs::write(&program, PROGRAM).unwrap();
    // The mode of the build does not matter: the package sets the executable bit.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o600)).unwrap();
    Contents::read(repository(), &program).unwrap()
}

#[test]
fn the_zip_has_exactly_these_files_with_these_modes() {
    let folder = TempDir::new().unwrap();
    let zip = contents(&folder).zip().unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let mut found = Vec::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let name = file.name().unwrap().into_owned();
        let is_program = name == "azurehsm-signer";
        let expected = if is_program { PROGRAM.to_vec() } else { fs::read(repository().join(&name)).unwrap() };
        assert!(bytes == expected, "{name}");
        found.push((name, file.unix_mode().unwrap()));
    }
    assert_eq!(found, FILES.map(|(path, mode)| (path.to_owned(), mode)));
}

#[test]
fn the_folder_has_the_same_files_and_nothing_from_before() {
    let folder = TempDir::new().unwrap();
    let app = folder.path().join("package").join("app");
    fs::create_dir_all(app.join("data")).unwrap();
    fs::write(app.join("local.settings.json"), "{}").unwrap();
    contents(&folder).write_folder(&app).unwrap();
    assert_eq!(modes_below(&app), FILES.iter().map(|(path, mode)| ((*path).to_owned(), *mode)).collect());
}

#[test]
fn the_same_files_give_the_same_zip() {
    let [first, second] = [(); 2].map(|()| contents(&TempDir::new().unwrap()).zip().unwrap());
    assert!(first == second);
}

#[test]
fn a_host_json_that_names_another_program_is_not_packaged() {
    let folder = TempDir::new().unwrap();
    for (path, _) in FILES {
        let copy = folder.path().join(path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(repository().join(if path == "azurehsm-signer" { "host.json" } else { path }), copy).unwrap();
    }
    let program = folder.path().join("azurehsm-signer");
    assert!(Contents::read(folder.path(), &program).is_ok());
    for (host, named) in [
        (r#"{"customHandler": {"description": {"defaultExecutablePath": "./azurehsm-signer"}}}"#, "./azurehsm-signer"),
        (r#"{"customHandler": {}}"#, "nothing"),
    ] {
        fs::write(folder.path().join("host.json"), host).unwrap();
        match Contents::read(folder.path(), &program) {
            Err(PackageError::OtherExecutable { named: found }) => assert_eq!(found, named),
            other => panic!("{host}: {other:?}"),
        }
    }
    fs::remove_file(folder.path().join("keys/function.json")).unwrap();
    let error = Contents::read(folder.path(), &program).unwrap_err().to_string();
    assert!(error.contains("keys/function.json"), "{error}");
}

/// Paths and modes of all files below a folder.
fn modes_below(folder: &Path) -> BTreeMap<String, u32> {
    let mut modes = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                modes.insert(name, fs::metadata(&path).unwrap().permissions().mode());
            }
        }
    }
    modes
}
