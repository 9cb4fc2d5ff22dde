//! Payloads in every form that is signed, and some that are malformed: those of the conformance suite, and the fuzzer's seeds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// By the id of the case, or the name of the seed.
pub(crate) static PAYLOADS: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let cases = conformance::tables::suite().decode.cases.into_iter().map(|case| (case.id, case.payload.0));
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/payload");
    let seeds = fs::read_dir(seeds).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    });
    cases.chain(seeds).collect()
});
