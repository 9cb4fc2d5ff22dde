//! Compares signers that share keys: whether they have the same addresses, mark store, policy, authorized keys and version.
//!
//! One peer is compared with the deployment that this machine's settings describe. Several peers are compared with the first one.

use super::Finding;
use crate::azure::TlsRoots;
use crate::relay::{NoReport, RelaySettings, SignerReport, inspect};
use crate::settings::SettingsError;
use std::collections::BTreeSet;
use std::fmt::Display;

/// What is compared. `None` is unknown, and not compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Compared {
    pub(super) addresses: Option<BTreeSet<String>>,
    pub(super) authorized_keys: Option<BTreeSet<String>>,
    pub(super) store: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) version: Option<String>,
}

/// A peer's address, and what it reports.
type Reported = (String, Result<SignerReport, NoReport>);

impl From<SignerReport> for Compared {
    fn from(report: SignerReport) -> Self {
        let SignerReport { addresses, authorized_keys, store, policy, version } = report;
        Self { addresses: Some(addresses), authorized_keys: Some(authorized_keys), store, policy, version }
    }
}

/// Calls the peers, with the credentials in the relay's settings.
///
/// # Errors
/// The finding, if no call could be made.
pub(super) async fn ask(
    peers: &[String],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Reported>, Box<Finding>> {
    let settings = RelaySettings::read(
        |name: &str| match name {
            "RELAY_UPSTREAMS" => Some(peers.join(",")),
            // The credentials count, not what a relay on this machine remembers.
            "RELAY_STATE_DIR" | "RELAY_STORE" => None,
            _ => variable(name),
        },
        &[],
    );
    let settings = settings.map_err(|error| Box::new(of_settings(&error)))?;
    let failed = |reason: String, advice: &str| Box::new(Finding::failed("peer", reason, advice));
    let roots = TlsRoots::read().map_err(|error| failed(error.to_string(), super::INSTALL_CERTIFICATES))?;
    let reports = inspect(&settings, &roots).await;
    let reports = reports.map_err(|error| failed(error.to_string(), "correct it: docs/reference.md, Relay"))?;
    Ok(reports.into_iter().map(|(url, report)| (url.to_string(), report)).collect())
}

fn of_settings(SettingsError(errors): &SettingsError) -> Finding {
    let reasons = errors.iter().map(|error| match error.name {
        "RELAY_UPSTREAMS" => format!("--peer: {}", error.why),
        name => format!("{name}: {}", error.why),
    });
    Finding::failed("peer", reasons.collect::<Vec<_>>().join("; "), "correct the addresses, or the settings named")
}

/// One finding for each peer that does not answer, and for each property of the others.
pub(super) fn compare(own: Compared, reports: Vec<Reported>) -> Vec<Finding> {
    let is_only_one = reports.len() == 1;
    let mut findings = Vec::new();
    let mut first = is_only_one.then(|| ("this deployment".to_owned(), own));
    for (url, report) in reports {
        let compared = match report {
            Ok(report) => Compared::from(report),
            Err(no_report) => {
                findings.push(unanswered(&no_report).about(url));
                continue;
            }
        };
        findings.push(Finding::ok("peer.reachable", "answers as a signer").about(&url));
        match &first {
            Some((name, first)) => findings.extend(differences(name, first, &url, &compared)),
            None => first = Some((url, compared)),
        }
    }
    findings
}

fn unanswered(no_report: &NoReport) -> Finding {
    let advice = match no_report {
        NoReport::Unreachable(_) => {
            "check the address, and whether the app is running and admits this machine's address"
        }
        NoReport::NotFromSigner(401) => {
            "set RELAY_FUNCTION_KEYS_FILE to a file with the app's function key, or with one key per peer on a line each: `az \
             functionapp keys list -g <group> -n <app> --query functionKeys.default -o tsv`"
        }
        NoReport::NotFromSigner(403) => {
            "check the app's access restrictions, and whether it is stopped: `az functionapp start -g <group> -n <app>`"
        }
        NoReport::NotFromSigner(404) => "check the address, and deploy the program to this app if it has none yet",
        NoReport::NotFromSigner(_) | NoReport::Unexpected { .. } => {
            "check the address, and the app's log: the program may not be running, or be older than this one"
        }
    };
    Finding::failed("peer.reachable", no_report.to_string(), advice)
}

/// One finding for each property.
fn differences(name: &str, first: &Compared, url: &str, second: &Compared) -> Vec<Finding> {
    let addresses = of_sets(
        "peer.addresses",
        (name, &first.addresses),
        (url, &second.addresses),
        "copy the missing keys into the other vault: docs/operations.md, Copy keys to another vault",
    );
    let authorized = of_sets(
        "peer.authorized_keys",
        (name, &first.authorized_keys),
        (url, &second.authorized_keys),
        "set AUTHORIZED_KEYS (parameter authorizedKeys) to the same keys for both, and require authentication in both policies \
         or in none",
    );
    let value = |check, first: &Option<String>, second: &Option<String>| of_values(check, (name, first), (url, second));
    let store = value("peer.store", &first.store, &second.store).unwrap_or_else(|differs| {
        let advice = "stop one of the two now: each would permit what the other has already signed differently. Then set \
                      COSMOS_ENDPOINT, COSMOS_DATABASE and COSMOS_CONTAINER to the same container for both; before the keys sign \
                      there, raise its marks above everything that either has signed";
        Finding::failed("peer.store", differs, advice)
    });
    let policy = value("peer.policy", &first.policy, &second.policy).unwrap_or_else(|differs| {
        let advice = "set POLICY (parameter policy) to the same for both. Different versions may have different digests of the \
                      same policy. With one --peer, this machine needs the signer's POLICY and AUTHORIZED_KEYS; or pass both \
                      signers as --peer";
        Finding::failed("peer.policy", differs, advice)
    });
    let version = value("peer.version", &first.version, &second.version).unwrap_or_else(|differs| {
        Finding::warning("peer.version", differs, "deploy the same version to both, one region after the other")
    });
    [addresses, store, policy, authorized, version].into_iter().map(|finding| finding.about(url)).collect()
}

fn of_sets(
    check: &'static str,
    (name, first): (&str, &Option<BTreeSet<String>>),
    (url, second): (&str, &Option<BTreeSet<String>>),
    advice: &str,
) -> Finding {
    let (Some(first), Some(second)) = (first, second) else { return unknown(check, name) };
    if first == second {
        return Finding::ok(check, if first.is_empty() { "none".to_owned() } else { list(first) });
    }
    let only = [(name, first.difference(second)), (url, second.difference(first))];
    let only = only.map(|(name, keys)| (name, list(keys)));
    let only: Vec<_> = only.iter().filter(|(_, keys)| !keys.is_empty()).collect();
    let text: Vec<_> = only.iter().map(|(name, keys)| format!("only at {name}: {keys}")).collect();
    Finding::failed(check, text.join("; "), advice)
}

/// # Errors
/// The text, if they differ.
fn of_values(
    check: &'static str,
    (name, first): (&str, &Option<String>),
    (url, second): (&str, &Option<String>),
) -> Result<Finding, String> {
    match (first, second) {
        (Some(first), Some(second)) if first == second => Ok(Finding::ok(check, first)),
        (Some(first), Some(second)) => Err(format!("{second}, and {first} at {name}")),
        (Some(_), None) => Ok(unknown(check, url)),
        (None, _) => Ok(unknown(check, name)),
    }
}

fn unknown(check: &'static str, name: &str) -> Finding {
    Finding::skipped(check, format!("{name} does not know it yet, or it could not be read"))
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
