//! The revision of the source, from git, for the labels of the image.

use std::path::Path;
use std::process::Command;
use thiserror::Error;

/// What the labels of an image say about its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The commit, followed by `-dirty` if files differ from it.
    pub commit: String,
    /// When it was committed, such as `2026-01-31T12:00:00Z`.
    pub time: String,
    /// Address of the repository.
    pub source: Option<String>,
}

/// The revision could not be determined.
#[derive(Debug, Error)]
#[error("the image is labelled with its commit, so it can only be built in a git repository with a commit: {0}")]
pub struct RevisionError(String);

impl Revision {
    /// The revision of the repository at `root`.
    ///
    /// # Errors
    /// [`RevisionError`] if git cannot be started, or `root` is not a repository with a commit.
    pub fn read(root: &Path, source: Option<String>) -> Result<Self, RevisionError> {
        // Without tags: the commit only.
        let commit = git(root, &["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])?;
        let time = git(root, &["log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd"])?;
        Ok(Self { commit, time, source })
    }
}

fn git(root: &Path, arguments: &[&str]) -> Result<String, RevisionError> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).env("TZ", "UTC").output();
    let output = output.map_err(|error| RevisionError(format!("git: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(RevisionError(text(&output.stderr))) }
}
