//! Runs all stored inputs: the corpus, and inputs that once violated a property.

use properties::TARGETS;
use std::path::{Path, PathBuf};
use std::{fs, panic};

fn inputs(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn stored_inputs_violate_no_property() {
    let mut violated = Vec::new();
    for (target, check) in TARGETS {
        let corpus = inputs("corpus", target);
        assert!(!corpus.is_empty(), "corpus/{target} has seeds");
        for path in corpus.into_iter().chain(inputs("regressions", target)) {
            let input = fs::read(&path).unwrap();
            if panic::catch_unwind(|| check(&input)).is_err() {
                violated.push(path);
            }
        }
    }
    assert!(violated.is_empty(), "{violated:#?}");
}

#[test]
fn every_folder_belongs_to_a_target() {
    for folder in ["corpus", "regressions", "dictionaries"] {
        let Ok(entries) = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(TARGETS.iter().any(|(target, _)| *target == name), "{}", path.display());
        }
    }
}
