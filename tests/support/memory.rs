//! The memory of another process, as `/proc` shows it to root.

use super::process::signal_id;
use memchr::memmem::Finder;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// The memory of a process, which is stopped meanwhile.
pub(crate) struct Memory {
    process: u32,
    file: File,
    mappings: Vec<Mapping>,
}

struct Mapping {
    start: u64,
    end: u64,
    /// As in `/proc/<pid>/smaps`, such as `rd wr lo`.
    flags: BTreeSet<String>,
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// What was found.
    pub(crate) what: &'static str,
    /// Its address.
    pub(crate) address: u64,
    /// The start of its mapping.
    pub(crate) mapping: u64,
    /// The flags of its mapping, such as `lo` for locked.
    pub(crate) flags: BTreeSet<String>,
}

impl Memory {
    /// Stops a process, and reads its mappings. `None` if this user may not read it, which is printed.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let file = match File::open(format!("/proc/{process}/mem")) {
            Ok(file) => file,
            Err(error) => {
                eprintln!("SKIPPED: the memory of the signer was not searched, for which root is needed: {error}");
                return None;
            }
        };
        signal_id(process, "STOP");
        let maps = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
        let mut mappings: Vec<Mapping> = Vec::new();
        for line in maps.lines() {
            if let Some(flags) = line.strip_prefix("VmFlags:") {
                mappings.last_mut().unwrap().flags = flags.split_whitespace().map(str::to_owned).collect();
            } else if let Some(mapping) = Mapping::parse(line) {
                mappings.push(mapping);
            }
        }
        Some(Self { process, file, mappings })
    }

    /// Everything that occurs in readable memory.
    pub(crate) fn find(&self, wanted: &[(&'static str, Vec<u8>)]) -> Vec<Found> {
        let finders: Vec<_> = wanted.iter().map(|(what, bytes)| (*what, Finder::new(bytes))).collect();
        let mut found = Vec::new();
        let mut searched = 0;
        for mapping in self.mappings.iter().filter(|mapping| mapping.flags.contains("rd")) {
            // The kernel's own pages cannot be read this way.
            let Ok(bytes) = self.read(mapping) else { continue };
            searched += bytes.len();
            for (what, finder) in &finders {
                found.extend(finder.find_iter(&bytes).map(|offset| Found {
                    what,
                    address: mapping.start + offset as u64,
                    mapping: mapping.start,
                    flags: mapping.flags.clone(),
                }));
            }
        }
        assert!(searched > 5_000_000, "{searched} bytes were searched");
        found
    }

    fn read(&self, mapping: &Mapping) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(mapping.end - mapping.start).unwrap()];
        self.file.read_exact_at(&mut bytes, mapping.start)?;
        Ok(bytes)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        signal_id(self.process, "CONT");
    }
}

impl Mapping {
    /// Parses a line such as `7f0c4c021000-7f0c50000000 ---p 00000000 00:00 0    [heap]`.
    fn parse(line: &str) -> Option<Self> {
        let (start, end) = line.split_whitespace().next()?.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        Some(Self { start: address(start)?, end: address(end)?, flags: BTreeSet::new() })
    }
}
