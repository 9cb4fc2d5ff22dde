//! Checks a deployment: one finding per check, with advice where a check fails.
//!
//! The areas are checked in parallel and reported in a fixed order: settings, identity, vault, sealed keys, marks, nodes, calendar of
//! the keys, history, clock, latency, peers.
//! Checks that depend on a failed one are skipped. Every request has a timeout.
//!
//! The checks change nothing that signers use. They write one item to the container of the marks, `doctor:probe` in the
//! partition `doctor`, which is not a mark and which signers never read. With `sign`, each key signs a text that is not a
//! Tezos payload.

mod advice;
mod area;
mod audit;
mod binding;
mod calendar;
mod clock;
mod embedded;
mod finding;
mod identity;
mod latency;
mod levels;
mod marks;
mod names;
mod nodes;
mod peer;
mod report;
mod role;
mod rotation;
mod sealed;
mod settings;
mod sign;
mod vault;

pub(crate) use embedded::open as open_key_file;
pub use finding::{Finding, Outcome};
pub(crate) use nodes::{FAR_APART, STALE};
pub use report::Report;

use crate::marks::StoreRole;
use crate::marks::cosmos::account::SCOPE;
use crate::settings::table::HEAD_THRESHOLD;
use crate::settings::{MarkStoreSettings, Services, Settings, VaultSettings};
use crate::wiring::Azure;
use area::{Area, Observed};
use peer::Compared;

/// Optional checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Make a test signature with each key.
    pub sign: bool,
    /// Addresses of signers to compare: one with this deployment, several with each other.
    pub peers: Vec<String>,
}

/// Runs all checks. `variable` returns the value of an environment variable, and `names` lists all variables that are set.
pub async fn examine(variable: impl Fn(&str) -> Option<String>, names: &[String], options: Options) -> Report {
    let (mut findings, valid) = settings::check(&variable, names);
    let Some(services) = valid.services else {
        findings.extend(
            ["identity", "vault.list", "marks.account", "nodes.head", "clock", "latency"]
                .map(|check| Finding::skipped(check, "the settings are invalid")),
        );
        findings.extend(peers(&options, &variable, Compared::default()).await);
        return Report { findings };
    };
    let audit_container = valid.settings.as_ref().and_then(|settings| settings.audit_container.as_ref());
    let needs_identity = services.are_in_azure() || audit_container.is_some();
    let azure = match needs_identity.then(|| prepare(&services)).transpose() {
        Ok(azure) => azure,
        Err(failed) => {
            findings.push(failed);
            None
        }
    };
    let azure = azure.as_ref();
    let nodes = async |area: &mut Area| match &valid.settings {
        Some(settings) => nodes::check(area, settings.nodes.as_ref()).await,
        None => area.add(Finding::skipped("nodes.head", "the settings are invalid")),
    };
    let (identity, vault, marks, nodes) = tokio::join!(
        identity(&services, audit_container.is_some(), azure),
        Area::in_time("vault.list", async |area| vault_area(area, &services, azure, options.sign).await),
        Area::in_time("marks.account", async |area| marks_area(area, &services, azure).await),
        Area::in_time("nodes.head", nodes),
    );
    let sealed = match azure {
        _ if services.sealed_keys.is_empty() => Area::default(),
        Some(azure) => {
            let store = marks.identity.as_ref();
            Area::in_time("sealed.list", async |area| sealed::check(area, &services, azure, store).await).await
        }
        None => Area { findings: vec![Finding::skipped("sealed.list", NO_CLIENT)], ..Area::default() },
    };
    findings.extend(identity);
    let (mut skews, mut latency) = (Vec::new(), Vec::new());
    let mut observed = Observed::default();
    let own = Compared {
        addresses: match (&vault.addresses, &sealed.addresses) {
            (Some(of_vault), Some(sealed)) => Some(of_vault | sealed),
            (of_vault, _) => of_vault.clone(),
        },
        store: marks.identity.as_ref().map(|identity| identity.digest().to_string()),
        ..valid.settings.as_ref().map(configured).unwrap_or_default()
    };
    // The store of an observer guards no key.
    let guarding = marks.store.as_ref().filter(|_| services.role == StoreRole::Signing);
    let bindings = guarding.map(|store| binding::check(&vault.keys, store));
    for (area, more) in [(vault, None), (sealed, None), (marks, bindings), (nodes, None)] {
        findings.extend(area.findings.into_iter().chain(more.into_iter().flatten()));
        skews.extend(area.skews);
        latency.extend(area.latency);
        observed.merge(area.observed);
    }
    let threshold = valid.settings.as_ref().and_then(|settings| Some(settings.nodes.as_ref()?.threshold));
    let levels = Area::in_time("marks.level", async |area| {
        if let (MarkStoreSettings::Cosmos(settings), Some(azure), false) =
            (&services.marks, azure, !observed.can_read || observed.keys.is_empty())
        {
            levels::read(&mut observed, settings, azure).await;
        }
        levels::check(area, &observed, threshold.unwrap_or(HEAD_THRESHOLD.values.default));
    });
    findings.extend(levels.await.findings);
    let nodes = valid.settings.as_ref().and_then(|settings| settings.nodes.as_ref());
    if let (Some(nodes), Some(keys), false) = (nodes, &own.addresses, observed.heads.is_empty()) {
        let calendar = Area::in_time("calendar.node", async |area| calendar::check(area, nodes, keys).await);
        findings.extend(calendar.await.findings);
    }
    if let (Some(container), Some(azure)) = (audit_container, azure) {
        findings.push(audit::check(container, azure).await);
    }
    findings.push(clock::check(skews));
    findings.extend(latency);
    findings.extend(peers(&options, &variable, own).await);
    Report { findings }
}

async fn peers(options: &Options, variable: impl Fn(&str) -> Option<String>, own: Compared) -> Vec<Finding> {
    if options.peers.is_empty() {
        return Vec::new();
    }
    match peer::ask(&options.peers, variable).await {
        Ok(reports) => peer::compare(own, reports),
        Err(failed) => vec![*failed],
    }
}

/// What a signer with these settings reports about itself, as far as the settings decide it.
fn configured(settings: &Settings) -> Compared {
    let by_default = !settings.authorized_keys.is_empty();
    let is_required = !settings.policy.requiring_authentication(by_default).is_empty();
    let authorized = settings.authorized_keys.iter().filter(|_| is_required);
    Compared {
        authorized_keys: Some(authorized.map(|key| key.hash.to_string()).collect()),
        policy: Some(settings.policy.digest(by_default).to_string()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..Compared::default()
    }
}

fn prepare(services: &Services) -> Result<Azure, Finding> {
    Azure::prepare(services).map_err(|error| Finding::failed("certificates", error.to_string(), INSTALL_CERTIFICATES))
}

const INSTALL_CERTIFICATES: &str = "install ca-certificates, or set SSL_CERT_FILE to a bundle";

/// Why the checks of Azure are skipped after `certificates` has failed.
const NO_CLIENT: &str = "no connections are possible without CA certificates";

async fn identity(services: &Services, has_history: bool, azure: Option<&Azure>) -> Vec<Finding> {
    let mut scopes = Vec::new();
    if let VaultSettings::KeyVault(vault) = &services.vault {
        scopes.push(vault.url.scope());
    }
    if let MarkStoreSettings::Cosmos(_) = &services.marks {
        scopes.push(SCOPE.to_owned());
    }
    if has_history {
        scopes.push(audit::SCOPE.to_owned());
    }
    if scopes.is_empty() {
        return vec![Finding::skipped("identity", "no service in Azure is used")];
    }
    match azure {
        Some(azure) => identity::check(&services.identity, &azure.tokens, &scopes).await,
        None => vec![Finding::skipped("identity", NO_CLIENT)],
    }
}

async fn vault_area(area: &mut Area, services: &Services, azure: Option<&Azure>, sign: bool) {
    match (&services.vault, azure) {
        (VaultSettings::KeyVault(settings), Some(azure)) => {
            vault::check(area, settings, azure, sign, !services.sealed_keys.is_empty()).await;
        }
        (VaultSettings::KeyVault(_), None) => area.add(Finding::skipped("vault.list", NO_CLIENT)),
        (VaultSettings::Embedded, _) => embedded::check_vault(area, &services.embedded, sign).await,
    }
}

async fn marks_area(area: &mut Area, services: &Services, azure: Option<&Azure>) {
    match (&services.marks, azure) {
        (MarkStoreSettings::Cosmos(settings), Some(azure)) => {
            marks::check(area, settings, &services.instance, azure).await;
        }
        (MarkStoreSettings::Cosmos(_), None) => area.add(Finding::skipped("marks.account", NO_CLIENT)),
        (MarkStoreSettings::Embedded, _) => embedded::check_marks(area, services).await,
    }
}
