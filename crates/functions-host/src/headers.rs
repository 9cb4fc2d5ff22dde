//! What the host changes in headers.

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, HeaderValue};
use std::net::IpAddr;

/// The version of the host that this is like.
pub(crate) const HOST_VERSION: &str = "4.1041.0.0";

/// Headers that are about one connection only.
const HOP_BY_HOP: [&str; 17] = [
    "connection",
    "transfer-encoding",
    "keep-alive",
    "upgrade",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-features",
    "proxy-instruction",
    "security-scheme",
    "alpn",
    "close",
    "http2-settings",
    "upgrade-insecure-requests",
    "te",
    "alt-svc",
];

/// The headers for the handler.
pub(crate) fn for_handler(original: &HeaderMap, client: IpAddr, invocation_id: &str) -> HeaderMap {
    let mut headers = original.clone();
    remove_hop_by_hop(&mut headers);
    headers.remove(HOST);
    headers.remove("x-forwarded-prefix");
    // The platform knows the name and the scheme of the app; the host takes them from there.
    let name = ["disguised-host", "host"].iter().find_map(|name| original.get(*name).cloned());
    let scheme = original.get("x-forwarded-proto").cloned();
    set(&mut headers, "x-forwarded-for", HeaderValue::from_str(&client.to_string()).ok());
    set(&mut headers, "x-forwarded-host", name);
    set(&mut headers, "x-forwarded-proto", Some(scheme.unwrap_or_else(|| HeaderValue::from_static("http"))));
    let id = HeaderValue::from_str(invocation_id).ok();
    set(&mut headers, "x-azure-functions-invocationid", id.clone());
    set(&mut headers, "x-azure-functions-hostversion", Some(HeaderValue::from_static(HOST_VERSION)));
    // This one is not overwritten.
    if !headers.contains_key("x-ms-invocation-id") {
        set(&mut headers, "x-ms-invocation-id", id);
    }
    headers
}

pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(HeaderName::from_static(name), value);
    }
}
