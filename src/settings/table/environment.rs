//! Variables that a platform or another program sets.

use super::text;
use crate::settings::setting::{FilePath, Group, InAzure, Setting, Text};

const OUTSIDE_AZURE: InAzure = InAzure::Unset("the app has a managed identity");

settings! {
    FUNCTIONS_CUSTOMHANDLER_PORT: Text = Setting::new(
        Group::Environment,
        text("a port, 0 to 65535"),
        InAzure::Platform,
        "Port on 127.0.0.1 that the Functions host calls. Overrides `SIGNER_LISTEN`.",
    );
    AZURE_FUNCTIONS_ENVIRONMENT: Text = Setting::new(
        Group::Environment,
        text("Development, or another name"),
        InAzure::Platform,
        "`Development` if `func start` runs the signer on a laptop: the embedded vault and store are then allowed.",
    );
    WEBSITE_HOSTNAME: Text = Setting::new(
        Group::Environment,
        text("a host, or host:port"),
        InAzure::Platform,
        "Address of the Functions host, for hints to clients.",
    );
    WEBSITE_INSTANCE_ID: Text = Setting::new(
        Group::Environment,
        text("an identifier"),
        InAzure::Platform,
        "Name of the instance on App Service and Functions. Marks record it as their writer.",
    );
    WEBSITE_POD_NAME: Text = Setting::new(
        Group::Environment,
        text("an identifier"),
        InAzure::Platform,
        "The same, if `WEBSITE_INSTANCE_ID` is not set.",
    );
    WEBSITE_SITE_NAME: Text = Setting::new(
        Group::Environment,
        text("a name"),
        InAzure::Platform,
        "Name of the function app.",
    );
    REGION_NAME: Text = Setting::new(
        Group::Environment,
        text("a region"),
        InAzure::Platform,
        "Region of the signer: marks are read from the nearest region of the account.",
    );
    IDENTITY_ENDPOINT: Text = Setting::new(
        Group::Environment,
        text("an address"),
        InAzure::Platform,
        "Endpoint of the managed identity on App Service and Functions.",
    );
    IDENTITY_HEADER: Text = Setting::new(
        Group::Environment,
        text("a secret"),
        InAzure::Platform,
        "Secret for `IDENTITY_ENDPOINT`.",
    ).secret();
    AZURE_CLIENT_ID: Text = Setting::new(
        Group::Environment,
        text("a client id"),
        InAzure::Deployment,
        "Client id of the user-assigned managed identity, of the workload identity, or of the service principal.",
    );
    AZURE_TENANT_ID: Text = Setting::new(
        Group::Environment,
        text("a tenant id"),
        OUTSIDE_AZURE,
        "Tenant of the workload identity, as Kubernetes sets it, or of the service principal.",
    );
    AZURE_CLIENT_CERTIFICATE_PATH: FilePath = Setting::new(
        Group::Environment,
        FilePath { of: "a PEM file", default: None },
        OUTSIDE_AZURE,
        "Certificate of a service principal and its RSA private key, for machines without a managed identity. Requires `AZURE_TENANT_ID` \
         and `AZURE_CLIENT_ID`.",
    );
    AZURE_AUTHORITY_HOST: Text = Setting::new(
        Group::Environment,
        text("https://login.microsoftonline.com"),
        OUTSIDE_AZURE,
        "Where the workload identity or the service principal signs in, in other clouds than the public one.",
    );
    AZURE_FEDERATED_TOKEN_FILE: FilePath = Setting::new(
        Group::Environment,
        FilePath { of: "a file", default: None },
        OUTSIDE_AZURE,
        "Workload identity, as Kubernetes sets it.",
    );
    COSMOS_DISABLE_IMDS: Text = Setting::new(
        Group::Environment,
        text("1"),
        InAzure::Deployment,
        "`1` stops the Cosmos DB SDK from querying virtual machine metadata, which elsewhere delays every start by up to 2 s.",
    );
    HTTP_PROXY or http_proxy: Text = Setting::new(
        Group::Environment,
        text("http://host:port"),
        InAzure::Chosen,
        "Proxy for nodes whose address begins with `http://`. SOCKS is not supported.",
    ).secret();
    HTTPS_PROXY or https_proxy: Text = Setting::new(
        Group::Environment,
        text("http://host:port"),
        InAzure::Chosen,
        "Proxy for nodes whose address begins with `https://`.",
    ).secret();
    ALL_PROXY or all_proxy: Text = Setting::new(
        Group::Environment,
        text("http://host:port"),
        InAzure::Chosen,
        "Proxy for all other nodes.",
    ).secret();
    NO_PROXY or no_proxy: Text = Setting::new(
        Group::Environment,
        text("names, domains, addresses and networks, separated by commas"),
        InAzure::Chosen,
        "Nodes that are accessed without a proxy.",
    );
}
