//! Text from elsewhere: decodes that of files and request bodies, which is UTF-8 with or without a byte order mark, and makes that of
//! services fit for a terminal.

use std::path::Path;
use std::{fs, io, str};
use thiserror::Error;
use zeroize::Zeroizing;

/// U+FEFF in UTF-8. Windows editors and PowerShell write it at the start of a file.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Why bytes are not UTF-8 text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotUtf8 {
    /// Text in another encoding.
    #[error("the text is {0}, expected UTF-8: save it as UTF-8 (in PowerShell: … | Out-File -Encoding utf8 FILE)")]
    OtherEncoding(&'static str),
    /// Binary data, or text in an unrecognized encoding. Holds the offset of the first invalid byte.
    #[error("not UTF-8 text (invalid byte at offset {0})")]
    Invalid(usize),
}

/// Text of a service for a terminal, in one line: services send line breaks, and could send control sequences.
pub(crate) fn in_one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The bytes without a leading UTF-8 byte order mark.
#[must_use]
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Decodes the text of a file or body, without a byte order mark.
///
/// # Errors
/// [`NotUtf8`].
pub fn decode(bytes: &[u8]) -> Result<&str, NotUtf8> {
    let other = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        // All supported inputs start with an ASCII character.
        [first, 0, ..] | [0, first, ..] if first.is_ascii_graphic() || first.is_ascii_whitespace() => Some("UTF-16"),
        _ => None,
    };
    if let Some(encoding) = other {
        return Err(NotUtf8::OtherEncoding(encoding));
    }
    str::from_utf8(without_mark(bytes)).map_err(|error| NotUtf8::Invalid(error.valid_up_to()))
}

/// Reads a text file, without a byte order mark.
///
/// # Errors
/// Those of the file system, or [`NotUtf8`] as an error of kind `InvalidData`.
pub fn read(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    decode(&bytes).map(str::to_owned).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The same for a file with a secret: what was read is wiped when it is dropped.
///
/// # Errors
/// Those of [`read`].
pub fn read_secret(path: &Path) -> io::Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(fs::read(path)?);
    let text = decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_decoded_without_its_mark_and_other_encodings_are_named() {
        for (bytes, expected) in [
            (&b"{}"[..], Ok("{}")),
            (b"\xef\xbb\xbf{}", Ok("{}")),
            (b"", Ok("")),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", Ok("\u{feff}{}")),
            (b"{\"\xc3\xa9\"}", Ok("{\"é\"}")),
            (b"\xff\xfe{\0}\0", Err(NotUtf8::OtherEncoding("UTF-16"))),
            (b"\xfe\xff\0{\0}", Err(NotUtf8::OtherEncoding("UTF-16"))),
            (b"{\0}\0", Err(NotUtf8::OtherEncoding("UTF-16"))),
            (b"\0{\0}", Err(NotUtf8::OtherEncoding("UTF-16"))),
            (b"\xff\xfe\0\0{\0\0\0", Err(NotUtf8::OtherEncoding("UTF-32"))),
            (b"\x03\0\0", Ok("\x03\0\0")),
            (b"ab\xff", Err(NotUtf8::Invalid(2))),
        ] {
            assert_eq!(decode(bytes), expected, "{bytes:?}");
        }
    }
}
