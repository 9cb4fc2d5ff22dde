//! Selects the proxy for a node from the conventional environment variables.

use hyper::Uri;
use hyper::http::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use std::fmt;
use std::net::IpAddr;
use thiserror::Error;

/// The proxies from the environment, and the hosts that are reached directly.
///
/// The HTTP client could read the environment itself, but it would use a proxy even for a node on loopback, and could not
/// report which proxy it uses.
#[derive(Default)]
pub struct Proxies {
    http: Option<Variable>,
    https: Option<Variable>,
    all: Option<Variable>,
    /// Hosts, domains, addresses and networks, separated by commas.
    exempt: String,
}

/// A variable with its value.
#[derive(Clone)]
struct Variable {
    name: &'static str,
    value: String,
}

/// A proxy. `Display` and `Debug` omit user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

/// The proxy for a node is not supported. Omits the value, which may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a proxy such as http://host:port, without SOCKS; or name the nodes in NO_PROXY")]
pub struct UnusableProxy {
    /// The variable that names the proxy.
    pub variable: &'static str,
}

impl Proxies {
    /// `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY`, each with the name under which it is set, and the value of `NO_PROXY`.
    pub fn new(
        http: Option<(&'static str, String)>,
        https: Option<(&'static str, String)>,
        all: Option<(&'static str, String)>,
        exempt: Option<&str>,
    ) -> Self {
        let variable = |(name, value)| Variable { name, value };
        Self {
            http: http.map(variable),
            https: https.map(variable),
            all: all.map(variable),
            exempt: exempt.map(without_stars).unwrap_or_default(),
        }
    }

    /// The proxy for `node`. `None` for nodes on this machine and for those in `NO_PROXY`.
    ///
    /// # Errors
    /// [`UnusableProxy`] if the proxy is not supported.
    pub(super) fn of(&self, node: &Url) -> Result<Option<Proxy>, UnusableProxy> {
        let of_scheme = if node.scheme() == "https" { &self.https } else { &self.http };
        let Some(Variable { name, value }) = of_scheme.as_ref().or(self.all.as_ref()) else { return Ok(None) };
        if is_this_machine(node) || self.is_exempt(node) {
            return Ok(None);
        }
        let found = intercepted(&Matcher::builder().all(value).build(), node);
        match found.filter(|proxy| matches!(proxy.uri.scheme_str(), Some("http" | "https"))) {
            Some(proxy) => Ok(Some(proxy)),
            None => Err(UnusableProxy { variable: name }),
        }
    }

    fn is_exempt(&self, node: &Url) -> bool {
        let any_proxy = Matcher::builder().all("http://proxy").no(&self.exempt).build();
        intercepted(&any_proxy, node).is_none()
    }
}

/// The matcher's proxy for a node, looked up without the user, password and path of its address.
fn intercepted(matcher: &Matcher, node: &Url) -> Option<Proxy> {
    let uri = Uri::builder().scheme(node.scheme()).authority(node.host_str()?).path_and_query("/").build().ok()?;
    let found = matcher.intercept(&uri)?;
    Some(Proxy { uri: found.uri().clone(), authorization: found.basic_auth().cloned() })
}

/// Treats `*.example.com` as `.example.com`, as other programs do.
fn without_stars(list: &str) -> String {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace());
    let without_star = |entry| match str::strip_prefix(entry, '*') {
        Some(domain) if domain.starts_with('.') => domain,
        _ => entry,
    };
    entries.map(without_star).collect::<Vec<_>>().join(",")
}

fn is_this_machine(node: &Url) -> bool {
    let Some(host) = node.host_str() else { return false };
    let host = host.trim_end_matches('.');
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback() || address.is_unspecified(),
        Err(_) => false,
    }
}

impl Proxy {
    pub(super) fn to_client(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::all(self.uri.to_string())?;
        Ok(match &self.authorization {
            Some(authorization) => proxy.custom_http_auth(authorization.clone()),
            None => proxy,
        })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.uri.scheme_str().unwrap_or("http"), self.uri.host().unwrap_or_default())?;
        match self.uri.port() {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_of(node: &str, variables: &[(&str, &str)]) -> Result<Option<String>, UnusableProxy> {
        let of = |name: &'static str| {
            let value = variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
            value.map(|value| (name, value))
        };
        let exempt = of("NO_PROXY").map(|(_, value)| value);
        let proxies = Proxies::new(of("HTTP_PROXY"), of("HTTPS_PROXY"), of("ALL_PROXY"), exempt.as_deref());
        let proxy = proxies.of(&node.parse().unwrap())?;
        Ok(proxy.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn the_proxy_for_the_scheme_wins_over_the_one_for_all() {
        let http = ("HTTP_PROXY", "http://for-http:1");
        let https = ("HTTPS_PROXY", "http://for-https:2");
        let all = ("ALL_PROXY", "for-all:3");
        for (node, variables, expected) in [
            ("http://node.example:8732", vec![], None),
            ("http://node.example:8732", vec![http, https, all], Some("http://for-http:1")),
            ("https://node.example", vec![http, https, all], Some("http://for-https:2")),
            ("https://node.example", vec![http], None),
            ("https://node.example", vec![http, all], Some("http://for-all:3")),
            ("http://node.example", vec![("ALL_PROXY", "https://secure:5/")], Some("https://secure:5")),
        ] {
            assert_eq!(proxy_of(node, &variables), Ok(expected.map(str::to_owned)), "{node} {variables:?}");
        }
    }

    #[test]
    fn nodes_on_this_machine_are_reached_directly() {
        let proxies = [("ALL_PROXY", "http://proxy:3128"), ("HTTP_PROXY", "socks5://proxy:1080")];
        for node in [
            "http://127.0.0.1:8732",
            "http://127.9.9.9:8732",
            "http://[::1]:8732",
            "http://[::ffff:127.0.0.1]:8732",
            "http://localhost:8732",
            "http://LOCALHOST:8732",
            "http://localhost.:8732",
            "https://node.localhost",
        ] {
            assert_eq!(proxy_of(node, &proxies), Ok(None), "{node}");
        }
        for node in ["https://128.0.0.1", "https://[::2]", "https://localhost.example", "https://notlocalhost"] {
            assert!(proxy_of(node, &proxies).unwrap().is_some(), "{node}");
        }
    }

    #[test]
    fn hosts_in_no_proxy_are_reached_directly() {
        for (list, node, is_direct) in [
            ("node.internal", "http://node.internal:8732", true),
            ("node.internal", "http://other.internal:8732", false),
            ("internal", "http://node.internal:8732", true),
            (".internal", "http://node.internal:8732", true),
            ("*.internal", "http://node.internal:8732", true),
            ("a.example, node.internal", "http://node.internal:8732", true),
            ("a.example node.internal", "http://node.internal:8732", true),
            ("internal", "http://notinternal:8732", false),
            ("NODE.internal", "http://node.INTERNAL:8732", true),
            ("10.0.0.0/8", "http://10.1.2.3:8732", true),
            ("10.0.0.0/8", "http://11.1.2.3:8732", false),
            ("fd00::/8", "http://[fd00::1]:8732", true),
            ("*", "http://node.example:8732", true),
            ("", "http://node.example:8732", false),
        ] {
            let proxy = proxy_of(node, &[("HTTP_PROXY", "http://proxy:3128"), ("NO_PROXY", list)]).unwrap();
            assert_eq!(proxy.is_none(), is_direct, "{list} {node}");
        }
    }

    #[test]
    fn a_password_is_sent_and_never_shown() {
        let value = ("HTTP_PROXY", "http://user:secret@proxy:3128".to_owned());
        let proxy =
            Proxies::new(Some(value), None, None, None).of(&"http://node.example".parse().unwrap()).unwrap().unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "http://proxy:3128 Proxy(http://proxy:3128)");
        assert_eq!(proxy.authorization.unwrap(), "Basic dXNlcjpzZWNyZXQ=");
    }

    #[test]
    fn an_unsupported_proxy_is_an_error_only_for_nodes_that_need_it() {
        for value in ["socks5://proxy:1080", "ftp://proxy", "http://", "a b"] {
            let error = proxy_of("http://node.example", &[("ALL_PROXY", value)]);
            assert_eq!(error, Err(UnusableProxy { variable: "ALL_PROXY" }), "{value}");
            let exempt = [("ALL_PROXY", value), ("NO_PROXY", "node.example")];
            assert_eq!(proxy_of("http://node.example", &exempt), Ok(None), "{value}");
            assert_eq!(proxy_of("http://localhost", &[("ALL_PROXY", value)]), Ok(None), "{value}");
        }
    }
}
