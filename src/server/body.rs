use super::MAX_BODY_BYTES;
use super::answer::NotOk;
use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What is read of a body that is too long before the answer is given: a client that is still sending might lose the
/// answer otherwise.
const MOST_DRAINED: usize = 8 * 1024 * 1024;

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

/// Reads the payload from a request's body: a JSON string of hexadecimal digits, with or without white space around it.
pub(super) async fn payload(body: Body, large: &LargeBodies) -> Result<Vec<u8>, NotOk> {
    let bytes = read(body, large).await?;
    let bad = |why: String| NotOk::new(StatusCode::BAD_REQUEST, format!("the body is not a payload: {why}"));
    let text: String = serde_json::from_slice(&bytes)
        .map_err(|error| bad(format!("expected a JSON string of hexadecimal digits, such as \"03…\" ({error})")))?;
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

async fn read(mut body: Body, large: &LargeBodies) -> Result<Vec<u8>, NotOk> {
    let mut bytes = Vec::new();
    let mut turn = None;
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            NotOk::new(StatusCode::BAD_REQUEST, format!("the body did not arrive in full: {error}"))
        })?;
        let Some(data) = frame.data_ref() else { continue };
        length = length.saturating_add(data.len());
        if length > SMALL && turn.is_none() {
            turn = large.0.acquire().await.ok();
        }
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(data);
        } else {
            bytes = Vec::new();
            if length > MOST_DRAINED {
                break;
            }
        }
    }
    if length > MAX_BODY_BYTES {
        let message = format!("the body is longer than {MAX_BODY_BYTES} bytes");
        return Err(NotOk::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(bytes)
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
