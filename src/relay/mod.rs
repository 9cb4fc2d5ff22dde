//! The relay: a process next to the baker that forwards requests to one or more signers over connections that are already open.
//!
//! It holds no keys and no marks. The mark decides which payload is signed, so any number of relays may repeat, hedge and be killed
//! at any time. The relay decides by the headers of signers' answers ([`crate::answer`]) and verifies each signature before it returns it.
//!
//! | module | purpose |
//! | --- | --- |
//! | `routes`, `admission`, `responses` | what the baker sees |
//! | `record`, `log` | the log line and the span of a request |
//! | `live` | the configuration in force, and its replacement |
//! | `core` | what all requests share |
//! | `request`, `authentication_key`, `sharing`, `race`, `answers` | how a request finds its answer |
//! | `decision`, `reply` | when to send what where, and what a reply means; pure |
//! | `upstream`, `connections`, `connection`, `credential`, `counters` | calls to one signer |
//! | `identities`, `state`, `companions` | what is remembered |
//! | `maintenance`, `observed` | probes and reads in the background; counts for the metrics |
//! | `observer` | copies of requests for an observer |
//! | `evidence`, `heartbeat`, `heartbeat_loop`, `heartbeat_url` | whether signing works, and a dead man's switch that is called while it does |
//! | `check` | `relay check` |
//! | `inspect` | what signers report about themselves, for `doctor --peer` |

mod admission;
mod answers;
mod authentication_key;
mod check;
mod companions;
mod connection;
mod connections;
mod core;
mod counters;
mod credential;
pub mod decision;
mod evidence;
mod heartbeat;
mod heartbeat_loop;
mod heartbeat_url;
mod identities;
mod inspect;
mod live;
mod log;
mod maintenance;
mod observed;
mod observer;
mod race;
mod record;
mod reply;
mod request;
mod responses;
mod routes;
mod settings;
mod sharing;
mod state;
mod store_digest;
mod upstream;
mod upstream_url;

pub use authentication_key::AuthenticationKeyError;
pub use check::{Finding, check};
pub use connection::UnusableAddress;
pub use core::RelayError;
pub use credential::{
    ClientCertificateError, ClientCertificateFiles, CredentialError, FunctionKeyError, FunctionKeySource,
    InvalidTokenScope, TokenScope, TokenSettings,
};
pub use heartbeat_url::{HeartbeatSettings, HeartbeatSource, HeartbeatUrl, InvalidHeartbeatUrl};
pub use inspect::{NoReport, SignerReport, inspect};
pub use live::Live;
pub use settings::{CompanionPair, HostName, InvalidCompanionPair, InvalidHostName, RelaySettings};
pub use state::StateError;
pub use store_digest::{InvalidStoreDigest, StoreDigest};
pub use upstream_url::{InvalidUpstreamUrl, UpstreamUrl};

use crate::server::LargeBodies;
use crate::traces::Tracer;
use axum::Router;
use routes::Server;
use std::sync::Arc;

/// The service that answers the baker's requests, and records a span of each there.
pub fn router(live: Arc<Live>, tracer: Tracer) -> Router {
    routes::router(Server { live, tracer, large_bodies: LargeBodies::default() })
}
