//! The shipped binary, tested by the suite's own runner.

use crate::conformance::instance::{Instance, keys};
use conformance::case::Need;
use conformance::files;
use conformance::report::row;
use conformance::run::{Options, Outcome, Restart, run};
use conformance::tables::Suite;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The suite, from its published files instead of the tables that generate them.
fn suite() -> Suite {
    files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/cases")).unwrap()
}

/// Public keys of authorized clients.
fn authorized() -> (String, String) {
    let keys = conformance::tables::suite().keys.keys;
    let keys: Vec<_> = keys.into_iter().filter(|key| key.role == "client").map(|key| key.public_key).collect();
    ("AUTHORIZED_KEYS".to_owned(), keys.join(","))
}

/// Runs all cases, and returns the ids of those that were not run. Panics if any other case did not pass strictly.
fn not_run(
    suite: &Suite,
    first: &Arc<Instance>,
    second: Option<&Instance>,
    authenticated: &Instance,
) -> BTreeSet<String> {
    let to_restart = Arc::clone(first);
    let restart = Box::new(move || {
        to_restart.restart();
        Ok(())
    });
    let options = Options {
        second: second.map(Instance::client),
        authenticated: Some(authenticated.client()),
        restart: Some(Restart::Call(restart)),
        ..Options::of(first.client())
    };
    let reports = run(suite, &options, |_| {}).unwrap();
    assert!(reports.len() > 1000, "{} cases", reports.len());
    let is_settled = |outcome: &Outcome| matches!(outcome, Outcome::Passed | Outcome::NotRun { .. });
    let others: Vec<_> = reports.iter().filter(|report| !is_settled(&report.outcome)).filter_map(row).collect();
    assert!(others.is_empty(), "{}", others.join("\n"));
    let not_run = reports.into_iter().filter(|report| report.outcome != Outcome::Passed);
    not_run.map(|report| report.id).collect()
}

#[test]
fn every_case_passes_with_two_instances_on_one_store() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let azure = runtime.block_on(stand_ins::Azure::start());
    // The keys are in a file, since Key Vault supports neither Ed25519 nor BLS12-381.
    let store: Vec<_> = azure
        .environment()
        .into_iter()
        .filter(|(name, _)| *name != "KEY_VAULT_URL")
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let keys = keys();
    let first = Arc::new(Instance::start(&keys, &store));
    let second = Instance::start(&keys, &store);
    let authenticated = Instance::start(&keys, &[store, vec![authorized()]].concat());
    assert_eq!(not_run(&suite(), &first, Some(&second), &authenticated), BTreeSet::new());
}

#[test]
fn every_case_for_one_instance_passes_with_the_embedded_store() {
    let (keys, other_keys) = (keys(), keys());
    let first = Arc::new(Instance::start(&keys, &[]));
    let authenticated = Instance::start(&other_keys, &[authorized()]);
    let suite = suite();
    let needs_second = suite.sequences.cases.iter().filter(|case| case.needs.contains(&Need::Second));
    let needs_second: BTreeSet<String> = needs_second.map(|case| case.id.clone()).collect();
    assert!(!needs_second.is_empty());
    assert_eq!(not_run(&suite, &first, None, &authenticated), needs_second);
}
