//! Read access to the account and the container for operators' commands.

use super::CosmosSettings;
use super::account::AccountProperties;
use super::checker::Checker;
use super::outcome;
use crate::azure::{TlsRoots, Tokens};
use crate::failure_reason::FailureReason;
use crate::marks::StoreIdentity;
use azure_data_cosmos::models::ContainerProperties;
use azure_data_cosmos::{ContainerClient, CosmosError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The account and the container as an operator sees them: connected like the mark store, but shown even if unsuitable.
pub struct Inspection(Checker);

/// Time limit for reading the account.
const MAX_ANSWER: Duration = Duration::from_secs(5);

impl Inspection {
    /// Makes no call yet.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub fn new(settings: CosmosSettings, tokens: Arc<Tokens>, roots: &TlsRoots) -> Result<Self, reqwest::Error> {
        Checker::new(settings, tokens, roots).map(Self)
    }

    /// Reads the account's properties.
    ///
    /// # Errors
    /// The reason.
    pub async fn account(&self) -> Result<AccountProperties, FailureReason> {
        let account = timeout(MAX_ANSWER, self.0.account(None)).await;
        let late =
            || Err(format!("cannot read the account's properties: no answer within {} s", MAX_ANSWER.as_secs()).into());
        account.unwrap_or_else(|_| late()).map(|source| source.account)
    }

    /// Reads what identifies the container.
    ///
    /// # Errors
    /// The reason.
    pub async fn identity(&self) -> Result<StoreIdentity, FailureReason> {
        const FAILED: &str = "cannot read the container's properties: ";
        let account = self.account().await?;
        let answer = timeout(MAX_ANSWER, self.container()).await;
        let late = |_| FailureReason::from(format!("no answer within {} s", MAX_ANSWER.as_secs())).after(FAILED);
        let (_, properties) = answer.map_err(late)?.map_err(|error| outcome::reason(&error).after(FAILED))?;
        self.identity_from(&account, &properties)
    }

    /// What identifies the container, from properties that were read before.
    ///
    /// # Errors
    /// Which of them is missing.
    pub fn identity_from(
        &self,
        account: &AccountProperties,
        container: &ContainerProperties,
    ) -> Result<StoreIdentity, FailureReason> {
        let rid = container.system_properties.resource_id.clone().filter(|rid| !rid.is_empty());
        let name = Some(account.name()).filter(|name| !name.is_empty());
        Ok(StoreIdentity::Container {
            account: name.ok_or("the account's properties lack its name")?,
            database: self.0.settings.database.clone(),
            container: self.0.settings.container.clone(),
            rid: rid.ok_or("the container's properties lack its _rid")?,
        })
    }

    /// Connects to the container, and reads its properties.
    ///
    /// # Errors
    /// [`CosmosError`].
    pub async fn container(&self) -> Result<(ContainerClient, ContainerProperties), CosmosError> {
        let container = self.0.container_client().await?;
        let properties = container.read(None).await?.into_model()?;
        Ok((container, properties))
    }
}
