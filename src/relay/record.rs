//! What is recorded of a request: its line in the log, and its span.

use super::UpstreamUrl;
use super::log::Line;
use super::reply::Reply;
use crate::answer::{Cause, Verdict};
use crate::metrics::Outcome;
use crate::traces::{RequestSpan, TraceParent, Tracer};
use axum::http::HeaderMap;

/// The line and the span of a request.
pub(super) struct Record {
    line: Line,
    span: Option<RequestSpan>,
    parent: Option<TraceParent>,
}

impl Record {
    /// Starts the span, in the trace of the client if its headers name one.
    pub(super) fn start(line: Line, tracer: &Tracer, headers: &HeaderMap) -> Self {
        let parent = TraceParent::of(headers);
        let span = tracer.start("forward", parent);
        Self { line, span, parent }
    }

    /// The parent of the signers' spans: that of the relay, or of the client if the relay has none.
    pub(super) fn parent_of_calls(&self) -> Option<TraceParent> {
        self.span.as_ref().map(RequestSpan::as_parent).or(self.parent)
    }

    /// The key is one of an upstream.
    pub(super) fn found_key(&mut self) {
        if let Some(span) = &mut self.span {
            span.describe(&self.line.subject());
        }
    }

    /// A verified signature of an upstream.
    pub(super) fn signed(self, upstream: Option<&UpstreamUrl>) {
        self.line.signed(upstream);
        self.end(Outcome::Signed, None, upstream);
    }

    /// A companion's signature that came with the consensus key's.
    pub(super) fn kept(mut self) {
        self.line.kept();
        self.found_key();
        self.end(Outcome::Replayed, None, None);
    }

    /// A signer's own error.
    pub(super) fn passed(self, upstream: Option<&UpstreamUrl>, reply: &Reply) {
        self.line.passed(upstream, reply);
        let signer = reply.signer.as_ref();
        let is_refused = signer.is_some_and(|signer| signer.verdict == Verdict::Refused);
        let outcome = if is_refused { Outcome::Refused } else { Outcome::Failed };
        self.end(outcome, signer.and_then(|signer| signer.cause), upstream);
    }

    /// No answer of a signer.
    pub(super) fn failed(self, reason: &str) {
        self.line.failed(reason);
        self.end(Outcome::Failed, None, None);
    }

    fn end(self, outcome: Outcome, cause: Option<Cause>, upstream: Option<&UpstreamUrl>) {
        let Some(mut span) = self.span else { return };
        if let Some(upstream) = upstream {
            span.answered_by(upstream.to_string());
        }
        span.result(outcome, cause.map(Cause::name));
    }
}
