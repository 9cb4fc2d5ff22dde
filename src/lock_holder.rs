//! Finds the process that holds the lock on a file, if the system shows it.
//!
//! For messages only: whether a file is locked is decided by locking it.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

/// The process that holds the lock on a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockHolder {
    /// Linux lists it as the one that took the lock.
    Process {
        /// Its process id.
        id: u32,
        /// The name of its program. `None` if the process has ended and its child still holds the lock, or if this user may not
        /// see it.
        program: Option<String>,
    },
    /// Not listed: it runs in another container or on another machine, has released the lock by now, or this is not Linux.
    Unknown,
}

impl LockHolder {
    /// Finds the process that has locked `file` with `flock`, in `/proc/locks`. If there are several, returns one of them.
    pub fn of(file: &File) -> Self {
        let (Ok(metadata), Ok(locks)) = (file.metadata(), fs::read_to_string("/proc/locks")) else {
            return Self::Unknown;
        };
        let id = FileId { device: metadata.dev(), inode: metadata.ino() };
        let locks: Vec<_> = locks.lines().filter_map(Lock::parse).filter(|lock| lock.inode == id.inode).collect();
        let exact = locks.iter().find(|lock| lock.device == id.major_and_minor());
        // Some file systems (btrfs, overlayfs) have different device numbers there.
        exact
            .or_else(|| locks.iter().find(|lock| id.is_open_in(lock.process)))
            .map_or(Self::Unknown, |lock| Self::Process { id: lock.process, program: program_of(lock.process) })
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { id, program: Some(program) } => write!(formatter, "process {id} ({program})"),
            Self::Process { id, program: None } => {
                write!(formatter, "process {id} (which has ended, or is not visible to this user)")
            }
            Self::Unknown => formatter
                .write_str("another process (not visible here: it may run in another container or on another machine)"),
        }
    }
}

/// An entry in `/proc/locks`.
#[derive(Debug, PartialEq, Eq)]
struct Lock {
    process: u32,
    device: (u64, u64),
    inode: u64,
}

impl Lock {
    /// Parses a line such as `1: FLOCK  ADVISORY  WRITE 4711 fe:00:9978119 0 EOF`. `None` for other kinds of locks, for a
    /// process that waits for one (`->`), and if the process has no id in this namespace.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        if fields.next()? != "FLOCK" {
            return None;
        }
        let process = fields.nth(2)?.parse().ok().filter(|process| *process > 0)?;
        let mut file = fields.next()?.split(':');
        let major = u64::from_str_radix(file.next()?, 16).ok()?;
        let minor = u64::from_str_radix(file.next()?, 16).ok()?;
        Some(Self { process, device: (major, minor), inode: file.next()?.parse().ok()? })
    }
}

/// Identifies a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The major and minor device number, as Linux packs them.
    const fn major_and_minor(self) -> (u64, u64) {
        let device = self.device;
        (((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff), ((device >> 12) & 0xffff_ff00) | (device & 0xff))
    }

    fn is_open_in(self, process: u32) -> bool {
        let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().filter_map(Result::ok);
        let ids = files.filter_map(|file| fs::metadata(file.path()).ok());
        ids.map(|metadata| Self { device: metadata.dev(), inode: metadata.ino() }).any(|id| id == self)
    }
}

/// The name alone: a command line may hold secrets.
fn program_of(process: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{process}/comm")).ok()?;
    let name = String::from_utf8_lossy(&name);
    // A program may set any name for itself.
    let name: String = name.trim().chars().filter(|character| !character.is_control()).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_locks_are_parsed() {
        let lock = |process, device, inode| Some(Lock { process, device, inode });
        for (line, expected) in [
            ("1: FLOCK  ADVISORY  WRITE 4711 fe:00:9978119 0 EOF", lock(4711, (0xfe, 0), 9_978_119)),
            ("12: FLOCK  ADVISORY  READ  4711 103:0a:7 0 EOF", lock(4711, (0x103, 0x0a), 7)),
            ("1: -> FLOCK  ADVISORY  WRITE 4712 fe:00:9978119 0 EOF", None),
            ("2: POSIX  ADVISORY  WRITE 4711 fe:00:9978119 0 EOF", None),
            ("3: OFDLCK ADVISORY  WRITE -1 fe:00:9978119 0 EOF", None),
            ("4: FLOCK  ADVISORY  WRITE 0 fe:00:9978119 0 EOF", None),
            ("4: FLOCK  ADVISORY  WRITE -1 fe:00:9978119 0 EOF", None),
            ("5: FLOCK  ADVISORY  WRITE 4711 <none>:0 0 EOF", None),
            ("6: FLOCK  ADVISORY", None),
            ("", None),
        ] {
            assert_eq!(Lock::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn device_numbers_are_split_as_linux_packs_them() {
        for (device, expected) in [
            (0xfe00, (0xfe, 0)),
            (0x0801, (8, 1)),
            (0x12a_b0cd, (0xab0, 0x12cd)),
            (0xabcd_e000_1230_4567, (0xabcd_e045, 0x0001_2367)),
        ] {
            assert_eq!(FileId { device, inode: 1 }.major_and_minor(), expected, "{device:#x}");
        }
    }

    #[test]
    fn the_holder_is_found_or_reported_as_unknown() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(LockHolder::of(&file), LockHolder::Unknown);
        file.lock().unwrap();
        let program = program_of(std::process::id());
        assert!(program.is_some());
        assert_eq!(LockHolder::of(&file), LockHolder::Process { id: std::process::id(), program });
        for (holder, expected) in [
            (LockHolder::Process { id: 7, program: Some("tar".to_owned()) }, "process 7 (tar)"),
            (LockHolder::Process { id: 7, program: None }, "process 7 (which has ended,"),
            (LockHolder::Unknown, "another process (not visible here"),
        ] {
            assert!(holder.to_string().starts_with(expected), "{holder}");
        }
    }
}
