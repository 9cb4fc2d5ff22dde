use super::CosmosSettings;
use super::account::AccountProperties;
use super::checker::Checker;
use crate::azure::{TlsRoots, Tokens};
use crate::reason::Reason;
use azure_data_cosmos::models::ContainerProperties;
use azure_data_cosmos::{ContainerClient, CosmosError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The account and the container as an operator looks at them: connected as the mark store connects, but shown whatever is
/// wrong with them.
pub struct Inspection(Checker);

/// How long an operator waits for the account.
const MAX_ANSWER: Duration = Duration::from_secs(5);

impl Inspection {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(settings: CosmosSettings, tokens: Arc<Tokens>, roots: &TlsRoots) -> Result<Self, reqwest::Error> {
        Checker::new(settings, tokens, roots).map(Self)
    }

    /// What the account says of itself.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn account(&self) -> Result<AccountProperties, Reason> {
        let account = timeout(MAX_ANSWER, self.0.account(None)).await;
        let late = || Err(format!("the account could not be read: no answer within {} s", MAX_ANSWER.as_secs()).into());
        account.unwrap_or_else(|_| late()).map(|source| source.account)
    }

    /// A connection to the container, and what the container says of itself.
    ///
    /// # Errors
    /// [`CosmosError`].
    pub async fn container(&self) -> Result<(ContainerClient, ContainerProperties), CosmosError> {
        let container = self.0.container_client().await?;
        let properties = container.read(None).await?.into_model()?;
        Ok((container, properties))
    }
}
