//! The files of the function app in this repository.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(repository().join(path)).unwrap()).unwrap()
}

/// The published files, in the root of the repository and of the package.
const OF_THE_APP: [&str; 4] = ["health", "host.json", "keys", "sign"];

#[test]
fn publishing_from_the_repository_includes_only_the_function_app() {
    let ignored = fs::read_to_string(repository().join(".funcignore")).unwrap();
    let ignored: BTreeSet<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    for entry in fs::read_dir(repository()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let expected = !OF_THE_APP.contains(&name.as_str());
        assert_eq!(ignored.contains(name.as_str()), expected, "{name} and .funcignore");
    }
    // They may not exist now.
    for name in ["data", "local.settings.json", "target"] {
        assert!(ignored.contains(name), "{name}");
    }
}

#[test]
fn the_example_of_local_settings_runs_the_debug_build_and_has_no_secret() {
    let settings = json("local.settings.example.json");
    let values = settings["Values"].as_object().unwrap();
    assert_eq!(values["FUNCTIONS_WORKER_RUNTIME"], "custom");
    let executable = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";
    assert_eq!(values[executable], "target/debug/azurehsm-signer");
    let others = values.keys().filter(|name| !["FUNCTIONS_WORKER_RUNTIME", executable].contains(&name.as_str()));
    for name in others {
        assert!(azurehsm_signer::settings::NAMES.contains(&name.as_str()), "{name}");
    }
}
