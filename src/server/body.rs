use super::MAX_BODY_BYTES;
use super::answer::NotOk;
use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;

/// What is read of a body that is too long before the answer is given: a client that is still sending might lose the
/// answer otherwise.
const MOST_DRAINED: usize = 8 * 1024 * 1024;

/// Reads the payload from a request's body: a JSON string of hexadecimal digits, with or without white space around it.
pub(super) async fn payload(body: Body) -> Result<Vec<u8>, NotOk> {
    let bytes = read(body).await?;
    let bad = |why: String| NotOk::new(StatusCode::BAD_REQUEST, format!("the body is not a payload: {why}"));
    let text: String = serde_json::from_slice(&bytes)
        .map_err(|error| bad(format!("expected a JSON string of hexadecimal digits, such as \"03…\" ({error})")))?;
    hex::decode(&text).map_err(|error| {
        bad(match error {
            hex::FromHexError::OddLength => format!("{} hexadecimal digits are not whole bytes", text.len()),
            hex::FromHexError::InvalidHexCharacter { c, index } => {
                format!("{c:?} at position {index} is not a hexadecimal digit")
            }
            hex::FromHexError::InvalidStringLength => error.to_string(),
        })
    })
}

async fn read(mut body: Body) -> Result<Vec<u8>, NotOk> {
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            NotOk::new(StatusCode::BAD_REQUEST, format!("the body did not arrive in full: {error}"))
        })?;
        let Some(data) = frame.data_ref() else { continue };
        length = length.saturating_add(data.len());
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
