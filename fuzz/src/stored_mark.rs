//! Marks as the stores hold them. An input is the JSON of one.

use azurehsm_signer::marks::Mark;
use serde_json::Value;

/// What is read is what stands there, and is written as it was read.
pub fn check(input: &[u8]) {
    let mark: Mark = match serde_json::from_slice(input) {
        Ok(mark) => mark,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = serde_json::to_string(&mark).expect("a mark can always be written");
    let again: Mark = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(again, mark);

    // Serde also takes an array of the fields' values.
    let Ok(Value::Object(stored)) = serde_json::from_slice(input) else { return };
    let number = |field: &str| stored[field].as_u64();
    assert_eq!(number("level"), Some(mark.position.level.get().into()));
    assert_eq!(number("round"), Some(mark.position.round.get().into()));
    let text = |field: &str| stored.get(field).and_then(Value::as_str).map(str::to_ascii_lowercase);
    assert_eq!(mark.digest.map(|digest| digest.to_string()), text("digest"), "a digest is never lost");
    let signature = mark.signature.map(|signature| signature.to_string().to_ascii_lowercase());
    assert_eq!(signature, text("signature"), "a signature is never lost");
}
