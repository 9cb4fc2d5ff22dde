//! Tests the role for marks, on an item that is not a mark.

use super::Finding;
use super::advice::{is_of_network, marks_role, marks_role_too_wide, network};
use crate::marks::cosmos::PROBE;
use crate::marks::{CosmosSettings, StoreRole};
use azure_core::http::StatusCode;
use azure_data_cosmos::models::ItemResponse;
use azure_data_cosmos::options::{ItemWriteOptions, Precondition};
use azure_data_cosmos::{ContainerClient, CosmosError};
use serde::Serialize;
use std::collections::HashMap;

/// The item on which the role is tested. No signer reads or writes it: the id of a mark has three parts, and its partition key
/// is a public key hash. The item remains, since the role does not permit deletion.
pub(super) struct Probe {
    container: ContainerClient,
    item: ProbeItem,
}

/// The partition key of the item.
const PARTITION: &str = "doctor";

/// The id of an item that never exists, so that a permitted deletion deletes nothing.
const NEVER: &str = "doctor:never";

#[derive(Serialize)]
struct ProbeItem {
    id: &'static str,
    #[serde(flatten)]
    partition: HashMap<&'static str, &'static str>,
    purpose: &'static str,
    instance: String,
}

type Answer = Result<ItemResponse, CosmosError>;

impl Probe {
    pub(super) fn new(container: ContainerClient, role: StoreRole, instance: &str) -> Self {
        let purpose = "azurehsm-signer doctor tests its role on this item. It is not a mark, and signers never read it";
        let partition = HashMap::from([(role.partition_field(), PARTITION)]);
        Self { container, item: ProbeItem { id: PROBE, partition, purpose, instance: instance.to_owned() } }
    }

    pub(super) async fn read(&self) -> Answer {
        self.container.read_item(PARTITION, PROBE, None).await
    }

    async fn create(&self) -> Answer {
        self.container.create_item(PARTITION, PROBE, &self.item, None).await
    }

    /// Replaces the version `etag`.
    pub(super) async fn replace(&self, etag: &str) -> Answer {
        let options = ItemWriteOptions::default().with_precondition(Precondition::if_match(etag.to_owned()));
        self.container.replace_item(PARTITION, PROBE, &self.item, Some(options)).await
    }

    async fn upsert(&self) -> Answer {
        self.container.upsert_item(PARTITION, PROBE, &self.item, None).await
    }

    async fn delete_nothing(&self) -> Answer {
        self.container.delete_item(PARTITION, NEVER, None).await
    }
}

/// The version of the item in a response.
pub(super) fn etag(answer: &ItemResponse) -> String {
    answer.headers().etag().map_or_else(no_etag, ToString::to_string)
}

/// An `ETag` that matches no version of any item.
fn no_etag() -> String {
    "\"none\"".to_owned()
}

/// Tests every operation that the role should permit, and those that it should not.
pub(super) async fn check(probe: &Probe, settings: &CosmosSettings) -> Vec<Finding> {
    let created = permitted("marks.create", &probe.create().await, &[StatusCode::Conflict], settings);
    let read = probe.read().await;
    // Even without an item, the status shows whether the operation is permitted.
    let etag = read.as_ref().map_or_else(|_| no_etag(), etag);
    let replaced = probe.replace(&etag).await;
    vec![
        permitted("marks.read", &read, &[StatusCode::NotFound], settings),
        created,
        permitted("marks.replace", &replaced, &[StatusCode::NotFound, StatusCode::PreconditionFailed], settings),
        forbidden_delete(&probe.delete_nothing().await, settings),
        forbidden_upsert(&probe.upsert().await, settings),
    ]
}

/// An error with a status in `also_permitted` shows that the operation is permitted, too.
fn permitted(
    check: &'static str,
    answer: &Answer,
    also_permitted: &[StatusCode],
    settings: &CosmosSettings,
) -> Finding {
    let Err(error) = answer else { return Finding::ok(check, "permitted") };
    let reason = error.to_string();
    if also_permitted.contains(&error.status().status_code()) {
        Finding::ok(check, "permitted")
    } else if is_of_network(&reason) {
        Finding::failed(check, reason, network("account"))
    } else if is_of_role(error) {
        Finding::failed(check, reason, marks_role(&settings.endpoint, &settings.database, &settings.container))
    } else {
        Finding::failed(check, reason, "try again; check the account's metrics in the portal")
    }
}

fn forbidden_delete(answer: &Answer, settings: &CosmosSettings) -> Finding {
    const CHECK: &str = "marks.delete";
    match answer {
        Err(error) if is_of_role(error) => Finding::ok(CHECK, "denied, as it should be"),
        Err(error) if error.status().status_code() != StatusCode::NotFound => {
            Finding::warning(CHECK, format!("cannot determine whether this is denied: {error}"), "try again")
        }
        _ => Finding::failed(
            CHECK,
            "the role permits deleting marks: a signer whose marks are deleted can be made to double-sign",
            marks_role_too_wide(&settings.endpoint),
        ),
    }
}

fn forbidden_upsert(answer: &Answer, settings: &CosmosSettings) -> Finding {
    const CHECK: &str = "marks.upsert";
    match answer {
        Err(error) if is_of_role(error) => Finding::ok(CHECK, "denied, as it should be"),
        Err(error) => Finding::skipped(CHECK, format!("cannot determine whether this is denied: {error}")),
        Ok(_) => Finding::warning(
            CHECK,
            "the role permits unconditional writes of marks, which the signer never makes",
            marks_role_too_wide(&settings.endpoint),
        ),
    }
}

/// 403, except for sub-status 3 (a read-only region), 1008 (the account is being moved), and network rules.
fn is_of_role(error: &CosmosError) -> bool {
    let status = error.status();
    let sub_status = status.sub_status().map_or(0, |sub_status| sub_status.value());
    status.status_code() == StatusCode::Forbidden
        && !matches!(sub_status, 3 | 1008)
        && !is_of_network(&error.to_string())
}
