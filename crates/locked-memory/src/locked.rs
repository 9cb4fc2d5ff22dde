//! A value in pages of its own.

use rustix::mm::{self, MapFlags, ProtFlags};
use rustix::param::page_size;
use std::ffi::c_void;
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

/// A value in memory that is locked (never in swap), excluded from core dumps, all zeros in a forked child, and wiped when it is
/// dropped. It does not move, so no copies are left behind. Uses at least one page.
///
/// Moving a value into [`Locked::new`] can leave a copy on the stack, as every move does: write secrets through
/// [`DerefMut`] into a value without any, or see [`crate::with_clean_stack`].
pub struct Locked<T> {
    /// The start of a mapping of `length` bytes, which this value owns, with an initialized `T` at its start.
    value: NonNull<T>,
    length: usize,
    refusal: Option<Refusal>,
}

/// What the kernel refuses for the memory of a [`Locked`]. The value can be used all the same.
#[derive(Debug)]
pub struct Refusal {
    /// The system call, such as `mlock`.
    pub call: &'static str,
    /// Why it failed: for `mlock`, usually that the limit of locked memory is reached.
    pub error: io::Error,
}

impl<T> Locked<T> {
    /// Moves a value there.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(value: T) -> io::Result<Self> {
        const { assert!(align_of::<T>() <= 4096, "a page is aligned to at least that") };
        let length = size_of::<T>().max(1).next_multiple_of(page_size());
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses affects no other memory.
        let start = unsafe { mm::mmap_anonymous(ptr::null_mut(), length, access, MapFlags::PRIVATE) }?;
        let place = NonNull::new(start.cast::<T>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let refusal = protect(start, length).err();
        // SAFETY: the mapping is writable, long enough, and aligned to a page; nothing else refers to it.
        unsafe { place.write(value) };
        Ok(Self { value: place, length, refusal })
    }

    /// What the kernel has refused; `None` if the memory has all protections.
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }
}

/// Applies all protections. Without one of them, the others still are applied; the first error is returned.
fn protect(start: *mut c_void, length: usize) -> Result<(), Refusal> {
    let refused = |call| move |error: rustix::io::Errno| Refusal { call, error: error.into() };
    // SAFETY: the caller has just mapped these bytes; locking does not change them.
    let locked = unsafe { mm::mlock(start, length) }.map_err(refused("mlock"));
    #[cfg(target_os = "linux")]
    {
        // SAFETY: as above; this changes only what a core dump contains.
        let without_dump = unsafe { mm::madvise(start, length, mm::Advice::LinuxDontDump) };
        // SAFETY: as above; this changes only what a child of this process finds there. Nothing is read there in a child between
        // fork and exec.
        let without_children = unsafe { mm::madvise(start, length, mm::Advice::LinuxWipeOnFork) };
        locked
            .and(without_dump.map_err(refused("madvise(MADV_DONTDUMP)")))
            .and(without_children.map_err(refused("madvise(MADV_WIPEONFORK)")))
    }
    #[cfg(not(target_os = "linux"))]
    locked
}

impl<T> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: an initialized value, which nothing else refers to mutably while `self` is borrowed.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: an initialized value, which nothing else refers to while `self` is borrowed mutably.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        // SAFETY: the value is initialized, and never used again.
        unsafe { ptr::drop_in_place(self.value.as_ptr()) };
        wipe(self.value.cast(), self.length);
        // SAFETY: this value owns the mapping, which has this length, and nothing refers to it any more.
        let unmapped = unsafe { mm::munmap(self.value.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// Writes zeros that no optimization removes.
fn wipe(start: NonNull<u64>, length: usize) {
    for index in 0..length / size_of::<u64>() {
        // SAFETY: within the mapping, whose length is a multiple of the page size.
        let word = unsafe { start.add(index) };
        // SAFETY: writable and aligned, since it is a whole number of words after the start of a page.
        unsafe { word.write_volatile(0) };
    }
}

// SAFETY: it owns its value as a `Box` does, so it may be sent to another thread if the value may.
unsafe impl<T: Send> Send for Locked<T> {}

// SAFETY: it gives out only what a `Box` does: shared references by a shared one, mutable ones by a mutable one.
unsafe impl<T: Sync> Sync for Locked<T> {}

impl<T> fmt::Debug for Locked<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Locked")
    }
}
