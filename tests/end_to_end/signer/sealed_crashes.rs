//! Commands on sealed keys that fail or are killed while they write: the file is as before, or as after.

use super::sealed::{Desk, for_north_and_safe};
use crate::support::disk::Disk;
use crate::support::process::{command, printed};
use crate::support::tz4::SECRET_KEY;
use std::fs;
use std::os::unix::process::ExitStatusExt;

/// What happens to the process, and whether the change was made by then.
const FAULTS: [(&str, bool); 4] =
    [("flush", false), ("dies at flush", false), ("dies before rename", false), ("dies after rename", true)];

#[test]
fn a_change_of_the_recipients_that_is_interrupted_leaves_a_key_that_opens_and_can_be_repeated() {
    let desk = Desk::new();
    for (fault, is_changed) in FAULTS {
        let disk = Disk::new();
        let folder = disk.data().join("sealed");
        let folder = folder.to_str().unwrap();
        let options = format!("{} --folder {folder}", for_north_and_safe("baker"));
        printed(&desk.sealed("import", &options, SECRET_KEY));
        let file = disk.data().join("sealed/baker.json");
        let before = fs::read(&file).unwrap();
        let rewrap = || {
            let options = ["--recovery-key", "safe-private.pem", "--add", "cabinet.pem", "--folder", folder];
            let mut command = command(&desk.path("."), &[]);
            command.args(["sealed", "rewrap", "baker"]).args(options).current_dir(desk.path("."));
            command.envs(disk.settings()).output().unwrap()
        };
        disk.begins(fault);
        let output = rewrap();
        let expected = if fault == "flush" { (Some(1), None) } else { (None, Some(9)) };
        assert_eq!((output.status.code(), output.status.signal()), expected, "{fault}: {output:?}");
        disk.ends(fault);

        assert_eq!(fs::read(&file).unwrap() != before, is_changed, "{fault}");
        let in_folder = |options: &str| format!("{options} --folder {folder}");
        let listed = printed(&desk.sealed("list", &in_folder(""), ""));
        assert_eq!(listed.lines().count(), 1, "{fault}: {listed}");
        printed(&desk.sealed("check", &in_folder("baker --recovery-key safe-private.pem"), ""));
        if !is_changed {
            printed(&rewrap());
        }
        printed(&desk.sealed("check", &in_folder("baker --recovery-key cabinet-private.pem"), ""));
    }
}
