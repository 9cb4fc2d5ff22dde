//! The process as a whole.

use std::io;

/// Excludes the memory of this process from core dumps of any kind, and from being read or traced by other processes of the same
/// user. Only root still can. It applies to programs that this process starts until they are executed.
///
/// The files of this process in `/proc` then belong to root. Those that others may read stay readable, such as `status`.
///
/// # Errors
/// If the kernel refuses, which no release is known to do.
pub fn forbid_dumps() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
