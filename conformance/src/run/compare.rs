//! Compares answers with expectations.

use super::client::Response;
use super::outcome::Outcome;
use crate::case::Verdict;
use crate::crypto::{PublicKey, Scheme};
use serde_json::Value;

/// Statuses of a refusal. Others are not a verdict: octez-client retries on 502, and does not read the body of 503 and the
/// like.
const REFUSALS: [u16; 9] = [400, 401, 403, 404, 405, 409, 410, 413, 500];

/// What a signature must be valid for.
#[derive(Debug, Clone)]
pub struct Signed<'a> {
    /// The key.
    pub key: &'a PublicKey,
    /// The payload.
    pub payload: &'a [u8],
    /// Signature scheme, for tz4.
    pub scheme: Scheme,
}

/// The signature, if the answer is exactly one field with a valid signature.
///
/// # Errors
/// What is wrong, in prose.
pub fn expect_signature(answer: &Response, field: &str, signed: &Signed<'_>) -> Result<String, String> {
    if answer.status != 200 {
        return Err(shown(answer));
    }
    let text = the_only_field(answer, field)?;
    signed
        .key
        .verify_text(signed.payload, signed.scheme, &text)
        .map_err(|why| format!("status 200 with {text}: {why}"))?;
    if !text.starts_with(prefix_of(signed.key)) {
        // octez-client accepts the generic prefix as well.
        return if text.starts_with("sig") { Ok(text) } else { Err(format!("a signature of another curve: {text}")) };
    }
    Ok(text)
}

const fn prefix_of(key: &PublicKey) -> &'static str {
    match key.curve {
        crate::crypto::Curve::Ed25519 => "edsig",
        crate::crypto::Curve::Secp256k1 => "spsig1",
        crate::crypto::Curve::P256 => "p2sig",
        crate::crypto::Curve::Bls => "BLsig",
    }
}

/// The value of a field, if it is the only one: octez-client rejects answers with others.
fn the_only_field(answer: &Response, field: &str) -> Result<String, String> {
    let wrong = || format!("status {} without exactly the field {field:?}: {}", answer.status, clipped(&answer.text()));
    let json: Value = serde_json::from_slice(&answer.body).map_err(|_| wrong())?;
    let object = json.as_object().filter(|object| object.len() == 1).ok_or_else(wrong)?;
    object.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(wrong)
}

/// Checks that the answer is exactly this public key.
///
/// # Errors
/// What is wrong, in prose.
pub fn expect_public_key(answer: &Response, key: &PublicKey) -> Result<(), String> {
    if answer.status != 200 {
        return Err(shown(answer));
    }
    let text = the_only_field(answer, "public_key")?;
    if text == key.text() { Ok(()) } else { Err(format!("another key: {text}")) }
}

/// Checks that the answer is a refusal. A difference in status or format is an [`Outcome::Status`].
pub(super) fn expect_refusal(answer: &Response, status: u16) -> Outcome {
    let expected = || format!("refused with {status}");
    if answer.status == 200 {
        return Outcome::released(expected(), shown(answer));
    }
    if !REFUSALS.contains(&answer.status) {
        return Outcome::differs(expected(), shown(answer));
    }
    if answer.status != status {
        return Outcome::status(expected(), shown(answer));
    }
    match octez_errors(answer) {
        Ok(()) => Outcome::Passed,
        Err(why) => {
            Outcome::status(format!("{}, as a list of octez errors", expected()), format!("{}: {why}", shown(answer)))
        }
    }
}

/// Checks that the body is a list of errors that octez-client can parse: with `kind` and `id`; for the id `failure`, the kind
/// must be `temporary` and the only other field `msg` (`RPC_service.ml`, `error_encoding`; `error_monad.ml`).
///
/// # Errors
/// What is wrong, in prose.
pub fn octez_errors(answer: &Response) -> Result<(), String> {
    let content_type = answer.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    let kind = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if kind != Some("application/json") {
        return Err(format!("content type {content_type:?}, expected application/json"));
    }
    let json: Value = serde_json::from_slice(&answer.body).map_err(|error| format!("not JSON: {error}"))?;
    let errors = json.as_array().filter(|errors| !errors.is_empty()).ok_or("not a list of errors")?;
    for error in errors {
        let text = |field: &str| error.get(field).and_then(Value::as_str);
        let (Some(kind), Some(id)) = (text("kind"), text("id")) else {
            return Err("an error without kind and id".to_owned());
        };
        if !["permanent", "temporary", "branch"].contains(&kind) {
            return Err(format!("an error of kind {kind:?}"));
        }
        let fields = error.as_object().map_or(0, serde_json::Map::len);
        if id == "failure" && (kind != "temporary" || text("msg").is_none() || fields != 3) {
            return Err("an error with the id failure that is not temporary, or has fields other than msg".to_owned());
        }
    }
    Ok(())
}

/// The outcome of a request to sign or to prove possession, and the signature if there is one.
pub(super) fn verdict(
    answer: &Response,
    field: &str,
    (expected, status): (Verdict, u16),
    signed: &Signed<'_>,
) -> (Outcome, Option<String>) {
    match expected {
        Verdict::Refused => (expect_refusal(answer, status), None),
        Verdict::Signed => match expect_signature(answer, field, signed) {
            Ok(signature) => (Outcome::Passed, Some(signature)),
            Err(came) => (Outcome::differs("signed", came), None),
        },
    }
}

/// A short description of an answer.
pub(super) fn shown(answer: &Response) -> String {
    let text = answer.text();
    if text.is_empty() {
        format!("status {}, no body", answer.status)
    } else {
        format!("status {}: {}", answer.status, clipped(&text))
    }
}

fn clipped(text: &str) -> String {
    const MAX_CHARACTERS: usize = 160;
    let line = text.replace(['\r', '\n'], " ");
    if line.chars().count() <= MAX_CHARACTERS {
        line
    } else {
        format!("{}…", line.chars().take(MAX_CHARACTERS).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::named;

    const PAYLOAD: &[u8] = b"\x03payload";

    fn answer(status: u16, body: &str) -> Response {
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    fn compared(body: &str) -> Result<String, String> {
        let key = named("baker-secp256k1").1;
        let key = PublicKey::from_text(&key.public_key).unwrap();
        let signed = Signed { key: &key, payload: PAYLOAD, scheme: Scheme::default() };
        expect_signature(&answer(200, body), "signature", &signed)
    }

    #[test]
    fn a_signature_is_a_single_field_and_valid() {
        let (key, _) = named("baker-secp256k1");
        let good = key.sign_text(PAYLOAD, Scheme::default());
        let bytes = key.sign(PAYLOAD, Scheme::default());
        let generic = crate::base58::GENERIC_SIGNATURE.encode(&bytes);
        let of_p256 = crate::crypto::Curve::P256.signature().encode(&bytes);
        let high = key.curve().signature().encode(&crate::crypto::with_other_s(key.curve(), &bytes));
        for (body, expected) in [
            (format!(r#"{{"signature":"{good}"}}"#), Ok(&good)),
            (format!(r#"{{"signature":"{generic}"}}"#), Ok(&generic)),
            (format!(r#"{{"signature":"{good}","level":1}}"#), Err("exactly the field")),
            (format!(r#"{{"sig":"{good}"}}"#), Err("exactly the field")),
            (format!(r#"["{good}"]"#), Err("exactly the field")),
            (format!("\"{good}\""), Err("exactly the field")),
            (String::new(), Err("exactly the field")),
            (format!(r#"{{"signature":"{high}"}}"#), Err("upper half")),
            (format!(r#"{{"signature":"{of_p256}"}}"#), Err("not the text of a signature by this curve")),
            (format!(r#"{{"signature":"{}"}}"#, key.sign_text(b"else", Scheme::default())), Err("not of this payload")),
        ] {
            match (compared(&body), expected) {
                (Ok(came), Ok(expected)) => assert_eq!(came, *expected),
                (Err(came), Err(expected)) => assert!(came.contains(expected), "{body}: {came}"),
                (came, _) => panic!("{body}: {came:?}"),
            }
        }
    }

    #[test]
    fn a_refusal_is_a_status_and_a_list_of_octez_errors() {
        let error = r#"[{"kind":"temporary","id":"failure","msg":"no"}]"#;
        let outcome = |status, body: &str| expect_refusal(&answer(status, body), 409);
        assert_eq!(outcome(409, error), Outcome::Passed);
        assert_eq!(outcome(409, r#"[{"kind":"permanent","id":"signer.mark","level":1}]"#), Outcome::Passed);
        for (status, body) in [
            (500, error),
            (400, error),
            (409, ""),
            (409, "[]"),
            (409, "no"),
            (409, r#"{"kind":"temporary","id":"failure","msg":"no"}"#),
            (409, r#"[{"kind":"permanent","id":"failure","msg":"no"}]"#),
            (409, r#"[{"kind":"temporary","id":"failure","msg":"no","level":1}]"#),
            (409, r#"[{"id":"failure","msg":"no"}]"#),
            (409, r#"[{"kind":"grave","id":"failure","msg":"no"}]"#),
        ] {
            assert!(matches!(outcome(status, body), Outcome::Status { .. }), "{status} {body}");
        }
        for status in [200, 204, 301, 429, 502, 503, 504] {
            assert!(matches!(outcome(status, error), Outcome::Differs { .. }), "{status}");
        }
        let no_json = Response { headers: Vec::new(), ..answer(409, error) };
        assert!(matches!(expect_refusal(&no_json, 409), Outcome::Status { .. }));
    }

    #[test]
    fn a_public_key_is_a_single_field_and_correct() {
        let (baker, other) = (named("baker-p256").1, named("other-p256").1);
        let key = PublicKey::from_text(&baker.public_key).unwrap();
        let body = |text: &str| format!(r#"{{"public_key":"{text}"}}"#);
        assert_eq!(expect_public_key(&answer(200, &body(&baker.public_key)), &key), Ok(()));
        for (status, body) in [
            (200, body(&other.public_key)),
            (404, body(&baker.public_key)),
            (200, format!(r#"{{"public_key":"{}","name":"baker"}}"#, baker.public_key)),
        ] {
            assert!(expect_public_key(&answer(status, &body), &key).is_err(), "{status} {body}");
        }
    }
}
