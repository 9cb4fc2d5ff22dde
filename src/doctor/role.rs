use super::Finding;
use super::advice::{is_of_network, marks_role, marks_role_too_wide, network};
use crate::marks::CosmosSettings;
use crate::marks::cosmos::PROBE;
use azure_core::http::StatusCode;
use azure_data_cosmos::models::ItemResponse;
use azure_data_cosmos::options::{ItemWriteOptions, Precondition};
use azure_data_cosmos::{ContainerClient, CosmosError};
use serde::Serialize;

/// An item of this command's own, to try the role on. No signer reads or writes it: the id of a mark has three parts, and
/// its partition key is a public key hash. It stays, since no role here may delete it.
pub(super) struct Probe {
    container: ContainerClient,
    item: ProbeItem,
}

/// The partition key of all that this command writes.
const PARTITION: &str = "doctor";

/// There never is such an item, so whoever may delete it deletes nothing.
const NEVER: &str = "doctor:never";

#[derive(Serialize)]
struct ProbeItem {
    id: &'static str,
    pkh: &'static str,
    purpose: &'static str,
    instance: String,
}

type Answer = Result<ItemResponse, CosmosError>;

impl Probe {
    pub(super) fn new(container: ContainerClient, instance: &str) -> Self {
        let purpose =
            "azurehsm-signer doctor tries its role on this item. It is no mark, and is never read by a signer";
        Self { container, item: ProbeItem { id: PROBE, pkh: PARTITION, purpose, instance: instance.to_owned() } }
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

/// The version of the item in an answer.
pub(super) fn etag(answer: &ItemResponse) -> String {
    answer.headers().etag().map_or_else(no_etag, ToString::to_string)
}

/// Of no version of anything.
fn no_etag() -> String {
    "\"none\"".to_owned()
}

/// Tries all that the role should permit, and what it should not.
pub(super) async fn check(probe: &Probe, settings: &CosmosSettings) -> Vec<Finding> {
    let created = permitted("marks.create", &probe.create().await, &[StatusCode::Conflict], settings);
    let read = probe.read().await;
    // Without an item, the question is still whether it may be asked.
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

/// `as_good` are answers that only those get who may do it.
fn permitted(check: &'static str, answer: &Answer, as_good: &[StatusCode], settings: &CosmosSettings) -> Finding {
    let Err(error) = answer else { return Finding::ok(check, "permitted") };
    let why = error.to_string();
    if as_good.contains(&error.status().status_code()) {
        Finding::ok(check, "permitted")
    } else if is_of_network(&why) {
        Finding::failed(check, why, network("account"))
    } else if is_of_role(error) {
        Finding::failed(check, why, marks_role(&settings.endpoint, &settings.database, &settings.container))
    } else {
        Finding::failed(check, why, "try again; see the account's metrics in the portal")
    }
}

fn forbidden_delete(answer: &Answer, settings: &CosmosSettings) -> Finding {
    const CHECK: &str = "marks.delete";
    match answer {
        Err(error) if is_of_role(error) => Finding::ok(CHECK, "refused, as it should be"),
        Err(error) if error.status().status_code() != StatusCode::NotFound => {
            Finding::warning(CHECK, format!("it is not known whether it is refused: {error}"), "try again")
        }
        _ => Finding::failed(
            CHECK,
            "the role permits to delete marks: a signer whose marks are deleted can be made to sign twice",
            marks_role_too_wide(&settings.endpoint),
        ),
    }
}

fn forbidden_upsert(answer: &Answer, settings: &CosmosSettings) -> Finding {
    const CHECK: &str = "marks.upsert";
    match answer {
        Err(error) if is_of_role(error) => Finding::ok(CHECK, "refused, as it should be"),
        Err(error) => Finding::skipped(CHECK, format!("it is not known whether it is refused: {error}")),
        Ok(_) => Finding::warning(
            CHECK,
            "the role permits to write marks without a condition on their version; this program never does",
            marks_role_too_wide(&settings.endpoint),
        ),
    }
}

/// 403, but neither 3 (the region takes no writes) nor 1008 (the account moves) nor the network's.
fn is_of_role(error: &CosmosError) -> bool {
    let status = error.status();
    let sub_status = status.sub_status().map_or(0, |sub_status| sub_status.value());
    status.status_code() == StatusCode::Forbidden
        && !matches!(sub_status, 3 | 1008)
        && !is_of_network(&error.to_string())
}
