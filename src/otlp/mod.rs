//! What the pushes of metrics and of traces share: OTLP over HTTP, and what identifies this process in them.

mod client;
mod headers;
mod last_push;
mod outage;
mod service;

pub use client::HeaderSource;
pub use headers::{Headers, InvalidHeaders};
pub use service::{Program, ServiceSettings};

pub(crate) use client::{OtlpClient, PushError};
pub(crate) use last_push::push_last;
pub(crate) use outage::{Outage, OutageChange};
pub(crate) use service::{SCOPE, shown};
