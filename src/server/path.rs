//! Normalizes the paths that clients send to the form that the routes match.

use axum::http::{Request, Uri};

/// Removes empty path segments, as octez-signer does: a base address that ends in `/` makes clients send `//keys/…`.
pub(crate) fn without_empty_segments<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    if path.contains("//") || (path.len() > 1 && path.ends_with('/')) {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut target = format!("/{}", segments.join("/"));
        if let Some(query) = request.uri().query() {
            target.push('?');
            target.push_str(query);
        }
        if let Ok(uri) = target.parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_segments_are_removed_and_the_query_stays() {
        for (target, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/keys/tz3", "/keys/tz3"),
            ("//keys//tz3/", "/keys/tz3"),
            ("/keys///tz3?version=3", "/keys/tz3?version=3"),
            ("/health/?a=//", "/health?a=//"),
            ("/keys/%2f/", "/keys/%2f"),
        ] {
            let request = without_empty_segments(Request::builder().uri(target).body(()).unwrap());
            assert_eq!(request.uri().to_string(), expected, "{target}");
        }
    }
}
