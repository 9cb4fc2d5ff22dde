//! The header `traceparent` of the W3C's Trace Context, by which the spans of several programs form one trace.

use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use std::fmt;

/// The length of a header of version 00. Later versions may append to it.
const LENGTH: usize = 55;

/// The longest header that is read.
const MAX_LENGTH: usize = 256;

/// A span of another program, or one that another program is to continue. It is written as version 00.
///
/// The header `tracestate`, free text of other tracing systems, is neither read nor passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

impl TraceParent {
    /// The name of the header.
    pub const HEADER: HeaderName = HeaderName::from_static("traceparent");

    /// The header of a request. `None` if it is missing, malformed, or there are several: it never fails a request.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(Self::HEADER).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        Self::parse(value.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let version = field::<1>(fields.next()?)?;
        let (trace, span) = (field::<16>(fields.next()?)?, field::<8>(fields.next()?)?);
        let [flags] = field(fields.next()?)?;
        let is_of_version = match version {
            [0] => rest.is_empty(),
            // Reserved.
            [255] => false,
            _ => rest.is_empty() || (rest.starts_with('-') && text.len() <= MAX_LENGTH),
        };
        let (trace, span) = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
        let is_valid = is_of_version && trace != TraceId::INVALID && span != SpanId::INVALID;
        is_valid.then_some(Self { trace, span, flags })
    }

    /// The same for OpenTelemetry.
    pub(super) fn context(&self) -> SpanContext {
        SpanContext::new(self.trace, self.span, TraceFlags::new(self.flags), true, TraceState::NONE)
    }
}

impl From<&SpanContext> for TraceParent {
    fn from(context: &SpanContext) -> Self {
        Self { trace: context.trace_id(), span: context.span_id(), flags: context.trace_flags().to_u8() }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// Bytes in hexadecimal digits, of which Trace Context allows lower case only.
fn field<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let is_lower_case = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_lower_case && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TraceParent::HEADER, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        TraceParent::of(&headers).map(|parent| parent.to_string())
    }

    #[test]
    fn a_valid_header_is_passed_on_unchanged() {
        for flags in ["00", "01", "03", "ff"] {
            let header = format!("{}-{flags}", &VALID[..52]);
            assert_eq!(read(&[&header]), Some(header));
        }
        for later in [
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(read(&[later]).as_deref(), Some(VALID), "{later}: written as version 00");
        }
    }

    #[test]
    fn anything_else_is_ignored() {
        let long = format!("01-{}-{}", &VALID[3..], "x".repeat(MAX_LENGTH));
        for invalid in [
            &[][..],
            &[VALID, VALID],
            &[""],
            &[&VALID[..54]],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-"],
            &["00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1"],
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
            &["ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            &["01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"],
            &["00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331--01"],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01"],
            &[&long],
        ] {
            assert_eq!(read(invalid), None, "{invalid:?}");
        }
    }
}
