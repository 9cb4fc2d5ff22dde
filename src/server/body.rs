use super::MAX_BODY_BYTES;
use super::invalid::InvalidRequest;
use crate::signer::{Failure, NotSigned};
use crate::text;
use axum::body::Body;
use http_body_util::BodyExt;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::error;

/// What is read of a body that is too long before the answer is given: a client that is still sending might lose the
/// answer otherwise.
const MAX_DRAINED_BYTES: usize = 8 * 1024 * 1024;

/// A body of a vote has some 200 bytes, one of a block 500. More than this is an operation, and waits for its turn.
const SMALL: usize = 4 * 1024;

/// Large bodies that are read at one time: clients who send many and do not finish shall not take the memory.
const LARGE_AT_ONCE: usize = 64;

/// Whose turn it is to send a large body.
#[derive(Clone)]
pub(super) struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_ONCE)))
    }
}

/// Why there is no payload.
#[derive(Debug)]
pub(super) enum NotRead {
    /// The client did not send all of it by the deadline.
    Late,
    /// The client sent something else.
    Invalid(InvalidRequest),
    /// The signer did not come to read it.
    Failed(NotSigned),
}

impl From<InvalidRequest> for NotRead {
    fn from(invalid: InvalidRequest) -> Self {
        Self::Invalid(invalid)
    }
}

/// Reads the payload from a request's body: a JSON string of hexadecimal digits, with or without white space around it.
pub(super) async fn payload(body: Body, large: &LargeBodies, deadline: Instant) -> Result<Vec<u8>, NotRead> {
    let bytes = read(body, large, deadline).await?;
    let bad = |why: String| NotRead::Invalid(InvalidRequest::NotAPayload(why));
    let not_text =
        |why: &dyn fmt::Display| bad(format!("expected a JSON string of hexadecimal digits, such as \"03…\" ({why})"));
    let text = text::decode(&bytes).map_err(|error| not_text(&error))?;
    let text: String = serde_json::from_str(text).map_err(|error| not_text(&error))?;
    hex::decode(&text).map_err(|error| bad(not_hexadecimal(&text).unwrap_or_else(|| error.to_string())))
}

/// Why a text is not hexadecimal digits of whole bytes. Positions count characters, from 0.
fn not_hexadecimal(text: &str) -> Option<String> {
    let Some((index, character)) = text.chars().enumerate().find(|(_, character)| !character.is_ascii_hexdigit())
    else {
        let is_odd = text.len() % 2 == 1;
        return is_odd.then(|| format!("{} hexadecimal digits are not whole bytes: two digits are one", text.len()));
    };
    let way_out = match (index, character) {
        (1, 'x' | 'X') if text.starts_with('0') => ": leave the prefix 0x out",
        _ if character.is_whitespace() => ": leave blanks and line breaks out",
        _ => "",
    };
    Some(format!("{character:?} at position {index} is not a hexadecimal digit{way_out}"))
}

async fn read(mut body: Body, large: &LargeBodies, deadline: Instant) -> Result<Vec<u8>, NotRead> {
    let mut bytes = Vec::new();
    let mut turn = None;
    let mut has_waited = false;
    let mut length = 0_usize;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|error| InvalidRequest::BodyIncomplete(what_is_wrong(&error)))?,
            Ok(None) => break,
            // That it is too long is certain already.
            Err(_) if length > MAX_BODY_BYTES => break,
            // It may have been there while others were read.
            Err(_) if has_waited => return Err(no_turn()),
            Err(_) => return Err(NotRead::Late),
        };
        let Some(data) = frame.data_ref() else { continue };
        length = length.saturating_add(data.len());
        if length > SMALL && turn.is_none() {
            turn = large.0.try_acquire().ok();
            if turn.is_none() {
                has_waited = true;
                let permit = timeout_at(deadline, large.0.acquire()).await.ok().and_then(Result::ok);
                turn = Some(permit.ok_or_else(no_turn)?);
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

fn no_turn() -> NotRead {
    let failure = Failure::TooManyLargeBodies { limit: LARGE_AT_ONCE };
    let failed = NotSigned::from(failure);
    let (verdict, cause, reason) = (failed.verdict(), failed.cause(), failed.log());
    error!(event = "failed", verdict, cause, reason, "failed");
    NotRead::Failed(failed)
}

/// What is wrong with a body that does not end as HTTP wants it.
fn what_is_wrong(error: &axum::Error) -> &'static str {
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
    fn the_first_character_that_is_no_digit_is_named_with_what_to_do() {
        for (text, expected) in [
            ("", None),
            ("03Af", None),
            ("038", Some("3 hexadecimal digits are not whole bytes: two digits are one")),
            ("03 8f", Some("' ' at position 2 is not a hexadecimal digit: leave blanks and line breaks out")),
            (" 038f", Some("' ' at position 0 is not a hexadecimal digit: leave blanks and line breaks out")),
            ("038f\n", Some("'\\n' at position 4 is not a hexadecimal digit: leave blanks and line breaks out")),
            ("0x03a", Some("'x' at position 1 is not a hexadecimal digit: leave the prefix 0x out")),
            ("0X03ab", Some("'X' at position 1 is not a hexadecimal digit: leave the prefix 0x out")),
            ("03x1", Some("'x' at position 2 is not a hexadecimal digit")),
            ("03é", Some("'é' at position 2 is not a hexadecimal digit")),
            ("éé0g", Some("'é' at position 0 is not a hexadecimal digit")),
            ("03🔑8", Some("'🔑' at position 2 is not a hexadecimal digit")),
            ("tz3Z", Some("'t' at position 0 is not a hexadecimal digit")),
        ] {
            assert_eq!(not_hexadecimal(text).as_deref(), expected, "{text:?}");
            assert_eq!(hex::decode(text).is_ok(), expected.is_none(), "{text:?}");
        }
    }
}
