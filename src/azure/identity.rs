use super::reason_of;
use azure_core::credentials::{AccessToken, TokenCredential};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the environment offers, as Azure and Kubernetes set it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentitySettings {
    /// `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` are set: App Service or Functions.
    pub has_endpoint: bool,
    /// `AZURE_FEDERATED_TOKEN_FILE` is set: workload identity.
    pub has_federated_token: bool,
    /// `AZURE_CLIENT_ID`: which user-assigned identity; the system-assigned one, if there is none.
    pub client_id: Option<String>,
}

/// Where tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Managed identity of App Service or Functions.
    AppService,
    /// Workload identity, of Kubernetes for instance.
    Workload,
    /// Managed identity of a virtual machine.
    VirtualMachine,
    /// `az login` or `azd auth login`.
    Developer,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AppService => "managed identity (App Service)",
            Self::Workload => "workload identity",
            Self::VirtualMachine => "managed identity (virtual machine)",
            Self::Developer => "developer credentials (az or azd)",
        })
    }
}

/// How long one question may take. Command line tools take their time; a machine's own endpoint does not.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
const TOOL_TIMEOUT: Duration = Duration::from_secs(20);

impl IdentitySettings {
    /// What to ask, in this order, until one gives a token. Where the environment says that the process has an identity,
    /// that is the only one: another would have other rights.
    pub fn candidates(&self) -> &'static [Identity] {
        if self.has_endpoint {
            &[Identity::AppService]
        } else if self.has_federated_token {
            &[Identity::Workload]
        } else {
            &[Identity::VirtualMachine, Identity::Developer]
        }
    }

    /// Asks for a token. Each time by a new credential of the SDK: an old one would give what it gave before, until shortly
    /// before the end.
    pub(super) async fn token(
        &self,
        client: &reqwest::Client,
        scope: &str,
    ) -> azure_core::Result<(Identity, AccessToken)> {
        let mut reasons = Vec::new();
        for &identity in self.candidates() {
            let limit = if identity == Identity::Developer { TOOL_TIMEOUT } else { ANSWER_TIMEOUT };
            let asked = async { self.credential(identity, client)?.get_token(&[scope], None).await };
            match tokio::time::timeout(limit, asked).await {
                Ok(Ok(token)) => return Ok((identity, token)),
                Ok(Err(error)) => reasons.push(format!("{identity}: {}", reason_of(&error))),
                Err(_) => reasons.push(format!("{identity}: no answer within {} s", limit.as_secs())),
            }
        }
        Err(Error::with_message(ErrorKind::Credential, reasons.join("; ")))
    }

    fn credential(&self, identity: Identity, client: &reqwest::Client) -> azure_core::Result<Arc<dyn TokenCredential>> {
        // One try, and not for long: whoever asks tries again.
        let transport = Some(Transport::new(Arc::new(client.clone())));
        let client_options = ClientOptions { transport, retry: RetryOptions::none(), ..Default::default() };
        Ok(match identity {
            Identity::AppService | Identity::VirtualMachine => {
                let user_assigned_id = self.client_id.clone().map(UserAssignedId::ClientId);
                let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
                ManagedIdentityCredential::new(Some(options))?
            }
            Identity::Workload => {
                let credential_options = ClientAssertionCredentialOptions { client_options };
                let options = WorkloadIdentityCredentialOptions { credential_options, ..Default::default() };
                WorkloadIdentityCredential::new(Some(options))?
            }
            Identity::Developer => DeveloperToolsCredential::new(None)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_which_identity_there_is() {
        let settings = |has_endpoint, has_federated_token| IdentitySettings {
            has_endpoint,
            has_federated_token,
            ..IdentitySettings::default()
        };
        assert_eq!(settings(true, true).candidates(), [Identity::AppService]);
        assert_eq!(settings(true, false).candidates(), [Identity::AppService]);
        assert_eq!(settings(false, true).candidates(), [Identity::Workload]);
        assert_eq!(settings(false, false).candidates(), [Identity::VirtualMachine, Identity::Developer]);
    }
}
