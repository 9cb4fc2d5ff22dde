//! The address of an upstream.

use azure_core::http::Url;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// The base address of a signer: `https`, or `http` on this machine, since requests carry a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamUrl(Url);

/// Why a text is not the address of an upstream. The text itself is left out: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUpstreamUrl {
    /// Not an absolute address.
    #[error("is not an address: expected https://<app>.azurewebsites.net")]
    NotAnAddress,
    /// `http` to another machine, or another scheme.
    #[error("expected https://; http:// is accepted for addresses of this machine only, such as http://127.0.0.1:6733")]
    NotEncrypted,
    /// It has a user name or a password.
    #[error("has a user name or password: expected none; the function key goes into RELAY_FUNCTION_KEYS_FILE")]
    Credentials,
    /// It has a query or a fragment.
    #[error("has a query or fragment: expected none; the function key goes into RELAY_FUNCTION_KEYS_FILE")]
    Query,
}

impl UpstreamUrl {
    /// The address of a path below the base, which may have a path prefix.
    pub(super) fn join(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.0.clone();
        let base = self.0.path().trim_end_matches('/');
        url.set_path(&format!("{base}{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl FromStr for UpstreamUrl {
    type Err = InvalidUpstreamUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidUpstreamUrl::NotAnAddress)?;
        let host = url.host_str().ok_or(InvalidUpstreamUrl::NotEncrypted)?;
        let is_local = url.scheme() == "http" && is_loopback(host);
        if url.scheme() != "https" && !is_local {
            return Err(InvalidUpstreamUrl::NotEncrypted);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUpstreamUrl::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidUpstreamUrl::Query);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for UpstreamUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UpstreamUrl({self})")
    }
}

/// Whether a host, as URLs and `Host` headers write it, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use InvalidUpstreamUrl::{Credentials, NotAnAddress, NotEncrypted, Query};

    #[test]
    fn only_encrypted_addresses_and_those_of_this_machine_are_accepted() {
        for (text, expected) in [
            ("https://signer.azurewebsites.net", Ok("https://signer.azurewebsites.net")),
            ("https://signer.azurewebsites.net/", Ok("https://signer.azurewebsites.net")),
            ("https://signer.example:8443/prefix/", Ok("https://signer.example:8443/prefix")),
            ("http://127.0.0.1:6733", Ok("http://127.0.0.1:6733")),
            ("http://localhost:6733", Ok("http://localhost:6733")),
            ("http://[::1]:6733", Ok("http://[::1]:6733")),
            ("http://signer.azurewebsites.net", Err(NotEncrypted)),
            ("http://localhost.example", Err(NotEncrypted)),
            ("http://127.0.0.1.example", Err(NotEncrypted)),
            ("ftp://127.0.0.1", Err(NotEncrypted)),
            ("signer.azurewebsites.net", Err(NotAnAddress)),
            ("", Err(NotAnAddress)),
            ("https://user:secret@signer.example", Err(Credentials)),
            ("https://signer.example/?code=secret", Err(Query)),
            ("https://signer.example/#secret", Err(Query)),
        ] {
            let url = text.parse().map(|url: UpstreamUrl| url.to_string());
            assert_eq!(url.as_deref(), expected.as_ref().map(|text| *text), "{text}");
        }
    }

    #[test]
    fn paths_are_below_the_base() {
        for (base, expected) in [
            ("https://signer.example", "https://signer.example/keys/tz3?version=3&authentication=a%2Bb"),
            ("https://signer.example/a/b/", "https://signer.example/a/b/keys/tz3?version=3&authentication=a%2Bb"),
        ] {
            let base: UpstreamUrl = base.parse().unwrap();
            let url = base.join("/keys/tz3", &[("version", "3"), ("authentication", "a+b")]);
            assert_eq!(url.as_str(), expected);
        }
    }
}
