//! The unpacked package for Azure Functions, in a folder without other files.

use functions_host::Package;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

/// The zip in `SIGNER_PACKAGE`.
pub(crate) fn zip() -> Option<PathBuf> {
    std::env::var_os("SIGNER_PACKAGE").map(|path| {
        // A relative path is relative to the folder of the crate, in which tests run.
        PathBuf::from(path).canonicalize().expect("SIGNER_PACKAGE names a file")
    })
}

/// Unpacks a zip, or shares the folder with another test that still uses it.
pub(crate) fn unpacked(zip: &std::path::Path) -> Arc<Package> {
    static UNPACKED: Mutex<Weak<Package>> = Mutex::new(Weak::new());
    let mut unpacked = UNPACKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    unpacked.upgrade().unwrap_or_else(|| {
        let package = Arc::new(Package::unpack(zip).unwrap());
        *unpacked = Arc::downgrade(&package);
        package
    })
}
