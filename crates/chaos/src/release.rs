//! Two releases of the program side by side, as in an upgrade.
//!
//! At the start, half of the processes run each release. Every restart changes the release at that place, so that upgrades and
//! rollbacks happen one place after another, in every mixture.

use std::path::{Path, PathBuf};
use std::time::Instant;

/// One of the two releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Release {
    /// The one under test.
    This,
    /// The one of `--beside`, usually the last release.
    Other,
}

impl Release {
    /// Both, in the order of reports.
    pub(crate) const BOTH: [Self; 2] = [Self::This, Self::Other];

    /// The name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::This => "this release",
            Self::Other => "other release",
        }
    }
}

/// The program at a place, in one release or two.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    this: PathBuf,
    other: Option<PathBuf>,
    runs: Release,
}

impl Installed {
    /// The program at a place. If there is another release, every second place starts with it.
    pub(crate) fn at(place: usize, this: &Path, other: Option<&Path>) -> Self {
        let runs = if other.is_some() && !place.is_multiple_of(2) { Release::Other } else { Release::This };
        Self { this: this.to_owned(), other: other.map(Path::to_owned), runs }
    }

    /// The release that runs, and its program.
    pub(crate) fn running(&self) -> (Release, &Path) {
        match (self.runs, &self.other) {
            (Release::Other, Some(other)) => (Release::Other, other),
            _ => (Release::This, &self.this),
        }
    }

    /// Changes the release, if there are two.
    pub(crate) fn change(&mut self) {
        if self.other.is_some() {
            self.runs = match self.runs {
                Release::This => Release::Other,
                Release::Other => Release::This,
            };
        }
    }
}

/// A process has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) place: usize,
    pub(crate) release: Release,
    /// Before its address was known to anybody.
    pub(crate) at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_two_releases_every_restart_changes_the_release() {
        let (this, other) = (Path::new("this"), Path::new("other"));
        let runs = |installed: &Installed| installed.running().1.to_owned();
        for (place, second, expected) in [
            (0, None, [this, this]),
            (1, None, [this, this]),
            (0, Some(other), [this, other]),
            (1, Some(other), [other, this]),
        ] {
            let mut installed = Installed::at(place, this, second);
            let before = runs(&installed);
            installed.change();
            assert_eq!([before, runs(&installed)], expected, "{place} {second:?}");
        }
    }
}
