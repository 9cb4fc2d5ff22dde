//! Cases of one request each: keys, payloads and signatures.

use super::compare::{expect_public_key, expect_refusal, shown};
use super::context::Run;
use super::exchange;
use super::options::Target;
use super::outcome::Outcome;
use super::steps;
use crate::case::{DecodeCase, Instance, KeyCase, KeyText, Need, Sign, SignatureCase};

/// A key that the signer holds, or a text that is not a hash. The other cases are for libraries only.
pub(super) fn key(run: &Run<'_>, case: &KeyCase) -> Option<Outcome> {
    match case {
        KeyCase::Derivation { key: Some(name), .. } => Some(held_key(run, name).unwrap_or_else(|outcome| outcome)),
        KeyCase::Malformed { malformed: KeyText::Hash, text, .. } => Some(no_hash(run, text)),
        _ => None,
    }
}

fn held_key(run: &Run<'_>, name: &str) -> Result<Outcome, Outcome> {
    let key = run.key(name)?;
    let client = run.options.client(Target::Holding(name)).unwrap_or(&run.options.first);
    let expected = format!("the public key {}", key.public_key.text());
    let answer = exchange::get(client, &format!("/keys/{}", key.hash))
        .map_err(|error| Outcome::differs(&expected, error.to_string()))?;
    expect_public_key(&answer, &key.public_key).map_err(|came| Outcome::differs(&expected, came))?;
    Ok(Outcome::Passed)
}

fn no_hash(run: &Run<'_>, text: &str) -> Outcome {
    let expected = "404: no such key";
    match exchange::get(&run.options.first, &format!("/keys/{text}")) {
        Err(error) => Outcome::differs(expected, error.to_string()),
        Ok(answer) if answer.status == 414 => Outcome::status(expected, shown(&answer)),
        Ok(answer) => match expect_refusal(&answer, 404) {
            // octez-signer answers without a body.
            Outcome::Status { .. } if answer.status == 404 => Outcome::Passed,
            outcome => outcome,
        },
    }
}

pub(super) fn decode(run: &Run<'_>, case: &DecodeCase) -> Outcome {
    let sign = Sign {
        key: case.key.clone(),
        payload: case.payload.clone(),
        chain: case.fresh_chain.then_some('a'),
        at: Instance::First,
        version: None,
        authentication: None,
        verdict: case.verdict,
        status: case.status,
        same_signature_as: None,
    };
    steps::sign(run, &run.chains(&case.id), &sign).0
}

/// A signature that authenticates a request. The other cases are for libraries only.
pub(super) fn signature(run: &Run<'_>, case: &SignatureCase) -> Option<Outcome> {
    let request = case.request.as_ref()?;
    if let Some(missing) = run.missing(&[Need::Authenticated]) {
        return Some(missing);
    }
    Some(steps::sign(run, &run.chains(&case.id), request).0)
}
