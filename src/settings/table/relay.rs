//! Settings of the relay.

use super::{AT_THE_BAKER, BOOLEAN, text};
use crate::settings::setting::{Address, Choice, FilePath, Group, List, Milliseconds, Seconds, Setting, Text};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

settings! {
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
    RELAY_OBSERVER: Text = Setting::new(
        Group::Relay,
        text("https://<host>"),
        AT_THE_BAKER,
        "Observer (`OBSERVE=true`) that gets a copy of every request. Its answers are not used, and it never delays a request. It gets no \
         token and no client certificate, and of the function keys the one after those of the upstreams, if there is one.",
    ).secret();
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
    RELAY_HEARTBEAT_URL_FILE: FilePath = Setting::new(
        Group::Relay,
        FilePath { of: "a file", default: None },
        AT_THE_BAKER,
        "File with the address of a dead man's switch, which is called with GET while signing works. It is read before each call.",
    );
    RELAY_HEARTBEAT_URL: Text = Setting::new(
        Group::Relay,
        text("https://hc-ping.com/<uuid>"),
        AT_THE_BAKER,
        "The address itself, in place of a file. It is a secret.",
    ).secret();
    RELAY_HEARTBEAT_SECONDS: Seconds = Setting::new(
        Group::Relay,
        Seconds { default: 60, range: 1..=3_600 },
        AT_THE_BAKER,
        "Interval between two calls while signing works.",
    );
}
