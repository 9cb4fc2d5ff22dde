//! Explains failed calls to a service: in full for the log, and in plain words for clients.

use super::NoToken;
use crate::failure_reason::FailureReason;
use hickory_resolver::net::NetError;
use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
use std::error::Error;
use std::io;

/// An error with its causes, on one line. Excludes `Debug` text, which may contain whole responses, and URLs, which may
/// contain query strings.
pub(crate) fn reason_of(error: &(dyn Error + 'static)) -> String {
    let mut reason = text_of(error);
    let mut source = error.source();
    while let Some(cause) = source {
        let text = text_of(cause);
        if !reason.contains(&text) {
            reason.push_str(": ");
            reason.push_str(&text);
        }
        source = cause.source();
    }
    reason
}

fn text_of(cause: &(dyn Error + 'static)) -> String {
    let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match cause.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::url) {
        Some(url) => text.replace(&format!(" for url ({url})"), ""),
        None => text,
    }
}

/// A service's error: plain words for the client, all causes for the log.
pub(crate) fn plain_reason(error: &(dyn Error + 'static)) -> FailureReason {
    FailureReason::with_log(plain_words(error).unwrap_or("unexpected response"), reason_of(error))
}

/// A known failure of a call to a service, described without addresses or library names, which mean nothing to a client.
pub(crate) fn plain_words(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let known = [of_token, of_certificate, of_time, of_connection, of_client];
    known.into_iter().find_map(|words| causes(error).find_map(words))
}

/// An error and its causes, outermost first, including an error wrapped in an I/O error.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| {
        let within = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        within.map(|within| within as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}

fn of_token(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    Some(match cause.downcast_ref::<NoToken>()? {
        NoToken::ClockAhead { .. } => {
            "new access tokens have already expired by this machine's clock, which is probably ahead: set the clock"
        }
        NoToken::BeingRenewed | NoToken::NotRenewed(_) => "no access token",
    })
}

fn of_certificate(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(reason) = cause.downcast_ref()? else { return None };
    Some(match reason {
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            "the certificate has expired or is not yet valid by this machine's clock: check the clock"
        }
        _ => "the certificate is not trusted on this machine",
    })
}

fn of_time(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let is_late = cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
        || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
    is_late.then_some("timed out")
}

fn of_connection(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if cause.is::<NetError>() {
        return Some("name resolution failed");
    }
    match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some("connection refused"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("no route to the service"),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some("connection lost"),
        _ => None,
    }
}

fn of_client(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let error = cause.downcast_ref::<reqwest::Error>()?;
    if error.is_connect() {
        Some("cannot connect")
    } else if error.is_request() || error.is_body() {
        Some("connection lost")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_failures_are_explained_in_plain_words() {
        let io = |kind: io::ErrorKind| -> Box<dyn Error + Send + Sync> { io::Error::from(kind).into() };
        let tls = |reason| -> Box<dyn Error + Send + Sync> {
            io::Error::other(rustls::Error::InvalidCertificate(reason)).into()
        };
        let clock = NoToken::ClockAhead { expired: time::Duration::hours(2) };
        for (cause, expected) in [
            (io(io::ErrorKind::ConnectionRefused), Some("connection refused")),
            (io(io::ErrorKind::UnexpectedEof), Some("connection lost")),
            (io(io::ErrorKind::TimedOut), Some("timed out")),
            (
                tls(NotValidYet),
                Some("the certificate has expired or is not yet valid by this machine's clock: check the clock"),
            ),
            (tls(rustls::CertificateError::UnknownIssuer), Some("the certificate is not trusted on this machine")),
            (NoToken::NotRenewed("404".to_owned()).into(), Some("no access token")),
            (
                clock.into(),
                Some(
                    "new access tokens have already expired by this machine's clock, which is probably ahead: set the \
                     clock",
                ),
            ),
            ("something else".into(), None),
        ] {
            let text = cause.to_string();
            let error = azure_core::Error::with_error(azure_core::error::ErrorKind::Io, cause, "failed to execute");
            assert_eq!(plain_words(&error), expected, "{text}");
        }
    }
}
