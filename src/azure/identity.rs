//! The identity of the process in Azure: detects the identities that the environment offers, and requests their tokens.

use super::certificate_assertion::CertificateAssertion;
use super::reason_of;
use azure_core::credentials::{AccessToken, TokenCredential};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The identities that the environment offers, from the variables that Azure and Kubernetes set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentitySettings {
    /// `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` are set (App Service or Functions).
    pub has_endpoint: bool,
    /// `AZURE_FEDERATED_TOKEN_FILE` is set (workload identity).
    pub has_federated_token: bool,
    /// `AZURE_CLIENT_ID`: the user-assigned identity to use. `None` selects the system-assigned one.
    pub client_id: Option<String>,
    /// `AZURE_CLIENT_CERTIFICATE_PATH`, if it is set.
    pub service_principal: Option<ServicePrincipal>,
}

/// An application that signs in with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// `AZURE_TENANT_ID`.
    pub tenant_id: String,
    /// `AZURE_CLIENT_ID`.
    pub client_id: String,
    /// `AZURE_CLIENT_CERTIFICATE_PATH`: a PEM file with a certificate and its private key. It is read for each token.
    pub certificate_file: PathBuf,
    /// `AZURE_AUTHORITY_HOST`, or the one of the public cloud.
    pub authority: String,
}

/// A source of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Managed identity of App Service or Functions.
    AppService,
    /// Workload identity, for example in Kubernetes.
    Workload,
    /// A service principal with a certificate.
    Certificate,
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
            Self::Certificate => "service principal with certificate",
            Self::VirtualMachine => "managed identity (virtual machine)",
            Self::Developer => "developer credentials (az or azd)",
        })
    }
}

/// Limit for a request to an identity endpoint.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Limit for `az` and `azd`, which are much slower than an endpoint.
const TOOL_TIMEOUT: Duration = Duration::from_secs(20);

impl IdentitySettings {
    /// The sources to try, in order, until one returns a token. If the environment provides an identity, it is the only
    /// candidate: any other would have different permissions.
    pub fn candidates(&self) -> &'static [Identity] {
        if self.has_endpoint {
            &[Identity::AppService]
        } else if self.has_federated_token {
            &[Identity::Workload]
        } else if self.service_principal.is_some() {
            &[Identity::Certificate]
        } else {
            &[Identity::VirtualMachine, Identity::Developer]
        }
    }

    /// Requests a token. Creates a new SDK credential each time, since an existing one would return its cached token until
    /// shortly before that expires.
    pub(super) async fn token(
        &self,
        client: &reqwest::Client,
        scope: &str,
    ) -> azure_core::Result<(Identity, AccessToken)> {
        let mut reasons = Vec::new();
        for &identity in self.candidates() {
            let limit = if identity == Identity::Developer { TOOL_TIMEOUT } else { ANSWER_TIMEOUT };
            let request = async { self.credential(identity, client)?.get_token(&[scope], None).await };
            match tokio::time::timeout(limit, request).await {
                Ok(Ok(token)) => return Ok((identity, token)),
                Ok(Err(error)) => reasons.push(format!("{identity}: {}", reason_of(&error))),
                Err(_) => reasons.push(format!("{identity}: no answer within {} s", limit.as_secs())),
            }
        }
        Err(Error::with_message(ErrorKind::Credential, reasons.join("; ")))
    }

    fn credential(&self, identity: Identity, client: &reqwest::Client) -> azure_core::Result<Arc<dyn TokenCredential>> {
        // A single attempt: the caller retries.
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
            Identity::Certificate => {
                let Some(principal) = &self.service_principal else {
                    return Err(Error::with_message(ErrorKind::Credential, "AZURE_CLIENT_CERTIFICATE_PATH is not set"));
                };
                let ServicePrincipal { tenant_id, client_id, certificate_file, authority } = principal;
                let audience = format!("{}/{tenant_id}/oauth2/v2.0/token", authority.trim_end_matches('/'));
                let assertion = CertificateAssertion::read(certificate_file, audience, client_id.clone())?;
                let options = ClientAssertionCredentialOptions { client_options };
                ClientAssertionCredential::new(tenant_id.clone(), client_id.clone(), assertion, Some(options))?
            }
            Identity::Developer => DeveloperToolsCredential::new(None)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_determines_the_candidates() {
        let principal = ServicePrincipal {
            tenant_id: "tenant".to_owned(),
            client_id: "client".to_owned(),
            certificate_file: PathBuf::from("certificate.pem"),
            authority: "https://login.microsoftonline.com".to_owned(),
        };
        let settings = |has_endpoint, has_federated_token, has_certificate: bool| IdentitySettings {
            has_endpoint,
            has_federated_token,
            service_principal: has_certificate.then(|| principal.clone()),
            ..IdentitySettings::default()
        };
        assert_eq!(settings(true, true, true).candidates(), [Identity::AppService]);
        assert_eq!(settings(true, false, false).candidates(), [Identity::AppService]);
        assert_eq!(settings(false, true, true).candidates(), [Identity::Workload]);
        assert_eq!(settings(false, false, true).candidates(), [Identity::Certificate]);
        assert_eq!(settings(false, false, false).candidates(), [Identity::VirtualMachine, Identity::Developer]);
    }
}
