//! The single definition of every setting: name, values, default, origin in Azure, and description.
//!
//! A new setting is added here and read in [`Settings::read`](super::Settings::read). Tests fail until the rest follows: the reference
//! page (`azurehsm-signer settings --markdown` prints its tables) and, if an operator chooses it in Azure, `infra/types.bicep`.

use super::entry::Entry;
use super::setting::{Address, Choice, FilePath, Group, InAzure, Levels, List, Milliseconds, Seconds, Setting, Text};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

macro_rules! settings {
    ($($name:ident $(or $alias:ident)?: $values:ty = $setting:expr;)*) => {
        $(
            #[doc = concat!("The setting `", stringify!($name), "`.")]
            pub const $name: Setting<$values> = $setting.named(stringify!($name), settings!(@alias $($alias)?));
        )*

        /// The names of all variables that are read.
        pub const NAMES: &[&str] = &[$(stringify!($name), $(stringify!($alias),)?)*];

        /// All settings, in the order in which they are listed.
        pub fn entries() -> Vec<Entry> {
            vec![$(Entry::of(&$name)),*]
        }
    };
    (@alias) => { None };
    (@alias $alias:ident) => { Some(stringify!($alias)) };
}

const BOOLEAN: Choice = Choice { values: &["true", "false"], default: Some("false") };

const fn text(form: &'static str) -> Text {
    Text { form, default: None }
}

const AT_THE_BAKER: InAzure = InAzure::Unset("the relay runs next to the baker");

const OUTSIDE_AZURE: InAzure = InAzure::Unset("the app has a managed identity");

const NOT_EMBEDDED: InAzure = InAzure::Unset("embedded storage is not used");

settings! {
    SIGNER_LISTEN: Address = Setting::new(
        Group::Requests,
        // The port of octez-signer.
        Address { default: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6732) },
        InAzure::Unset("the Functions host chooses the port"),
        "Address and port to listen on.",
    );
    REQUEST_DEADLINE_MS: Milliseconds = Setting::new(
        Group::Requests,
        // Less than the block time.
        Milliseconds { default: 4_000, range: 10..=60_000 },
        InAzure::Chosen,
        "Deadline of a request. A request that is not answered by then is *failed*.",
    );
    ALLOW_LIST_KNOWN_KEYS: Choice = Setting::new(
        Group::Requests,
        BOOLEAN,
        InAzure::Chosen,
        "Whether `GET /known_keys` lists the keys.",
    );

    KEY_VAULT_URL: Text = Setting::new(
        Group::Keys,
        text("https://<name>.vault.azure.net/, or https://<name>.managedhsm.azure.net/"),
        InAzure::Deployment,
        "Key Vault or Managed HSM with the keys; requires `COSMOS_ENDPOINT` or `MARKS`. If not set, keys are in a file.",
    );
    SIGNING_KEYS: List = Setting::new(
        Group::Keys,
        List { of: "<name>/<version> or key identifiers" },
        InAzure::Chosen,
        "Use only these keys. For identities that may not list keys, and for vaults with a large number of keys.",
    );
    SIGNING_KEY_TAG: Text = Setting::new(
        Group::Keys,
        text("name, or name=value"),
        InAzure::Chosen,
        "Use only keys with this tag.",
    );
    KEYS_REFRESH_SECONDS: Seconds = Setting::new(
        Group::Keys,
        Seconds { default: 300, range: 1..=86_400 },
        InAzure::Chosen,
        "Interval between searches of the vault for keys. A request for an unknown key also starts a search.",
    );
    VAULT_HEDGE_MS: Milliseconds = Setting::new(
        Group::Keys,
        // Longer than nearly all calls to the vault and the database take, and short enough for several calls within a request.
        Milliseconds { default: 800, range: 0..=10_000 },
        InAzure::Chosen,
        "Time after which a hedged call to the vault starts if the first is still unanswered. 0, or more than 800, counts as 800.",
    );

    COSMOS_ENDPOINT: Text = Setting::new(
        Group::Marks,
        text("https://<account>.documents.azure.com/"),
        InAzure::Deployment,
        "Cosmos DB account with the marks. If neither this nor `KEY_VAULT_URL` is set, marks are in a file.",
    );
    COSMOS_DATABASE: Text = Setting::new(
        Group::Marks,
        Text { form: COSMOS_NAME, default: Some("signer") },
        InAzure::Deployment,
        "Database in the account.",
    );
    COSMOS_CONTAINER: Text = Setting::new(
        Group::Marks,
        Text { form: COSMOS_NAME, default: Some("marks") },
        InAzure::Deployment,
        "Container in the database.",
    );
    MARKS: Choice = Setting::new(
        Group::Marks,
        Choice { values: &["embedded"], default: None },
        NOT_EMBEDDED,
        "`embedded` keeps the marks in a file although the keys are in a vault, for a single signer. Requires an absolute \
         `LOCAL_DATA_DIR` and a machine with a persistent disk; `COSMOS_ENDPOINT` must not be set.",
    );
    STORE_HEDGE_MS: Milliseconds = Setting::new(
        Group::Marks,
        Milliseconds { default: 800, range: 0..=10_000 },
        InAzure::Chosen,
        "Like `VAULT_HEDGE_MS`, for calls to the database.",
    );
    ALLOW_WEAK_CONSISTENCY: Choice = Setting::new(
        Group::Marks,
        BOOLEAN,
        InAzure::Chosen,
        "Accept an account in a single region that is not strongly consistent. For tests only.",
    );

    LOCAL_DATA_DIR: FilePath = Setting::new(
        Group::Embedded,
        FilePath { of: "a folder", default: Some("./data") },
        NOT_EMBEDDED,
        "Folder of the local vault (`keys.json`) and of the embedded mark store (`marks.redb`). `~` and `$HOME` are not expanded.",
    );
    LOCAL_VAULT_PASSPHRASE_FILE: FilePath = Setting::new(
        Group::Embedded,
        FilePath { of: "a file", default: None },
        NOT_EMBEDDED,
        "File with the passphrase that encrypts the secret keys in `keys.json`, in octez-client's format (`edesk…`).",
    );
    LOCAL_VAULT_PASSPHRASE: Text = Setting::new(
        Group::Embedded,
        text("a passphrase"),
        NOT_EMBEDDED,
        "The passphrase itself, instead of a file.",
    ).secret();

    POLICY_FILE: FilePath = Setting::new(
        Group::Policy,
        FilePath { of: "a JSON file", default: None },
        InAzure::Unset("`POLICY` is set"),
        "What each key may sign.",
    );
    POLICY: Text = Setting::new(
        Group::Policy,
        text("JSON"),
        InAzure::Parameter("policy"),
        "The policy itself, instead of a file.",
    );
    AUTHORIZED_KEYS: List = Setting::new(
        Group::Policy,
        List { of: "public keys" },
        InAzure::Parameter("authorizedKeys"),
        "Every signing request must be signed by one of these keys (Tezos request authentication). **Only octez supports this**; \
         the policy can exempt a key.",
    ).secret();

    CLIENT_CERTIFICATES: List = Setting::new(
        Group::Policy,
        List { of: "SHA-256 or SHA-1 thumbprints" },
        InAzure::Chosen,
        "Client certificates of which every request must have one. Only for a function app, which must require them (`clientCertMode` \
         `Required`).",
    );

    NODE_URLS: List = Setting::new(
        Group::Head,
        List { of: "http://host:port" },
        InAzure::Parameter("nodeUrls"),
        "Tezos nodes that report the head of the chain. They are trusted.",
    ).secret();
    HEAD_THRESHOLD: Levels = Setting::new(
        Group::Head,
        // Twelve minutes of blocks. 0 would refuse nearly everything. The maximum is about a week of blocks: beyond that, the check
        // would be meaningless.
        Levels { default: 120, range: 1..=100_000 },
        InAzure::Chosen,
        "Maximum distance of a block's or vote's level from the head.",
    );
    HEAD_REFRESH_MS: Milliseconds = Setting::new(
        Group::Head,
        // Less than the block time.
        Milliseconds { default: 3_000, range: 50..=600_000 },
        InAzure::Chosen,
        "Interval at which each node is polled in the background.",
    );
    HEAD_MAX_AGE_MS: Milliseconds = Setting::new(
        Group::Head,
        // Half of `HEAD_THRESHOLD` corresponds to about the same time.
        Milliseconds { default: 60_000, range: 100..=3_600_000 },
        InAzure::Chosen,
        "Maximum age of a node's last answer; at least twice `HEAD_REFRESH_MS`.",
    );
    WHEN_HEAD_UNKNOWN: Choice = Setting::new(
        Group::Head,
        Choice { values: &["fail", "sign"], default: Some("fail") },
        InAzure::Chosen,
        "What to do while no node answers: `fail` signs no block or vote, `sign` relies on the marks alone.",
    );
    MAX_LEVEL_JUMP: Levels = Setting::new(
        Group::Head,
        // About a week of blocks. 0 would refuse everything. The maximum is about two years of blocks: beyond that, a single
        // request could silence a key for good, which this setting is meant to prevent.
        Levels { default: 100_000, range: 1..=10_000_000 },
        InAzure::Chosen,
        "How far a level may be above the key's highest mark on the chain if no node reports the head.",
    );

    RELAY_UPSTREAMS: List = Setting::new(
        Group::Relay,
        List { of: "https://<app>.azurewebsites.net" },
        AT_THE_BAKER,
        "Signers that requests are forwarded to, in order of preference. They must use the same mark store.",
    ).secret();
    RELAY_LISTEN: Address = Setting::new(
        Group::Relay,
        // The port of octez-signer.
        Address { default: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6732) },
        AT_THE_BAKER,
        "Address and port to listen on: a loopback address, unless `RELAY_HOST_NAMES` is set.",
    );
    RELAY_HOST_NAMES: List = Setting::new(
        Group::Relay,
        List { of: "host names or IP addresses without a port" },
        AT_THE_BAKER,
        "Names under which clients reach the relay, in addition to `localhost` and loopback addresses. A request for another host is \
         refused, since a web page may have sent it.",
    );
    RELAY_FUNCTION_KEYS_FILE: FilePath = Setting::new(
        Group::Relay,
        FilePath { of: "a file", default: None },
        AT_THE_BAKER,
        "File with the function key of the upstreams, or one line for each of them in order. A line may contain two keys, separated by a \
         blank: if the first is rejected, the second is tried. It is read again when it changes.",
    );
    RELAY_FUNCTION_KEYS: List = Setting::new(
        Group::Relay,
        List { of: "function keys" },
        AT_THE_BAKER,
        "The keys themselves, in place of a file. Commas separate the upstreams, and blanks two keys of one upstream.",
    ).secret();
    RELAY_TOKEN_SCOPE: Text = Setting::new(
        Group::Relay,
        text("api://<client id of the app registration>/.default"),
        AT_THE_BAKER,
        "For upstreams behind App Service authentication: scope of the Microsoft Entra token that each request carries. The token is that of \
         the identity that the environment offers.",
    );
    RELAY_CLIENT_CERTIFICATE_FILE: FilePath = Setting::new(
        Group::Relay,
        FilePath { of: "a PEM file", default: None },
        AT_THE_BAKER,
        "For upstreams that require client certificates: the certificate, and its chain if there is one. It is read again when it changes.",
    );
    RELAY_CLIENT_KEY_FILE: FilePath = Setting::new(
        Group::Relay,
        FilePath { of: "a PEM file", default: None },
        AT_THE_BAKER,
        "The certificate's private key, unencrypted. It may be the same file.",
    );
    RELAY_STORE: Text = Setting::new(
        Group::Relay,
        text("64 hexadecimal digits"),
        AT_THE_BAKER,
        "Digest of the mark store that all upstreams must use, as `marks store` prints it. If it is not set, the one that all upstreams name is kept in \
         `RELAY_STATE_DIR`.",
    );
    RELAY_STATE_DIR: FilePath = Setting::new(
        Group::Relay,
        FilePath { of: "a folder", default: Some("./relay") },
        AT_THE_BAKER,
        "Folder for the identity of the mark store and for public keys. Each relay needs a folder of its own.",
    );
    RELAY_OPERATIONS: List = Setting::new(
        Group::Relay,
        List { of: "public key hashes" },
        AT_THE_BAKER,
        "Keys that may sign operations and packed data. All other keys sign blocks and votes only.",
    );
    RELAY_ALLOW_DRAIN_DELEGATE: Choice = Setting::new(
        Group::Relay,
        BOOLEAN,
        AT_THE_BAKER,
        "Whether the keys in `RELAY_OPERATIONS` may also sign `drain_delegate`, which empties a baker's account.",
    );
    RELAY_AUTHORIZED_KEYS: List = Setting::new(
        Group::Relay,
        List { of: "public keys" },
        AT_THE_BAKER,
        "One of these keys must sign every request to sign (Tezos request authentication), as with `AUTHORIZED_KEYS`.",
    ).secret();
    RELAY_AUTHENTICATION_KEY_FILE: FilePath = Setting::new(
        Group::Relay,
        FilePath { of: "a file", default: None },
        AT_THE_BAKER,
        "File with an unencrypted secret key (`edsk…`, `spsk…`, `p2sk…` or `BLsk…`) whose public key is one of the signers' \
         `AUTHORIZED_KEYS`. The relay signs requests with it for clients that do not. It is read again when it changes.",
    );
    RELAY_COMPANIONS: List = Setting::new(
        Group::Relay,
        List { of: "<consensus key>=<companion key>" },
        AT_THE_BAKER,
        "Pairs of tz4 keys. The companion's signature is requested with the consensus key's attestation.",
    );
    RELAY_HEDGE_MS: Milliseconds = Setting::new(
        Group::Relay,
        // A few round trips: nearly all answers are faster.
        Milliseconds { default: 300, range: 10..=10_000 },
        AT_THE_BAKER,
        "Time after which a request that is still unanswered is sent to the next upstream as well, or once more to the only one.",
    );
    RELAY_DEADLINE_MS: Milliseconds = Setting::new(
        Group::Relay,
        // The signer's deadline and a round trip.
        Milliseconds { default: 4_500, range: 100..=60_000 },
        AT_THE_BAKER,
        "Time within which a request is answered; longer than `REQUEST_DEADLINE_MS` of the upstreams.",
    );

    LOG_FORMAT: Choice = Setting::new(
        Group::Log,
        Choice { values: &["auto", "text", "json"], default: Some("auto") },
        InAzure::Deployment,
        "`auto` means text on a terminal, and JSON otherwise.",
    );
    RUST_LOG: Text = Setting::new(
        Group::Log,
        Text {
            form: "off, error, warn, info, debug or trace, with exceptions such as info,azure_core=debug",
            default: Some("info"),
        },
        InAzure::Chosen,
        "Log level, overall and for individual crates or modules. At levels below `debug`, libraries are logged only if named: \
         `typespec_client_core=info` logs each failed call of the Azure SDK.",
    );

    METRICS_LISTEN: Text = Setting::new(
        Group::Metrics,
        // The port of OpenTelemetry's Prometheus exporters.
        text("address:port, such as 127.0.0.1:9464"),
        InAzure::Unset("nothing can reach it there; metrics are pushed"),
        "Address and port that serve `GET /metrics` to Prometheus, and nothing else. If not set, nothing is served.",
    );
    OTEL_EXPORTER_OTLP_ENDPOINT: Text = Setting::new(
        Group::Metrics,
        text("http:// or https:// and the address of a collector"),
        InAzure::Chosen,
        "OpenTelemetry collector to which metrics are pushed; `/v1/metrics` is added to the path. If not set, nothing is pushed.",
    ).secret();
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: Text = Setting::new(
        Group::Metrics,
        text("http:// or https:// and an address with its path"),
        InAzure::Chosen,
        "The same with its full path. Overrides `OTEL_EXPORTER_OTLP_ENDPOINT`.",
    ).secret();
    OTEL_EXPORTER_OTLP_HEADERS: Text = Setting::new(
        Group::Metrics,
        text("name=value, with values percent-encoded, separated by commas"),
        InAzure::Chosen,
        "Headers of each push, such as credentials. In Azure, a [Key Vault reference](monitoring.md#credentials).",
    ).secret();
    OTEL_EXPORTER_OTLP_HEADERS_FILE: FilePath = Setting::new(
        Group::Metrics,
        FilePath { of: "a file", default: None },
        InAzure::Unset("an instance there has no file with secrets"),
        "File with the headers instead. It is read before each push.",
    );
    OTEL_EXPORTER_OTLP_TIMEOUT: Milliseconds = Setting::new(
        Group::Metrics,
        Milliseconds { default: 10_000, range: 100..=60_000 },
        InAzure::Chosen,
        "Time limit of a push, with its retries.",
    );
    OTEL_EXPORTER_OTLP_PROTOCOL: Choice = Setting::new(
        Group::Metrics,
        Choice { values: &["http/protobuf"], default: Some("http/protobuf") },
        InAzure::Unset("only one protocol is supported"),
        "Protocol of the push.",
    );
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: Choice = Setting::new(
        Group::Metrics,
        Choice { values: &["cumulative", "delta"], default: Some("cumulative") },
        InAzure::Chosen,
        "Whether counters are pushed as totals since the start, or as differences from the last push.",
    );
    OTEL_METRIC_EXPORT_INTERVAL: Milliseconds = Setting::new(
        Group::Metrics,
        // OpenTelemetry's default.
        Milliseconds { default: 60_000, range: 1_000..=3_600_000 },
        InAzure::Chosen,
        "Time between two pushes.",
    );
    OTEL_SERVICE_NAME: Text = Setting::new(
        Group::Metrics,
        text("a name"),
        InAzure::Chosen,
        "`service.name` of the metrics. If not set, `azurehsm-signer`, or `azurehsm-signer-relay` for the relay.",
    );
    OTEL_RESOURCE_ATTRIBUTES: List = Setting::new(
        Group::Metrics,
        List { of: "name=value" },
        InAzure::Chosen,
        "Further attributes of the process that metrics come from, such as `deployment.environment.name=mainnet`.",
    );

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

const COSMOS_NAME: &str = "1 to 255 characters without `/`, `\\`, `#` and `?`";

/// Variables of earlier versions that no longer have an effect. A warning is logged for each at startup.
pub const NO_LONGER_READ: [&str; 2] = ["STORE_TRY_TIMEOUT_MS", "VAULT_TRY_TIMEOUT_MS"];
