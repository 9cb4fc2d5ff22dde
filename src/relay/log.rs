//! One line for each request to sign.

use super::UpstreamUrl;
use super::reply::Reply;
use crate::answer::{Cause, Verdict};
use crate::tezos::PublicKeyHash;
use crate::tezos::payload::{Consensus, Payload};
use crate::traces::SpanSubject;
use tokio::time::Instant;
use tracing::{error, info, warn};

/// What is known of a request before its answer.
pub(super) struct Line {
    key: PublicKeyHash,
    kind: &'static str,
    consensus: Option<Consensus>,
    start: Instant,
}

impl Line {
    pub(super) fn new(key: &PublicKeyHash, payload: &[u8], start: Instant) -> Self {
        let decoded = Payload::decode(payload, key.curve()).ok();
        let consensus = decoded.as_ref().and_then(Payload::consensus);
        let kind = match decoded {
            Some(Payload::Block(_) | Payload::Vote(_)) => consensus.map_or("", |consensus| consensus.kind.name()),
            Some(Payload::Operations(_)) => "operation",
            Some(Payload::PackedData) => "packed data",
            None => "not understood",
        };
        Self { key: *key, kind, consensus, start }
    }

    pub(super) const fn of_possession(key: &PublicKeyHash, start: Instant) -> Self {
        Self { key: *key, kind: "proof of possession", consensus: None, start }
    }

    /// What is requested, for the span. The key must be one of an upstream.
    pub(super) fn subject(&self) -> SpanSubject {
        SpanSubject { key: Some(self.key), kind: self.kind, level: self.level(), round: self.round() }
    }

    fn level(&self) -> Option<u32> {
        self.consensus.map(|consensus| consensus.position.level.get())
    }

    fn round(&self) -> Option<u32> {
        self.consensus.map(|consensus| consensus.position.round.get())
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A verified signature of an upstream.
    pub(super) fn signed(&self, upstream: Option<&UpstreamUrl>) {
        info!(
            event = "relay_signed",
            key = %self.key,
            kind = self.kind,
            level = self.level(),
            round = self.round(),
            upstream = upstream.map(tracing::field::display),
            ms = self.ms(),
            "signed"
        );
    }

    /// A companion's signature that came with the consensus key's.
    pub(super) fn kept(&self) {
        info!(
            event = "relay_companion_answered",
            key = %self.key,
            kind = self.kind,
            level = self.level(),
            round = self.round(),
            "answered from memory"
        );
    }

    /// A signer's own error.
    pub(super) fn passed(&self, upstream: Option<&UpstreamUrl>, reply: &Reply) {
        let cause = reply.signer.as_ref().and_then(|signer| signer.cause).map(Cause::name);
        let is_refused = reply.signer.as_ref().is_some_and(|signer| signer.verdict == Verdict::Refused);
        let reason = reply.message();
        if is_refused {
            warn!(
                event = "relay_refused",
                key = %self.key,
                kind = self.kind,
                level = self.level(),
                round = self.round(),
                upstream = upstream.map(tracing::field::display),
                cause,
                reason,
                ms = self.ms(),
                "refused"
            );
            return;
        }
        self.log_failure(upstream, cause, &reason);
    }

    /// No answer of a signer.
    pub(super) fn failed(&self, reason: &str) {
        self.log_failure(None, None, reason);
    }

    fn log_failure(&self, upstream: Option<&UpstreamUrl>, cause: Option<&str>, reason: &str) {
        error!(
            event = "relay_failed",
            key = %self.key,
            kind = self.kind,
            level = self.level(),
            round = self.round(),
            upstream = upstream.map(tracing::field::display),
            cause,
            reason,
            ms = self.ms(),
            "failed"
        );
    }
}
