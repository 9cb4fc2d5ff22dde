//! The whole suite, built from the tables.

use super::{blocks, http, keys, malformed_operations, operations, policy, sequences, signatures, votes, watermarks};
use crate::case::{DecodeCase, File, HttpCase, KeyFile, SignatureCase, StepsCase};

/// All case files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// `keys.json`.
    pub keys: KeyFile,
    /// `decode.json`.
    pub decode: File<DecodeCase>,
    /// `sequences.json`.
    pub sequences: File<StepsCase>,
    /// `policy.json`.
    pub policy: File<StepsCase>,
    /// `signatures.json`.
    pub signatures: File<SignatureCase>,
    /// `http.json`.
    pub http: File<HttpCase>,
}

fn file<C>(schema: &str, about: &str, cases: Vec<C>) -> File<C> {
    File { schema: format!("../schema/{schema}.schema.json"), about: about.to_owned(), cases }
}

/// Builds the suite from the tables.
pub fn suite() -> Suite {
    Suite {
        keys: keys::file(),
        decode: file(
            "decode",
            "Payloads, and what a decoder must return for each: kind, chain, level, round, digest and operations, or \
             what is malformed and where. A signer gets each with a key whose policy permits every valid payload.",
            [watermarks::cases(), blocks::cases(), votes::cases(), operations::cases(), malformed_operations::cases()]
                .concat(),
        ),
        sequences: file(
            "steps",
            "Blocks and votes in sequence, and which of them are signed. A letter stands for a chain id that is drawn \
             for every case and run, so that no case sees the marks of another.",
            sequences::cases(),
        ),
        policy: file(
            "steps",
            "What keys of different roles may sign. keys.json describes what each role may sign; setup/ has \
             configurations for several signers.",
            policy::cases(),
        ),
        signatures: file(
            "signatures",
            "Signatures that Tezos accepts or rejects. Those with a request authenticate it, which tests a signer \
             that requires authentication.",
            signatures::cases(),
        ),
        http: file(
            "http",
            "Raw HTTP requests, and their expected answers. In paths, {name} stands for the public key hash of the \
             key with that name.",
            http::cases(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Expected;
    use std::collections::HashSet;

    /// Ids and reasons of all cases.
    fn all() -> Vec<(String, String)> {
        let suite = suite();
        let mut all: Vec<(String, String)> = Vec::new();
        all.extend(suite.keys.cases.iter().map(|case| (case.id().to_owned(), case.why().to_owned())));
        all.extend(suite.decode.cases.into_iter().map(|case| (case.id, case.why)));
        all.extend(suite.sequences.cases.into_iter().map(|case| (case.id, case.why)));
        all.extend(suite.policy.cases.into_iter().map(|case| (case.id, case.why)));
        all.extend(suite.signatures.cases.into_iter().map(|case| (case.id, case.why)));
        all.extend(suite.http.cases.into_iter().map(|case| (case.id, case.why)));
        all
    }

    #[test]
    fn every_case_has_a_unique_id_and_a_reason() {
        let mut seen = HashSet::new();
        for (id, why) in all() {
            assert!(
                id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/-_".contains(&byte)),
                "{id}"
            );
            assert!(why.len() > 40 && why.ends_with(['.', '?']), "{id}: {why}");
            assert!(seen.insert(id.clone()), "{id} is not unique");
        }
        assert!(seen.len() >= 450, "{}", seen.len());
    }

    #[test]
    fn no_payload_is_tested_twice() {
        let mut seen = HashSet::new();
        for case in suite().decode.cases {
            assert!(seen.insert((case.payload.0.clone(), case.curve)), "{} repeats another case", case.id);
        }
    }

    #[test]
    fn every_payload_is_read_by_the_oracle_as_the_tables_expect() {
        for case in suite().decode.cases {
            let read = oracle::reading::read(&case.payload.0, case.curve).map(|reading| reading.decoded);
            assert_eq!(read.map_or_else(Expected::Malformed, Expected::Decoded), case.expected, "{}", case.id);
        }
    }
}
