//! Stored marks. An input is the JSON of a mark.

use azurehsm_signer::marks::Mark;
use serde_json::Value;

/// The parsed mark has all fields of the JSON, and survives serialization.
pub fn check(input: &[u8]) {
    let mark: Mark = match serde_json::from_slice(input) {
        Ok(mark) => mark,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = serde_json::to_string(&mark).expect("a mark can be serialized");
    let again: Mark = serde_json::from_str(&written).expect("a serialized mark can be parsed");
    assert_eq!(again, mark);

    // Serde also accepts an array of the fields' values.
    let Ok(Value::Object(stored)) = serde_json::from_slice(input) else { return };
    let number = |field: &str| stored[field].as_u64();
    assert_eq!(number("level"), Some(mark.position.level.get().into()));
    assert_eq!(number("round"), Some(mark.position.round.get().into()));
    let text = |field: &str| stored.get(field).and_then(Value::as_str).map(str::to_ascii_lowercase);
    assert_eq!(mark.digest.map(|digest| digest.to_string()), text("digest"), "a digest is never lost");
    let signature = mark.signature.map(|signature| signature.to_string().to_ascii_lowercase());
    assert_eq!(signature, text("signature"), "a signature is never lost");
}
