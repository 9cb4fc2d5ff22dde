//! Ports for handlers.

use crate::random;
use std::net::{Ipv4Addr, TcpListener};

/// A free port.
///
/// Not one that the system picks: it picks from those that it also gives to outgoing connections, and between the
/// choice and the start of the handler, or while a handler is started again, one of these would take the port.
pub(crate) fn free() -> u16 {
    let candidates = (0..100).filter_map(|_| u16::try_from(10_240 + random::number() % 22_000).ok());
    candidates.into_iter().find(|port| is_free(*port)).unwrap_or_default()
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
