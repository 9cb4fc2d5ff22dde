//! What a policy answers to requests, without a vault, a mark store or a node: for trying a policy before it is used.
//!
//! The answers come from the code that signs. What follows the policy there (binding, head, marks) is not part of them.

use super::admission::Understood;
use super::policy::Rules;
use super::{NotSigned, Policy, Refusal};
use crate::json::{self, JsonError};
use crate::metrics::RequestKind;
use crate::tezos::base58check::Base58CheckError;
use crate::tezos::payload::{Consensus, Payload};
use crate::tezos::{Curve, PublicKeyHash, SignatureVersion};
use hex::FromHexError;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// A request to sign, as far as the policy depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The key to sign with; `None` for a key that the policy does not name.
    pub key: Option<PublicKeyHash>,
    /// The bytes to sign, watermark byte first.
    pub payload: Vec<u8>,
    /// The newest signature format that the client reads.
    pub version: SignatureVersion,
}

/// Why a file of requests cannot be used.
#[derive(Debug, Error)]
#[error("line {line}: {problem}; expected {{\"key\": \"tz…\", \"payload\": \"<hex>\"}}")]
pub struct RequestsError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: RequestProblem,
}

/// Why a line is not a request.
#[derive(Debug, Error)]
pub enum RequestProblem {
    /// Not JSON, or with other fields.
    #[error(transparent)]
    Json(JsonError),
    /// The key is not a public key hash.
    #[error("key: {0}")]
    Key(Base58CheckError),
    /// The payload is not hexadecimal.
    #[error("payload: {0}")]
    Payload(FromHexError),
}

/// Reads requests from JSON lines, `{"key": "tz…", "payload": "<hex>", "version": 3}` each; `version` may be left out. Empty lines
/// are skipped.
///
/// # Errors
/// [`RequestsError`] for the first line that is not a request.
pub fn requests(text: &str) -> Result<Vec<Question>, RequestsError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| request(line).map_err(|problem| RequestsError { line: index + 1, problem })).collect()
}

fn request(line: &str) -> Result<Question, RequestProblem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        key: String,
        payload: String,
        version: Option<u64>,
    }
    let Line { key, payload, version } = json::from_text(line).map_err(RequestProblem::Json)?;
    Ok(Question {
        key: Some(key.parse().map_err(RequestProblem::Key)?),
        payload: hex::decode(payload).map_err(RequestProblem::Payload)?,
        version: version.map_or_else(SignatureVersion::default, SignatureVersion::from),
    })
}

/// What the policy answers to a request. Its JSON is documented in `docs/policy.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The path of the rules that apply: `default`, or `keys.` and the key.
    pub entry: String,
    /// Whether the policy allows it.
    pub allowed: bool,
    /// The cause of a refusal, as in logs and headers.
    pub reason: Option<&'static str>,
    /// Why it is refused, as the client would read it.
    pub message: Option<String>,
    /// The kind of the payload, as in logs; `None` if it is not understood.
    pub kind: Option<&'static str>,
    /// The kinds of the operations, in their order.
    pub operations: Vec<&'static str>,
    /// The chain of a block or a vote.
    pub chain: Option<String>,
    /// The level of a block or a vote.
    pub level: Option<u32>,
    /// The round of a block or a vote.
    pub round: Option<u32>,
    /// Whether the rules require authentication; `None` if that depends on `AUTHORIZED_KEYS`.
    pub require_authentication: Option<bool>,
}

/// What the policy answers to the request.
pub fn answer(policy: &Policy, question: &Question) -> Answer {
    let (entry, rules) = match &question.key {
        Some(key) if policy.named_keys().any(|named| named == key) => (format!("keys.{key}"), policy.rules_of(key)),
        _ => ("default".to_owned(), policy.default_rules()),
    };
    match understand(question) {
        Ok(understood) => {
            let refusal = understood.allowed_by(rules).err();
            described(&understood.payload, verdict_only(entry, rules, refusal))
        }
        Err(refusal) => verdict_only(entry, rules, Some(refusal)),
    }
}

/// Without a key, the form of a vote shows its curve.
fn understand(question: &Question) -> Result<Understood, Refusal> {
    let decode = |curve| Understood::decode(&question.payload, curve, question.version);
    match &question.key {
        Some(key) => decode(key.curve()),
        None => decode(Curve::P256).or_else(|refusal| decode(Curve::Bls).map_err(|_| refusal)),
    }
}

/// An answer without a description of the payload.
fn verdict_only(entry: String, rules: &Rules, refusal: Option<Refusal>) -> Answer {
    let refusal = refusal.map(NotSigned::from);
    Answer {
        entry,
        allowed: refusal.is_none(),
        reason: refusal.as_ref().map(|refusal| refusal.cause().name()),
        message: refusal.as_ref().map(ToString::to_string),
        kind: None,
        operations: Vec::new(),
        chain: None,
        level: None,
        round: None,
        require_authentication: rules.require_authentication,
    }
}

/// The answer with a description of the payload.
fn described(payload: &Payload, answer: Answer) -> Answer {
    let operations = match payload {
        Payload::Operations(operations) => operations.contents.iter().map(|content| content.kind.name()).collect(),
        Payload::Block(_) | Payload::Vote(_) | Payload::PackedData => Vec::new(),
    };
    let answer = Answer { kind: Some(RequestKind::from(payload).name()), operations, ..answer };
    match payload.consensus() {
        Some(Consensus { chain, position, .. }) => Answer {
            chain: Some(chain.to_string()),
            level: Some(position.level.get()),
            round: Some(position.round.get()),
            ..answer
        },
        None => answer,
    }
}

impl fmt::Display for Answer {
    /// One line: the rules, the answer, and what it is about.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}  {}", self.entry, if self.allowed { "allowed" } else { "refused" })?;
        match (self.kind, self.operations.as_slice()) {
            (None, _) => {}
            (Some(kind), []) => write!(formatter, "  {kind}")?,
            (Some(_), operations) => write!(formatter, "  {}", operations.join(", "))?,
        }
        if let (Some(chain), Some(level), Some(round)) = (&self.chain, self.level, self.round) {
            write!(formatter, " at level {level}, round {round} of {chain}")?;
        }
        if let (Some(reason), Some(message)) = (self.reason, &self.message) {
            let colon = if self.kind.is_some() { ": " } else { "  " };
            write!(formatter, "{colon}{message} ({reason})")?;
        }
        if self.allowed && self.require_authentication == Some(true) {
            write!(formatter, "; an authorized key must sign the request")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const BAKER: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    const BLS: &str = "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn";
    /// Vectors of Octez, behind mainnet's watermark.
    const VOTE: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a815000000000533000000000000000000000000000000000000000000000000000000000000000000000000";
    const BLS_VOTE: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a82900000533000000000000000000000000000000000000000000000000000000000000000000000000";
    const DELEGATION: &str = "030e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a86e0002298c03ed7d454a101eb7022bc95f7e5f41ac7821dc05edecc004adcacdb7d401ff0002298c03ed7d454a101eb7022bc95f7e5f41ac78";

    fn answer_of(policy: &Value, key: Option<&str>, payload: &str, version: SignatureVersion) -> String {
        let policy: Policy = policy.to_string().parse().unwrap();
        let key = key.map(|key| key.parse().unwrap());
        answer(&policy, &Question { key, payload: hex::decode(payload).unwrap(), version }).to_string()
    }

    #[test]
    fn each_answer_names_the_rules_and_the_reason() {
        let latest = SignatureVersion::default();
        let consensus = json!({});
        let payouts =
            json!({"keys": {BAKER: {"kinds": [], "operations": ["delegation"], "require_authentication": true}}});
        let vote = "attestation at level 1331, round 0 of NetXdQprcVkpaWU";
        let sign_vote = "policy does not allow this key to sign an attestation (policy)";
        for (policy, key, payload, version, expected) in [
            (&consensus, Some(BAKER), VOTE, latest, format!("default  allowed  {vote}")),
            (&consensus, Some(BLS), BLS_VOTE, latest, format!("default  allowed  {vote}")),
            (&consensus, None, VOTE, latest, format!("default  allowed  {vote}")),
            (&consensus, None, BLS_VOTE, latest, format!("default  allowed  {vote}")),
            (&payouts, Some(BAKER), VOTE, latest, format!("keys.{BAKER}  refused  {vote}: {sign_vote}")),
            (&payouts, Some(BLS), BLS_VOTE, latest, format!("default  allowed  {vote}")),
            (
                &payouts,
                Some(BAKER),
                DELEGATION,
                latest,
                format!("keys.{BAKER}  allowed  delegation; an authorized key must sign the request"),
            ),
            (
                &consensus,
                Some(BAKER),
                DELEGATION,
                latest,
                "default  refused  delegation: policy does not allow this key to sign delegation (content 0) (policy)"
                    .to_owned(),
            ),
            (
                &consensus,
                Some(BLS),
                BLS_VOTE,
                SignatureVersion::V0,
                "default  refused  version 0 cannot carry tz4 signatures; use 1 or later (version)".to_owned(),
            ),
        ] {
            assert_eq!(answer_of(policy, key, payload, version), expected);
        }
        // A vote in the form of another curve.
        let other_form = answer_of(&consensus, Some(BLS), VOTE, latest);
        assert!(other_form.starts_with("default  refused  ") && other_form.ends_with(" (payload)"), "{other_form}");
    }

    #[test]
    fn requests_are_json_lines() {
        let text = format!(
            "{{\"key\": \"{BAKER}\", \"payload\": \"03\"}}\n\n{{\"key\": \"{BLS}\", \"payload\": \"05\", \"version\": 1}}\n"
        );
        let read = requests(&text).unwrap();
        let versions: Vec<_> = read.iter().map(|question| (question.payload[0], question.version)).collect();
        assert_eq!(versions, [(3, SignatureVersion::V3), (5, SignatureVersion::V1)]);
        for (line, expected) in [
            (r#"{"payload": "03"}"#.to_owned(), "line 1: missing field `key`"),
            (format!(r#"{{"key": "{BAKER}", "payload": "03", "fee": 1}}"#), "line 1: unknown field `fee`"),
            (format!(r#"{{"key": "{BAKER}", "payload": "0x03"}}"#), "line 1: payload: Invalid character 'x'"),
            (r#"{"key": "tz1", "payload": "03"}"#.to_owned(), "line 1: key: "),
            (format!("\n{{\"key\": \"{BAKER}\", \"payload\": \"0\"}}"), "line 2: payload: Odd number of digits"),
        ] {
            let error = requests(&line).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{line}: {error}");
        }
    }
}
