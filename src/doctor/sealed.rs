//! Checks of sealed keys: each is opened with every recipient's vault, and signs nothing that is of use to anyone.

use super::Finding;
use super::advice::{is_managed_hsm, is_of_network, name_of, network, vault_option};
use super::area::{Area, each};
use super::clock::ANSWER_TIMEOUT;
use crate::marks::cosmos::WritePermission;
use crate::marks::{CosmosSettings, StoreIdentity};
use crate::settings::Services;
use crate::vault::sealed::{
    Container, ListedKey, NotOpened, Recipient, RecipientId, RecipientVaults, SealedKey, Survey,
};
use crate::wiring::{Azure, sealed_key_sources};
use std::sync::Arc;
use tokio::time::{Instant, timeout};

pub(super) async fn check(area: &mut Area, services: &Services, azure: &Azure, store: Option<&StoreIdentity>) {
    let survey = Survey::of(&sealed_key_sources(services, azure), Instant::now() + ANSWER_TIMEOUT).await;
    if survey.unread.is_empty() {
        let text = match survey.keys.len() {
            1 => "1 sealed key".to_owned(),
            keys => format!("{keys} sealed keys"),
        };
        area.add(Finding::ok("sealed.list", text));
    }
    for reason in &survey.unread {
        area.add(Finding::failed("sealed.list", reason, unread(reason, services)));
    }
    if let Some(settings) = &services.sealed_keys.container {
        area.add(role(settings, azure).await);
    }
    for reason in &survey.unusable {
        area.add(Finding::failed("sealed.key", reason, "remove it, or restore it from a copy"));
    }
    let vaults = RecipientVaults::new(Arc::clone(&azure.tokens), azure.roots.clone(), services.key_release.clone());
    for (key, opened) in survey.keys.iter().zip(each(&survey.keys, async |key| open(key, &vaults, store).await).await) {
        area.findings.extend(opened);
        area.observed.keys.push(key.hash());
    }
    area.addresses = Some(survey.hashes().iter().map(ToString::to_string).collect());
}

fn unread(reason: &str, services: &Services) -> String {
    // The path of a folder may contain the name of the container.
    let is_of = |settings: &&CosmosSettings| reason.starts_with(&format!("the container {} ", settings.container));
    let Some(settings) = services.sealed_keys.container.as_ref().filter(is_of) else {
        return "check SEALED_KEYS_DIR, and that the signer may read the folder".to_owned();
    };
    if is_of_network(reason) {
        return network("account");
    }
    format!(
        "check SEALED_KEYS_CONTAINER, and that the identity has a role with just \
         Microsoft.DocumentDB/databaseAccounts/readMetadata and \
         Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read, …/containers/executeQuery at \
         /dbs/{}/colls/{}: `az cosmosdb sql role assignment list -g <group> -a {}`",
        settings.database,
        settings.container,
        name_of(&settings.endpoint)
    )
}

/// Whether the identity may write the container, which a signer's should not.
async fn role(settings: &CosmosSettings, azure: &Azure) -> Finding {
    const CHECK: &str = "sealed.role";
    let container = Container::new(settings.clone(), Arc::clone(&azure.tokens));
    match container.may_replace(Instant::now() + ANSWER_TIMEOUT).await {
        Ok(WritePermission::Denied) => Finding::ok(CHECK, "replacing sealed keys is denied, as it should be"),
        Ok(WritePermission::Granted) => Finding::warning(
            CHECK,
            "this identity may replace sealed keys: if it is the signer's, anyone who controls the signer can put earlier versions back",
            format!(
                "give the signer's identity a role that only reads the container {}, and operators another one",
                settings.container
            ),
        ),
        Err(error) => {
            Finding::skipped(CHECK, format!("cannot determine whether writing sealed keys is denied: {}", error.log()))
        }
    }
}

/// Opens a key with each recipient's vault.
async fn open(listed: &ListedKey, vaults: &RecipientVaults, store: Option<&StoreIdentity>) -> Vec<Finding> {
    const CHECK: &str = "sealed.key";
    let purpose = listed.purpose();
    let who = format!("{}  {} on {}", listed.hash(), purpose.role(), purpose.chain());
    if let Some(problem) = listed.problem(store) {
        let advice = "`azurehsm-signer sealed check` shows its store and `marks store` the one in use; after the marks were raised \
                      in another store: `azurehsm-signer sealed rewrap --store`";
        return vec![Finding::failed(CHECK, format!("{who}: not served: {problem}"), advice).about(&listed.location)];
    }
    let recipients = listed.key.recipients().iter().filter(|recipient| is_online(recipient));
    let outcomes =
        each(recipients, async |recipient: &Recipient| (recipient, open_with(vaults, &listed.key, recipient).await))
            .await;
    let opens = outcomes.iter().any(|(_, outcome)| matches!(outcome, Some(Ok(()))));
    let mut findings = Vec::new();
    for (recipient, outcome) in outcomes {
        let id = recipient.key().id();
        let finding = match outcome {
            Some(Ok(())) => Finding::ok("sealed.unwrap", "opens: public key and signature are right"),
            // In several regions, each signer may unwrap with the key of its own.
            Some(Err(reason)) if opens && reason.contains("403") => Finding::skipped(
                "sealed.unwrap",
                format!("another recipient opens the key, and this one is not permitted: {reason}"),
            ),
            Some(Err(reason)) if opens => Finding::warning("sealed.unwrap", &reason, unwrap_advice(id, &reason)),
            Some(Err(reason)) => Finding::failed("sealed.unwrap", &reason, unwrap_advice(id, &reason)),
            None => Finding::skipped(
                "sealed.unwrap",
                "only confidential containers can call this recipient, and SECURE_KEY_RELEASE_URL is not set",
            ),
        };
        findings.push(finding.about(format!("{}, {id}", listed.location)));
    }
    findings.push(
        if opens {
            Finding::ok(CHECK, who)
        } else {
            Finding::failed(CHECK, format!("{who}: no recipient's vault opens it"), "see sealed.unwrap above")
        }
        .about(&listed.location),
    );
    findings
}

fn is_online(recipient: &Recipient) -> bool {
    !matches!(recipient.key().id(), RecipientId::Offline(_))
}

/// Opens the key with one recipient, or returns why it does not open; `None` if this process cannot call that recipient.
async fn open_with(vaults: &RecipientVaults, sealed: &SealedKey, recipient: &Recipient) -> Option<Result<(), String>> {
    let Ok(opened) = timeout(ANSWER_TIMEOUT, vaults.open_with(sealed, recipient)).await else {
        return Some(Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())));
    };
    Some(opened?.map(drop).map_err(|error| match error {
        NotOpened::Vault(error) => error.reason().log().to_owned(),
        NotOpened::Unusable(reason) => reason,
    }))
}

fn unwrap_advice(id: &RecipientId, reason: &str) -> String {
    let RecipientId::Vault { vault, .. } = id else {
        return "check the log of the sidecar, the release policy of the key, and that the identity has a role with \
                Microsoft.KeyVault/vaults/keys/release/action at the scope of this key"
            .to_owned();
    };
    let vault = vault.as_url();
    if is_of_network(reason) {
        network("vault")
    } else if reason.contains("403") && is_managed_hsm(vault) {
        "the identity needs a local role with just Microsoft.KeyVault/managedHsm/keys/unwrap/action on this key"
            .to_owned()
    } else if reason.contains("403") {
        "the identity needs a role with just Microsoft.KeyVault/vaults/keys/read and \
         Microsoft.KeyVault/vaults/keys/unwrap/action at the scope of this key; a new assignment takes minutes to become \
         effective"
            .to_owned()
    } else {
        format!(
            "check the key: `az keyvault key show {} -n <name>`; if it is lost, remove the recipient: `azurehsm-signer sealed \
             rewrap --remove {id}`",
            vault_option(vault)
        )
    }
}
