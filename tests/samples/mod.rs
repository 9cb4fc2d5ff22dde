//! Payloads of every form that is signed, and some malformed ones: from the conformance suite, and the fuzzer's seeds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// The payload of a case by its id, or of a seed by its name.
pub(crate) static PAYLOADS: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let cases = conformance::tables::suite().decode.cases.into_iter().map(|case| (case.id, case.payload.0));
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/payload");
    let seeds = fs::read_dir(seeds).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    });
    cases.chain(seeds).collect()
});
