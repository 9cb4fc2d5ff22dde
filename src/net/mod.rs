//! What every connection needs: addresses of names, repeated calls, and the pauses between them.

pub(crate) mod backoff;
pub(crate) mod dns;
pub(crate) mod retry;
