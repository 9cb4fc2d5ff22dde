//! `doctor`: checks the deployment, and prints a report.

use super::{CommandError, print_line, runtime, variable, variable_names};
use azurehsm_signer::doctor::{self, Options};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Makes a test signature with each key, and a few more to measure the latency, over a text that is not a Tezos payload
    #[arg(long)]
    sign: bool,
    /// Compares this deployment with the signer at this address: addresses, mark store, policy, authorized keys, version. If given
    /// several times, compares these signers with each other. The function keys are those in the relay's settings
    #[arg(long = "peer", value_name = "URL")]
    peers: Vec<String>,
    /// Prints JSON: {"ok": bool, "findings": [{"check", "subject", "outcome", "text", "advice"}]}
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Arguments { sign, peers, json }: Arguments) -> Result<(), CommandError> {
    let names = variable_names();
    let runtime = runtime()?;
    let report = runtime.block_on(doctor::examine(variable, &names, Options { sign, peers }));
    // Do not wait for pending name lookups.
    runtime.shutdown_background();
    print_line(&if json { report.to_json() } else { report.to_text() })?;
    match report.count(doctor::Outcome::Failed) {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} checks failed", report.findings.len()).into()),
    }
}
