//! The package that Azure Functions runs, unpacked: nothing else is in its folder.

use functions_host::Package;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

/// The zip that `SIGNER_PACKAGE` names.
pub(crate) fn zip() -> Option<PathBuf> {
    std::env::var_os("SIGNER_PACKAGE").map(|path| {
        // Tests run in the folder of their crate, which is where a relative path is meant from.
        PathBuf::from(path).canonicalize().expect("SIGNER_PACKAGE names a file")
    })
}

/// Unpacks a zip, or takes what another test has unpacked and still uses.
pub(crate) fn unpacked(zip: &std::path::Path) -> Arc<Package> {
    static UNPACKED: Mutex<Weak<Package>> = Mutex::new(Weak::new());
    let mut unpacked = UNPACKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    unpacked.upgrade().unwrap_or_else(|| {
        let package = Arc::new(Package::unpack(zip).unwrap());
        *unpacked = Arc::downgrade(&package);
        package
    })
}
