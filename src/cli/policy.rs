//! `policy`: tries a policy on requests.

use super::{CommandError, print_line, read_file_or_input};
use azurehsm_signer::signer::Policy;
use azurehsm_signer::signer::policy_check::{Answer, Question, answer, requests};
use azurehsm_signer::text;
use azurehsm_signer::tezos::{PublicKeyHash, SignatureVersion};
use clap::Subcommand;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Prints what a policy would answer to requests, and why. Exits with 0 if it allows all of them, and 3 if it refuses any
    Check(Arguments),
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The policy, a JSON file
    file: PathBuf,
    /// A payload in hexadecimal, watermark byte first; repeatable. Without --key, for each entry of the policy
    #[arg(long, value_name = "HEX", required_unless_present = "requests", value_parser = payload)]
    payload: Vec<Payload>,
    /// The key that is to sign the payloads (tz1… to tz4…)
    #[arg(long, conflicts_with = "requests")]
    key: Option<PublicKeyHash>,
    /// Requests, one per line: {"key": "tz…", "payload": "<hex>"}; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    requests: Option<PathBuf>,
    /// Prints JSON, one object per line
    #[arg(long)]
    json: bool,
}

/// A payload of the command line. clap would take a `Vec<u8>` for a list of numbers.
#[derive(Clone)]
struct Payload(Vec<u8>);

fn payload(text: &str) -> Result<Payload, hex::FromHexError> {
    hex::decode(text).map(Payload)
}

/// The policy refuses a request.
const REFUSED: u8 = 3;

pub(super) fn run(Command::Check(arguments): Command) -> Result<ExitCode, CommandError> {
    let Arguments { file, payload, key, requests: from, json } = arguments;
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let policy: Policy = text::read(&file)
        .map_err(|error| unreadable(&file, &error))?
        .parse()
        .map_err(|error| unreadable(&file, &format_args!("wrong policy:\n{error}")))?;
    let questions = match from {
        Some(path) => {
            let read = read_file_or_input(&path).map_err(|error| unreadable(&path, &error))?;
            requests(&read).map_err(|error| unreadable(&path, &error))?
        }
        None => payload.into_iter().flat_map(|Payload(payload)| of_entries(&policy, key, &payload)).collect(),
    };
    let mut any_refused = false;
    for (index, question) in questions.iter().enumerate() {
        let answer = answer(&policy, question);
        any_refused |= !answer.allowed;
        let numbered = Numbered { request: index + 1, key: question.key.map(|key| key.to_string()), answer };
        print_line(&if json { serde_json::to_string(&numbered)? } else { numbered.text() })?;
    }
    Ok(if any_refused { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

/// The payload for this key, or else for each entry of the policy, the default last.
fn of_entries(policy: &Policy, key: Option<PublicKeyHash>, payload: &[u8]) -> Vec<Question> {
    let mut keys: Vec<_> = policy.named_keys().copied().collect();
    keys.sort_by_key(ToString::to_string);
    let keys = key.map_or_else(|| keys.into_iter().map(Some).chain([None]).collect(), |key| vec![Some(key)]);
    let question = |key| Question { key, payload: payload.to_owned(), version: SignatureVersion::default() };
    keys.into_iter().map(question).collect()
}

/// An answer with what it belongs to.
#[derive(Serialize)]
struct Numbered {
    /// The number of the request, from 1.
    request: usize,
    key: Option<String>,
    #[serde(flatten)]
    answer: Answer,
}

impl Numbered {
    fn text(&self) -> String {
        match &self.key {
            Some(key) if self.answer.entry == "default" => format!("{}  {key}  {}", self.request, self.answer),
            _ => format!("{}  {}", self.request, self.answer),
        }
    }
}
