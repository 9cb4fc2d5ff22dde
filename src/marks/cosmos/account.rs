//! Requirements for an account and its container, so that an acknowledged mark is never lost and never overwritten.

use super::{CosmosSettings, words};
use crate::azure::{Tokens, plain_reason};
use crate::failure_reason::FailureReason;
use crate::marks::StoreRole;
use azure_core::credentials::TokenCredential;
use azure_core::http::Url;
use azure_core::time::{OffsetDateTime, to_rfc7231};
use azure_data_cosmos::models::{ContainerProperties, PartitionKeyVersion, TimeToLive};
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use std::net::IpAddr;
use thiserror::Error;

/// The scope of tokens for Cosmos DB, in every cloud.
pub const SCOPE: &str = "https://cosmos.azure.com/.default";

/// The relevant properties of the account (`GET /`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountProperties {
    /// Derived by the service from the host of the request: through a regional endpoint, the region is appended to the name.
    #[serde(default)]
    id: String,
    user_consistency_policy: ConsistencyPolicy,
    enable_multiple_write_locations: bool,
    writable_locations: Vec<Location>,
    readable_locations: Vec<Location>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConsistencyPolicy {
    default_consistency_level: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    name: String,
    database_account_endpoint: Option<String>,
}

impl Location {
    /// The name of the account, if the endpoint has the form that it has in Azure: `https://<account>-<region>.<domain>`.
    fn account(&self) -> Option<String> {
        let endpoint = Url::parse(self.database_account_endpoint.as_deref()?).ok()?;
        let region = self.name.to_lowercase().replace(' ', "");
        let account = endpoint.host_str()?.split('.').next()?.strip_suffix(&region)?.strip_suffix('-')?;
        Some(account.to_owned())
    }
}

/// The message for a container that is not the one that was checked.
pub(super) const RECREATED: &str = "the container of the marks was deleted and recreated: raise the marks above everything \
                                    signed, then bind the keys again, and restart the signer if a key is not bound";

/// Why marks must not be kept in an account or container.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unsuitable {
    /// An acknowledged mark could be lost in a failover.
    #[error("its consistency is {0}, expected Strong")]
    Consistency(String),
    /// Two regions could accept two marks for one slot.
    #[error("it accepts writes in several regions ({0})")]
    SeveralWriteRegions(String),
    /// Marks would be read from the wrong partitions.
    #[error("the container's partition key is {found}, expected {}", expected.partition_key())]
    PartitionKey {
        /// The paths.
        found: String,
        /// The role that the container should have.
        expected: StoreRole,
    },
    /// The container is for the other role.
    #[error("{}", of_other_role(*.0))]
    OtherRole(StoreRole),
    /// Only the first 100 bytes of a partition key would count.
    #[error("the container's partition key has version 1, expected 2")]
    PartitionKeyVersion,
    /// The earlier marks are missing, and the identity of the new container is unknown.
    #[error("{RECREATED}")]
    Recreated,
    /// Marks would expire.
    #[error("the container has a time to live: marks would expire")]
    TimeToLive,
}

fn of_other_role(found: StoreRole) -> String {
    let key = found.partition_key();
    match found {
        StoreRole::Observing => format!(
            "the container is an observer's (partition key {key}) and never permits a signature: it may lack marks of what was \
             signed elsewhere. To sign, set COSMOS_CONTAINER to another one; to observe, set OBSERVE=true"
        ),
        StoreRole::Signing => format!(
            "the container is a signer's (partition key {key}), which an observer must not change: set COSMOS_CONTAINER to one with \
             the partition key {}, or remove OBSERVE to sign",
            StoreRole::Observing.partition_key()
        ),
    }
}

/// Joins all reasons in one line.
pub fn explained(reasons: &[Unsuitable]) -> String {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    format!("the Cosmos DB account is not safe for marks: {}", reasons.join("; "))
}

impl AccountProperties {
    /// Reads the account's properties, for which the SDK has no call. `endpoint` is the account's global one or one of
    /// `endpoints`.
    ///
    /// # Errors
    /// The reason, with the service's message if there is one: a firewall and a missing role are both 403.
    pub async fn read(client: &reqwest::Client, endpoint: &Url, tokens: &Tokens) -> Result<Self, FailureReason> {
        const FAILED: &str = "cannot read the account's properties: ";
        let failed = |reason: &(dyn std::error::Error + 'static)| plain_reason(reason).after(FAILED);
        let token = tokens.get_token(&[SCOPE], None).await.map_err(|error| failed(&error))?;
        let authorization = format!("type%3Daad%26ver%3D1.0%26sig%3D{}", token.token.secret());
        let answer = client
            .get(endpoint.clone())
            .header(AUTHORIZATION, authorization)
            .header("x-ms-date", to_rfc7231(&OffsetDateTime::now_utc()))
            .header("x-ms-version", "2020-07-15")
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let status = answer.status();
        if status == reqwest::StatusCode::UNAUTHORIZED {
            tokens.renew(SCOPE);
        }
        let body = answer.bytes().await.map_err(|error| failed(&error))?;
        if !status.is_success() {
            let reason = format!("{status}{}", message_in(&body));
            return Err(FailureReason::with_log(words::for_answers(&reason), reason).after(FAILED));
        }
        serde_json::from_slice(&body).map_err(|error| failed(&error))
    }

    /// The regional endpoints of the account, the write region's first. Only sibling domains of `global`, since they receive a
    /// token.
    pub(super) fn endpoints(&self, global: &Url) -> Vec<Url> {
        let mut endpoints = Vec::new();
        for location in self.writable_locations.iter().chain(&self.readable_locations) {
            let endpoint = location.database_account_endpoint.as_deref().map(Url::parse);
            if let Some(Ok(endpoint)) = endpoint
                && is_sibling(global, &endpoint)
                && !endpoints.contains(&endpoint)
            {
                endpoints.push(endpoint);
            }
        }
        endpoints
    }

    /// Whether the write region differs from that of an earlier reading.
    pub(super) fn has_moved_since(&self, before: &Self) -> bool {
        self.writable_locations != before.writable_locations
    }

    /// Whether a failover is in progress: several write regions are listed, although only one accepts writes.
    pub(super) fn is_moving(&self) -> bool {
        self.writable_locations.len() != 1 && !self.enable_multiple_write_locations
    }

    /// The names of all readable regions, the write region first.
    pub(super) fn regions_by_preference(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for location in self.writable_locations.iter().chain(&self.readable_locations) {
            if !names.contains(&location.name) {
                names.push(location.name.clone());
            }
        }
        names
    }

    /// The account's name, the same through every endpoint. Empty if the service reports none.
    pub fn name(&self) -> String {
        let mut locations = self.writable_locations.iter().chain(&self.readable_locations);
        locations.find_map(Location::account).unwrap_or_else(|| self.id.clone())
    }

    /// The name of the consistency level, such as `Strong`.
    pub fn consistency(&self) -> &str {
        &self.user_consistency_policy.default_consistency_level
    }

    /// The names of the write regions, separated by commas.
    pub fn write_regions(&self) -> String {
        names(&self.writable_locations)
    }

    /// The names of all regions, separated by commas.
    pub fn regions(&self) -> String {
        names(&self.readable_locations)
    }

    /// All problems of the account, regardless of the container.
    pub(crate) fn check(&self, allow_weak_consistency: bool) -> impl Iterator<Item = Unsuitable> {
        // In a single region, a conditional write is a lock at any consistency; only the last writes before a loss of the
        // region may be lost.
        let is_excused = allow_weak_consistency && self.readable_locations.len() == 1;
        let is_weak = self.consistency() != "Strong" && !is_excused;
        let has_several = self.enable_multiple_write_locations || self.writable_locations.len() > 1;
        let weak = is_weak.then(|| Unsuitable::Consistency(self.consistency().to_owned()));
        weak.into_iter().chain(has_several.then(|| Unsuitable::SeveralWriteRegions(self.write_regions())))
    }
}

/// Whether the hosts share a parent domain, as `bakery-westeurope.documents.azure.com` and `bakery.documents.azure.com` do. All
/// loopback addresses are siblings.
fn is_sibling(global: &Url, endpoint: &Url) -> bool {
    let domain = |url: &Url| {
        let host = url.host_str().unwrap_or_default();
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let domain = host.split_once('.').map_or(host, |(_, domain)| domain);
        if is_here { "localhost".to_owned() } else { domain.to_owned() }
    };
    endpoint.scheme() == "https" && domain(endpoint) == domain(global)
}

/// The message of an error answer, without request identifiers.
fn message_in(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    let Ok(Error { message }) = serde_json::from_slice(body) else { return String::new() };
    let message = message.split("ActivityId").next().unwrap_or_default();
    format!(": {}", message.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn names(locations: &[Location]) -> String {
    locations.iter().map(|location| location.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// All problems of an account and a container; empty if marks may be kept there.
pub fn check(
    account: &AccountProperties,
    container: &ContainerProperties,
    settings: &CosmosSettings,
) -> Vec<Unsuitable> {
    let expected = settings.role;
    let of_container = [
        match role_of(container) {
            Ok(role) => (role != expected).then_some(Unsuitable::OtherRole(role)),
            Err(found) => Some(Unsuitable::PartitionKey { found, expected }),
        },
        (container.partition_key.version() == PartitionKeyVersion::V1).then_some(Unsuitable::PartitionKeyVersion),
        (container.default_ttl != TimeToLive::Forever).then_some(Unsuitable::TimeToLive),
    ];
    account.check(settings.allow_weak_consistency).chain(of_container.into_iter().flatten()).collect()
}

/// What a container is for, by its partition key, which cannot be changed.
///
/// # Errors
/// The paths of any other partition key.
pub(super) fn role_of(container: &ContainerProperties) -> Result<StoreRole, String> {
    let paths: Vec<_> = container.partition_key.paths().iter().map(AsRef::as_ref).collect();
    let has_path = |role: &StoreRole| paths == [role.partition_key()];
    [StoreRole::Signing, StoreRole::Observing].into_iter().find(has_path).ok_or_else(|| paths.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(write: &str, readable: &[&str]) -> AccountProperties {
        let location = |name: &&str| {
            let host = name.to_lowercase().replace(' ', "");
            let endpoint = format!("https://bakery-{host}.documents.azure.com:443/");
            serde_json::json!({ "name": name, "databaseAccountEndpoint": endpoint })
        };
        let document = serde_json::json!({
            "id": "bakery",
            "userConsistencyPolicy": { "defaultConsistencyLevel": "Strong" },
            "enableMultipleWriteLocations": false,
            "writableLocations": [location(&write)],
            "readableLocations": readable.iter().map(location).collect::<Vec<_>>(),
        });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn regional_endpoints_are_siblings_of_the_global_one() {
        let global: Url = "https://bakery.documents.azure.com/".parse().unwrap();
        let both = account("North Europe", &["West Europe", "North Europe"]);
        let endpoints: Vec<_> = both.endpoints(&global).iter().map(ToString::to_string).collect();
        assert_eq!(
            endpoints,
            ["https://bakery-northeurope.documents.azure.com/", "https://bakery-westeurope.documents.azure.com/"]
        );
        let elsewhere: Url = "https://bakery.documents.azure.example/".parse().unwrap();
        assert!(both.endpoints(&elsewhere).is_empty(), "a token would be sent there");
        assert_eq!(both.regions_by_preference(), ["North Europe", "West Europe"]);
    }

    #[test]
    fn the_accounts_name_is_the_same_through_every_endpoint_and_after_a_move() {
        let (west, north) = ("West Europe", "North Europe");
        for mut account in [account(west, &[west]), account(west, &[west, north]), account(north, &[west, north])] {
            for id in ["bakery", "bakery-westeurope", "bakery-northeurope", ""] {
                id.clone_into(&mut account.id);
                assert_eq!(account.name(), "bakery", "{id}");
            }
        }
        let mut elsewhere = account(west, &[west]);
        elsewhere.writable_locations[0].database_account_endpoint = Some("https://localhost:8081/".to_owned());
        elsewhere.readable_locations.clear();
        assert_eq!(elsewhere.name(), "bakery", "the id");
    }

    #[test]
    fn only_a_change_of_the_write_region_is_a_move() {
        let (west, north) = ("West Europe", "North Europe");
        let before = account(west, &[west, north]);
        assert!(!account(west, &[west]).has_moved_since(&before));
        assert!(account(north, &[west, north]).has_moved_since(&before));
    }

    #[test]
    fn the_services_message_is_kept_without_request_identifiers() {
        let body =
            br#"{"code":"Forbidden","message":"Request is blocked by your\r\nfirewall.\r\nActivityId: 1, Microsoft"}"#;
        assert_eq!(message_in(body), ": Request is blocked by your firewall.");
        assert_eq!(message_in(b"<html>"), "");
    }
}
