//! The RSA keys of the test vectors, for which sealed keys are sealed.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// Writes each as `<name>.pem` and `<name>-private.pem`.
pub(crate) fn write_to(folder: &Path) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/sealed/vectors.json");
    let vectors: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for (name, key) in vectors["keys"].as_object().unwrap() {
        for (file, part) in [(format!("{name}.pem"), "public_key"), (format!("{name}-private.pem"), "private_key")] {
            fs::write(folder.join(file), key[part].as_str().unwrap()).unwrap();
        }
    }
}
