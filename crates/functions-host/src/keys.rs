//! Access keys: those of the host, of single functions, and the master key.

use crate::function::{AuthLevel, Function};
use crate::random;
use hyper::HeaderMap;
use std::collections::BTreeMap;
use std::fmt;

/// The header with the key.
pub(crate) const HEADER: &str = "x-functions-key";

/// The keys that requests may have.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// For everything.
    pub master: String,
    /// For all functions, by their names; a new app has `default`.
    pub host: BTreeMap<String, String>,
    /// For single functions: the names of functions, and of each its keys by their names.
    pub functions: BTreeMap<String, BTreeMap<String, String>>,
}

impl Keys {
    /// Random keys as a new app has them: a master key and the host key `default`.
    pub fn generate() -> Self {
        Self::with_host_key(random::hexadecimal::<28>())
    }

    /// This as the host key `default`, and a random master key.
    pub fn with_host_key(key: impl Into<String>) -> Self {
        Self {
            master: random::hexadecimal::<28>(),
            host: BTreeMap::from([("default".to_owned(), key.into())]),
            functions: BTreeMap::new(),
        }
    }

    /// The host key `default`, or nothing if there is none.
    pub fn default_key(&self) -> &str {
        self.host.get("default").map(String::as_str).unwrap_or_default()
    }

    /// Whether the request may call the function.
    pub(crate) fn allow(&self, function: &Function, headers: &HeaderMap, query: Option<&str>) -> bool {
        let key = presented(headers, query);
        let key = key.as_deref();
        match function.auth_level {
            AuthLevel::Anonymous => true,
            AuthLevel::Admin => self.is_master(key),
            AuthLevel::Function => {
                let own = self.functions.get(&function.name).into_iter().flat_map(BTreeMap::values);
                self.is_master(key) || self.host.values().chain(own).any(|known| is(key, known))
            }
        }
    }

    /// Whether the request may administrate the host.
    pub(crate) fn allow_administration(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        self.is_master(presented(headers, query).as_deref())
    }

    fn is_master(&self, key: Option<&str>) -> bool {
        is(key, &self.master)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keys").field("host", &self.host.keys()).finish_non_exhaustive()
    }
}

/// An empty key is none.
fn is(key: Option<&str>, known: &str) -> bool {
    !known.is_empty() && key == Some(known)
}

/// The key of a request: that in the header, if it has the header.
fn presented(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    if let Some(value) = headers.get(HEADER) {
        return Some(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| name.eq_ignore_ascii_case("code")).map(|(_, value)| decoded(value)).next()
}

/// A value of a query without its encoding.
fn decoded(value: &str) -> String {
    let value = value.replace('+', " ");
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| hex::decode(digits).ok());
        if let (Some(byte), Some(rest)) = (byte, part.get(2..)) {
            bytes.extend(byte);
            bytes.extend(rest.as_bytes());
        } else {
            bytes.push(b'%');
            bytes.extend(part.as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn values_of_a_query_are_decoded() {
        for (value, expected) in [("a%2Fb%3D%3D", "a/b=="), ("a+b", "a b"), ("100%", "100%"), ("%zz", "%zz"), ("", "")]
        {
            assert_eq!(decoded(value), expected);
        }
    }
}
