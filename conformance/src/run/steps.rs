//! Cases of requests in sequence.

use super::compare::{Signed, expect_refusal, expect_signature, shown, verdict};
use super::context::{Chains, Run};
use super::exchange;
use super::options::Target;
use super::outcome::Outcome;
use crate::case::{Instance, Prove, Released, Sign, Step, StepsCase, Together};
use crate::crypto::{PublicKey, Scheme};
use crate::hexadecimal::Hex;
use std::collections::HashSet;

/// Runs the steps of a case, up to the first that differs.
pub(super) fn case(run: &Run<'_>, case: &StepsCase) -> Outcome {
    if let Some(missing) = run.missing(&case.needs) {
        return missing;
    }
    let chains = run.chains(&case.id);
    let mut signatures: Vec<Option<String>> = Vec::new();
    let mut outcome = Outcome::Passed;
    for (number, step) in (1..).zip(&case.steps) {
        let (of_step, signature) = match step {
            Step::Sign(request) => {
                let (of_step, signature) = sign(run, &chains, request);
                (of_step.or(same_signature(request, &signatures, signature.as_deref())), signature)
            }
            Step::Prove(request) => (prove(run, request), None),
            Step::Together(requests) => (together(run, &chains, requests), None),
            Step::Restart(_) => (restart(run), None),
        };
        signatures.push(signature);
        outcome = outcome.or(in_step(of_step, number, case.steps.len()));
        if matches!(outcome, Outcome::Differs { .. }) {
            break;
        }
    }
    outcome
}

/// Adds the number of the step, if there are several.
fn in_step(outcome: Outcome, number: usize, of: usize) -> Outcome {
    let named = |text: String| if of > 1 { format!("step {number}: {text}") } else { text };
    match outcome {
        Outcome::Differs { expected, came, difference } => {
            Outcome::Differs { expected: named(expected), came, difference }
        }
        Outcome::Status { expected, came } => Outcome::Status { expected: named(expected), came },
        outcome => outcome,
    }
}

/// Runs a sign request: its outcome, and the signature if there is one.
pub(super) fn sign(run: &Run<'_>, chains: &Chains, request: &Sign) -> (Outcome, Option<String>) {
    let key = match run.key(&request.key) {
        Ok(key) => key,
        Err(outcome) => return (outcome, None),
    };
    let payload = chains.written_over(&request.payload, request.chain);
    let Some(client) = run.options.client(target(request)) else {
        return (Outcome::NotRun { reason: "there is no such instance".to_owned() }, None);
    };
    match exchange::sign(client, &key.hash, &payload, request) {
        Err(error) => (Outcome::differs(format!("{:?}", request.verdict).to_lowercase(), error.to_string()), None),
        Ok(answer) => {
            let signed = Signed { key: &key.public_key, payload: &payload.0, scheme: scheme(request) };
            verdict(&answer, "signature", (request.verdict, request.status), &signed)
        }
    }
}

fn target(request: &Sign) -> Target<'_> {
    match request.at {
        Instance::First => Target::Holding(&request.key),
        Instance::Second => Target::Second,
        Instance::Authenticated => Target::Authenticated,
    }
}

fn scheme(request: &Sign) -> Scheme {
    if request.version.as_deref() == Some("1") { Scheme::Augmented } else { Scheme::ProofOfPossession }
}

fn same_signature(request: &Sign, before: &[Option<String>], signature: Option<&str>) -> Outcome {
    let (Some(step), Some(signature)) = (request.same_signature_as, signature) else { return Outcome::Passed };
    match step.checked_sub(1).and_then(|index| before.get(index)).and_then(Option::as_deref) {
        Some(first) if first == signature => Outcome::Passed,
        Some(first) => {
            Outcome::released(format!("the signature of step {step}, {first}"), format!("a different one, {signature}"))
        }
        None => Outcome::differs(format!("the signature of step {step}"), "that step has none"),
    }
}

fn prove(run: &Run<'_>, request: &Prove) -> Outcome {
    let key = match run.key(&request.key) {
        Ok(key) => key,
        Err(outcome) => return outcome,
    };
    let client = run.options.client(Target::Holding(&request.key)).unwrap_or(&run.options.first);
    let query = request.about.as_ref().map_or(String::new(), |about| format!("?bls_pk={about}"));
    let about = match request.about.as_deref().map(PublicKey::from_text) {
        None => key.public_key.bytes.clone(),
        Some(Some(about)) => about.bytes,
        Some(None) => return Outcome::NotRun { reason: "bls_pk is not a public key".to_owned() },
    };
    match exchange::get(client, &format!("/bls_prove_possession/{}{query}", key.hash)) {
        Err(error) => Outcome::differs(format!("{:?}", request.verdict).to_lowercase(), error.to_string()),
        Ok(answer) => {
            let signed = Signed { key: &key.public_key, payload: &about, scheme: Scheme::Possession };
            verdict(&answer, "bls_prove_possession", (request.verdict, request.status), &signed).0
        }
    }
}

fn restart(run: &Run<'_>) -> Outcome {
    let Some(restart) = &run.options.restart else {
        return Outcome::NotRun { reason: "needs --restart-command".to_owned() };
    };
    match restart.run(&run.options.first) {
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::differs("a restart of the signer", why),
    }
}

/// One of several concurrent requests, with the results of its copies.
struct Answered<'a> {
    payload: Hex,
    request: &'a Sign,
    /// The signature, or `None` if refused, for each copy.
    signatures: Vec<Option<String>>,
}

/// Sends all copies of all requests concurrently.
fn together(run: &Run<'_>, chains: &Chains, step: &Together) -> Outcome {
    let mut results = Vec::new();
    let mut outcome = Outcome::Passed;
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for request in &step.requests {
            let payload = chains.written_over(&request.payload, request.chain);
            let copies: Vec<_> = (0..step.copies)
                .map(|_| {
                    scope.spawn({
                        let payload = payload.clone();
                        move || request_signature(run, request, &payload)
                    })
                })
                .collect();
            threads.push((request, payload, copies));
        }
        for (request, payload, copies) in threads {
            let mut signatures = Vec::new();
            for copy in copies {
                let answered = copy.join().unwrap_or_else(|_| Err(Outcome::differs("an answer", "none")));
                match answered {
                    Ok(signature) => signatures.push(signature),
                    Err(of_copy) => outcome = std::mem::replace(&mut outcome, Outcome::Passed).or(of_copy),
                }
            }
            results.push(Answered { payload, request, signatures });
        }
    });
    if matches!(outcome, Outcome::Differs { .. } | Outcome::NotRun { .. }) {
        return outcome;
    }
    outcome.or(released(&results, step.released))
}

/// Sends a request: the signature, or `None` if it was refused. Anything else is an outcome of the case.
fn request_signature(run: &Run<'_>, request: &Sign, payload: &Hex) -> Result<Option<String>, Outcome> {
    let key = run.key(&request.key)?;
    let client = run
        .options
        .client(target(request))
        .ok_or_else(|| Outcome::NotRun { reason: "there is no such instance".to_owned() })?;
    let answer = exchange::sign(client, &key.hash, payload, request)
        .map_err(|error| Outcome::differs("signed or refused", error.to_string()))?;
    if answer.status == 200 {
        let signed = Signed { key: &key.public_key, payload: &payload.0, scheme: scheme(request) };
        return expect_signature(&answer, "signature", &signed)
            .map(Some)
            .map_err(|came| Outcome::differs("a valid signature", came));
    }
    match expect_refusal(&answer, 409) {
        Outcome::Differs { .. } => Err(Outcome::differs("signed or refused", shown(&answer))),
        _ => Ok(None),
    }
}

fn released(results: &[Answered<'_>], expected: Released) -> Outcome {
    let counts: Vec<String> = results
        .iter()
        .map(|result| {
            let signed = result.signatures.iter().flatten().count();
            format!("{signed} of {} copies signed by {}", result.signatures.len(), result.request.key)
        })
        .collect();
    let came = counts.join(", ");
    let all = |result: &Answered<'_>| result.signatures.iter().all(Option::is_some);
    let different: HashSet<_> = results.iter().flat_map(|result| result.signatures.iter().flatten()).collect();
    if matches!(expected, Released::AllTheSame | Released::OneSignature) && different.len() > 1 {
        return Outcome::released(
            "one signature, the same for every copy",
            format!("{} different signatures; {came}", different.len()),
        );
    }
    match expected {
        Released::All | Released::AllTheSame => {
            if !results.iter().all(all) {
                return Outcome::differs("a signature for every copy", came);
            }
            Outcome::Passed
        }
        Released::OnePayload | Released::OneSignature => {
            let signed: HashSet<_> = results
                .iter()
                .filter(|result| result.signatures.iter().any(Option::is_some))
                .map(|result| &result.payload.0)
                .collect();
            let winners_have_all = results.iter().filter(|result| signed.contains(&result.payload.0)).all(all);
            let expected = "one payload signed, for every copy of it, and the other refused";
            if signed.len() > 1 {
                Outcome::released(expected, came)
            } else if signed.len() == 1 && winners_have_all {
                Outcome::Passed
            } else {
                Outcome::differs(expected, came)
            }
        }
    }
}
