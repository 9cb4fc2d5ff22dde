//! Checks of a deployment, one a line, each with what to do where it fails.
//!
//! The areas are checked at the same time and told in a fixed order: settings, identity, vault, marks, nodes, clock,
//! latency. What depends on something that failed is skipped. Every question has a limit of time.
//!
//! Nothing that signers use is changed. One item is written beside the marks, `doctor:probe` in the partition `doctor`,
//! which is no mark and never read by a signer; and with `sign`, each key signs one text that means nothing.

mod advice;
mod area;
mod binding;
mod clock;
mod embedded;
mod finding;
mod identity;
mod latency;
mod levels;
mod marks;
mod names;
mod nodes;
mod report;
mod role;
mod rotation;
mod settings;
mod sign;
mod vault;

pub use finding::{Finding, Outcome};
pub use report::Report;

use crate::marks::cosmos::account::SCOPE;
use crate::settings::table::HEAD_THRESHOLD;
use crate::settings::{MarkStoreSettings, Services, VaultSettings};
use crate::wiring::Azure;
use area::Area;
use std::time::Duration;

/// What is done beside looking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// A test signature with each key.
    pub sign: bool,
}

/// How long a service may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Makes all checks. `variable` gives the value of an environment variable, and `names` are those of all that are set.
pub async fn examine(variable: impl Fn(&str) -> Option<String>, names: &[String], options: Options) -> Report {
    let (mut findings, known) = settings::check(variable, names);
    let Some(services) = known.services else {
        findings.extend(
            ["identity", "vault.list", "marks.account", "nodes.head", "clock", "latency"]
                .map(|check| Finding::skipped(check, "the settings cannot be read")),
        );
        return Report { findings };
    };
    let azure = match services.are_in_azure().then(|| prepare(&services)).transpose() {
        Ok(azure) => azure,
        Err(failed) => {
            findings.push(failed);
            None
        }
    };
    let azure = azure.as_ref();
    let nodes = async |area: &mut Area| match &known.settings {
        Some(settings) => nodes::check(area, settings.nodes.as_ref()).await,
        None => area.add(Finding::skipped("nodes.head", "the settings cannot be read")),
    };
    let (identity, vault, marks, nodes) = tokio::join!(
        identity(&services, azure),
        Area::in_time("vault.list", async |area| vault_area(area, &services, azure, options).await),
        Area::in_time("marks.account", async |area| marks_area(area, &services, azure).await),
        Area::in_time("nodes.head", nodes),
    );
    findings.extend(identity);
    let (mut skews, mut latency) = (Vec::new(), Vec::new());
    let mut all = levels::Known::default();
    let bindings = marks.store.as_ref().map(|store| binding::check(&vault.keys, store));
    for (area, more) in [(vault, None), (marks, bindings), (nodes, None)] {
        findings.extend(area.findings.into_iter().chain(more.into_iter().flatten()));
        skews.extend(area.skews);
        latency.extend(area.latency);
        all.keys.extend(area.known.keys);
        all.heads.extend(area.known.heads);
        all.marks.extend(area.known.marks);
        all.can_read |= area.known.can_read;
    }
    let threshold = known.settings.as_ref().and_then(|settings| Some(settings.nodes.as_ref()?.threshold));
    let levels = Area::in_time("marks.level", async |area| {
        if let (MarkStoreSettings::Cosmos(settings), Some(azure), false) =
            (&services.marks, azure, !all.can_read || all.keys.is_empty())
        {
            levels::read(&mut all, settings, azure).await;
        }
        levels::check(area, &all, threshold.unwrap_or(HEAD_THRESHOLD.values.default));
    });
    findings.extend(levels.await.findings);
    findings.push(clock::check(skews));
    findings.extend(latency);
    Report { findings }
}

fn prepare(services: &Services) -> Result<Azure, Finding> {
    let advice = "install ca-certificates, or name a file of them in SSL_CERT_FILE";
    Azure::prepare(services).map_err(|error| Finding::failed("certificates", error.to_string(), advice))
}

async fn identity(services: &Services, azure: Option<&Azure>) -> Vec<Finding> {
    let mut scopes = Vec::new();
    if let VaultSettings::KeyVault(vault) = &services.vault {
        scopes.push(vault.url.scope());
    }
    if let MarkStoreSettings::Cosmos(_) = &services.marks {
        scopes.push(SCOPE.to_owned());
    }
    match azure {
        Some(azure) => identity::check(&services.identity, &azure.tokens, &scopes).await,
        None if scopes.is_empty() => vec![Finding::skipped("identity", "nothing is in Azure")],
        None => vec![Finding::skipped("identity", "no service can be asked")],
    }
}

async fn vault_area(area: &mut Area, services: &Services, azure: Option<&Azure>, options: Options) {
    match (&services.vault, azure) {
        (VaultSettings::KeyVault(settings), Some(azure)) => vault::check(area, settings, azure, options.sign).await,
        (VaultSettings::KeyVault(_), None) => area.add(Finding::skipped("vault.list", "no service can be asked")),
        (VaultSettings::Embedded, _) => embedded::check_vault(area, &services.embedded, options.sign).await,
    }
}

async fn marks_area(area: &mut Area, services: &Services, azure: Option<&Azure>) {
    match (&services.marks, azure) {
        (MarkStoreSettings::Cosmos(settings), Some(azure)) => {
            marks::check(area, settings, &services.instance, azure).await;
        }
        (MarkStoreSettings::Cosmos(_), None) => area.add(Finding::skipped("marks.account", "no service can be asked")),
        (MarkStoreSettings::Embedded, _) => embedded::check_marks(area, services).await,
    }
}
