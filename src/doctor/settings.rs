//! Checks of the settings: invalid, misspelt or ineffective ones.

use super::Finding;
use crate::settings::{
    LogSettings, MarkStoreSettings, Services, SettingError, Settings, SettingsError, Typo, VaultSettings,
    probable_typos, unknown_settings,
};

/// The valid settings.
pub(super) struct ValidSettings {
    /// All settings; `None` if any is invalid.
    pub(super) settings: Option<Settings>,
    /// The settings for vault and marks; `None` if any of these is invalid.
    pub(super) services: Option<Services>,
}

/// Reads all settings. `names` lists all variables that are set.
pub(super) fn check(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> (Vec<Finding>, ValidSettings) {
    let mut findings = Vec::new();
    // Typos are reported below, with other unknown names: they prevent a start, but not these checks.
    let (settings, of_log) = (Settings::read(&variable, &[]), LogSettings::read(&variable));
    if settings.is_ok() && of_log.is_ok() {
        findings.push(Finding::ok("settings", "all valid"));
    }
    for SettingsError(errors) in settings.as_ref().err().into_iter().chain(of_log.as_ref().err()) {
        findings.extend(errors.iter().map(wrong));
    }
    let settings = settings.ok();
    findings.extend(settings.as_ref().and_then(authentication));
    let services = match &settings {
        Some(settings) => Some(settings.services.clone()),
        None => Services::read(&variable, &[]).ok(),
    };
    findings.extend(services.as_ref().map(mode));
    findings.extend(of_log.iter().flat_map(|of_log| of_log.filter.unknown_targets()).map(|unknown| {
        let advice = "a target is a crate or a module path, such as azurehsm_signer or azure_core::http";
        Finding::warning("settings.log", unknown.to_string(), advice).about("RUST_LOG")
    }));
    let typos = probable_typos(&variable, names);
    let is_typo = |name: &str| typos.iter().any(|typo| typo.name == name);
    findings.extend(unknown_settings(names).into_iter().filter(|name| !is_typo(name)).map(|name| unknown(name)));
    findings.extend(typos.iter().map(probable_typo));
    findings.extend(of_the_sdk(names));
    (findings, ValidSettings { settings, services })
}

fn wrong(SettingError { name, why }: &SettingError) -> Finding {
    Finding::failed(
        "settings",
        why,
        format!("correct {name}, or remove it: azurehsm-signer settings lists all settings"),
    )
    .about(name)
}

/// Reports who may request signatures, if there are authorized keys.
fn authentication(settings: &Settings) -> Option<Finding> {
    let authorized = settings.authorized_keys.len();
    if authorized == 0 {
        return None;
    }
    let policy = &settings.policy;
    let required = policy.requiring_authentication(true);
    let finding = if required.is_empty() {
        let text = "AUTHORIZED_KEYS has no effect: the policy sets \"require_authentication\" to false for all keys";
        Finding::warning(
            "settings.authentication",
            text,
            "remove AUTHORIZED_KEYS, or \"require_authentication\" from the policy",
        )
    } else if required.len() > policy.named_keys().count() {
        Finding::ok(
            "settings.authentication",
            format!("every signing request must be signed by one of {authorized} authorized keys"),
        )
    } else {
        let text = format!(
            "signing requests must be signed by one of {authorized} authorized keys where the policy requires it: {}",
            required.join(", ")
        );
        Finding::ok("settings.authentication", text)
    };
    Some(finding.about("AUTHORIZED_KEYS"))
}

fn mode(services: &Services) -> Finding {
    let vault = match &services.vault {
        VaultSettings::KeyVault(vault) => format!("keys in {}", vault.url),
        VaultSettings::Embedded => format!("keys in a file in {}", services.embedded.data_dir.display()),
    };
    let marks = match &services.marks {
        MarkStoreSettings::Cosmos(cosmos) => {
            format!("marks in {}, database {}, container {}", cosmos.endpoint, cosmos.database, cosmos.container)
        }
        MarkStoreSettings::Embedded => format!("marks in a file in {}", services.embedded.data_dir.display()),
    };
    Finding::ok("settings.mode", format!("{vault}; {marks}"))
}

/// The prefix of variables that the SDK reads.
const OF_THE_SDK: &str = "AZURE_COSMOS_";

fn of_the_sdk(names: &[String]) -> impl Iterator<Item = Finding> {
    names.iter().filter(|name| name.starts_with(OF_THE_SDK)).map(|name| {
        let text = "changes the behaviour of the SDK, in addition to what this program configures";
        Finding::warning("settings.sdk", text, "remove it, unless Microsoft support has requested it").about(name)
    })
}

fn unknown(name: &str) -> Finding {
    let advice = "correct it (azurehsm-signer settings lists all settings), or remove it";
    Finding::warning("settings.unknown", "unknown setting, which has no effect", advice).about(name)
}

fn probable_typo(typo: &Typo) -> Finding {
    let text = format!("probably a typo of {}, which is not set: the signer does not start", typo.setting);
    Finding::failed("settings.unknown", text, "rename it, or remove it").about(&typo.name)
}
