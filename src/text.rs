//! Text in files and bodies, as editors and shells write it: UTF-8, with or without a byte order mark.

use std::path::Path;
use std::{fs, io, str};
use thiserror::Error;

/// U+FEFF in UTF-8. Windows editors and PowerShell write it at the start of a file; it is no part of the text.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Bytes that are no UTF-8 text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotUtf8 {
    /// Text in another encoding.
    #[error("the text is {0}, expected UTF-8: save it as UTF-8 (in PowerShell: … | Out-File -Encoding utf8 FILE)")]
    OtherEncoding(&'static str),
    /// Something else.
    #[error("not UTF-8 text (the byte at position {0} is not part of any character)")]
    Invalid(usize),
}

/// The bytes without a byte order mark of UTF-8 at their start.
#[must_use]
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The text of a file or body, without a byte order mark.
///
/// # Errors
/// [`NotUtf8`].
pub fn decode(bytes: &[u8]) -> Result<&str, NotUtf8> {
    let other = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        // Every text that is read here begins with a character of ASCII.
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
/// The file system's, or [`NotUtf8`] as an error of the kind `InvalidData`.
pub fn read(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    decode(&bytes).map(str::to_owned).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_read_without_its_mark_and_other_encodings_are_named() {
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
