//! The headers that the host adds and removes.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};
use std::net::IpAddr;

/// Version of the host that this crate imitates.
const HOST_VERSION: &str = "4.1037.0.0";

/// Headers that apply to a single connection.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers sent to the handler.
pub(crate) fn for_handler(original: &HeaderMap, client: IpAddr, invocation: &str) -> HeaderMap {
    let mut headers = original.clone();
    remove_hop_by_hop(&mut headers);
    headers.remove(header::HOST);
    let mut set = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    };
    // Chunked bodies stay chunked.
    set("transfer-encoding", original.get(header::TRANSFER_ENCODING).cloned());
    set("x-forwarded-for", HeaderValue::from_str(&client.to_string()).ok());
    set("x-forwarded-host", original.get(header::HOST).cloned());
    set("x-forwarded-proto", Some(HeaderValue::from_static("http")));
    set("x-azure-functions-hostversion", Some(HeaderValue::from_static(HOST_VERSION)));
    set("x-azure-functions-invocationid", HeaderValue::from_str(invocation).ok());
    set("x-ms-invocation-id", HeaderValue::from_str(invocation).ok());
    headers
}

/// Headers sent to the client.
pub(crate) fn for_client(mut headers: HeaderMap) -> HeaderMap {
    remove_hop_by_hop(&mut headers);
    headers.insert(header::SERVER, HeaderValue::from_static("Kestrel"));
    headers
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}
