//! Finds the function of a request.

use super::template::Template;
use std::cmp::Ordering;

/// What is known of the functions of an app.
#[derive(Debug, Default)]
pub(crate) struct Router {
    /// In the order in which they are tried.
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    template: Template,
    /// In upper case; none is all.
    methods: Vec<String>,
    function: usize,
}

/// For which function a request is, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routed {
    To(usize),
    Nowhere,
    /// A host would take any of them.
    Ambiguous(usize, usize),
}

impl Router {
    pub(crate) fn add(&mut self, template: Template, methods: Vec<String>, function: usize) {
        self.routes.push(Route { template, methods, function });
        self.routes.sort_by(|one, other| one.template.precedence(&other.template));
    }

    pub(crate) fn route(&self, method: &str, path: &str) -> Routed {
        let path = segments(path);
        let fits = |route: &&Route| {
            let methods = &route.methods;
            (methods.is_empty() || methods.iter().any(|listed| listed == method)) && route.template.matches(&path)
        };
        let mut fitting = self.routes.iter().filter(fits);
        let Some(first) = fitting.next() else { return Routed::Nowhere };
        match fitting.next() {
            Some(next) if first.template.precedence(&next.template) == Ordering::Equal => {
                Routed::Ambiguous(first.function, next.function)
            }
            _ => Routed::To(first.function),
        }
    }
}

/// The segments of a path, decoded.
fn segments(path: &str) -> Vec<String> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect::<Vec<_>>();
    segments.pop_if(|last| last.is_empty());
    segments
}

/// A segment of a path without its percent-encoding, of which that of a slash stays.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let encoded = after.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        match encoded.as_deref() {
            Some([byte]) if *byte != b'/' => {
                bytes.push(*byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}
