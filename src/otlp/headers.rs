//! Headers of the push, which carry its credentials.

use axum::http::{HeaderName, HeaderValue};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Headers to add to each push. Their values are never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

/// Why a text is not a list of headers. Does not repeat the text, which contains secrets.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidHeaders {
    /// App Service could not resolve the reference and passed it on as it is.
    #[error(
        "the value is a Key Vault reference that the platform has not resolved: check that the secret exists, and that the app's \
         identity may read it (role Key Vault Secrets User) over a network that the vault accepts"
    )]
    Unresolved,
    /// An entry is not a header.
    #[error("entry {entry}: {reason}; expected name=value, with values percent-encoded, separated by commas")]
    Entry {
        /// Its number, from 1.
        entry: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Headers {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl FromStr for Headers {
    type Err = InvalidHeaders;

    fn from_str(text: &str) -> Result<Self, InvalidHeaders> {
        if text.trim_start().to_ascii_lowercase().starts_with("@microsoft.keyvault(") {
            return Err(InvalidHeaders::Unresolved);
        }
        let entries = text.trim().split(',').enumerate().filter(|(_, entry)| !entry.trim().is_empty());
        let headers = entries
            .map(|(index, entry)| header(entry).map_err(|reason| InvalidHeaders::Entry { entry: index + 1, reason }));
        headers.collect::<Result<_, _>>().map(Self)
    }
}

fn header(entry: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = entry.split_once('=').ok_or("it has no '='")?;
    let name = name.trim().parse().map_err(|_| "its name is not that of a header")?;
    let value = percent_decoded(value.trim()).ok_or("'%' is not followed by two hexadecimal digits")?;
    let mut value = HeaderValue::from_bytes(&value).map_err(|_| "its value contains control characters")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let mut byte = [0];
        hex::decode_to_slice(part.get(..2)?, &mut byte).ok()?;
        decoded.extend(byte);
        decoded.extend(part.as_bytes().get(2..)?);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Result<Vec<(String, String)>, InvalidHeaders> {
        let headers: Headers = text.parse()?;
        Ok(headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect())
    }

    #[test]
    fn headers_are_read_as_the_specification_says() {
        for (text, expected) in [
            ("", vec![]),
            ("Authorization=Basic%20MTox", vec![("authorization", "Basic MTox")]),
            ("Authorization=Basic MTox==\n", vec![("authorization", "Basic MTox==")]),
            (" api-key = 1 , x-scope-orgid=tenant,", vec![("api-key", "1"), ("x-scope-orgid", "tenant")]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(pairs(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_name_the_entry_and_no_value() {
        for (text, entry, reason) in [
            ("api-key=1,hunter2", 2, "no '='"),
            ("a b=hunter2", 1, "its name"),
            ("key=hunter2%2", 1, "'%'"),
            ("key=hunter2%zz", 1, "'%'"),
            ("key=hunter2%0A", 1, "control characters"),
        ] {
            let error = pairs(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("entry {entry}: ")) && error.contains(reason), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let reference = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/otlp)";
        assert_eq!(pairs(reference), Err(InvalidHeaders::Unresolved));
        assert!(!format!("{:?}", "key=hunter2".parse::<Headers>().unwrap()).contains("hunter2"));
    }
}
