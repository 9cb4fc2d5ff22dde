//! Resolves symbolic links, and distinguishes a dangling link from a file that has never existed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a path cannot be resolved.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The path, or a folder in it, is a symbolic link to something that does not exist, such as an unmounted volume.
    #[error(
        "{} is a symbolic link to {}, which does not exist: mount or restore the target, or remove the link",
        link.display(),
        target.display()
    )]
    Dangling {
        /// The link.
        link: PathBuf,
        /// What it points to.
        target: PathBuf,
    },
    /// An error of the file system.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// The canonical path of a file or folder; `None` if it does not exist.
///
/// # Errors
/// [`LinkError`]; `Dangling` if the path or a folder in it is a symbolic link to something that does not exist.
pub fn resolve(path: &Path) -> Result<Option<PathBuf>, LinkError> {
    let error = match fs::canonicalize(path) {
        Ok(real) => return Ok(Some(real)),
        Err(error) => error,
    };
    if error.kind() != io::ErrorKind::NotFound {
        return Err(LinkError::Io { path: path.to_owned(), source: error });
    }
    for name in path.ancestors() {
        if let Ok(target) = fs::read_link(name)
            && !name.exists()
        {
            return Err(LinkError::Dangling { link: name.to_owned(), target });
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_dangling_link_is_not_a_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("file", at("link")).unwrap();
        symlink("link", at("link-to-link")).unwrap();
        symlink("nothing", at("dangling")).unwrap();
        symlink("dangling", at("dangling-twice")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for (name, expected) in [
            ("file", Some("file")),
            ("link", Some("file")),
            ("link-to-link", Some("file")),
            ("nothing", None),
            ("nowhere/nothing", None),
            ("folder/nothing", None),
        ] {
            let real = fs::canonicalize(folder.path()).unwrap();
            assert_eq!(resolve(&at(name)).unwrap(), expected.map(|name| real.join(name)), "{name}");
        }
        for (name, link) in [
            ("dangling", "dangling is a symbolic link to nothing,"),
            ("dangling-twice", "dangling-twice is a symbolic link to dangling,"),
            ("dangling/within", "dangling is a symbolic link to nothing,"),
        ] {
            let error = resolve(&at(name)).unwrap_err();
            assert!(matches!(error, LinkError::Dangling { .. }) && error.to_string().contains(link), "{error}");
        }
        assert!(matches!(resolve(&at("loop")), Err(LinkError::Io { .. })));
    }
}
