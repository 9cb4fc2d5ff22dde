//! What an account and its container have to be, so that an acknowledged mark is never lost and never overwritten.

use super::words;
use crate::azure::{Tokens, plain_reason};
use crate::reason::Reason;
use azure_core::credentials::TokenCredential;
use azure_core::http::Url;
use azure_core::time::{OffsetDateTime, to_rfc7231};
use azure_data_cosmos::models::{ContainerProperties, PartitionKeyVersion, TimeToLive};
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use std::net::IpAddr;
use thiserror::Error;

/// What tokens for Cosmos DB are for, in every cloud.
pub const SCOPE: &str = "https://cosmos.azure.com/.default";

/// What the account says of itself (`GET /`), as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountProperties {
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

/// What is said of a container that is not the one that was checked.
pub(super) const RECREATED: &str = "the container of the marks was deleted and created again: raise the marks above all that \
                                    was signed, then bind the keys again, and restart the signer if a key is not bound";

/// Why marks must not be kept there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unsuitable {
    /// An acknowledged mark could be lost in a failover.
    #[error("its consistency is {0}, not Strong")]
    Consistency(String),
    /// Two regions could accept two marks for one slot.
    #[error("it takes writes in several regions ({0})")]
    SeveralWriteRegions(String),
    /// Marks would be looked for where they are not.
    #[error("the container's partition key is {0}, not /pkh")]
    PartitionKey(String),
    /// Keys would share partitions by their first 100 bytes.
    #[error("the container's partition key is of version 1, not 2")]
    PartitionKeyVersion,
    /// Its marks are not the earlier ones, and it is not known which container it is now.
    #[error("{RECREATED}")]
    Recreated,
    /// Marks would be forgotten.
    #[error("the container has a time to live: marks would expire")]
    TimeToLive,
}

/// All reasons in one line.
pub fn explained(reasons: &[Unsuitable]) -> String {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    format!("the Cosmos DB account is not safe for marks: {}", reasons.join("; "))
}

impl AccountProperties {
    /// Reads the account's document; no call of the SDK gives it. `endpoint` is the account's global one or one of
    /// `endpoints`.
    ///
    /// # Errors
    /// What went wrong, in the service's own words where it gave any: a firewall and a missing role are both 403.
    pub async fn read(client: &reqwest::Client, endpoint: &Url, tokens: &Tokens) -> Result<Self, Reason> {
        const FAILED: &str = "the account could not be read: ";
        let failed = |why: &(dyn std::error::Error + 'static)| plain_reason(why).after(FAILED);
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
            let said = format!("{status}{}", words_of(&body));
            return Err(Reason::with_log(words::for_answers(&said), said).after(FAILED));
        }
        serde_json::from_slice(&body).map_err(|error| failed(&error))
    }

    /// Where else the account can be read: the endpoints of its regions, the write region's first. Only those beside
    /// `global`, since they are sent a token.
    pub(super) fn endpoints(&self, global: &Url) -> Vec<Url> {
        let mut endpoints = Vec::new();
        for location in self.writable_locations.iter().chain(&self.readable_locations) {
            let endpoint = location.database_account_endpoint.as_deref().map(Url::parse);
            if let Some(Ok(endpoint)) = endpoint
                && is_beside(global, &endpoint)
                && !endpoints.contains(&endpoint)
            {
                endpoints.push(endpoint);
            }
        }
        endpoints
    }

    /// Whether writes go elsewhere than the other document says.
    pub(super) fn has_moved_since(&self, before: &Self) -> bool {
        self.writable_locations != before.writable_locations
    }

    /// Whether more than one region is listed as taking writes although only one does: so it is in the midst of a failover.
    pub(super) fn is_moving(&self) -> bool {
        self.writable_locations.len() != 1 && !self.enable_multiple_write_locations
    }

    /// The names of all regions that can be read, the write region first.
    pub(super) fn regions_by_preference(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for location in self.writable_locations.iter().chain(&self.readable_locations) {
            if !names.contains(&location.name) {
                names.push(location.name.clone());
            }
        }
        names
    }

    /// The consistency level, by its name.
    pub fn consistency(&self) -> &str {
        &self.user_consistency_policy.default_consistency_level
    }

    /// The regions that take writes.
    pub fn write_regions(&self) -> String {
        names(&self.writable_locations)
    }

    /// All regions.
    pub fn regions(&self) -> String {
        names(&self.readable_locations)
    }

    /// What is wrong with the account, whatever the container.
    pub(crate) fn check(&self, allow_weak_consistency: bool) -> impl Iterator<Item = Unsuitable> {
        // In a single region, a conditional write is a lock at any consistency; what may be lost are the last writes before
        // the region itself is.
        let is_excused = allow_weak_consistency && self.readable_locations.len() == 1;
        let is_weak = self.consistency() != "Strong" && !is_excused;
        let has_several = self.enable_multiple_write_locations || self.writable_locations.len() > 1;
        let weak = is_weak.then(|| Unsuitable::Consistency(self.consistency().to_owned()));
        weak.into_iter().chain(has_several.then(|| Unsuitable::SeveralWriteRegions(self.write_regions())))
    }
}

/// `bakery-westeurope.documents.azure.com` is beside `bakery.documents.azure.com`, and all of this machine is beside itself.
fn is_beside(global: &Url, endpoint: &Url) -> bool {
    let domain = |url: &Url| {
        let host = url.host_str().unwrap_or_default();
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let domain = host.split_once('.').map_or(host, |(_, domain)| domain);
        if is_here { "localhost".to_owned() } else { domain.to_owned() }
    };
    endpoint.scheme() == "https" && domain(endpoint) == domain(global)
}

/// The message of an error answer, without its identifiers.
fn words_of(body: &[u8]) -> String {
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

/// Everything that is wrong with an account and a container; nothing, if marks may be kept there.
pub fn check(account: &AccountProperties, container: &ContainerProperties, allow_weak: bool) -> Vec<Unsuitable> {
    let paths: Vec<_> = container.partition_key.paths().iter().map(AsRef::as_ref).collect();
    let of_container = [
        (paths != ["/pkh"]).then(|| Unsuitable::PartitionKey(paths.join(", "))),
        (container.partition_key.version() == PartitionKeyVersion::V1).then_some(Unsuitable::PartitionKeyVersion),
        (container.default_ttl != TimeToLive::Forever).then_some(Unsuitable::TimeToLive),
    ];
    account.check(allow_weak).chain(of_container.into_iter().flatten()).collect()
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
            "userConsistencyPolicy": { "defaultConsistencyLevel": "Strong" },
            "enableMultipleWriteLocations": false,
            "writableLocations": [location(&write)],
            "readableLocations": readable.iter().map(location).collect::<Vec<_>>(),
        });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn the_endpoints_of_the_regions_are_those_beside_the_global_one() {
        let global: Url = "https://bakery.documents.azure.com/".parse().unwrap();
        let both = account("North Europe", &["West Europe", "North Europe"]);
        let endpoints: Vec<_> = both.endpoints(&global).iter().map(ToString::to_string).collect();
        assert_eq!(
            endpoints,
            ["https://bakery-northeurope.documents.azure.com/", "https://bakery-westeurope.documents.azure.com/"]
        );
        let elsewhere: Url = "https://bakery.documents.azure.example/".parse().unwrap();
        assert!(both.endpoints(&elsewhere).is_empty(), "a token is sent there");
        assert_eq!(both.regions_by_preference(), ["North Europe", "West Europe"]);
    }

    #[test]
    fn a_move_is_of_the_write_region() {
        let (west, north) = ("West Europe", "North Europe");
        let before = account(west, &[west, north]);
        assert!(!account(west, &[west]).has_moved_since(&before));
        assert!(account(north, &[west, north]).has_moved_since(&before));
    }

    #[test]
    fn the_words_of_the_service_are_kept_without_its_identifiers() {
        let body =
            br#"{"code":"Forbidden","message":"Request is blocked by your\r\nfirewall.\r\nActivityId: 1, Microsoft"}"#;
        assert_eq!(words_of(body), ": Request is blocked by your firewall.");
        assert_eq!(words_of(b"<html>"), "");
    }
}
