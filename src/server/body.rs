//! Request bodies: read within limits of size, time and memory, and decoded to payloads.

use super::MAX_BODY_BYTES;
use super::invalid::{InvalidPayload, InvalidRequest};
use crate::signer::{Failure, NotSigned};
use crate::text;
use axum::body::Body;
use http_body_util::BodyExt;
use std::error::Error;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::error;

/// How much of a body that is too long is read before the answer: a client that is still sending might otherwise lose the answer.
const MAX_DRAINED_BYTES: usize = 8 * 1024 * 1024;

/// The body of a vote has some 200 bytes, that of a block 500. A body larger than this is an operation, and waits for a permit.
const MAX_SMALL_BYTES: usize = 4 * 1024;

/// Large bodies that are read concurrently: clients that send many and do not finish must not exhaust the memory.
const MAX_LARGE_BODIES: usize = 64;

/// Permits to read large bodies.
#[derive(Clone)]
pub(crate) struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LARGE_BODIES)))
    }
}

/// Why no payload was read.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// The body did not arrive by the deadline.
    Late,
    /// The body is invalid.
    Invalid(InvalidRequest),
    /// No permit to read it became available in time.
    Failed(NotSigned),
}

impl From<InvalidRequest> for NotRead {
    fn from(invalid: InvalidRequest) -> Self {
        Self::Invalid(invalid)
    }
}

/// Reads the payload from a request's body: a JSON string of hexadecimal digits, with or without white space around it.
///
/// # Errors
/// [`NotRead`].
pub(crate) async fn payload(body: Body, large: &LargeBodies, deadline: Instant) -> Result<Vec<u8>, NotRead> {
    let bytes = read(body, large, deadline).await?;
    decode(&bytes).map_err(|error| NotRead::Invalid(error.into()))
}

fn decode(body: &[u8]) -> Result<Vec<u8>, InvalidPayload> {
    let digits: String = serde_json::from_str(text::decode(body)?)?;
    hex::decode(&digits).map_err(|_| not_hexadecimal(&digits))
}

/// Why a text does not consist of the hexadecimal digits of whole bytes.
fn not_hexadecimal(text: &str) -> InvalidPayload {
    let Some((position, found)) = text.chars().enumerate().find(|(_, character)| !character.is_ascii_hexdigit()) else {
        return InvalidPayload::OddDigits { digits: text.len() };
    };
    let hint = match (position, found) {
        (1, 'x' | 'X') if text.starts_with('0') => "; remove the prefix 0x",
        _ if found.is_whitespace() => "; remove white space",
        _ => "",
    };
    InvalidPayload::NotADigit { found, position, hint }
}

async fn read(mut body: Body, large: &LargeBodies, deadline: Instant) -> Result<Vec<u8>, NotRead> {
    let mut bytes = Vec::new();
    let mut permit = None;
    let mut has_waited = false;
    let mut length = 0_usize;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|error| InvalidRequest::BodyIncomplete(why_incomplete(&error)))?,
            Ok(None) => break,
            // It is certainly too long already.
            Err(_) if length > MAX_BODY_BYTES => break,
            // It may have arrived while others were read.
            Err(_) if has_waited => return Err(no_permit()),
            Err(_) => return Err(NotRead::Late),
        };
        let Some(data) = frame.data_ref() else { continue };
        length = length.saturating_add(data.len());
        if length > MAX_SMALL_BYTES && permit.is_none() {
            permit = large.0.try_acquire().ok();
            if permit.is_none() {
                has_waited = true;
                let acquired = timeout_at(deadline, large.0.acquire()).await.ok().and_then(Result::ok);
                permit = Some(acquired.ok_or_else(no_permit)?);
            }
        }
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(data);
        } else {
            bytes = Vec::new();
            if length > MAX_DRAINED_BYTES {
                break;
            }
        }
    }
    if length > MAX_BODY_BYTES {
        return Err(InvalidRequest::BodyTooLong.into());
    }
    Ok(bytes)
}

fn no_permit() -> NotRead {
    let failure = Failure::TooManyLargeBodies { limit: MAX_LARGE_BODIES };
    let failed = NotSigned::from(failure);
    let (verdict, cause, reason) = (failed.verdict().name(), failed.cause().name(), failed.log());
    error!(event = "failed", verdict, cause, reason, "failed");
    NotRead::Failed(failed)
}

/// Why a body is incomplete.
fn why_incomplete(error: &axum::Error) -> &'static str {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        match error.downcast_ref().map(io::Error::kind) {
            Some(io::ErrorKind::UnexpectedEof) => return "the connection ended before the body did",
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                return "a chunk is not well-formed (transfer-encoding: chunked)";
            }
            _ => source = error.source(),
        }
    }
    "the connection broke"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_character_other_than_a_digit_is_named_with_a_hint() {
        for (text, expected) in [
            ("", None),
            ("03Af", None),
            ("038", Some("an odd number of hexadecimal digits (3); a byte is two digits")),
            ("03 8f", Some("' ' at position 2 is not a hexadecimal digit; remove white space")),
            (" 038f", Some("' ' at position 0 is not a hexadecimal digit; remove white space")),
            ("038f\n", Some("'\\n' at position 4 is not a hexadecimal digit; remove white space")),
            ("0x03a", Some("'x' at position 1 is not a hexadecimal digit; remove the prefix 0x")),
            ("0X03ab", Some("'X' at position 1 is not a hexadecimal digit; remove the prefix 0x")),
            ("03x1", Some("'x' at position 2 is not a hexadecimal digit")),
            ("03é", Some("'é' at position 2 is not a hexadecimal digit")),
            ("éé0g", Some("'é' at position 0 is not a hexadecimal digit")),
            ("03🔑8", Some("'🔑' at position 2 is not a hexadecimal digit")),
            ("tz3Z", Some("'t' at position 0 is not a hexadecimal digit")),
        ] {
            let error = decode(serde_json::to_string(text).unwrap().as_bytes()).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), expected, "{text:?}");
        }
    }
}
