//! What an operator can do if there is no token.

use super::{Identity, IdentitySettings};

const ASSIGN: &str = "assign an identity to the app: `az functionapp identity assign -g <group> -n <app>`, and for a \
                      user-assigned one set AZURE_CLIENT_ID";

const WORKLOAD: &str = "the pod needs AZURE_TENANT_ID, AZURE_CLIENT_ID and a readable AZURE_FEDERATED_TOKEN_FILE, and the \
                        identity a credential for its service account: `az identity federated-credential list -g <group> \
                        --identity-name <identity>`";

const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH must be a PEM file with a certificate of the application \
                           AZURE_CLIENT_ID and its RSA private key: `az ad app credential list --id <client id> --cert`";

const OTHER: &str = "on a laptop: `az login` or `azd auth login`; on a virtual machine: `az vm identity assign -g <group> -n \
                     <machine>`, and for a user-assigned identity set AZURE_CLIENT_ID; elsewhere: a service principal with \
                     AZURE_CLIENT_CERTIFICATE_PATH";

impl IdentitySettings {
    /// How to give the process an identity of the kind that its environment offers.
    pub fn advice(&self) -> String {
        match self.candidates().first() {
            Some(Identity::AppService) => {
                let identity = match &self.client_id {
                    Some(client) => format!(
                        "AZURE_CLIENT_ID ({client}) must be the client id of an identity that is assigned to the app: `az \
                         functionapp identity show -g <group> -n <app>`"
                    ),
                    None => ASSIGN.to_owned(),
                };
                format!(
                    "{identity}. IDENTITY_ENDPOINT and IDENTITY_HEADER are set by the platform: if they are in the app settings, \
                     remove them and restart the app"
                )
            }
            Some(Identity::Workload) => WORKLOAD.to_owned(),
            Some(Identity::Certificate) => CERTIFICATE.to_owned(),
            _ => OTHER.to_owned(),
        }
    }
}
