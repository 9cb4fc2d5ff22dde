//! The identity of the process in Azure.

use super::reader::Reader;
use super::table::{
    AZURE_AUTHORITY_HOST, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID,
    IDENTITY_ENDPOINT, IDENTITY_HEADER,
};
use crate::azure::{IdentitySettings, ServicePrincipal};
use std::path::PathBuf;

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// The identities that the environment offers.
    pub(super) fn identity(&mut self) -> IdentitySettings {
        IdentitySettings {
            has_endpoint: self.is_set(&IDENTITY_ENDPOINT) && self.is_set(&IDENTITY_HEADER),
            has_federated_token: self.path(&AZURE_FEDERATED_TOKEN_FILE).is_some(),
            client_id: self.text(&AZURE_CLIENT_ID),
            service_principal: self.service_principal(),
        }
    }

    fn service_principal(&mut self) -> Option<ServicePrincipal> {
        let certificate_file = PathBuf::from(self.path(&AZURE_CLIENT_CERTIFICATE_PATH)?);
        let (tenant_id, client_id) = (self.text(&AZURE_TENANT_ID), self.text(&AZURE_CLIENT_ID));
        let (Some(tenant_id), Some(client_id)) = (tenant_id, client_id) else {
            self.wrong(
                &AZURE_CLIENT_CERTIFICATE_PATH,
                "is set: expected AZURE_TENANT_ID and AZURE_CLIENT_ID of the service principal as well",
            );
            return None;
        };
        let authority = self.text(&AZURE_AUTHORITY_HOST).unwrap_or_else(|| PUBLIC_CLOUD.to_owned());
        Some(ServicePrincipal { tenant_id, client_id, certificate_file, authority })
    }
}

/// Where tokens come from in Azure's public cloud.
const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";
