//! What an account and its container have to be, so that an acknowledged mark is never lost and never overwritten.

use crate::azure::{Tokens, reason_of};
use azure_core::credentials::TokenCredential;
use azure_core::http::Url;
use azure_core::time::{OffsetDateTime, to_rfc7231};
use azure_data_cosmos::models::{ContainerProperties, PartitionKeyVersion, TimeToLive};
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
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
struct Location {
    name: String,
}

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
    /// Its marks are not those of before.
    #[error("the container was deleted and made anew: its marks are gone. Raise them above all that was signed")]
    MadeAnew,
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
    /// Asks the account. No call of the SDK tells this.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn read(client: &reqwest::Client, endpoint: &Url, tokens: &Tokens) -> Result<Self, String> {
        let failed = |why: &(dyn std::error::Error + 'static)| {
            format!("the account does not say its properties: {}", reason_of(why))
        };
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
        if answer.status() == reqwest::StatusCode::UNAUTHORIZED {
            tokens.renew(SCOPE);
        }
        let answer = answer.error_for_status().map_err(|error| failed(&error))?;
        let body = answer.bytes().await.map_err(|error| failed(&error))?;
        serde_json::from_slice(&body).map_err(|error| failed(&error))
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
