//! The single definition of every setting: name, values, default, origin in Azure, and description.
//!
//! A new setting is added here and read in [`Settings::read`](super::Settings::read). Tests fail until the rest follows: the reference
//! page (`azurehsm-signer settings --markdown` prints its tables) and, if an operator chooses it in Azure, `infra/types.bicep`.

use super::listing::Entry;
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

const NOT_EMBEDDED: InAzure = InAzure::Unset("nothing is embedded there");

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
        // Less than the time of a block.
        Milliseconds { default: 4_000, range: 10..=60_000 },
        InAzure::Chosen,
        "Time within which a request is answered; after it, the answer is *failed*.",
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
        "Key Vault or Managed HSM that holds the keys; requires `COSMOS_ENDPOINT`, or `MARKS`. Without it, keys are in a file.",
    );
    SIGNING_KEYS: List = Setting::new(
        Group::Keys,
        List { of: "<name>/<version> or key identifiers" },
        InAzure::Chosen,
        "Only these keys. For an identity that may not list keys, and for vaults with very many keys.",
    );
    SIGNING_KEY_TAG: Text = Setting::new(
        Group::Keys,
        text("name, or name=value"),
        InAzure::Chosen,
        "Only keys with this tag.",
    );
    KEYS_REFRESH_SECONDS: Seconds = Setting::new(
        Group::Keys,
        Seconds { default: 300, range: 1..=86_400 },
        InAzure::Chosen,
        "Interval between two searches of the vault for keys. A request for an unknown key starts a search, too.",
    );
    VAULT_HEDGE_MS: Milliseconds = Setting::new(
        Group::Keys,
        // Longer than nearly all calls of vault and database take, and short enough for several calls within a request.
        Milliseconds { default: 800, range: 0..=10_000 },
        InAzure::Chosen,
        "Time after which a second call to the vault starts while the first is still unanswered. 0, or more than 800, counts as 800.",
    );

    COSMOS_ENDPOINT: Text = Setting::new(
        Group::Marks,
        text("https://<account>.documents.azure.com/"),
        InAzure::Deployment,
        "Cosmos DB account that holds the marks. Without it and without `KEY_VAULT_URL`, marks are in a file.",
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
        "`embedded` keeps the marks of keys in a vault in a file all the same, for a single signer. It requires an absolute \
         `LOCAL_DATA_DIR`, a machine that keeps its disk, and no `COSMOS_ENDPOINT`.",
    );
    STORE_HEDGE_MS: Milliseconds = Setting::new(
        Group::Marks,
        Milliseconds { default: 800, range: 0..=10_000 },
        InAzure::Chosen,
        "The same as `VAULT_HEDGE_MS`, for calls to the database.",
    );
    ALLOW_WEAK_CONSISTENCY: Choice = Setting::new(
        Group::Marks,
        BOOLEAN,
        InAzure::Chosen,
        "Accepts an account in a single region that is not strongly consistent. For tests only.",
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
        "The passphrase itself, in place of a file.",
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
        "The policy itself, in place of a file.",
    );
    AUTHORIZED_KEYS: List = Setting::new(
        Group::Policy,
        List { of: "public keys" },
        InAzure::Parameter("authorizedKeys"),
        "One of these keys must sign every request to sign (Tezos request authentication). **Only octez can do that**; the policy can \
         exempt a key.",
    ).secret();

    NODE_URLS: List = Setting::new(
        Group::Head,
        List { of: "http://host:port" },
        InAzure::Parameter("nodeUrls"),
        "Tezos nodes that report the head of the chain. They are trusted.",
    ).secret();
    HEAD_THRESHOLD: Levels = Setting::new(
        Group::Head,
        // Twelve minutes of blocks. 0 would refuse nearly everything. The upper end is about a week of blocks: beyond that, the
        // check no longer means anything.
        Levels { default: 120, range: 1..=100_000 },
        InAzure::Chosen,
        "How far from the head the level of a block or vote may be.",
    );
    HEAD_REFRESH_MS: Milliseconds = Setting::new(
        Group::Head,
        // Less than a block's time.
        Milliseconds { default: 3_000, range: 50..=600_000 },
        InAzure::Chosen,
        "Interval at which each node is polled, in the background.",
    );
    HEAD_MAX_AGE_MS: Milliseconds = Setting::new(
        Group::Head,
        // Half of `HEAD_THRESHOLD` is about as much time again.
        Milliseconds { default: 60_000, range: 100..=3_600_000 },
        InAzure::Chosen,
        "Age at which a node's last answer no longer counts; at least twice `HEAD_REFRESH_MS`.",
    );
    WHEN_HEAD_UNKNOWN: Choice = Setting::new(
        Group::Head,
        Choice { values: &["fail", "sign"], default: Some("fail") },
        InAzure::Chosen,
        "What happens while no node answers: `fail` signs no block or vote, `sign` relies on the marks alone.",
    );
    MAX_LEVEL_JUMP: Levels = Setting::new(
        Group::Head,
        // About a week of blocks. 0 would refuse everything. The upper end is about two years of blocks: beyond that, a single
        // request could silence a key for good, which is what the setting is there to prevent.
        Levels { default: 100_000, range: 1..=10_000_000 },
        InAzure::Chosen,
        "Where no node reports the head: how far above the key's highest mark on the chain a level may be.",
    );

    LOG_FORMAT: Choice = Setting::new(
        Group::Log,
        Choice { values: &["auto", "text", "json"], default: Some("auto") },
        InAzure::Deployment,
        "`auto` is text on a terminal and JSON otherwise.",
    );
    RUST_LOG: Text = Setting::new(
        Group::Log,
        Text {
            form: "off, error, warn, info, debug or trace, with exceptions such as info,azure_core=debug",
            default: Some("info"),
        },
        InAzure::Chosen,
        "How much is logged, in all and of single crates or modules. Below `debug`, libraries are logged only if they are named: \
         `typespec_client_core=info` logs each failed call of the Azure SDK.",
    );

    FUNCTIONS_CUSTOMHANDLER_PORT: Text = Setting::new(
        Group::Environment,
        text("a port, 0 to 65535"),
        InAzure::Platform,
        "Port on 127.0.0.1 that the Functions host calls. It replaces `SIGNER_LISTEN`.",
    );
    AZURE_FUNCTIONS_ENVIRONMENT: Text = Setting::new(
        Group::Environment,
        text("Development, or another name"),
        InAzure::Platform,
        "`Development` where `func start` runs the signer on a laptop: the embedded vault and store are accepted there.",
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
        "Name of the instance on App Service and Functions; in the marks, it says who wrote them.",
    );
    WEBSITE_POD_NAME: Text = Setting::new(
        Group::Environment,
        text("an identifier"),
        InAzure::Platform,
        "The same, where `WEBSITE_INSTANCE_ID` is not set.",
    );
    WEBSITE_SITE_NAME: Text = Setting::new(
        Group::Environment,
        text("a name"),
        InAzure::Platform,
        "The function app.",
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
        "Managed identity, on App Service and Functions.",
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
        "Which user-assigned managed identity, or which workload identity.",
    );
    AZURE_TENANT_ID: Text = Setting::new(
        Group::Environment,
        text("a tenant id"),
        InAzure::Unset("workload identity is for Kubernetes"),
        "Workload identity, as Kubernetes sets it.",
    );
    AZURE_FEDERATED_TOKEN_FILE: FilePath = Setting::new(
        Group::Environment,
        FilePath { of: "a file", default: None },
        InAzure::Unset("workload identity is for Kubernetes"),
        "Workload identity, as Kubernetes sets it.",
    );
    COSMOS_DISABLE_IMDS: Text = Setting::new(
        Group::Environment,
        text("1"),
        InAzure::Deployment,
        "`1` keeps the Cosmos DB SDK from looking for a virtual machine's metadata, which takes up to 2 s at every start elsewhere.",
    );
    HTTP_PROXY or http_proxy: Text = Setting::new(
        Group::Environment,
        text("http://host:port"),
        InAzure::Chosen,
        "Proxy for nodes whose address begins with `http://`. No SOCKS.",
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
        "Nodes that are reached without a proxy.",
    );
}

const COSMOS_NAME: &str = "1 to 255 characters without `/`, `\\`, `#` and `?`";

/// Variables that earlier versions read. They have no effect; a warning at startup says so.
pub const NO_LONGER_READ: [&str; 2] = ["STORE_TRY_TIMEOUT_MS", "VAULT_TRY_TIMEOUT_MS"];
