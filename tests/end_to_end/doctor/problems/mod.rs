//! Deployments with one problem each: it is found, and the report has advice.

mod marks;
mod nodes;
mod settings;
mod vault;

use crate::doctor::deployment::Deployment;
use stand_ins::{CosmosOptions, Effect, Fault, Operation, Options, Times, VaultKind};

fn fault(on: Operation, effect: Effect) -> Fault {
    Fault { on, times: Times::Forever, effect }
}

/// A change of a deployment, and the resulting finding.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    change: fn(&mut Deployment),
    /// Check, outcome, and words in the finding.
    found: (&'static str, &'static str, &'static [&'static str]),
    /// All checks that fail.
    failed: &'static [&'static str],
}

#[tokio::test]
async fn each_problem_is_found_and_nothing_else_fails() {
    let mut wrong = Vec::new();
    for case in [settings::CASES, vault::CASES, marks::CASES, nodes::CASES].concat() {
        let mut deployment = Deployment::start().await;
        (case.change)(&mut deployment);
        let examined = deployment.examine(&["--sign"]);
        let (check, outcome, words) = case.found;
        let is_found = examined.finds(check, outcome, words);
        let has_secrets = examined.to_string().contains("secret");
        if !is_found || has_secrets || examined.checks("failed") != case.failed {
            wrong.push(format!("{}: expected {outcome} {check} with {words:?} in\n{examined}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_unsuitable_container_is_found() {
    for (cosmos, words) in [
        (CosmosOptions { default_ttl: Some(3600), ..CosmosOptions::default() }, ["time to live", "Off"]),
        (CosmosOptions { default_ttl: Some(-1), ..CosmosOptions::default() }, ["time to live", "Off"]),
        (
            CosmosOptions { partition_key_version: 1, ..CosmosOptions::default() },
            ["version 1, expected 2", "--partition-key-version 2"],
        ),
        (
            CosmosOptions { partition_key_path: "/id".to_owned(), ..CosmosOptions::default() },
            ["/id, expected /pkh", "--partition-key-path /pkh"],
        ),
    ] {
        let deployment = Deployment::start_with(Options { cosmos, ..Options::default() }).await;
        let examined = deployment.examine(&[]);
        examined.assert_finds("marks.container", "failed", &words);
        assert_eq!(examined.checks("failed"), ["marks.container"], "{examined}");
    }
}

#[tokio::test]
async fn advice_for_a_managed_hsm_has_its_own_commands() {
    let deployment = Deployment::start_with(Options { vault: VaultKind::ManagedHsm, ..Options::default() }).await;
    assert_eq!(deployment.examine(&["--sign"]).checks("failed"), Vec::<String>::new());
    deployment.azure.key_vault.deny_list(true);
    let words = ["Managed HSM Crypto User", "--hsm-name standin", "managedHsm/keys/sign/action"];
    deployment.examine(&[]).assert_finds("vault.list", "failed", &words);
}
