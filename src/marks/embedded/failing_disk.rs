//! A disk that fails at a given step, and what is left of its files after a power failure: unflushed data is lost, and so is
//! data whose flush failed, although it can be read until then.

use super::disk::Disk;
use redb::backends::FileBackend;
use redb::{BackendError, Builder, Database, DatabaseError, StorageBackend};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

type Step = Box<dyn FnMut(usize) + Send>;

#[derive(Clone, Default)]
pub(super) struct FailingDisk(Arc<Mutex<Platter>>);

#[derive(Default)]
struct Platter {
    /// Data on the disk: bytes by inode, and inodes by name.
    bytes: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<PathBuf, u64>,
    /// Writes in the page cache since the last flush, even a failed one.
    dirty: BTreeMap<u64, Vec<(u64, Vec<u8>)>>,
    dirty_names: BTreeMap<PathBuf, u64>,
    steps: usize,
    /// From this step on, every operation fails.
    dies_at: Option<usize>,
    /// How many of the next flushes succeed, before all fail.
    flushes_left: Option<usize>,
    has_failed: bool,
    before_each_step: Option<Step>,
}

impl FailingDisk {
    /// A disk on which this file is flushed in its current state.
    pub(super) fn holding(path: &Path) -> Self {
        let disk = Self::default();
        let inode = fs::metadata(path).unwrap().ino();
        let mut platter = disk.0.lock().unwrap();
        platter.bytes.insert(inode, fs::read(path).unwrap());
        platter.names.insert(path.to_owned(), inode);
        drop(platter);
        disk
    }

    pub(super) fn die_at(&self, step: usize) {
        let mut platter = self.0.lock().unwrap();
        (platter.steps, platter.dies_at) = (0, Some(step));
    }

    /// Returns whether it has died.
    pub(super) fn is_dead(&self) -> bool {
        let platter = self.0.lock().unwrap();
        platter.dies_at.is_some_and(|step| platter.steps > step)
    }

    pub(super) fn fail_flushes_after(&self, flushes: Option<usize>) {
        let mut platter = self.0.lock().unwrap();
        (platter.flushes_left, platter.has_failed) = (flushes, false);
    }

    /// Whether a flush has failed since.
    pub(super) fn has_failed(&self) -> bool {
        self.0.lock().unwrap().has_failed
    }

    pub(super) fn before_each_step(&self, step: Step) {
        self.0.lock().unwrap().before_each_step = Some(step);
    }

    /// Simulates a power failure: the folder is reset to the flushed data.
    pub(super) fn lose_power(&self, folder: &Path) {
        let platter = self.0.lock().unwrap();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "lock") {
                fs::remove_file(path).unwrap();
            }
        }
        for (name, inode) in &platter.names {
            fs::write(name, platter.bytes.get(inode).cloned().unwrap_or_default()).unwrap();
        }
    }

    fn step(&self) -> io::Result<()> {
        let observer = self.0.lock().unwrap().before_each_step.take();
        let mut platter = self.0.lock().unwrap();
        let number = platter.steps;
        platter.steps += 1;
        let dies_at = platter.dies_at;
        drop(platter);
        if let Some(mut observer) = observer {
            observer(number);
            self.0.lock().unwrap().before_each_step = Some(observer);
        }
        if dies_at.is_some_and(|step| number >= step) { Err(io::Error::other("it is dead")) } else { Ok(()) }
    }

    fn may_flush(&self) -> bool {
        let mut platter = self.0.lock().unwrap();
        match &mut platter.flushes_left {
            None => true,
            Some(0) => {
                platter.has_failed = true;
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

impl Disk for FailingDisk {
    fn database(&self, builder: &Builder, file: File) -> Result<Database, DatabaseError> {
        let inode = file.metadata()?.ino();
        let handle = file.try_clone()?;
        builder.create_with_backend(Backend { disk: self.clone(), inode, handle, file: FileBackend::new(file)? })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let inode = fs::metadata(from)?.ino();
        fs::rename(from, to)?;
        self.0.lock().unwrap().dirty_names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn flush_names(&self, _: &Path) -> io::Result<()> {
        self.step()?;
        let may_flush = self.may_flush();
        let mut platter = self.0.lock().unwrap();
        let names = std::mem::take(&mut platter.dirty_names);
        if !may_flush {
            return Err(io::Error::other("a flush failed"));
        }
        platter.names.extend(names);
        Ok(())
    }
}

#[derive(Debug)]
struct Backend {
    disk: FailingDisk,
    inode: u64,
    handle: File,
    file: FileBackend,
}

impl std::fmt::Debug for FailingDisk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FailingDisk")
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.step()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.step()?;
        let may_flush = self.disk.may_flush();
        let length = usize::try_from(self.handle.metadata()?.len()).unwrap();
        let mut platter = self.disk.0.lock().unwrap();
        // The system marks pages as clean once it has tried to write them, even if that failed.
        let dirty = platter.dirty.remove(&self.inode).unwrap_or_default();
        if !may_flush {
            return Err(io::Error::other("a flush failed"));
        }
        let bytes = platter.bytes.entry(self.inode).or_default();
        bytes.resize(length, 0);
        for (offset, data) in dirty {
            let offset = usize::try_from(offset).unwrap();
            bytes[offset..offset + data.len()].copy_from_slice(&data);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.step()?;
        self.handle.write_all_at(data, offset)?;
        self.disk.0.lock().unwrap().dirty.entry(self.inode).or_default().push((offset, data.to_vec()));
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
