//! The embedded store with disk errors, dangling links and damaged files.

use crate::support::disk::Disk;
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{Signer, command, run};
use azurehsm_signer::tezos::payload::Kind;
use redb::{Database, TableDefinition};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const ANY_PORT: (&str, &str) = ("SIGNER_LISTEN", "127.0.0.1:0");
const HASTY: (&str, &str) = ("REQUEST_DEADLINE_MS", "1000");

fn vote(signer: &Signer, key: &str, level: u32, variant: u8) -> u16 {
    http::sign(signer.address, key, &payload(Kind::Attestation, level, 0, variant)).unwrap().status
}

/// The error of a command; for `doctor`, its report.
fn fails(data: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = command(data, &[settings, &[ANY_PORT]].concat()).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    let text = if arguments == ["doctor"] { output.stdout } else { output.stderr };
    String::from_utf8(text).unwrap()
}

fn succeeds(data: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = command(data, settings).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with a key that has voted at level 500; its signer was killed.
fn used() -> (TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_owned();
    let signer = Signer::start(&data, &[]);
    let key = signer.only_key();
    assert_eq!(vote(&signer, &key, 500, 0), 200);
    signer.kill();
    (folder, data, key)
}

#[test]
fn after_a_failed_flush_nothing_is_signed_until_the_disk_has_all_marks() {
    for fault in ["flush", "full"] {
        let disk = Disk::new();
        let settings = disk.settings();
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).chain([HASTY]).collect();
        let signer = Signer::start(&disk.data(), &settings);
        let key = signer.only_key();
        assert_eq!(vote(&signer, &key, 500, 0), 200);
        disk.begins(fault);
        for (level, variant) in [(501, 0), (501, 0), (501, 1), (500, 0), (502, 0)] {
            assert_eq!(vote(&signer, &key, level, variant), 500, "{fault}: level {level}");
        }
        signer.wait_for_log("store_failed");
        let health = || http::get(signer.address, "/health").unwrap().status;
        assert_eq!(health(), 503);
        disk.ends(fault);
        // It retries by itself, even without requests.
        signer.wait_for_log("store_recovered");
        assert_eq!(vote(&signer, &key, 503, 0), 200);
        assert_eq!(vote(&signer, &key, 503, 1), 409);
        assert_eq!(health(), 200);

        // The same at startup.
        signer.kill();
        disk.begins(fault);
        let signer = Signer::start(&disk.data(), &settings);
        for (level, variant) in [(503, 0), (503, 1), (504, 0)] {
            assert_eq!(vote(&signer, &key, level, variant), 500, "{fault}: level {level}");
        }
        disk.ends(fault);
        eventually("a signature", || (vote(&signer, &key, 503, 0) == 200).then_some(()));
        assert_eq!(vote(&signer, &key, 503, 1), 409);
        assert_eq!(vote(&signer, &key, 504, 0), 200);
    }
}

#[test]
fn marks_are_listed_and_exported_from_a_read_only_disk() {
    let disk = Disk::new();
    let settings = disk.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let signer = Signer::start(&disk.data(), &[]);
    let key = signer.only_key();
    assert_eq!(vote(&signer, &key, 500, 0), 200);
    assert!(fails(&disk.data(), &[], &["marks", "list"]).contains("is in use by "));
    // It leaves a file that would need a repair before it could be written to.
    signer.kill();
    let file = disk.data().join("marks.redb");
    let before = fs::read(&file).unwrap();
    disk.begins("read-only");
    assert!(
        fails(&disk.data(), &settings, &["marks", "raise", MAINNET, &key, "600"]).contains("Read-only file system")
    );
    for command in ["list", "export"] {
        let printed = succeeds(&disk.data(), &settings, &["marks", command]);
        assert!(printed.contains(&key) && printed.contains("500"), "{printed}");
    }
    assert!(succeeds(&disk.data(), &settings, &["doctor"]).contains("1 mark"));
    // Also without the shim, nothing is written.
    succeeds(&disk.data(), &[], &["marks", "list"]);
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// Follows the advice in a message to the letter.
fn follow(message: &str) {
    let (_, rest) = message.split_once("move it aside (").expect("the advice");
    let (command, _) = rest.split_once("), then raise the marks").unwrap();
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success(), "{command}");
}

fn with_other_tables(path: &Path) {
    fs::remove_file(path).unwrap();
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("marks")).unwrap();
    transaction.commit().unwrap();
}

/// In the middle of each copy of the mark.
fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let id = MAINNET.as_bytes();
    let places: Vec<_> = bytes.windows(id.len()).enumerate().filter(|(_, at)| *at == id).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + 3] ^= 4;
    }
    fs::write(path, bytes).unwrap();
}

type Damage = (&'static str, fn(&Path));

#[test]
fn the_advice_for_a_damaged_store_works() {
    let damages: [Damage; 8] = [
        ("garbage", |path| fs::write(path, "not a database").unwrap()),
        ("long garbage", |path| fs::write(path, "no database. ".repeat(100_000)).unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("truncated", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("a header alone", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..200]).unwrap();
        }),
        ("of other tables", with_other_tables),
        ("flipped", flip_a_bit),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let (_folder, data, key) = used();
        let path = data.join("marks.redb");
        damage(&path);
        let raise = ["marks", "raise", MAINNET, &key, "500"];
        let import = data.join("import.json");
        fs::write(&import, "{}").unwrap();
        let commands = [&["serve"][..], &["doctor"], &["marks", "list"], &["marks", "export"], &raise];
        let complaints = commands.map(|arguments| fails(&data, &[], arguments));
        for complaint in &complaints {
            for words in
                ["marks.redb cannot be used as a mark store", "move it aside (mv ", "marks raise CHAIN KEY LEVEL"]
            {
                assert!(complaint.contains(words), "{what}: {complaint}");
            }
        }
        follow(&complaints[0]);
        assert!(fails(&data, &[], &["serve"]).contains("is gone"), "{what}: it must not start with an empty store");
        succeeds(&data, &[], &raise);
        let signer = Signer::start(&data, &[]);
        for (level, variant, expected) in [(499, 0, 409), (500, 0, 409), (500, 1, 409), (501, 0, 200)] {
            assert_eq!(vote(&signer, &key, level, variant), expected, "{what}: level {level}");
        }
        drop(signer);
        // Again: a name that is taken is not used a second time.
        fs::write(&path, "").unwrap();
        follow(&fails(&data, &[], &["marks", "list"]));
        assert!(data.join("marks.redb.damaged").exists() && data.join("marks.redb.damaged-2").exists());
    }
}

#[test]
fn a_store_without_read_permission_is_not_reported_as_damaged() {
    let (_folder, data, key) = used();
    let path = data.join("marks.redb");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // root may read all files, unless it drops that capability.
    let as_anybody = ["--bounding-set=-dac_override,-dac_read_search", "--"];
    let is_administrator = fs::read(&path).is_ok();
    for arguments in [&["serve"][..], &["marks", "list"], &["marks", "raise", MAINNET, &key, "500"]] {
        let mut command = command(&data, &[ANY_PORT]);
        if is_administrator {
            let program = command.get_program().to_owned();
            command = Command::new("setpriv");
            command.args(as_anybody).arg(program).env("LOCAL_DATA_DIR", &data).envs([ANY_PORT]);
        }
        let output = command.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("marks.redb: Permission denied") && complaint.contains("chown"), "{complaint}");
        assert!(!complaint.contains("mv "), "{complaint}");
    }
}

#[test]
fn a_dangling_link_is_refused_and_not_replaced() {
    for name in ["marks.redb", "marks.lock", "keys.json", "keys.json.age", "keys.lock", ""] {
        let folder = tempfile::tempdir().unwrap();
        let (data, missing) = (folder.path().join("data"), folder.path().join("missing"));
        let link = data.join(name);
        if !name.is_empty() {
            fs::create_dir(&data).unwrap();
        }
        symlink(&missing, link.components().collect::<PathBuf>()).unwrap();
        let of_marks =
            [&["marks", "list"][..], &["marks", "export"], &["marks", "raise", MAINNET, KEY, "500"], &["doctor"]];
        let of_keys = [&["keys", "list"][..], &["keys", "generate", "second"]];
        let commands = if name.starts_with("marks") {
            of_marks.to_vec()
        } else if name == "keys.lock" {
            vec![of_keys[1]]
        } else if name.is_empty() {
            [&of_marks[..], &of_keys].concat()
        } else {
            of_keys.to_vec()
        };
        for arguments in [&[&["serve"][..]], &commands[..]].concat() {
            let complaint = fails(&data, &[], arguments);
            assert!(
                complaint.contains("is a symbolic link to") && complaint.contains("missing"),
                "{name}: {complaint}"
            );
        }
        assert!(link.components().collect::<PathBuf>().is_symlink() && !missing.exists(), "{name}");
    }
}

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

#[test]
fn a_valid_link_is_kept() {
    let (_folder, data, key) = used();
    let volume = tempfile::tempdir().unwrap();
    for name in ["marks.redb", "keys.json"] {
        fs::copy(data.join(name), volume.path().join(name)).unwrap();
        fs::remove_file(data.join(name)).unwrap();
        symlink(volume.path().join(name), data.join(name)).unwrap();
    }
    let signer = Signer::start(&data, &[]);
    assert_eq!(vote(&signer, &key, 500, 1), 409);
    assert_eq!(vote(&signer, &key, 501, 0), 200);
    drop(signer);
    assert!(run(&data, &["keys", "generate", "second"], "").status.success());
    for name in ["marks.redb", "keys.json"] {
        assert!(data.join(name).is_symlink(), "{name}");
    }
    assert!(fs::read_to_string(volume.path().join("keys.json")).unwrap().contains("second"));
    // The volume has the mark.
    fs::remove_file(data.join("marks.redb")).unwrap();
    fs::copy(volume.path().join("marks.redb"), data.join("marks.redb")).unwrap();
    assert!(succeeds(&data, &[], &["marks", "list"]).contains("level 501"));
}
