//! Disk faults for a process of the program: see `disk_faults.c`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder on a disk that fails on demand.
pub(crate) struct Disk {
    folder: TempDir,
    library: PathBuf,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("disk_faults.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/disk_faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).args([library.as_os_str(), source.as_ref()]);
        assert!(compiler.status().unwrap().success());
        for name in ["data", "faults"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, library }
    }

    /// The folder on it.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The environment that injects the faults into a program.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("DISK", text(&self.data())),
            ("DISK_FAULTS", text(&self.folder.path().join("faults"))),
        ]
    }

    pub(crate) fn begins(&self, fault: &str) {
        fs::write(self.folder.path().join("faults").join(fault), "").unwrap();
    }

    pub(crate) fn ends(&self, fault: &str) {
        fs::remove_file(self.folder.path().join("faults").join(fault)).unwrap();
    }
}
