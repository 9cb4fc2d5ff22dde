//! Settings of the signer: its server, the keys and marks, the policy and the head of the chain.

use super::{BOOLEAN, text};
use crate::settings::setting::{
    Address, Choice, FilePath, Group, InAzure, Levels, List, Milliseconds, Seconds, Setting, Text,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const NOT_EMBEDDED: InAzure = InAzure::Unset("embedded storage is not used");

const COSMOS_NAME: &str = "1 to 255 characters without `/`, `\\`, `#` and `?`";

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
    SEALED_KEYS_DIR: FilePath = Setting::new(
        Group::Keys,
        FilePath { of: "a folder", default: None },
        InAzure::Unset("a function app has no folder for them"),
        "Folder of [sealed keys](sealed-keys.md), which are served together with the keys of the vault.",
    );
    SEALED_KEYS_CONTAINER: Text = Setting::new(
        Group::Keys,
        text(COSMOS_NAME),
        InAzure::Parameter("sealedKeys"),
        "Container of [sealed keys](sealed-keys.md) in `COSMOS_DATABASE`. With `SEALED_KEYS_DIR`, the keys of both are served.",
    );
    SECURE_KEY_RELEASE_URL: Text = Setting::new(
        Group::Keys,
        text("http://localhost:<port>"),
        InAzure::Unset("a function app is not a confidential container"),
        "The sidecar of a [confidential container](sealed-keys.md#confidential-containers), through which the keys of recipients are \
         released. Requires `ATTESTATION_ENDPOINT`.",
    );
    ATTESTATION_ENDPOINT: Text = Setting::new(
        Group::Keys,
        text("a host name"),
        InAzure::Unset("a function app is not a confidential container"),
        "Attestation service that the policies of these keys name, without `https://`.",
    );
    VAULT_IDLE_SECONDS: Seconds = Setting::new(
        Group::Keys,
        // Pooled connections are closed after 90 s.
        Seconds { default: 60, range: 1..=80 },
        InAzure::Chosen,
        "Time without a call to the vault after which a key is read. That keeps a connection open, and shows whether the signer still has its role.",
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

    OBSERVE: Choice = Setting::new(
        Group::Marks,
        BOOLEAN,
        InAzure::Chosen,
        "`true` makes this an observer: it decides, logs and records marks like a signer, and answers every request for a signature \
         with *failed*. Requires a mark store of its own, which never serves a signer: \
         [run next to the old signer](operations.md#observe).",
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
    PARTICIPATION: Choice = Setting::new(
        Group::Head,
        Choice { values: &["on", "off"], default: Some("on") },
        InAzure::Chosen,
        "Whether missed votes and blocks are logged with their cause. The blocks of the nodes are read once for this and for \
         `CHAIN_WITNESS`; signing never waits for them. No effect without `NODE_URLS`.",
    );
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
    CHAIN_WITNESS: Choice = Setting::new(
        Group::Head,
        Choice { values: &["on", "off"], default: Some("on") },
        InAzure::Chosen,
        "Whether the blocks of the nodes are compared with what was signed. No effect without `NODE_URLS`.",
    );
    ON_FOREIGN_SIGNATURE: Choice = Setting::new(
        Group::Head,
        Choice { values: &["stop", "alert"], default: Some("stop") },
        InAzure::Chosen,
        "What to do if the chain has a signature of a key that was not made here, or a denunciation: `stop` stops the key, `alert` \
         only logs it.",
    );

    AUDIT_CONTAINER_URL: Text = Setting::new(
        Group::Audit,
        text("https://<account>.blob.core.windows.net/<container>"),
        InAzure::Parameter("auditRetentionDays"),
        "Container of append blobs to which the history of signatures is written. Signing does not need it. If not set, there is no history.",
    );
}
